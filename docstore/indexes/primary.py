"""The primary key as an index, which leads to the rows; and the scan of a table, in the order of the rows.

Primary keys are stored whole, so a bound that is longer than any of them can be is one at the place where it would stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final, TypeAlias

from docstore.catalog import TableDefinition
from docstore.indexes.base import (
    LARGEST_BATCH,
    chooser,
    current_engine,
    missing_row,
    reader,
    refuse_null,
    row_chooser,
)
from docstore.indexes.refusing import WithoutShapes
from docstore.keys import MAX_KEY_BYTES, check_key, key_range, prefix_successor, primary_key
from docstore.storage.engine import ReadTransaction
from docstore.storage.rows import Rows
from query.runtime import Document, Fields, Keep, Range, Run
from query.values import Value

Part: TypeAlias = tuple[bytes, bytes | None]
"""Keys from the first up to, and without, the second; None is no limit."""

EVERYTHING: Final[Part] = (b"", None)


def scan(run: Run, table: TableDefinition, fields: Fields, keep: Keep | None) -> Iterator[Document]:
    """The rows of a table. Goes on where it was when the run's transaction is replaced between two rows."""
    return _chosen(run, table, _row_chunks, EVERYTHING, fields, keep)


def _chosen(
    run: Run, table: TableDefinition, chunks_of: ChunksOf, part: Part, fields: Fields, keep: Keep | None
) -> Iterator[Document]:
    """Rows are decoded and tested in chunks, which is the fastest; what comes out is each with its place in the chunk."""
    chosen, engine = chooser(fields, keep), run.transaction.engine
    while True:
        for chunk, rows in chunks_of(engine, table, part):  # noqa: B007 - where it stopped
            for place, row in chosen(rows):  # noqa: B007
                yield row
                if run.transaction.engine is not engine:
                    break
            else:
                continue
            break
        else:
            return
        engine, part = current_engine(run, table), after(chunk.key(place), part, False)


ChunksOf: TypeAlias = Callable[[ReadTransaction, TableDefinition, Part], Iterator[tuple[Rows, Rows]]]
"""The rows of a part of a space, and those of the documents: in its order, in chunks."""


def _row_chunks(engine: ReadTransaction, table: TableDefinition, part: Part) -> Iterator[tuple[Rows, Rows]]:
    for chunk in engine.scan_rows(table.space, *part):
        yield chunk, chunk


def _key_chunks(engine: ReadTransaction, table: TableDefinition, part: Part) -> Iterator[tuple[Rows, Rows]]:
    for chunk in engine.scan_rows(table.key_space, *part):
        yield chunk, engine.follow(chunk, table.space)


def _backward(run: Run, table: TableDefinition, part: Part, fields: Fields, keep: Keep | None) -> Iterator[Document]:
    """The same against the order of the primary keys."""
    read, engine = reader(fields, keep), run.transaction.engine
    while True:
        for key, row_id in engine.scan(table.key_space, *part, reverse=True):  # noqa: B007 - where it stopped
            data = engine.get(table.space, row_id)
            if data is None:
                raise missing_row(table.primary_key, table)
            row = read(data)
            if row is not None:
                yield row
                if run.transaction.engine is not engine:
                    break
        else:
            return
        engine, part = current_engine(run, table), after(key, part, True)


def after(key: bytes, part: Part, reverse: bool) -> Part:
    """What is left of a part after a key: keys are no beginnings of each other."""
    return (part[0], key) if reverse else (prefix_successor(key) or key, part[1])


class PrimaryIndex(WithoutShapes):
    """The primary key of a table."""

    __slots__ = ("_table", "name", "paths")

    multi: Final = False
    geo: Final = False
    compound: Final = False

    def __init__(self, table: TableDefinition) -> None:
        self._table = table
        self.name = table.primary_key
        self.paths: tuple[tuple[str, ...], ...] | None = ((table.primary_key,),)

    def get_all(self, run: Run, keys: Sequence[Value], fields: Fields, keep: Keep | None) -> Iterator[Document]:
        """See `query.runtime.Index`."""
        for key in keys:
            refuse_null(key)
        return chain.from_iterable(self._get_all(run, [primary_key(key) for key in keys], fields, keep))

    def _get_all(self, run: Run, keys: list[bytes], fields: Fields, keep: Keep | None) -> Iterator[Iterable[Document]]:
        chosen, engine = row_chooser(fields, keep), run.transaction.engine
        for start in range(0, len(keys), LARGEST_BATCH):
            if run.transaction.engine is not engine:
                engine = current_engine(run, self._table)
            named = engine.rows(self._table.key_space, keys[start : start + LARGEST_BATCH]).present()
            yield chosen(engine.follow(named, self._table.space))

    def between(
        self, run: Run, bounds: Range, fields: Fields, keep: Keep | None, *, reverse: bool = False
    ) -> Iterator[Document]:
        """See `query.runtime.Index`."""
        if reverse:
            return _backward(run, self._table, _part(bounds), fields, keep)
        return _chosen(run, self._table, _key_chunks, _part(bounds), fields, keep)

    def count(self, run: Run, keys: Sequence[Value]) -> int:
        """See `query.runtime.Index`."""
        for key in keys:
            refuse_null(key)
        found: list[bytes | None] = run.transaction.engine.get_many(
            self._table.key_space, [primary_key(key) for key in keys]
        )
        return len(found) - found.count(None)

    def count_between(self, run: Run, bounds: Range, most: int) -> int:
        """See `query.runtime.Index`."""
        return sum(1 for _ in islice(run.transaction.engine.scan(self._table.key_space, *_part(bounds)), most))

    def keys(self, run: Run, bounds: Range, *, reverse: bool = False) -> Iterator[Value]:
        """See `query.runtime.Index`. The documents are at hand here, and carry the key exactly."""
        name = self.name
        for row in self.between(run, bounds, frozenset({name}), None, reverse=reverse):
            yield row[name]


def _part(bounds: Range) -> Part:
    if bounds.is_empty:
        return b"", b""
    check_key(bounds.low, "Primary")
    check_key(bounds.high, "Primary")
    part = key_range(
        bounds.low, bounds.high, "open" if bounds.low_open else "closed", "open" if bounds.high_open else "closed"
    )
    if len(part.full_low) > MAX_KEY_BYTES:
        return prefix_successor(part.low) or part.low, part.high
    return part.low, part.high
