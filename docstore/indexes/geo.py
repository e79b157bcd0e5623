"""Geospatial indexes: what shapes intersect a shape, and which are nearest to a point.

An entry is (cell, member): a cell of the sphere's grid (`query.geometry.cells`) as eight bytes, most significant first,
and the primary key of the document. A shape has an entry for each of the cells that cover it; of a multi index each
element of an array is a shape. A document for which the function fails or gives no geometry has none.

A query looks at the entries of all cells that may matter, reads each of their documents once, and judges by the shapes
themselves. A document is given once for each of its shapes that intersects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, TypeAlias

from docstore.catalog import IndexDefinition, TableDefinition
from docstore.indexes.base import (
    FIRST_BATCH,
    LARGEST_BATCH,
    Update,
    changing,
    current_engine,
    decoder,
    differences,
    missing_row,
    reader,
)
from docstore.indexes.function import IndexFunction
from docstore.indexes.nearest import Search
from docstore.indexes.refusing import WithoutOrder
from docstore.storage.engine import ReadTransaction, WriteTransaction
from docstore.storage.entries import Entry
from query.errors import ReqlError
from query.geometries import Geometry
from query.geometry.cells import Cells, cells_of, cells_wanted
from query.geometry.geojson import geometry_of, shape_of
from query.geometry.relations import intersect
from query.geometry.shapes import Shape
from query.runtime import Document, Fields, Keep, Run
from query.values import Value

_CELL_BYTES: Final = 8

ShapesOf: TypeAlias = Callable[[Document], list[Shape]]


class GeoIndex(WithoutOrder):
    """One geospatial index of a table."""

    geo: Final = True
    compound: Final = False

    def __init__(self, table: TableDefinition, definition: IndexDefinition) -> None:
        self.definition = definition
        self.name = definition.name
        self.multi = definition.multi
        self._table = table
        self._space = definition.space
        self._function = IndexFunction(definition.function)
        self.fields: Fields = self._function.fields
        self.paths = self._function.paths

    # Documents to entries

    def _shapes_of(self) -> ShapesOf:
        """What gives the shapes of a document, for one use in one thread."""
        value_of, multi = self._function.bind(), self.multi

        def shapes_of(document: Document) -> list[Shape]:
            try:
                value = value_of(document)
            except ReqlError:
                return []
            return [shape for item in (value if multi and type(value) is list else [value]) for shape in _shape(item)]

        return shapes_of

    def entries(self, rows: Iterable[tuple[bytes, Document]]) -> list[Entry]:
        """See `StoredIndex`."""
        shapes_of = self._shapes_of()
        return [
            (cell.to_bytes(_CELL_BYTES), member)
            for member, document in rows
            for cell in {cell for shape in shapes_of(document) for cell in cells_of(shape)}
        ]

    def update(self, engine: WriteTransaction, updates: Sequence[Update]) -> int:
        """See `StoredIndex`."""
        updates = changing(self.fields, updates)
        if not updates:
            return 0
        gone, come = differences(self.entries, updates)
        return (engine.add_many(self._space, come) if come else 0) - (
            engine.remove_many(self._space, gone) if gone else 0
        )

    def refusals(self, engine: WriteTransaction, updates: Sequence[Update]) -> dict[bytes, str]:
        """See `StoredIndex`."""
        return {}

    # Reading

    def get_intersecting(self, run: Run, geometry: Value, fields: Fields, keep: Keep | None) -> Iterator[Document]:
        """See `query.runtime.Index`."""
        return self._intersecting(run, shape_of(geometry_of(geometry)), fields, keep)

    def _intersecting(self, run: Run, shape: Shape, fields: Fields, keep: Keep | None) -> Iterator[Document]:
        look, shapes_of, read = decoder(self.fields), self._shapes_of(), reader(fields, keep)
        for members in self._members(run, cells_wanted(shape), set()):
            for data in self._rows(run.transaction.engine, members):
                found = sum([intersect(shape, other) for other in shapes_of(look(data))])
                row = read(data) if found else None
                if row is not None:
                    for _ in range(found):
                        yield row

    def get_nearest(self, run: Run, target: Value, options: Mapping[str, Value]) -> list[Value]:
        """See `query.runtime.Index`."""
        search, engine = Search.of(target, options), run.transaction.engine
        look, shapes_of = decoder(self.fields), self._shapes_of()
        seen: set[bytes] = set()
        for cells in search.rounds():
            for members in self._members(run, cells, seen):
                for member, data in zip(members, self._rows(engine, members), strict=True):
                    for shape in shapes_of(look(data)):
                        search.add(member, shape)
        found = search.results()
        run.check_size(len(found))
        rows = self._rows(engine, [member for _, member in found])
        read = decoder(None)
        return [{"dist": distance, "doc": read(data)} for (distance, _), data in zip(found, rows, strict=True)]

    def _members(self, run: Run, cells: list[Cells], seen: set[bytes]) -> Iterator[list[bytes]]:
        """The members of cells, each once; each batch is to be read in the transaction of the moment."""
        size = FIRST_BATCH
        members = self._scan(run, cells)
        while batch := list(islice((member for member in members if member not in seen), size)):
            batch = list(dict.fromkeys(batch))
            seen.update(batch)
            yield batch
            size = min(2 * size, LARGEST_BATCH)

    def _scan(self, run: Run, cells: list[Cells]) -> Iterator[bytes]:
        engine = run.transaction.engine
        for low, high in cells:
            last: Entry | None = None
            while True:
                entries = engine.scan_entries(self._space, _key(low), _key(high + 1), after=last)
                for last in entries:
                    yield last[1]
                    if run.transaction.engine is not engine:
                        break
                else:
                    break
                engine = current_engine(run, self._table, self.definition)
            if run.transaction.engine is not engine:
                engine = current_engine(run, self._table, self.definition)

    def _rows(self, engine: ReadTransaction, members: list[bytes]) -> Iterator[bytes]:
        for data in engine.get_many(self._table.space, members):
            if data is None:
                raise missing_row(self.name, self._table)
            yield data


def _key(cell: int) -> bytes:
    return cell.to_bytes(_CELL_BYTES)


def _shape(value: Value) -> tuple[Shape, ...]:
    """The shape of a value; none where it is no geometry or has a fault."""
    if type(value) is not Geometry:
        return ()
    try:
        return (shape_of(value),)
    except ReqlError:
        return ()
