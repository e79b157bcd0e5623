"""Online builds of indexes, and the removal of what was dropped: jobs done in short write transactions, by anyone.

A *step* of a build, inside one write transaction: read the next documents after the watermark, add their entries, move the
watermark. Writers keep the index in step for documents at or below the watermark (`table.py`) and leave those above to the
builder; a watermark and the entries that it stands for are committed together. So no log of changes is needed, a killed
builder loses one step, and two builders at once do no harm: each reads the definition, by its space, and the watermark
inside its own transaction, and stops when the index is gone or no longer building. When no document is left, the same
transaction makes the index ready.

A *sweep* removes a dead space in steps of the same kind, and then the note that it is dead.

**Time.** A step holds the write lock for at most `STEP_SECONDS` while others write, and for `LARGEST_STEP` documents while
nobody does: large sorted batches cost half of small ones. Between two steps waiting writers get the lock, which is
handed out in order of arrival.

A document that breaks a unique index, and any error that is not passing, makes an index *failed*, with the error in its
definition.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from docstore import faults
from docstore.catalog import Catalog, IndexDefinition, TableDefinition
from docstore.indexes import make_index
from docstore.indexes.base import StoredIndex, Update, decoder
from docstore.keys import prefix_successor
from docstore.layout import pack_watermark, unpack_watermark, watermark_key
from docstore.storage.engine import CATALOG_SPACE, ReadTransaction
from docstore.storage.rows import Rows
from docstore.transaction import Transaction, WritingTransaction
from query.collection import paused_collection

STEP_SECONDS: Final = 0.005
LARGEST_STEP: Final = 50_000
"""Documents of one step while nobody else writes, which takes 100 ms then: a commit costs what some thousand documents do."""

BATCH: Final = 2_000
"""Documents whose entries are sorted and added together: with more of them, they do not stay in the processor's cache."""

SMALL_BATCH: Final = 200
"""The same while others write, who wait until the entries are added: in a multi index there are some for each document."""

SMALL_VECTOR_BATCH: Final = 50
"""The same for vectors: between two batches a step ends when its time is over, which on a busy machine is soon."""

LARGEST_VECTOR_STEP: Final = 100
"""Documents of one step of a vector index, whose lists split meanwhile: writers wait 25 ms in the worst hundredth."""

LARGEST_QUIET_VECTOR_STEP: Final = 300
"""The same while nobody else writes: large steps cost a vector less, and the first writer to come waits no longer than that."""

CHUNK: Final = 200
"""Documents between two looks at the clock."""

IMMEDIATE_DOCUMENTS: Final = 1_000
"""A table of so many documents is indexed where the index is created: it takes as long as one step."""

_WORKING_SHARE: Final = 0.4
"""What reading documents and adding their entries takes of a step; the commit takes the rest."""

Hurry = Callable[[], bool]
"""Whether others write."""


class Job(NamedTuple):
    """One thing to do: build the index of this space, or empty this dead space."""

    space: int
    table_id: str | None


def jobs(catalog: Catalog) -> list[Job]:
    """What there is to do: builds first, the oldest first."""
    builds = [
        Job(index.space, table.id)
        for table in catalog.tables()
        for index in table.indexes.values()
        if index.state == "building"
    ]
    return sorted(builds) + [Job(space, None) for space in sorted(catalog.dead)]


def prepare(transaction: Transaction, job: Job, goes_on: Callable[[], bool]) -> Any:
    """What a build wants to know of the whole table before its first step, read in a snapshot; None for nothing.

    It takes its time, up to seconds, and no lock; when `goes_on` says no it hurries up.
    """
    table = None if job.table_id is None else transaction.catalog.table_with_id(job.table_id)
    index = None if table is None else table.index_in(job.space)
    if table is None or index is None or index.kind != "vector" or index.state != "building":
        return None
    if transaction.engine.get(CATALOG_SPACE, watermark_key(job.space)) is not None:
        return None  # it has begun
    documents, _ = transaction.counts(table)
    return make_index(table, index).prepare(transaction.engine, documents, goes_on)  # type: ignore[attr-defined]


def step(transaction: WritingTransaction, job: Job, hurry: Hurry, prepared: Any = None) -> None:
    """Do a part of a job inside a write transaction that has just begun, and is then to be committed."""
    if job.table_id is None:
        if job.space in transaction.catalog.dead:
            _sweep(transaction, job.space, Clock(hurry))
        return
    table = transaction.catalog.table_with_id(job.table_id)
    index = None if table is None else table.index_in(job.space)
    if table is not None and index is not None and index.state == "building":
        with paused_collection(), transaction.writer.before() as before:
            built = make_index(table, index)
            if prepared is not None:
                built.begin(transaction.writer, prepared)  # type: ignore[attr-defined]
            _build(transaction, before, table, built, Clock(hurry))


