"""A table: its rows, their primary keys, and the writes that keep every index in step with them.

A `Table` is made of a definition at one version of the catalog and holds no transaction: that is the `Run`'s. Any thread
may use it. Documents are read in the fields asked for; what a whole document is decoded to is the caller's, to change as
it likes.

**Writing.** `write` first computes and checks everything and then writes, rows and each index's entries sorted, since
sorted batches cost a seventh of single ones. A change that cannot be written (a document too large, a key that a unique
index refuses) is left out of all of it, and its error handed back; an error of the engine leaves a transaction that can
only be aborted. Every index that is ready is told of every change; a building one of those at or below its watermark,
since its builder has passed them (`build.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from operator import itemgetter
from typing import Final, Protocol, TypeAlias, cast

from docstore.catalog import IndexDefinition, TableDefinition
from docstore.documents import decode_document, encode_document, field_decoder
from docstore.errors import CorruptStoreError
from docstore.indexes import make_index
from docstore.indexes.base import LARGEST_BATCH, StoredIndex, Update
from docstore.indexes.primary import PrimaryIndex, scan
from docstore.keys import MAX_KEY_BYTES, primary_key, primary_keys
from docstore.layout import pack_row_id, pack_row_ids, unpack_watermark, watermark_key
from docstore.patching import TablePatching
from docstore.storage.engine import CATALOG_SPACE, ReadTransaction, WriteTransaction
from docstore.transaction import Transaction, WritingTransaction
from query.collection import paused_collection
from query.errors import ReqlError, ReqlOpFailedError, ReqlQueryLogicError
from query.patches import Patching
from query.runtime import Change, Document, Fields, Index, Keep, Nearest, Run
from query.values import Value

_SHORT: Final = MAX_KEY_BYTES // 2 - 2
"""Characters of an ASCII string that is not too long as a primary key, even if each were to be escaped."""

LARGE_WRITE: Final = 1_000
"""Changes from which on a write pauses Python's garbage collector."""

Encoded: TypeAlias = tuple[int, bytes, bytes | None]
"""The place of a change, the form of its primary key, and the document as it is stored; None for one that goes."""

Row: TypeAlias = tuple[bytes, int, bytes, bytes | None]
"""The row id, and then an `Encoded`."""

TableCommand: TypeAlias = Callable[..., Value]
"""`(run, transaction, definition, *arguments, **options)`."""


class Host(Protocol):
    """What a table asks of its store."""

    @property
    def table_commands(self) -> Mapping[str, TableCommand]:
        """The commands on tables, by name."""

    def sync(self) -> None:
        """Return when everything committed is on the disk."""


