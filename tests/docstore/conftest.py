"""A store on each engine, checked after every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from docstore.check import check_store
from docstore.store import OpenStore, open_store


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenStore]:
    """An empty store; whatever a test leaves in it has to be whole."""
    opened = open_store(str(tmp_path / "app.db") if request.param == "file" else None)
    yield opened
    assert check_store(opened).problems == []
    opened.close()
