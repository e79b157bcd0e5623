"""Proof that the records of a vector index are whole, and are those of its documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from docstore.documents import decode_document
from docstore.errors import CorruptStoreError
from docstore.indexes.vector.centering import coder_in
from docstore.indexes.vector.codes import Bits, Coder
from docstore.indexes.vector.index import VectorIndex
from docstore.indexes.vector.lists import read_layout
from docstore.indexes.vector.reading import Form
from docstore.indexes.vector.records import (
    BLOCK_PREFIX,
    GONE_PREFIX,
    LIST_PREFIX,
    MEMBER_PREFIX,
    ORDINAL_PREFIX,
    PLACE,
    SEGMENT_PREFIX,
    Head,
    member_key,
    ordinal_key,
    read_head,
    unpack_block,
    unpack_list,
    unpack_places,
    unpack_vector_record,
)
from docstore.indexes.vector.segments import alive_in, segments_of
from docstore.storage.engine import ReadTransaction
from docstore.storage.entries import Entry
from query.errors import ReqlError


def _range(prefix: bytes) -> tuple[bytes, bytes]:
    return prefix, bytes([prefix[0] + 1])


def stored_entries(engine: ReadTransaction, space: int) -> Iterator[Entry]:
    """All vectors of an index as its documents should make them: (packed vector, document's key)."""
    for _, data in engine.scan(space, *_range(ORDINAL_PREFIX)):
        member, row = unpack_vector_record(data)
        yield row, member


def faults(engine: ReadTransaction, space: int, index: VectorIndex) -> Iterator[str]:
    """What is wrong with the records among themselves, a sentence each."""
    try:
        yield from _faults(engine, space, index.form, index.coder)
    except CorruptStoreError as error:
        yield error.message


def _faults(engine: ReadTransaction, space: int, form: Form, coder: Coder) -> Iterator[str]:
    head = read_head(engine, space, coder.bits)
    coder = coder_in(engine, space, coder, head)
    layout = read_layout(engine, space, form.dimensions)
    if len(layout.numbers) != head.lists:
        yield f"its head tells of {head.lists} lists, and there are {len(layout.numbers)}"
    if not np.isfinite(layout.centroids).all():
        yield "a centroid is not finite"
    known = set(layout.numbers)
    sizes: dict[int, int] = {}
    placed = 0
    for key, data in engine.scan(space, *_range(BLOCK_PREFIX)):
        number, block = int.from_bytes(key[1:5], "big"), int.from_bytes(key[5:], "big")
        ordinals, rows = unpack_block(data, coder.code_bytes)
        sizes[number] = sizes.get(number, 0) + len(ordinals)
        placed += len(ordinals)
        records = engine.get_many(space, [ordinal_key(ordinal) for ordinal in ordinals])
        for ordinal, row, record in zip(ordinals, rows, records, strict=True):
            if record is None or not coder.matches(row, unpack_vector_record(record)[1]):
                yield f"the vector {ordinal} in the block {block} of the list {number} is not the one of its record"
            elif (ordinal, number, block) not in _places(engine, space, unpack_vector_record(record)[0]):
                yield f"the vector {ordinal} is in the block {block} of the list {number}, and is noted elsewhere"
    for key, data in engine.scan(space, *_range(LIST_PREFIX)):
        number = int.from_bytes(key[1:], "big")
        _, vectors, _ = unpack_list(data)
        if number not in known or vectors != sizes.pop(number, 0):
            yield f"the list {number} says that it has {vectors} vectors, and has not"
    yield from _segment_faults(engine, space, coder, head)
    if sizes:
        yield f"there are blocks of the lists {sorted(sizes)[:5]}, which have no record"
    records_found = sum(1 for _ in engine.scan(space, *_range(ORDINAL_PREFIX)))
    noted = sum(len(data) // PLACE.size for _, data in engine.scan(space, *_range(MEMBER_PREFIX)))
    if not placed == records_found == noted == head.vectors:
        yield (
            f"there are {placed} vectors in lists, {records_found} records of vectors and {noted} notes of their places; "
            f"its head says {head.vectors}"
        )


def _segment_faults(engine: ReadTransaction, space: int, coder: Coder, head: Head) -> Iterator[str]:
    segments = segments_of(head)
    for prefix, wanted in (
        (SEGMENT_PREFIX, [one.first for one in segments]),
        (GONE_PREFIX, [one.first for one in segments if one.gone]),
    ):
        if [int.from_bytes(key[1:], "big") for key, _ in engine.scan(space, *_range(prefix))] != wanted:
            yield f"its records `{prefix.decode()}` are not those of the segments in its head"
            return
    if not isinstance(coder, Bits):
        return
    last = -1
    for segment in segments:
        codes = alive_in(engine, space, segment, coder.words)
        ordinals = codes.ordinals.tolist()
        if len(ordinals) != segment.alive or segment.first <= last or sorted(set(ordinals)) != ordinals:
            yield f"the segment {segment.first} has not the {segment.alive} vectors that its head tells of, in order"
        last = ordinals[-1] if ordinals else last
        records = engine.get_many(space, [ordinal_key(one) for one in ordinals])
        for ordinal, code, record in zip(ordinals, coder.codes_of(codes.prepared), records, strict=True):
            if record is None or not coder.matches(code, unpack_vector_record(record)[1]):
                yield f"the vector {ordinal} in the segment {segment.first} is not the one of its record"
    alive = sum([one.alive for one in segments])
    if alive != head.vectors:
        yield f"its segments have {alive} vectors, and there are {head.vectors}"


def _places(engine: ReadTransaction, space: int, member: bytes) -> list[tuple[int, int, int]]:
    data = engine.get(space, member_key(member))
    return [] if data is None else unpack_places(data)


def differences(
    engine: ReadTransaction, table_space: int, index: VectorIndex, covers: Callable[[bytes], bool]
) -> Iterator[str]:
    """Which documents have other vectors in the index than they make."""
    space = index.definition.space
    found: dict[bytes, list[bytes]] = {}
    for row, member in stored_entries(engine, space):
        found.setdefault(member, []).append(row)
    for member, data in engine.scan(table_space):
        try:
            document = decode_document(data)
        except ReqlError:
            continue
        wanted = [row for row, _ in index.entries([(member, document)])] if covers(member) else []
        if sorted(found.pop(member, [])) != sorted(wanted):
            yield f"has other vectors for {member.hex()} than its document"
    for member in found:
        yield f"has a vector of {member.hex()}, which is not there"