def start_index(transaction: WritingTransaction, table: TableDefinition, name: str) -> None:
    """Begin to build an index that the transaction has just created: a small table's is ready at once."""
    current = transaction.catalog.table(table.database, table.name)
    documents, _ = transaction.counts(current)
    if documents <= IMMEDIATE_DOCUMENTS:
        _build(transaction, transaction.engine, current, make_index(current, current.index(name)), Clock(lambda: False))


def fail(transaction: WritingTransaction, job: Job, error: str) -> None:
    """Note that an index cannot be built; its entries stay until it is dropped."""
    table = transaction.catalog.table_with_id(job.table_id or "")
    index = None if table is None else table.index_in(job.space)
    if table is not None and index is not None and index.state == "building":
        transaction.writer.delete(CATALOG_SPACE, watermark_key(index.space))
        transaction.catalog = transaction.catalog.set_index_state(table, index.name, "failed", error)


def progress(transaction: Transaction, table: TableDefinition, index: IndexDefinition) -> float:
    """How much of an index is built, from 0 to 1: the documents passed of those in the table."""
    if index.state == "ready":
        return 1.0
    passed, _ = unpack_watermark(transaction.engine.get(CATALOG_SPACE, watermark_key(index.space)))
    documents, _ = transaction.counts(table)
    return min(1.0, passed / documents) if documents else 0.0


class Clock:
    """How long a step may go on."""

    def __init__(self, hurry: Hurry) -> None:
        self.hurry = hurry
        self._began = time.perf_counter()

    def is_over(self) -> bool:
        """Whether a step should end."""
        late = time.perf_counter() - self._began > STEP_SECONDS * _WORKING_SHARE
        return late and self.hurry()


def _build(
    transaction: WritingTransaction, reader: ReadTransaction, table: TableDefinition, index: StoredIndex, clock: Clock
) -> None:
    """Add the entries of the next documents, which `reader` sees as the transaction does."""
    writer, definition = transaction.writer, index.definition
    passed, watermark = unpack_watermark(writer.get(CATALOG_SPACE, watermark_key(definition.space)))
    rows = reader.scan_rows(table.space, prefix_successor(watermark) or b"")
    most, small = LARGEST_STEP, SMALL_BATCH
    if definition.kind == "vector":
        small = SMALL_VECTOR_BATCH
        most = LARGEST_VECTOR_STEP if clock.hurry() else LARGEST_QUIET_VECTOR_STEP
    done, more, is_over = 0, 0, False
    while not is_over:
        updates = _next_updates(rows, index, small if clock.hurry() else BATCH, most - done)
        if not updates:
            break
        refused = index.refusals(writer, updates)
        if refused:
            fail(transaction, Job(definition.space, table.id), next(iter(refused.values())))
            return
        more += index.update(writer, updates)
        done += len(updates)
        watermark = updates[-1][0]
        is_over = done >= most or clock.is_over()
    transaction.add_counts(table.space, 0, {definition.space: more})
    faults.reach("before_watermark")
    if is_over:
        writer.put(CATALOG_SPACE, watermark_key(definition.space), pack_watermark(passed + done, watermark))
    else:
        writer.delete(CATALOG_SPACE, watermark_key(definition.space))
        transaction.catalog = transaction.catalog.set_index_state(table, definition.name, "ready")
    faults.reach("after_watermark")


def _next_updates(rows: Iterator[Rows], index: StoredIndex, wanted: int, most: int) -> list[Update]:
    """What the next documents are to the index, about as many as wanted; none only where there are none left."""
    decode = decoder(index.fields)
    updates: list[Update] = []
    while len(updates) < min(wanted, most):
        chunk = next(rows, None)
        if chunk is None:
            break
        updates += chunk.added(decode, most - len(updates))
    return updates


def _sweep(transaction: WritingTransaction, space: int, clock: Clock) -> None:
    writer, is_map = transaction.writer, transaction.catalog.dead[space] == "map"
    removed = 0
    while not removed or not (removed >= LARGEST_STEP or clock.is_over()):
        found = list(islice(writer.scan(space) if is_map else writer.scan_entries(space), CHUNK))
        if is_map:
            for key, _ in found:
                writer.delete(space, key)
        else:
            writer.remove_many(space, found)
        removed += len(found)
        if len(found) < CHUNK:
            transaction.catalog = transaction.catalog.forget_space(space)
            return
