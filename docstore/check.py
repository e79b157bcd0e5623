"""Proof that a store is whole: every row, every entry, every count, in one snapshot and in bounded memory.

| what                  | proved                                                                                           |
|-----------------------|--------------------------------------------------------------------------------------------------|
| catalog               | it loads; names, spaces and states make sense; no space is used twice or not yet given out      |
| rows                  | row ids ascend, and are below the next one to give out; each document is one                    |
| primary keys          | keys ascend; they are those of the documents, and each leads to its row                          |
| indexes               | the entries are those that the documents make, up to the watermark where one is building         |
| order of entries      | keys ascend, and the members of each key                                                         |
| counts                | those of the documents and of each index's entries are right                                     |
| unique indexes        | no key belongs to two documents                                                                  |
| vector indexes        | each vector is that of its document, in the list, block and records where it belongs             |
| records               | there is no count, watermark or note of a space that is not there                                |

The documents come by row id, and keys and entries by key, so they are compared by number and by the sum of their
hashes (64 bits, with a key that changes with each process), and only where these differ the index is gone through again,
entry by entry and row by row, to name what is wrong. What is in dead spaces is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from os import PathLike, fspath
from typing import Any, Final, Protocol

from docstore.catalog import Catalog, IndexDefinition, TableDefinition
from docstore.catalog_records import load
from docstore.documents import decode_document, validate
from docstore.errors import CorruptStoreError
from docstore.indexes import make_index
from docstore.indexes.base import StoredIndex
from docstore.keys import MAX_KEY_BYTES, decode_key, prefix_successor, primary_key
from docstore.layout import (
    COUNTS_PREFIX,
    FIRST_FREE_SPACE,
    ROW_ID_BYTES,
    WATERMARK_PREFIX,
    Counts,
    counts_key,
    pack_row_id,
    unpack_counts,
    unpack_u32,
    unpack_watermark,
    watermark_key,
)
from docstore.storage.engine import CATALOG_SPACE, ReadTransaction
from docstore.storage.entries import Entry
from docstore.store import OpenStore, open_store
from query.errors import ReqlError
from query.runtime import Document
from query.values import describe

MOST_PROBLEMS: Final = 100
"""Problems that are told: one cause often makes thousands."""

_BATCH: Final = 1_000
_SHOWN_BYTES: Final = 40
_64_BITS: Final = 2**64 - 1

Row = tuple[bytes, Document]


@dataclass(slots=True)
class Report:
    """What a check found. `problems` are sentences, the first `MOST_PROBLEMS` of `found`."""

    tables: int = 0
    documents: int = 0
    indexes: int = 0
    entries: int = 0
    found: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.found == 0

    def add(self, problem: str) -> None:
        """Note something that is wrong."""
        self.found += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)

    def __str__(self) -> str:
        numbers = (
            f"{self.tables} tables, {self.documents:,} documents, {self.indexes} indexes, {self.entries:,} entries"
        )
        if self.ok:
            return f"{numbers}: no problem found."
        more = f"\n  and {self.found - len(self.problems):,} more" if self.found > len(self.problems) else ""
        return f"{numbers}: {self.found:,} problems.\n  " + "\n  ".join(self.problems) + more


class HasStore(Protocol):
    """A connection, or whatever else has an open store."""

    @property
    def store(self) -> OpenStore:
        """The open store."""


def check(store: str | PathLike[str] | HasStore) -> Report:
    """Check the whole store of a path or of a connection; nothing is written.

    >>> check(db).ok
    True
    """
    if not isinstance(store, str | PathLike):
        return check_store(store.store)
    try:
        opened = open_store(fspath(store), create=False, read_only=True)
    except CorruptStoreError as error:
        report = Report()
        report.add(f"The store cannot be opened: {error.message}")
        return report
    try:
        return check_store(opened)
    finally:
        opened.close()


def check_store(store: OpenStore) -> Report:
    """Check a whole store in one snapshot.

    >>> print(check_store(db.store))
    1 tables, 3 documents, 1 indexes, 3 entries: no problem found.
    """
    report = Report()
    with store.engine.begin_read() as engine:
        try:
            catalog = load(engine)
        except ReqlError as error:
            report.add(f"The catalog cannot be read: {error.message}")
            return report
        _check_catalog(engine, catalog, report)
        for table in catalog.tables():
            _TableCheck(engine, table, report).run()
    return report


# The catalog


def _check_catalog(engine: ReadTransaction, catalog: Catalog, report: Report) -> None:
    tables = {table.space for table in catalog.tables()}
    building = {i.space for table in catalog.tables() for i in table.indexes.values() if i.state == "building"}
    used: list[int] = [*tables, *(table.key_space for table in catalog.tables()), *catalog.dead]
    for table in catalog.tables():
        used += [index.space for index in table.indexes.values()]
        for name, index in table.indexes.items():
            if name != index.name or index.state not in ("building", "ready", "failed"):
                report.add(f"The definition of the index `{name}` of {table.title} makes no sense: {index}.")
    for space in sorted({space for space in used if used.count(space) > 1}):
        report.add(f"The space {space} is used twice.")
    for space in sorted({space for space in used if not FIRST_FREE_SPACE <= space < catalog.next_space}):
        report.add(f"The space {space} was never given out: the next one is {catalog.next_space}.")
    for prefix, known, what in ((COUNTS_PREFIX, tables, "counts"), (WATERMARK_PREFIX, building, "a watermark")):
        for key, _ in engine.scan(CATALOG_SPACE, prefix, bytes([prefix[0] + 1])):
            if len(key) == 5 and unpack_u32(key[1:]) not in known:
                report.add(f"The catalog has {what} for the space {unpack_u32(key[1:])}, which should have none.")


# Tables and their indexes


@dataclass(slots=True)
class _Sum:
    """A set of entries by its size and the sum of the hashes, which does not depend on the order."""

    number: int = 0
    hashes: int = 0

    def add(self, entry: Entry) -> None:
        """Take one entry in."""
        self.number += 1
        self.hashes = (self.hashes + hash(entry)) & _64_BITS


class _IndexCheck:
    """What is known of one index while the rows go by."""

    def __init__(self, engine: ReadTransaction, table: TableDefinition, index: StoredIndex) -> None:
        self.index = index
        self.definition = index.definition
        self.title = f"index `{index.name}` of {table.title}"
        self.wanted = _Sum()
        self.watermark: bytes | None = None
        if self.definition.state == "building":
            data = engine.get(CATALOG_SPACE, watermark_key(self.definition.space))
            self.watermark = unpack_watermark(data)[1]

    def covers(self, member: bytes) -> bool:
        """Whether the document with this key should be in the index."""
        return self.watermark is None or member <= self.watermark

    def shown_key(self, key: bytes) -> str:
        """A key, for a person; those of the geospatial indexes are cells, and forms of no value."""
        return _shown(key) if self.definition.kind == "ordered" else f"0x{key.hex()}"


def _shown(key: bytes) -> str:
    """The value that a key is the form of; the bytes of a key that is cut, or damaged."""
    if len(key) < MAX_KEY_BYTES:
        try:
            return describe(decode_key(key))
        except CorruptStoreError:
            pass
    return f"0x{key[:_SHOWN_BYTES].hex()}{'...' if len(key) > _SHOWN_BYTES else ''}"


def _number(row_id: bytes) -> str:
    """A row id, for a person."""
    return str(int.from_bytes(row_id)) if len(row_id) == ROW_ID_BYTES else f"0x{row_id[:_SHOWN_BYTES].hex()}"


class _TableCheck:
    def __init__(self, engine: ReadTransaction, table: TableDefinition, report: Report) -> None:
        self._engine = engine
        self._table = table
        self._report = report
        self._rows = 0
        self._last_row = b""
        self._keys = _Sum()

    def run(self) -> None:
        """Check one table."""
        report, table = self._report, self._table
        report.tables += 1
        indexes = [self._index_check(index) for index in table.indexes.values() if index.state != "failed"]
        sound = [index for index in indexes if index is not None]
        rows = self._documents()
        while batch := list(islice(rows, _BATCH)):
            for index in sound:
                for entry in index.index.entries([row for row in batch if index.covers(row[0])]):
                    index.wanted.add(entry)
        self._check_keys()
        documents, next_row, counted = self._counts()
        if self._last_row >= pack_row_id(next_row):
            report.add(f"{table.title} has the row {_number(self._last_row)}, but {next_row} is to be given out next.")
        if documents != self._rows:
            report.add(f"{table.title} has {self._rows} documents, but its count says {documents}.")
        report.documents += self._rows
        for index in sound:
            self._check_entries(index, counted.pop(index.definition.space, 0))
        for definition in table.indexes.values():
            counted.pop(definition.space, None)
        for space in counted:
            report.add(f"The counts of {table.title} tell of the space {space}, which is no index of it.")

    def _counts(self) -> Counts:
        try:
            return unpack_counts(self._engine.get(CATALOG_SPACE, counts_key(self._table.space)))
        except CorruptStoreError as error:
            self._report.add(f"The counts of {self._table.title} cannot be read: {error.message}")
            return Counts(0, 0, {})

    def _index_check(self, definition: IndexDefinition) -> _IndexCheck | None:
        self._report.indexes += 1
        try:
            return _IndexCheck(self._engine, self._table, make_index(self._table, definition))
        except ReqlError as error:
            self._report.add(f"The index `{definition.name}` of {self._table.title} cannot be used: {error.message}")
            return None

    def _documents(self) -> Iterator[Row]:
        """The rows, checked; those that are no documents left out."""
        report, title = self._report, self._table.title
        for row_id, data in self._engine.scan(self._table.space):
            self._rows += 1
            if row_id <= self._last_row:
                report.add(f"The rows of {title} are out of order at the row {_number(row_id)}.")
            self._last_row = row_id
            try:
                document = decode_document(data)
                validate(document)
                key = primary_key(document.get(self._table.primary_key))
            except ReqlError as error:
                report.add(f"The row {_number(row_id)} of {title} is no document: {error.message}")
                continue
            self._keys.add((key, row_id))
            yield row_id, document

    def _check_keys(self) -> None:
        """That the primary keys are those of the documents, and lead to them."""
        report, table, engine = self._report, self._table, self._engine
        found, last = _Sum(), b""
        for key, row_id in engine.scan(table.key_space):
            found.add((key, row_id))
            if key <= last:
                report.add(f"The primary keys of {table.title} are out of order at {_shown(key)}.")
            last = key
        if found == self._keys:
            return
        report.add(f"{table.title} has {found.number} primary keys, its documents make {self._keys.number}.")
        for key, row_id in engine.scan(table.key_space):
            own = self._key_of(row_id)
            if own is None:
                report.add(f"The primary key {_shown(key)} of {table.title} leads to no document: {_number(row_id)}.")
            elif own != key:
                report.add(f"The primary key {_shown(key)} of {table.title} leads to the document {_shown(own)}.")
        for row_id, _ in engine.scan(table.space):
            own = self._key_of(row_id)
            if own is not None and engine.get(table.key_space, own) != row_id:
                report.add(
                    f"The primary key {_shown(own)} of {table.title} does not lead to its row {_number(row_id)}."
                )

    def _key_of(self, row_id: bytes) -> bytes | None:
        """The form of the primary key of a row's document; None where there is no document."""
        data = self._engine.get(self._table.space, row_id)
        if data is None:
            return None
        try:
            return primary_key(decode_document(data).get(self._table.primary_key))
        except ReqlError:
            return None

    def _shown_entry(self, check: _IndexCheck, key: bytes, row_id: bytes) -> str:
        """An entry, for a person."""
        return f"{check.shown_key(key)} of the document {self._shown_row(row_id)}"

    def _shown_row(self, row_id: bytes) -> str:
        own = self._key_of(row_id)
        return f"in the row {_number(row_id)}" if own is None else _shown(own)

    def _check_entries(self, check: _IndexCheck, counted: int) -> None:
        """That the entries are those that the documents make, in order and, where they must be, unique."""
        if check.definition.kind == "vector":
            self._check_vectors(check, counted)
            return
        report = self._report
        found = _Sum()
        last: Entry = (b"", b"")
        for entry in self._engine.scan_entries(check.definition.space):
            found.add(entry)
            if entry <= last:
                report.add(f"The {check.title} is out of order at the entry {self._shown_entry(check, *entry)}.")
            if check.definition.unique and entry[0] == last[0] and len(entry[0]) < MAX_KEY_BYTES:
                report.add(f"The unique {check.title} has the key {check.shown_key(entry[0])} twice.")
            last = entry
        report.entries += found.number
        if found.number != counted:
            report.add(f"The {check.title} has {found.number} entries, but its count says {counted}.")
        if found != check.wanted:
            report.add(f"The {check.title} has {found.number} entries, its documents make {check.wanted.number}.")
            self._find_orphans(check)
            self._find_gaps(check)

    def _check_vectors(self, check: _IndexCheck, counted: int) -> None:
        """That the vectors are those that the documents make, and that its records agree."""
        from docstore.indexes.vector import checking  # it needs numpy

        report, space = self._report, check.definition.space
        found = _Sum()
        try:
            for entry in checking.stored_entries(self._engine, space):
                found.add(entry)
        except CorruptStoreError as error:
            report.add(f"The {check.title} is damaged: {error.message.removesuffix('.')}.")
            return
        report.entries += found.number
        if found.number != counted:
            report.add(f"The {check.title} has {found.number} vectors, but its count says {counted}.")
        index: Any = check.index
        if found != check.wanted:
            report.add(f"The {check.title} has {found.number} vectors, its documents make {check.wanted.number}.")
            for problem in checking.differences(self._engine, self._table.space, index, check.covers):
                report.add(f"The {check.title} {problem}.")
        for problem in checking.faults(self._engine, space, index):
            report.add(f"The {check.title} is damaged: {problem.removesuffix('.')}.")

    def _find_orphans(self, check: _IndexCheck) -> None:
        for key, member in self._engine.scan_entries(check.definition.space):
            data = self._engine.get(self._table.space, member)
            try:
                document = None if data is None else decode_document(data)
            except ReqlError:
                continue
            if document is None or (key, member) not in check.index.entries([(member, document)]):
                self._report.add(f"The {check.title} has the orphan entry {self._shown_entry(check, key, member)}.")
            elif not check.covers(member):
                self._report.add(
                    f"The {check.title} has an entry of {self._shown_row(member)}, which is above its watermark."
                )

    def _find_gaps(self, check: _IndexCheck) -> None:
        for member, data in self._engine.scan(self._table.space):
            if not check.covers(member):
                return
            try:
                row = (member, decode_document(data))
            except ReqlError:
                continue
            for key, _ in check.index.entries([row]):
                if not self._has_entry(check.definition.space, key, member):
                    self._report.add(f"The {check.title} lacks the entry {self._shown_entry(check, key, member)}.")

    def _has_entry(self, space: int, key: bytes, member: bytes) -> bool:
        up_to = self._engine.scan_entries(space, key, prefix_successor(key), reverse=True, after=(key, member + b"\0"))
        return next(up_to, None) == (key, member)
