"""`OpenStore`: an open store as the language sees it, over an engine.

**Which catalog a transaction sees.** The store remembers the catalog that it parsed last and the number of the commit in
which it saw it. A transaction of the same commit takes it unasked; one of another commit reads the catalog's version, a
record of 8 bytes, and parses the catalog anew only if that has moved, through this process or another.

**Writing.** `begin_write` waits for the write lock and begins a transaction that its thread has to itself; `write_alone`
does some work in one and commits; `write_grouped` lets works of several threads share a commit; `write_soft` does not wait
for it.

Any thread may use a store. Its transactions belong to the threads that began them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TypeVar, cast

from docstore import faults
from docstore.administration import STORE_COMMANDS, TABLE_COMMANDS
from docstore.build import jobs
from docstore.catalog import DEFAULT_DATABASE, Catalog, TableDefinition, new_catalog
from docstore.catalog_records import load, read_version, save
from docstore.documents import field_decoder
from docstore.errors import NewerFormatError, NotAStoreError, OlderFormatError
from docstore.indexes import load_kinds
from docstore.indexes.base import decoder
from docstore.layout import FORMAT_KEY, FORMAT_VERSION, pack_u32, unpack_u32
from docstore.limits import BUSY_TIMEOUT_SECONDS
from docstore.settings import SYSTEM
from docstore.storage.engine import (
    CATALOG_SPACE,
    NOTHING,
    Batch,
    Engine,
    GrowNeeded,
    ReadTransaction,
    WriteTransaction,
)
from docstore.storage.lmdb import open_lmdb
from docstore.storage.memory import open_memory
from docstore.storage.queue import WriteQueue
from docstore.system import system_table
from docstore.table import StoredTable, TableCommand
from docstore.transaction import Schema, Transaction, WritingTransaction
from docstore.worker import Worker
from query.errors import ReqlOpFailedError
from query.runtime import Document, Fields, Run
from query.term import Argument, Term
from query.values import Value

Result = TypeVar("Result")

_NO_COMMIT: Final = -1
"""The number of no commit: numbers of read transactions are not negative, those of write transactions never come again."""


class OpenStore:
    """An open store. Made by `open_store`; give it back with `close`."""

    def __init__(self, engine: Engine, *, read_only: bool = False) -> None:
        self._engine = engine
        self._read_only = read_only
        self._tables: dict[str, StoredTable] = {}
        self._prepare()
        with engine.begin_read() as transaction:
            self.seen = (transaction.id, self._schema_of(load(transaction)))
            """The number of the commit in which the catalog was seen last, and that catalog."""
        load_kinds(self.seen[1].catalog.tables())
        self._begin_read = engine.begin_read
        self._queue = WriteQueue(engine)
        self._worker = Worker(self, read_only=read_only)
        self._wake(self.seen[1].catalog)

    @property
    def path(self) -> str | None:
        """The store's file; None for a store in memory."""
        return self._engine.path

    @property
    def engine(self) -> Engine:
        """The engine below."""
        return self._engine

    def close(self) -> None:
        """Stop what goes on in the background and give the engine back. Closing twice does nothing."""
        self._worker.stop()
        self._engine.close()

    def durability_of(self, default: str, *place: Argument) -> Value:
        """The durability in the settings of the table that a term names, as the last transaction saw them; else None."""
        name, database = place[-1], None if len(place) == 2 else default
        if len(place) == 2:
            named = place[0]
            if type(named) is Term and named.kind.name == "db":
                database = named.args[0]
        found = self.seen[1].catalog.databases.get(database) if type(database) is str else None
        table = found.tables.get(name) if found is not None and type(name) is str else None
        return None if table is None else table.options.get("durability")

    # Transactions

    def begin_read(self) -> Transaction:
        """A snapshot of the last commit."""
        engine, seen = self._begin_read(), self.seen
        return Transaction(engine, seen[1] if engine.id == seen[0] else self._look_or_abort(engine))

    def begin_write(self, timeout_seconds: float | None = None) -> WritingTransaction:
        """Wait for the write lock and begin to write; BusyError after the timeout (None: the engine's own)."""
        engine = self._engine.begin_write(timeout_seconds)
        return WritingTransaction(engine, self._look_or_abort(engine), self)

    def write_alone(
        self,
        work: Callable[[WritingTransaction], Result],
        timeout_seconds: float | None = None,
        *,
        repeatable: bool = True,
    ) -> Result:
        """Do some work in a write transaction of its own and commit.

        Where the store has to grow for it, the work is done again from its start, if it is `repeatable`.
        """
        while True:
            try:
                with self.undoing(), self.begin_write(timeout_seconds) as transaction:
                    return work(transaction)
            except GrowNeeded:  # the next `begin_write` makes the room
                if not repeatable:
                    raise

    @contextmanager
    def undoing(self) -> Iterator[None]:
        """A block that leaves no write transaction open when it raises: an interrupt may come between any two steps."""
        if self._engine.is_writing_here:
            yield  # it is somebody else's
            return
        try:
            yield
        except GeneratorExit:
            raise  # of a block that an interrupt has left suspended: what is open by now may be another one's
        except BaseException:
            self._engine.abandon_write()
            raise

    def write_grouped(
        self, work: Callable[[WritingTransaction], Result], timeout_seconds: float | None = None
    ) -> Result:
        """Do some work that computes all its changes before it writes; it may share a commit with other threads' works."""
        made: list[WritingTransaction] = []

        def run(engine: WriteTransaction) -> Result:
            transaction = WritingTransaction(engine, self._look(engine, is_new=not engine.write_count))
            made[:] = [transaction]
            result = work(transaction)
            transaction.flush()
            faults.reach("before_commit")
            return result

        with self.undoing():
            result = self._queue.run(run, timeout_seconds)
        faults.reach("after_commit")
        self.committed(made[0])
        return result

    def write_soft(self, work: Callable[[WritingTransaction], Result], timeout_seconds: float | None = None) -> Result:
        """As `write_grouped`, but it returns before the commit, which comes within moments (`storage/soft.py`)."""

        def run(engine: WriteTransaction) -> Result:
            transaction = WritingTransaction(engine, self._look(engine, is_new=not engine.write_count))
            result = work(transaction)
            transaction.flush()
            return result

        try:
            return self._engine.run_soft(run, timeout_seconds)
        except GrowNeeded:
            return self.write_grouped(work, timeout_seconds)

    def write_batch(
        self,
        compute: Callable[[WriteTransaction], Batch | None],
        timeout_seconds: float | None = None,
        *,
        soft: bool,
    ) -> Batch | None:
        """Write what is computed, as `write_soft` and `write_grouped` do; None where that is None, or room is missing."""

        def run(engine: WriteTransaction) -> Batch | None:
            batch = compute(engine)
            if batch is not None and batch is not NOTHING:
                engine.apply(batch)
            return batch

        if soft:
            try:
                return self._engine.run_soft(run, timeout_seconds, at_once=True)
            except GrowNeeded:
                return None
        return self._write_batch_grouped(run, timeout_seconds)

    def _write_batch_grouped(
        self, work: Callable[[WriteTransaction], Batch | None], timeout_seconds: float | None
    ) -> Batch | None:
        def run(engine: WriteTransaction) -> Batch | None:
            batch = work(engine)
            faults.reach("before_commit")
            return batch

        with self.undoing():
            batch = self._queue.run(run, timeout_seconds)
        faults.reach("after_commit")
        return batch

    def recognize(self, engine: WriteTransaction, schema: Schema) -> bool:
        """Whether a write transaction sees a schema; remembered in the transaction."""
        engine.schema = self._look(engine, is_new=not engine.write_count)
        return engine.schema is schema

    def others_wait(self) -> bool:
        """Whether another thread of this process waits for the write lock."""
        return self._engine.has_waiters

    def committed(self, transaction: WritingTransaction) -> None:
        """Begin in the background what a commit has made to do."""
        if transaction.catalog_changed:
            known = {job.space for job in jobs(self.seen[1].catalog)}
            self.seen = (_NO_COMMIT, transaction.schema)
            self._wake(transaction.catalog, known)

    # The language's view

    def table(self, run: Run, database: str | None, name: str) -> StoredTable:
        """See `query.runtime.Store`."""
        schema: Schema = run.transaction.schema
        if database is None:
            database = run.options.get("db", DEFAULT_DATABASE)
        try:
            found = schema.tables[database][name]
        except KeyError:
            names = run.options.get("identifier_format") != "uuid"
            found = system_table(name, names=names) if database == SYSTEM else schema.table(database, name)
        return cast(StoredTable, found)

    def find_table(self, run: Run, database: str | None, name: str) -> StoredTable | None:
        """See `query.runtime.Store`."""
        try:
            return self.table(run, database, name)
        except ReqlOpFailedError:
            return None

    def check_database(self, run: Run, name: str) -> None:
        """See `query.runtime.Store`."""
        if name != SYSTEM:
            run.transaction.catalog.database(name)

    def decoder(self, fields: Fields) -> Callable[[bytes], Document]:
        """See `query.runtime.Store`."""
        return decoder(fields)

    def field_decoder(self, name: str) -> Callable[[bytes], Value]:
        """See `query.runtime.Store`."""
        return field_decoder(name)

    def administer(self, run: Run, command: str, *arguments: Value, **options: Value) -> Value:
        """See `query.runtime.Store`."""
        return STORE_COMMANDS[command](run, run.transaction, *arguments, **options)

    @property
    def table_commands(self) -> Mapping[str, TableCommand]:
        """The commands on tables, by name."""
        return TABLE_COMMANDS

    def sync(self) -> None:
        """Return when everything committed is on the disk."""
        self._engine.sync()

    # Indexes

    def build_until_ready(
        self,
        table_id: str,
        names: list[str] | None = None,
        check_interrupt: Callable[[], None] = lambda: None,
    ) -> None:
        """Build indexes of a table (all: None) until they are ready; ReqlOpFailedError where one cannot be.

        `check_interrupt` is called between two steps, and may raise.
        """
        self._worker.wait(table_id, names, check_interrupt)

    # Parts

    def _prepare(self) -> None:
        """Check that this is a store; make an empty file one."""
        with self._engine.begin_read() as transaction:
            if _check_format(transaction) or self._read_only:
                return
        with self._engine.begin_write() as writer:
            if not _check_format(writer):
                writer.put(CATALOG_SPACE, FORMAT_KEY, pack_u32(FORMAT_VERSION))
                save(writer, None, new_catalog(), 1)

    def _look(self, engine: ReadTransaction, *, is_new: bool = True) -> Schema:
        """The catalog that a transaction sees; remembered where that is committed, since the transaction is new."""
        schema = self.seen[1]
        if read_version(engine) != schema.catalog.version:
            schema = self._schema_of(load(engine, schema.catalog))
            self._wake(schema.catalog)
        if is_new:
            self.seen = (engine.id, schema)
        return schema

    def _look_or_abort(self, engine: ReadTransaction) -> Schema:
        try:
            return self._look(engine)
        except BaseException:
            engine.abort()
            raise

    def _schema_of(self, catalog: Catalog) -> Schema:
        return Schema(catalog, self._make_table)

    def _make_table(self, definition: TableDefinition) -> StoredTable:
        table = self._tables.get(definition.id)
        if table is None or table.definition is not definition:
            table = self._tables[definition.id] = StoredTable(definition, self)
        return table

    def _wake(self, catalog: Catalog, known: Collection[int] | None = None) -> None:
        """Have done what there is to do; what is not `known` this process has begun."""
        found = [] if self._read_only else jobs(catalog)
        if found:
            self._worker.wake([job.space for job in found if known is not None and job.space not in known])


