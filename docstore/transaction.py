"""`Transaction`: a transaction of the engine with what the upper layers know of it: the catalog, and counts to come.

A write transaction collects changes of the catalog (assign to `catalog`) and of counts (`add_counts`), and `flush`
writes them into the engine's transaction, which `commit` does first. Everything else is written at once.

**Savepoints.** `savepoint()` is a transaction inside this one, with the catalog and the counts as they are; only its
commit hands them back. While it is open, `engine` of the outer one is the inner's too, since the engine's outer
transaction must not be used.

**Scans.** The transaction of a `Run` may be replaced between two rows, and so may `engine` by a savepoint. So a scan
compares `run.transaction.engine` with the one it began with after each row that it gave, and goes on in the new one
after the last key it has read.

A transaction belongs to the thread that began it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self, cast

from docstore import faults
from docstore.catalog import Catalog, TableDefinition
from docstore.catalog_records import save
from docstore.errors import ReadOnlyError
from docstore.layout import Counts, counts_key, pack_counts, unpack_counts, watermark_key
from docstore.storage.engine import CATALOG_SPACE, ReadTransaction, WriteTransaction
from query.runtime import Table


class Schema:
    """One catalog and the tables made of it so far."""

    __slots__ = ("_make_table", "catalog", "tables")

    def __init__(self, catalog: Catalog, make_table: Callable[[TableDefinition], Table]) -> None:
        self.catalog = catalog
        self.tables: dict[str, dict[str, Any]] = {}
        """Those made so far, by the database's name and their own."""
        self._make_table = make_table

    def table(self, database: str, name: str) -> Any:
        """A table by name; ReqlOpFailedError where there is none."""
        try:
            return self.tables[database][name]
        except KeyError:
            table = self._make_table(self.catalog.table(database, name))
            self.tables.setdefault(database, {})[name] = table
            return table

    def changed(self, catalog: Catalog) -> Schema:
        """The same for another catalog."""
        return Schema(catalog, self._make_table)


class Observer(Protocol):
    """Who wants to know of commits: the store, which wakes its background worker."""

    def committed(self, transaction: WritingTransaction) -> None:
        """Called after a commit. Calling it twice does no harm."""


class Transaction:
    """One snapshot for the upper layers; `WritingTransaction` is the one writer. A context manager, as those of the engine are."""

    __slots__ = ("engine", "is_held", "schema")

    writable: ClassVar[bool] = False

    def __init__(self, engine: ReadTransaction, schema: Schema) -> None:
        self.engine = engine
        self.schema = schema
        self.is_held = False
        """Whether a block of the user's holds it, beyond a query."""

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self.engine.closed

    @property
    def writer(self) -> WriteTransaction:
        """The engine's transaction, for writing; ReadOnlyError in a snapshot."""
        raise ReadOnlyError("Cannot write in a snapshot, which is for reading only.")

    @property
    def catalog(self) -> Catalog:
        """The catalog as this transaction sees it, its own changes included."""
        return self.schema.catalog

    @catalog.setter
    def catalog(self, catalog: Catalog) -> None:
        self.change_catalog(catalog)

    def change_catalog(self, catalog: Catalog) -> None:
        """What assigning to `catalog` does."""
        raise ReadOnlyError("Cannot change databases, tables or indexes in a snapshot, which is for reading only.")

    def savepoint(self) -> WritingTransaction:
        """See `WritingTransaction.savepoint`."""
        raise ReadOnlyError("Cannot write in a snapshot, which is for reading only.")

    def before(self) -> AbstractContextManager[Transaction]:
        """See `WritingTransaction.before`."""
        return nullcontext(self)

    def counts(self, table: TableDefinition) -> tuple[int, dict[int, int]]:
        """How many documents a table has, and how many entries each index, by the index's space."""
        known = unpack_counts(self.engine.get(CATALOG_SPACE, counts_key(table.space)))
        return known.documents, {index.space: known.entries.get(index.space, 0) for index in table.indexes.values()}

    def abort(self) -> None:
        """End it. Ending an ended transaction does nothing."""
        self.engine.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


