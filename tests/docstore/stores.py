"""What the tests of tables and indexes share: a store on each engine, a run, functions for indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from docstore.build import start_index
from docstore.store import OpenStore
from docstore.table import StoredTable
from docstore.transaction import Transaction
from query import r
from query.runtime import Change, Run
from query.wire import dumps


def wire(function: Callable[[Any], Any]) -> str:
    """An index function in wire form."""
    return dumps(r.expr(function).term).decode()


def field(name: str) -> str:
    """The wire form of an index function of one field."""
    return wire(lambda row: row[name])


def create_table(store: OpenStore, name: str = "t", primary_key: str = "id") -> None:
    """Create a table in the default database."""
    with store.begin_write() as transaction:
        transaction.catalog = transaction.catalog.create_table("test", name, primary_key)


def create_index(store: OpenStore, name: str, function: str, table: str = "t", **features: Any) -> None:
    """Create an index and begin to build it, as `index_create` does."""
    with store.begin_write() as transaction:
        definition = transaction.catalog.table("test", table)
        transaction.catalog = transaction.catalog.create_index(definition, name, function, **features)
        start_index(transaction, definition, name)


@contextmanager
def reading(store: OpenStore, name: str = "t") -> Iterator[tuple[Run, StoredTable]]:
    """A run in a snapshot, and a table."""
    with store.begin_read() as transaction:
        run = Run(store, transaction)
        yield run, store.table(run, None, name)


def write_in(store: OpenStore, transaction: Transaction, changes: Sequence[Change], name: str = "t") -> list[Any]:
    """Write changes in an open transaction."""
    run = Run(store, transaction)
    return store.table(run, None, name).write(run, changes)


def write(store: OpenStore, *changes: Change, name: str = "t") -> list[Any]:
    """Write changes in a transaction of their own."""
    with store.begin_write() as transaction:
        return write_in(store, transaction, changes, name)


def insert(store: OpenStore, *documents: dict[str, Any], name: str = "t") -> list[Any]:
    """Insert documents."""
    return write(store, *[Change(None, document) for document in documents], name=name)


def ids(rows: Iterator[Any]) -> list[Any]:
    """The primary keys of documents."""
    return [row["id"] for row in rows]
