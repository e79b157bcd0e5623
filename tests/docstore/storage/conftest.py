"""Engines for the tests of the storage: each test that asks for `engine` runs on all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docstore.storage.engine import Engine
from docstore.storage.lmdb import LmdbEngine, open_lmdb
from docstore.storage.memory import open_memory

Opener = Callable[[Path], Engine]

OPENERS: dict[str, Opener] = {
    "lmdb": lambda folder: open_lmdb(folder / "store", busy_timeout=5, sync=False),
    "memory": lambda folder: open_memory(busy_timeout=5),
}


@pytest.fixture(params=OPENERS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Each engine in turn, with an empty store."""
    opened = OPENERS[request.param](tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Where a store may be made."""
    return tmp_path / "store"


@pytest.fixture
def lmdb_engine(store_path: Path) -> Iterator[LmdbEngine]:
    """A store in a file."""
    opened = open_lmdb(store_path, busy_timeout=5, sync=False)
    yield opened
    opened.close()