def open_store(
    path: str | None = None, *, create: bool = True, read_only: bool = False, busy_timeout: float = BUSY_TIMEOUT_SECONDS
) -> OpenStore:
    """Open the store in a file, or make one in memory; see `docstore.connect`."""
    if path is None:
        return OpenStore(open_memory(busy_timeout=busy_timeout))
    engine = open_lmdb(path, create=create and not read_only, read_only=read_only, busy_timeout=busy_timeout)
    try:
        return OpenStore(engine, read_only=read_only)
    except BaseException:
        engine.close()
        raise


def _check_format(engine: ReadTransaction) -> bool:
    """Whether the store has been made; NotAStoreError, NewerFormatError or OlderFormatError where it is none that can be read."""
    data = engine.get(CATALOG_SPACE, FORMAT_KEY)
    if data is None:
        if next(engine.scan(CATALOG_SPACE), None) is not None:
            raise NotAStoreError("The file holds data, but it is no store of docstore.")
        return False
    version = unpack_u32(data)
    if version > FORMAT_VERSION:
        raise NewerFormatError(
            f"The store has the format {version}, but this version of docstore reads only the format {FORMAT_VERSION}."
        )
    if version < FORMAT_VERSION:
        raise OlderFormatError(
            f"The store has the format {version}, and this version of docstore reads only the format {FORMAT_VERSION}. "
            "Write its tables to JSON lines with the version that made it, and import them into a new store."
        )
    return True
