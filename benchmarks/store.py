"""What a store must be able to do to be measured. One adapter a store; a workload that an adapter does not list is not run.

Each adapter holds the documents twice: in the table `packages` with four indexes, and in `plain` without any, so that a
workload "without index" cannot be answered by one. The indexes:

| name           | of                                    |
|----------------|---------------------------------------|
| `section`      | the field                             |
| `section_size` | `section` and `installed_size`        |
| `depends`      | each element of the array `depends`   |
| `dep_count`    | the number of elements of `depends`   |

An adapter does everything the way that an expert of its store would, with queries prepared or cached where the store can.
Sequences come as iterators over dicts: what is timed includes that every document arrives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Final, Protocol, TypeAlias

from benchmarks.data import Document

INDEXES: Final = ("section", "section_size", "depends", "dep_count")
Table: TypeAlias = str
Conditions: TypeAlias = tuple[str, int, str]
"""A section, a least installed size, and a priority."""


class Store(Protocol):
    """A store in a directory of its own, and the operations that the workloads are made of."""

    name: ClassVar[str]
    """What the report calls it."""
    workloads: ClassVar[frozenset[str] | None]
    """Which workloads it can run; None for all."""
    most_queries: ClassVar[int | None]
    """How many queries it is asked at most, for a store that is slow; None for as many as the others."""

    def __init__(self, directory: Path) -> None:
        """Open the store in a directory, or make one."""

    def close(self) -> None:
        """Close it. Its files stay."""

    def reopen(self) -> None:
        """Close it, open it again and make sure that it answers."""

    def size_bytes(self) -> int:
        """What its files take, all writes being in their final place."""

    # Set-up

    def create_table(self, table: Table, indexes: Sequence[str]) -> None:
        """Make an empty table with some of the indexes."""

    def insert_all(self, table: Table, documents: Sequence[Document]) -> None:
        """Insert many documents in the way that is fastest, and make sure that they are safe."""

    def insert_at_once(self, table: Table, documents: Sequence[Document]) -> None:
        """Insert many documents as one statement, all or nothing."""

    def build_index(self, table: Table, index: str) -> None:
        """Give a filled table an index; return when it is ready."""

    def drop_index(self, table: Table, index: str) -> None:
        """Take it away again; return when nothing of it is left to do."""

    def count_entries(self, table: Table, index: str) -> int:
        """How many entries an index has."""

    def be_durable(self, durable: bool) -> None:
        """Whether the writes of `update_one` that follow have to survive a loss of power."""

    # Reading by key and index

    def get(self, key: str) -> Document | None:
        """One document by its primary key."""

    def get_prepared(self, key: str) -> Document | None:
        """The same with a query prepared in advance, where the store makes a difference of that."""

    def get_all(self, index: str, value: str) -> Iterable[Document]:
        """The documents whose `section` or `depends` has this value."""

    def between(self, section: str, low: int, high: int) -> Iterable[Document]:
        """The documents of a section with `low <= installed_size < high`, over `section_size`."""

    def count(self, index: str, value: str) -> int:
        """How many documents `get_all` would give."""

    def first(self, limit: int) -> Iterable[Document]:
        """The first documents in the order of `section_size`."""

    def last(self) -> Document:
        """The last document in the order of `section_size`."""

    def least(self) -> Document:
        """The first one in that order."""

    def join(self, limit: int) -> Iterable[Document]:
        """For the first documents by primary key: `{"left": it, "right": the one whose id is its source}`, if there is one."""

    # Reading all of `plain`

    def scan(self) -> Iterable[Document]:
        """All documents."""

    def count_larger(self, installed_size: int) -> int:
        """How many documents have a larger `installed_size`."""

    def larger(self, installed_size: int) -> Iterable[Document]:
        """The documents that have."""

    def count_matching(self, conditions: Conditions) -> int:
        """How many documents meet three conditions."""

    def matching(self, conditions: Conditions) -> Iterable[Document]:
        """The documents that do."""

    def count_tagged(self, tag: str) -> int:
        """How many documents have an element in their array `tags`."""

    def averages(self) -> dict[str, float]:
        """The average `installed_size` of each section."""

    def counts(self) -> dict[str, int]:
        """The number of documents of each section."""

    def total(self) -> int:
        """The sum of all `size`."""

    def largest(self) -> Document:
        """The document with the greatest `size`."""

    def smallest(self, limit: int) -> Iterable[Document]:
        """The documents with the smallest `size`, in its order."""

    # Writing

    def update_one(self, table: Table, key: str) -> None:
        """Add 1 to a document's `installed_size`, in a transaction of its own. May be called by several threads."""

    def update_section(self, section: str) -> None:
        """Add 1 to the `installed_size` of all of a section in `packages`, in one transaction."""

    def update_all(self) -> None:
        """Add 1 to the `installed_size` of all documents of `plain`, in one transaction."""


def directory_size_bytes(directory: Path) -> int:
    """What the files of a directory take on disk."""
    return sum(path.stat().st_blocks * 512 for path in directory.iterdir())


def opened(kind: type[Store], directory: Path) -> Store:
    """A store of a kind in a new directory."""
    directory.mkdir(parents=True)
    return kind(directory)
