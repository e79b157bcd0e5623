"""The kinds of index. A new one is a class that fits `StoredIndex`, and a line in `INDEX_KINDS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from docstore.catalog import IndexDefinition, TableDefinition
from docstore.errors import NewerFormatError
from docstore.indexes.base import StoredIndex
from docstore.indexes.geo import GeoIndex
from docstore.indexes.ordered import OrderedIndex


def _vector_index(table: TableDefinition, definition: IndexDefinition) -> StoredIndex:
    from docstore.indexes.vector.index import VectorIndex  # it needs numpy, which no other index does

    return VectorIndex(table, definition)


INDEX_KINDS: Final[Mapping[str, Callable[[TableDefinition, IndexDefinition], StoredIndex]]] = {
    "geo": GeoIndex,
    "ordered": OrderedIndex,
    "vector": _vector_index,
}
"""What makes an index, by the `kind` of its definition."""


def make_index(table: TableDefinition, definition: IndexDefinition) -> StoredIndex:
    """The index of a definition; NewerFormatError for a kind that only a later version knows."""
    kind = INDEX_KINDS.get(definition.kind)
    if kind is None:
        raise NewerFormatError(
            f"The index `{definition.name}` of the table `{table.title}` is of the kind `{definition.kind}`, which this "
            f"version does not know; it knows {', '.join(sorted(INDEX_KINDS))}."
        )
    return kind(table, definition)
