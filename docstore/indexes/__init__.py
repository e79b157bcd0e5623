"""The kinds of index. A new one is a class that fits `StoredIndex`, and a line in `INDEX_KINDS`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Final

from docstore.catalog import IndexDefinition, TableDefinition
from docstore.errors import NewerFormatError
from docstore.indexes.base import StoredIndex
from docstore.indexes.geo import GeoIndex
from docstore.indexes.ordered import OrderedIndex

_VECTOR: Final = "docstore.indexes.vector.index"


def _vector_index(table: TableDefinition, definition: IndexDefinition) -> StoredIndex:
    from docstore.indexes.vector.index import VectorIndex  # it needs numpy, which no other index does

    return VectorIndex(table, definition)


INDEX_KINDS: Final[Mapping[str, Callable[[TableDefinition, IndexDefinition], StoredIndex]]] = {
    "geo": GeoIndex,
    "ordered": OrderedIndex,
    "vector": _vector_index,
}
"""What makes an index, by the `kind` of its definition."""


def load_kinds(tables: Iterable[TableDefinition]) -> None:
    """Import what the indexes of some tables need, so that no query has to: modules of vectors take 20 ms."""
    if any(index.kind == "vector" for table in tables for index in table.indexes.values()):
        import_module(_VECTOR)


def make_index(table: TableDefinition, definition: IndexDefinition) -> StoredIndex:
    """The index of a definition; NewerFormatError for a kind that only a later version knows."""
    kind = INDEX_KINDS.get(definition.kind)
    if kind is None:
        raise NewerFormatError(
            f"The index `{definition.name}` of the table `{table.title}` is of the kind `{definition.kind}`, which this "
            f"version does not know; it knows {', '.join(sorted(INDEX_KINDS))}."
        )
    return kind(table, definition)
