"""`docstore`, used as its README says: queries are built anew each time, as programs do, but for `get_prepared`."""

# mypy: disable-error-code=no-any-return
# What comes out of a database is Any to mypy.

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import docstore
from benchmarks.data import Document
from benchmarks.store import Conditions, Table
from docstore.build import jobs
from query import r

BATCH: Final = 1_000
"""Documents that one query inserts."""
PAUSE_SECONDS: Final = 0.002


class DocstoreStore:
    """The store that all the others are beside."""

    name: ClassVar[str] = "docstore"
    workloads: ClassVar[frozenset[str] | None] = None
    most_queries: ClassVar[int | None] = None

    def __init__(self, directory: Path) -> None:
        self._file = directory / "store.docstore"
        self._durability = "soft"
        self._connect()

    def _connect(self) -> None:
        self._db = docstore.connect(str(self._file))
        self._get = self._db.prepare(lambda key: r.table("packages").get(key))

    def close(self) -> None:
        """See Store; so for all methods below."""
        self._db.close()

    def reopen(self) -> None:
        self.close()
        self._connect()
        r.table("plain").limit(1).run(self._db)

    def size_bytes(self) -> int:
        return self._file.stat().st_blocks * 512

    # Set-up

    def create_table(self, table: Table, indexes: Sequence[str]) -> None:
        r.table_create(table).run(self._db)
        for index in indexes:
            self.build_index(table, index)

    def insert_all(self, table: Table, documents: Sequence[Document]) -> None:
        for start in range(0, len(documents), BATCH):
            r.table(table).insert(documents[start : start + BATCH], durability="soft").run(self._db)
        r.table(table).sync().run(self._db)

    def insert_at_once(self, table: Table, documents: Sequence[Document]) -> None:
        r.table(table).insert(documents, durability="soft").run(self._db)
        r.table(table).sync().run(self._db)

    def build_index(self, table: Table, index: str) -> None:
        wanted = r.table(table)
        if index == "section_size":
            wanted.index_create(index, [r.row["section"], r.row["installed_size"]]).run(self._db)
        elif index == "dep_count":
            wanted.index_create(index, lambda package: package["depends"].count()).run(self._db)
        else:
            wanted.index_create(index, multi=index == "depends").run(self._db)
        wanted.index_wait(index).run(self._db)

    def drop_index(self, table: Table, index: str) -> None:
        r.table(table).index_drop(index).run(self._db)
        while self._is_sweeping():
            time.sleep(PAUSE_SECONDS)

    def _is_sweeping(self) -> bool:
        with self._db.store.begin_read() as transaction:
            return bool(jobs(transaction.catalog))

    def count_entries(self, table: Table, index: str) -> int:
        return r.table(table).index_status(index).run(self._db)[0]["entries"]

    def be_durable(self, durable: bool) -> None:
        self._durability = "hard" if durable else "soft"

    # Reading by key and index

    def get(self, key: str) -> Document | None:
        return r.table("packages").get(key).run(self._db)

    def get_prepared(self, key: str) -> Document | None:
        return self._get(key)

    def get_all(self, index: str, value: str) -> Iterable[Document]:
        return r.table("packages").get_all(value, index=index).run(self._db)

    def between(self, section: str, low: int, high: int) -> Iterable[Document]:
        return r.table("packages").between([section, low], [section, high], index="section_size").run(self._db)

    def count(self, index: str, value: str) -> int:
        return r.table("packages").get_all(value, index=index).count().run(self._db)

    def first(self, limit: int) -> Iterable[Document]:
        return r.table("packages").order_by(index="section_size").limit(limit).run(self._db)

    def last(self) -> Document:
        return r.table("packages").max(index="section_size").run(self._db)

    def least(self) -> Document:
        return r.table("packages").min(index="section_size").run(self._db)

    def join(self, limit: int) -> Iterable[Document]:
        packages = r.table("packages")
        return packages.order_by(index="id").limit(limit).eq_join("source", packages).run(self._db)

    # Reading all of `plain`

    def scan(self) -> Iterable[Document]:
        return r.table("plain").run(self._db)

    def count_larger(self, installed_size: int) -> int:
        return r.table("plain").filter(r.row["installed_size"] > installed_size).count().run(self._db)

    def larger(self, installed_size: int) -> Iterable[Document]:
        return r.table("plain").filter(r.row["installed_size"] > installed_size).run(self._db)

    def count_matching(self, conditions: Conditions) -> int:
        return self._matching(conditions).count().run(self._db)

    def matching(self, conditions: Conditions) -> Iterable[Document]:
        return self._matching(conditions).run(self._db)

    def _matching(self, conditions: Conditions) -> Any:
        section, installed_size, priority = conditions
        return r.table("plain").filter(
            (r.row["section"] == section) & (r.row["installed_size"] > installed_size) & (r.row["priority"] == priority)
        )

    def count_tagged(self, tag: str) -> int:
        return r.table("plain").filter(r.row["tags"].contains(tag)).count().run(self._db)

    def averages(self) -> dict[str, float]:
        return r.table("plain").group("section").avg("installed_size").run(self._db)

    def counts(self) -> dict[str, int]:
        return r.table("plain").group("section").count().run(self._db)

    def total(self) -> int:
        return r.table("plain").sum("size").run(self._db)

    def largest(self) -> Document:
        return r.table("plain").max("size").run(self._db)

    def smallest(self, limit: int) -> Iterable[Document]:
        return r.table("plain").order_by("size").limit(limit).run(self._db)

    # Writing

    def update_one(self, table: Table, key: str) -> None:
        changes = {"installed_size": r.row["installed_size"] + 1}
        r.table(table).get(key).update(changes, durability=self._durability).run(self._db)

    def update_section(self, section: str) -> None:
        changes = {"installed_size": r.row["installed_size"] + 1}
        r.table("packages").get_all(section, index="section").update(changes, durability="soft").run(self._db)

    def update_all(self) -> None:
        changes = {"installed_size": r.row["installed_size"] + 1}
        r.table("plain").update(changes, durability="soft").run(self._db)