class WritingTransaction(Transaction):
    """The one writer, or a savepoint in it."""

    __slots__ = (
        "_base",
        "_deltas",
        "_engine_outside",
        "_next_rows",
        "_observer",
        "_outer",
        "_own",
        "catalog_changed",
        "earlier",
    )

    writable: ClassVar[bool] = True

    def __init__(self, engine: WriteTransaction, schema: Schema, observer: Observer | None = None) -> None:
        super().__init__(engine, schema)
        self._own = engine
        self.catalog_changed = False
        """Whether it committed a changed catalog."""
        self._base = schema
        self._observer = observer
        self._outer: WritingTransaction | None = None
        self._engine_outside: ReadTransaction | None = None
        self.earlier: ReadTransaction | None = None
        """What `before` reads in, while its block goes on."""
        self._deltas: dict[int, tuple[int, dict[int, int]]] = {}
        self._next_rows: dict[int, int] = {}

    @property
    def writer(self) -> WriteTransaction:
        """See Transaction."""
        return cast(WriteTransaction, self.engine)

    def change_catalog(self, catalog: Catalog) -> None:
        """See Transaction."""
        if catalog is not self.schema.catalog:
            self.schema = self.schema.changed(catalog)

    @contextmanager
    def before(self) -> Iterator[Transaction]:
        """What there was before this transaction, if it has written nothing so far: the engine reads that faster, and goes on
        to do so while this one writes. This transaction itself if it has.

        Until the end of the block only documents that there were may be changed, each once, so that their row ids are known.
        """
        if self.writer.write_count or self._deltas or self.schema is not self._base:
            yield self
            return
        with self.writer.before() as engine:
            self.earlier = engine
            try:
                yield Transaction(engine, self.schema)
            finally:
                self.earlier = None

    # Counts

    def counts(self, table: TableDefinition) -> tuple[int, dict[int, int]]:
        """See Transaction."""
        documents, entries = super().counts(table)
        more_documents, more_entries = self._deltas.get(table.space, (0, {}))
        return documents + more_documents, {
            space: known + more_entries.get(space, 0) for space, known in entries.items()
        }

    def add_counts(self, table_space: int, documents: int, entries: Mapping[int, int]) -> None:
        """Note that a table has so many more (or, below 0, fewer) documents and index entries."""
        old_documents, old_entries = self._deltas.get(table_space, (0, {}))
        total = dict(old_entries)
        for space, more in entries.items():
            total[space] = total.get(space, 0) + more
        self._deltas[table_space] = (old_documents + documents, total)

    def take_rows(self, table_space: int, number: int) -> range:
        """So many row ids of a table, which are then the caller's, and no other's even if the caller writes nothing."""
        first = self._next_rows.get(table_space)
        if first is None:
            first = unpack_counts(self.engine.get(CATALOG_SPACE, counts_key(table_space))).next_row
        self._next_rows[table_space] = first + number
        self._deltas.setdefault(table_space, (0, {}))
        return range(first, first + number)

    # Its end

    def flush(self) -> None:
        """Write the changes of catalog and counts that are still only noted."""
        before, after = self._base.catalog, self.schema.catalog
        if after is not before:
            self._flush_catalog(before, after)
        if self._deltas:
            self._flush_counts()

    def commit(self) -> None:
        """Make everything visible, and durable; of a savepoint, part of the outer transaction."""
        if self._outer is not None:
            self._commit_into(self._outer)
            return
        self.flush()
        faults.reach("before_commit")
        self._own.commit()
        faults.reach("after_commit")
        if self._observer is not None:
            self._observer.committed(self)

    def abort(self) -> None:
        """End it, and a savepoint that is open; what they wrote is gone. Ending an ended transaction does nothing."""
        self._own.abort()
        if self._outer is not None:
            self._leave(self._outer)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and not self.closed:
                self.commit()
        finally:
            self.abort()

    # Savepoints

    def savepoint(self) -> WritingTransaction:
        """A transaction inside this one, which can fail alone. One at a time; it must end before this one does."""
        inner = WritingTransaction(self.writer.savepoint(), self.schema, self._observer)
        inner._base, inner._deltas, inner._next_rows = self._base, dict(self._deltas), self._next_rows
        inner._outer, inner._engine_outside = self, self.engine
        self.engine = inner.engine
        return inner

    def _commit_into(self, outer: WritingTransaction) -> None:
        self._own.commit()
        outer.schema, outer._deltas = self.schema, self._deltas
        self._leave(outer)

    def _leave(self, outer: WritingTransaction) -> None:
        if outer.engine is self.engine:
            assert self._engine_outside is not None
            outer.engine = self._engine_outside

    # Parts

    def _flush_catalog(self, before: Catalog, after: Catalog) -> None:
        writer, version = self.writer, before.version + 1
        writer.schema = None
        save(writer, before, after, version)
        for space in after.dead.keys() - before.dead.keys():
            self._deltas.pop(space, None)
            writer.delete(CATALOG_SPACE, counts_key(space))
            writer.delete(CATALOG_SPACE, watermark_key(space))
        tables = {table.space: table for table in before.tables()}
        for table in after.tables():
            old = tables.get(table.space)
            if old is not None and old.indexes.keys() != table.indexes.keys():
                self.add_counts(table.space, 0, {})  # writes the record anew, without what was dropped
        self.schema = self._base = self.schema.changed(after.committed(version))
        self.catalog_changed = True

    def _flush_counts(self) -> None:
        writer = self.writer
        known = {index.space for table in self.catalog.tables() for index in table.indexes.values()}
        for table_space, (more_documents, more_entries) in self._deltas.items():
            key = counts_key(table_space)
            documents, next_row, entries = unpack_counts(writer.get(CATALOG_SPACE, key))
            next_row = self._next_rows.get(table_space, next_row)
            for space, more in more_entries.items():
                entries[space] = entries.get(space, 0) + more
            kept = {space: number for space, number in entries.items() if space in known}
            writer.put(CATALOG_SPACE, key, pack_counts(Counts(documents + more_documents, next_row, kept)))
        self._deltas = {}