class StoredTable:
    """One table of a store, at one version of the catalog."""

    __slots__ = (
        "_host",
        "_indexes",
        "_keys",
        "_space",
        "database",
        "definition",
        "id",
        "name",
        "primary_index",
        "primary_key",
    )

    def __init__(self, definition: TableDefinition, host: Host) -> None:
        self.definition = definition
        self.name = definition.name
        self.database = definition.database
        self.primary_key = definition.primary_key
        self.id = definition.id
        self.primary_index = PrimaryIndex(definition)
        self._keys = definition.key_space
        self._space = definition.space
        self._host = host
        self._indexes: dict[str, StoredIndex] = {}

    @property
    def write_hook(self) -> str | None:
        """See `query.runtime.Table`."""
        return cast("str | None", self.definition.options.get("write_hook"))

    def identified(self, form: str) -> StoredTable:
        """See `query.runtime.Table`."""
        return self

    # Reading

    def get(self, run: Run, key: Value) -> Document | None:
        """See `query.runtime.Table`."""
        engine: ReadTransaction = run.transaction.engine
        found: Document | None = engine.read_through(self._keys, primary_key(key), self._space, decode_document)
        return found

    def get_many(self, run: Run, keys: Sequence[Value]) -> list[Document | None]:
        """See `query.runtime.Table`."""
        wanted, engine = [primary_key(key) for key in keys], run.transaction.engine
        found: list[Document | None] = []
        for start in range(0, len(wanted), LARGEST_BATCH):
            named = engine.rows(self._keys, wanted[start : start + LARGEST_BATCH])
            found += engine.follow(named, self._space).read(decode_document)
        return found

    @contextmanager
    def before(self, run: Run) -> Iterator[Run]:
        """See `query.runtime.Table`."""
        with run.transaction.before() as earlier:
            yield run if earlier is run.transaction else run.within(earlier)

    def scan(self, run: Run, fields: Fields, keep: Keep | None) -> Iterator[Document]:
        """See `query.runtime.Table`."""
        return scan(run, self.definition, fields, keep)

    def values(self, run: Run, name: str) -> Iterator[list[Value]]:
        """See `query.runtime.Table`."""
        decode = field_decoder(name)
        for rows in run.transaction.engine.scan_rows(self._space):
            yield rows.read(decode)

    def count(self, run: Run) -> int:
        """See `query.runtime.Table`."""
        transaction: Transaction = run.transaction
        return transaction.counts(self.definition)[0]

    def index(self, run: Run, name: str) -> Index:
        """See `query.runtime.Table`."""
        if name == self.primary_key:
            return self.primary_index
        definition = self.definition.index(name)
        if definition.state == "failed":
            raise ReqlOpFailedError(
                f"Index `{name}` on table `{self.definition.title}` could not be built: {definition.error}"
            )
        if definition.state == "building":
            raise ReqlOpFailedError(
                f"Index `{name}` on table `{self.definition.title}` was accessed before its construction was finished."
            )
        return self.stored_index(definition)

    def ordered_indexes(self, run: Run) -> list[Index]:
        """See `query.runtime.Table`."""
        return [
            self.stored_index(index)
            for index in self.definition.indexes.values()
            if index.state == "ready" and index.kind == "ordered"
        ]

    def vector_indexes(self, run: Run) -> list[str]:
        """See `query.runtime.Table`."""
        return [index.name for index in self.definition.indexes.values() if index.kind == "vector"]

    def nearest(
        self, run: Run, value_of: Callable[[Document], Value], fields: Fields, what: str, wanted: Nearest
    ) -> list[tuple[float, Document]]:
        """See `query.runtime.Table`."""
        from docstore.indexes.vector.unindexed import nearest_without_index  # it needs numpy

        return nearest_without_index(run, self.definition, value_of, fields, what, wanted)

    def stored_index(self, definition: IndexDefinition) -> StoredIndex:
        """The index of a definition, in whatever state."""
        index = self._indexes.get(definition.name)
        if index is None:
            index = self._indexes[definition.name] = make_index(self.definition, definition)
        return index

    # Writing

    def check_key(self, document: Document) -> None:
        """See `query.runtime.Table`."""
        if self.primary_key not in document:
            raise ReqlQueryLogicError(f"No attribute `{self.primary_key}`, the primary key, in the document.")
        key = document[self.primary_key]
        if type(key) is not str or len(key) > _SHORT or not key.isascii():
            primary_key(key)

    def are_good_keys(self, keys: Sequence[Value]) -> bool:
        """See `query.runtime.Table`."""
        kinds = set(map(type, keys))
        if kinds == {str}:
            texts = cast(Sequence[str], keys)
            return max(map(len, texts)) <= _SHORT and all(map(str.isascii, texts))
        return kinds <= {int, float}

    def insert(self, run: Run, documents: Sequence[Document]) -> bool:
        """See `query.runtime.Table`. That a key is new shows when it is written, so that nothing need be read."""
        if len(documents) < LARGE_WRITE:
            return self._insert(run, documents)
        with paused_collection():
            return self._insert(run, documents)

    def _insert(self, run: Run, documents: Sequence[Document]) -> bool:
        transaction: WritingTransaction = run.transaction
        writer, name = transaction.writer, self.primary_key
        indexes = self._maintained(writer)
        if any(index.definition.refuses for index, _ in indexes):
            return False
        try:
            keys = primary_keys(list(map(itemgetter(name), documents)))
            data = list(map(encode_document, documents))
        except ReqlError:
            return False
        row_ids = pack_row_ids(transaction.take_rows(self._space, len(documents)))
        named = sorted(zip(keys, row_ids, strict=True))
        added = writer.put_new_many(self._keys, named)
        if added < len(named):
            if added:
                self._take_back(writer, named)
            return False
        updates: list[Update] = list(zip(row_ids, repeat(None), documents))
        self._keep_in_step(run, indexes, updates, len(documents))
        writer.put_many(self._space, list(zip(row_ids, data, strict=True)))
        return True

    def _take_back(self, writer: WriteTransaction, named: Sequence[tuple[bytes, bytes]]) -> None:
        """Remove those primary keys that lead to these row ids, as others may lead to other rows."""
        for key, row_id in named:
            if writer.get(self._keys, key) == row_id:
                writer.delete(self._keys, key)

    def patching(self, run: Run, before: Run, names: tuple[str, ...], fields: frozenset[str]) -> Patching | None:
        """See `query.runtime.Table`."""
        if before is run or self.primary_key in names:
            return None
        transaction: WritingTransaction = run.transaction
        told: list[tuple[StoredIndex, Passed]] = []
        for index, passed in self._maintained(transaction.writer):
            if index.fields is None:
                return None
            if not index.fields.isdisjoint(names):
                if index.definition.refuses or index.definition.kind == "vector":
                    return None
                told.append((index, passed))
                fields |= index.fields

        def write(rows: Sequence[tuple[bytes, bytes]], updates: Sequence[Update]) -> None:
            self._keep_in_step(run, told, updates, 0)
            transaction.writer.put_many(self._space, rows)

        engine, spaces = before.transaction.engine, (self._keys, self._space)
        looked_at = fields.union(names)
        return TablePatching(engine, spaces, self.primary_key, names, looked_at, write, is_indexed=bool(told))

    def _keep_in_step(
        self, run: Run, indexes: Sequence[tuple[StoredIndex, Passed]], updates: Sequence[Update], documents: int
    ) -> None:
        """Have indexes and counts follow changes, which make so many documents more."""
        transaction: WritingTransaction = run.transaction
        entries = {
            index.definition.space: index.update(transaction.writer, passed(updates)) for index, passed in indexes
        }
        for index, _ in indexes:
            if index.definition.kind == "vector":
                run.left_out += index.take_left_out()  # type: ignore[attr-defined]
        if documents or any(entries.values()):  # their record is one more page to write
            transaction.add_counts(self._space, documents, entries)

    def write(self, run: Run, changes: Sequence[Change]) -> list[str | None]:
        """See `query.runtime.Table`."""
        if len(changes) < LARGE_WRITE:
            return self._write(run, changes)
        with paused_collection():
            return self._write(run, changes)

    def _write(self, run: Run, changes: Sequence[Change]) -> list[str | None]:
        transaction: WritingTransaction = run.transaction
        writer = transaction.writer
        errors: list[str | None] = [None] * len(changes)
        rows = self._with_ids(transaction, changes, self._encoded(changes, errors))
        updates: list[Update] = [(row_id, *changes[place]) for row_id, place, _, _ in rows]
        indexes = self._maintained(writer)
        if any(index.definition.refuses for index, _ in indexes):
            refused = _refusals(writer, indexes, updates)
            if refused:
                for row_id, place, _, _ in rows:
                    errors[place] = refused.get(row_id)
                updates = [update for update in updates if update[0] not in refused]
                rows = [row for row in rows if row[0] not in refused]
        if rows:
            self._keep_in_step(run, indexes, updates, self._write_rows(writer, changes, rows))
        return errors

    def _encoded(self, changes: Sequence[Change], errors: list[str | None]) -> list[Encoded]:
        """What can be written: the place of the change, the form of its key, and the document, None for one that goes."""
        name = self.primary_key
        encoded: list[Encoded] = []
        for place, (old, new) in enumerate(changes):
            try:
                if new is not None:
                    encoded.append((place, primary_key(new[name]), encode_document(new)))
                else:
                    assert old is not None, "a change from nothing to nothing"
                    encoded.append((place, primary_key(old[name]), None))
            except ReqlError as error:
                errors[place] = error.message
        return encoded

    def _with_ids(
        self, transaction: WritingTransaction, changes: Sequence[Change], encoded: Sequence[Encoded]
    ) -> list[Row]:
        """The same with row ids, in their order: those of the documents that there are, and new ones."""
        there = [one for one in encoded if changes[one[0]][0] is not None]
        new = encoded if not there else [one for one in encoded if changes[one[0]][0] is None]
        ids = (transaction.earlier or transaction.engine).get_many(self._keys, [key for _, key, _ in there])
        rows: list[Row] = []
        for row_id, one in zip(ids, there, strict=True):
            if row_id is None:
                raise CorruptStoreError(
                    f"Expected a row id under the primary key {one[1].hex()} of the table `{self.definition.title}`, which "
                    "has a document, but found none. `docstore check` tells more."
                )
            rows.append((row_id, *one))
        rows.sort()
        if new:
            taken = transaction.take_rows(self._space, len(new))
            rows += [(pack_row_id(number), *one) for number, one in zip(taken, new, strict=True)]
        return rows

    def _maintained(self, writer: WriteTransaction) -> list[tuple[StoredIndex, Passed]]:
        """The indexes that are told of changes, each with what picks the updates it is told of."""
        found: list[tuple[StoredIndex, Passed]] = []
        for definition in self.definition.indexes.values():
            if definition.state == "ready":
                found.append((self.stored_index(definition), _all))
            elif definition.state == "building":
                _, watermark = unpack_watermark(writer.get(CATALOG_SPACE, watermark_key(definition.space)))
                if watermark:
                    found.append((self.stored_index(definition), _up_to(watermark)))
        return found

    def _write_rows(self, writer: WriteTransaction, changes: Sequence[Change], rows: Sequence[Row]) -> int:
        """Write the rows; how many more there are then."""
        new = [(key, row_id) for row_id, place, key, _ in rows if changes[place][0] is None]
        gone = [(key, row_id) for row_id, _, key, data in rows if data is None]
        writer.put_many(self._space, [(row_id, data) for row_id, _, _, data in rows if data is not None])
        if new:
            new.sort()
            writer.put_many(self._keys, new)
        for key, row_id in gone:
            writer.delete(self._space, row_id)
            writer.delete(self._keys, key)
        return len(new) - len(gone)

    # The table as a whole

    def info(self, run: Run) -> Document:
        """See `query.runtime.Table`."""
        transaction: Transaction = run.transaction
        database = transaction.catalog.database(self.database)
        return {
            "db": {"id": database.id, "name": database.name, "type": "DB"},
            "doc_count_estimates": [self.count(run)],
            "id": self.id,
            "indexes": list(self.definition.indexes),
            "name": self.name,
            "primary_key": self.primary_key,
        }

    def sync(self, run: Run) -> Document:
        """See `query.runtime.Table`."""
        self._host.sync()
        return {"synced": 1}

    def administer(self, run: Run, command: str, *arguments: Value, **options: Value) -> Value:
        """See `query.runtime.Table`."""
        return self._host.table_commands[command](run, run.transaction, self.definition, *arguments, **options)


Passed: TypeAlias = Callable[[Sequence[Update]], Sequence[Update]]


def _all(updates: Sequence[Update]) -> Sequence[Update]:
    return updates


def _up_to(watermark: bytes) -> Passed:
    return lambda updates: [update for update in updates if update[0] <= watermark]


def _refusals(
    writer: WriteTransaction, indexes: Sequence[tuple[StoredIndex, Passed]], updates: Sequence[Update]
) -> dict[bytes, str]:
    """The updates that a unique index refuses.

    What one index refuses leaves the others in another state than they were asked about, so they are asked again.
    """
    refused: dict[bytes, str] = {}
    while True:
        left = [update for update in updates if update[0] not in refused]
        more: dict[bytes, str] = {}
        for index, passed in indexes:
            if index.definition.refuses:
                more = {**index.refusals(writer, passed(left)), **more}
        if not more:
            return refused
        refused |= more
