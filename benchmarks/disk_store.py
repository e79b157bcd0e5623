"""What the disk allows: a document is appended to a file and forced to the disk, and nothing else is done.

No store that a user could pick, but the floor under every durable write of one thread.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec

from benchmarks.data import Document
from benchmarks.store import Table


class DiskStore:
    """Documents in the memory of the program; changed ones in a log."""

    name: ClassVar[str] = "disk alone"
    workloads: ClassVar[frozenset[str] | None] = frozenset({"update_hard"})
    most_queries: ClassVar[int | None] = None

    def __init__(self, directory: Path) -> None:
        self._log = (directory / "log").open("ab", buffering=0)
        self._tables: dict[Table, dict[str, Document]] = {}

    def close(self) -> None:
        """See Store; so for all methods below."""
        self._log.close()

    def create_table(self, table: Table, indexes: Sequence[str]) -> None:
        self._tables[table] = {}

    def insert_all(self, table: Table, documents: Iterable[Document]) -> None:
        self._tables[table].update((document["id"], dict(document)) for document in documents)

    def be_durable(self, durable: bool) -> None:
        """Every write is."""

    def get(self, key: str) -> Document | None:
        return self._tables["packages"].get(key)

    def update_one(self, table: Table, key: str) -> None:
        document = self._tables[table][key]
        document["installed_size"] += 1
        self._log.write(msgspec.msgpack.encode(document))
        os.fdatasync(self._log.fileno())
