"""From vectors to answers: what is searched for, the vectors of documents, the documents of vectors with their distances.

Every answer's document is read in the transaction of the search, and its distance is reckoned from the vector itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from docstore.catalog import TableDefinition
from docstore.documents import decode_document
from docstore.errors import CorruptStoreError
from docstore.indexes.vector.filtering import Gathered, Passing, is_gathered
from docstore.indexes.vector.lists import State
from docstore.indexes.vector.records import member_key, vectors_at
from docstore.indexes.vector.scoring import distances, prepare
from docstore.storage.engine import ReadTransaction
from query.runtime import Document, Keep
from query.vectors import Vector

Answer: TypeAlias = tuple[float, Document]

_PLACE: Final = np.dtype([("ordinal", ">u8"), ("list", ">u4"), ("block", ">u4")])


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched for."""

    query: Vector
    results: int
    max_dist: float | None = None
    keep: Keep | None = None
    probes: int | None = None
    exact: bool = False


def gather(engine: ReadTransaction, state: State, members: Iterable[bytes]) -> Gathered:
    """The vectors of documents."""
    return gather_vectors(engine, state, _ordinals_of(engine, state, members))


def _ordinals_of(engine: ReadTransaction, state: State, members: Iterable[bytes]) -> Any:
    """The ordinals of the vectors of documents."""
    found = engine.get_many(state.space, [member_key(one) for one in members])
    places = b"".join([data for data in found if data is not None])
    if len(places) % _PLACE.itemsize:
        raise CorruptStoreError(f"Expected the places of vectors but found {places[:40].hex()}.")
    return np.frombuffer(places, _PLACE)["ordinal"].astype(np.int64)


def gather_vectors(engine: ReadTransaction, state: State, ordinals: Any) -> Gathered:
    """Some vectors, side by side."""
    members, packed = vectors_at(engine, state.space, ordinals)
    return Gathered(members, packed, prepare(state.form, packed))


def passing_of(engine: ReadTransaction, state: State, members: Iterable[bytes]) -> Passing:
    """The vectors of the documents that a filter lets through."""
    ordinals = _ordinals_of(engine, state, members)
    few = is_gathered(len(ordinals), state.head.vectors, state.form.dimensions)
    gathered = gather_vectors(engine, state, ordinals) if few else None
    return Passing(ordinals, state.head.next_ordinal, gathered)


def nearest_of(
    engine: ReadTransaction, state: State, table: TableDefinition, wanted: Wanted, ordinals: list[int]
) -> list[Answer]:
    """The nearest of some vectors, of which some may be gone."""
    members, packed = vectors_at(engine, state.space, np.array(ordinals, np.int64))
    if not members:
        return []
    nearest: dict[bytes, float] = {}
    for member, dist in zip(members, distances(state.form, wanted.query, packed), strict=True):
        if dist < nearest.get(member, np.inf) and (wanted.max_dist is None or dist <= wanted.max_dist):
            nearest[member] = dist
    return with_documents(engine, table, nearest, wanted.results)


def with_documents(
    engine: ReadTransaction, table: TableDefinition, dists: dict[bytes, float], results: int
) -> list[Answer]:
    """The nearest documents, of all that are near enough, by their keys."""
    best = sorted([(dist, member) for member, dist in dists.items()])[:results]
    documents = engine.get_many(table.space, [member for _, member in best])
    return [(dist, decode_document(there(table, data))) for (dist, _), data in zip(best, documents, strict=True)]


def there(table: TableDefinition, data: bytes | None) -> bytes:
    """What an entry leads to; CorruptStoreError where that is not there."""
    if data is None:
        raise CorruptStoreError(
            f"A vector index of the table `{table.title}` has an entry without a document or a vector. "
            "`docstore check` tells more; dropping and creating the index mends it."
        )
    return data
