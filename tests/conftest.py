"""What all tests share: the option `--slow`, and connections whose stores are checked after every test that wrote."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import docstore


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--slow` runs the tests marked `slow` too."""
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too")


def pytest_configure() -> None:
    """Have Ctrl-C interrupt, here and in child processes: a shell lets what it starts in the background ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the tests marked `slow` unless they are asked for."""
    if config.getoption("--slow"):
        return
    for item in items:
        if item.get_closest_marker("slow") is not None:
            item.add_marker(pytest.mark.skip(reason="runs with --slow"))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[docstore.Connection]:
    """A connection to a new store in a file of its own."""
    with docstore.connect(str(tmp_path / "test.db")) as connection, checked(connection):
        yield connection


@pytest.fixture
def memory_db() -> Iterator[docstore.Connection]:
    """A connection to a new store in memory."""
    with docstore.connect() as connection, checked(connection):
        yield connection


@contextmanager
def checked(connection: docstore.Connection) -> Iterator[None]:
    """Check the whole store at the end of the block, if something was written in it."""
    before = _last_commit(connection)
    yield
    if _last_commit(connection) != before:
        report = docstore.check(connection)
        assert report.ok, str(report)


def _last_commit(connection: docstore.Connection) -> int:
    with connection.store.engine.begin_read() as transaction:
        return transaction.id
