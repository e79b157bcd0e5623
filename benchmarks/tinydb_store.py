"""TinyDB in memory: documents are the dicts of the program, and every query looks at all of them."""

# mypy: disable-error-code=no-any-return
# What comes out of a database is Any to mypy.

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from tinydb import TinyDB, where
from tinydb.storages import MemoryStorage

from benchmarks.data import Document
from benchmarks.store import Table


class TinyStore:
    """Shown beside, for a few workloads. Its query cache is off: it would answer the second repetition from memory."""

    name: ClassVar[str] = "tinydb"
    workloads: ClassVar[frozenset[str] | None] = frozenset(
        {"get", "get_all_simple", "get_all_multi", "scan", "filter_count", "filter_documents", "insert"}
    )
    most_queries: ClassVar[int | None] = 2

    def __init__(self, directory: Path) -> None:
        self._db = TinyDB(storage=MemoryStorage)

    def close(self) -> None:
        """See Store; so for all methods below."""
        self._db.close()

    def create_table(self, table: Table, indexes: Sequence[str]) -> None:
        self._db.table(table, cache_size=0)

    def insert_all(self, table: Table, documents: Sequence[Document]) -> None:
        self._db.table(table).insert_multiple(documents)

    def get(self, key: str) -> Document | None:
        found = self._db.table("packages").get(where("id") == key)
        return found if isinstance(found, dict) else None

    def get_all(self, index: str, value: str) -> Iterable[Document]:
        condition = where("section") == value if index == "section" else where("depends").any([value])
        return self._db.table("packages").search(condition)

    def scan(self) -> Iterable[Document]:
        return self._db.table("plain").all()

    def count_larger(self, installed_size: int) -> int:
        return self._db.table("plain").count(where("installed_size") > installed_size)

    def larger(self, installed_size: int) -> Iterable[Document]:
        return self._db.table("plain").search(where("installed_size") > installed_size)
