"""The records of a vector index: a map of its own, of which every key begins with a letter. Do not change what is here.

| key                       | value                                                                                         |
|---------------------------|-----------------------------------------------------------------------------------------------|
| `h`                       | the head: a MessagePack map, see `Head`                                                        |
| `c` list                  | the centroid of a list: its numbers as float32, little endian                                 |
| `l` list                  | the list: its stamp in 8 bytes, its vectors and the number of its next block in 4 each          |
| `b` list, block           | a block: its vectors in 4 bytes, 4 of zero, their ordinals in 8 each, then their codes; little endian |
| `o` ordinal               | a vector: its document's row id, the vector in packed form                                     |
| `m` row id of a document  | for each of its vectors: the ordinal in 8 bytes, the list and the block in 4 each               |
| `r`                       | the rotation of codes of bits: its moves, see `rotation.py`                           |
| `a`                       | the middle that codes of bits are taken from: its numbers as float32, little endian           |
| `s` ordinal               | a segment, see `segments.py`                                                                   |
| `g` ordinal               | ordinals that are gone from the segment, in 8 bytes each, little endian                       |

Integers are big endian unless said otherwise; lists and blocks have 4 bytes, ordinals 8. Ordinals are given out in
ascending order and never again. The list 0 is there from the beginning; with no centroid it is the only one.

A *stamp* is 8 random bytes, new with every change: two lists with one stamp have the same vectors, whatever transaction or
process one sees them in. So what was read of a list may be kept by its stamp for ever.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, Final

import numpy as np

from docstore import native
from docstore.documents import decode_document, encode_document
from docstore.errors import CorruptStoreError
from docstore.layout import ROW_ID_BYTES
from docstore.storage.engine import ReadTransaction, WriteTransaction

HEAD_KEY: Final = b"h"
CENTROID_PREFIX: Final = b"c"
LIST_PREFIX: Final = b"l"
BLOCK_PREFIX: Final = b"b"
ORDINAL_PREFIX: Final = b"o"
MEMBER_PREFIX: Final = b"m"
ROTATION_KEY: Final = b"r"
MIDDLE_KEY: Final = b"a"
SEGMENT_PREFIX: Final = b"s"
GONE_PREFIX: Final = b"g"

BLOCK_BYTES: Final = 16_368
"""Four pages of LMDB less its header."""

_BLOCK_HEAD: Final = 8
_ORDINAL_BYTES: Final = 8

_u32 = Struct(">I")
_u64 = Struct(">Q")
_two = Struct(">II")
_list = Struct(">8sII")
PLACE: Final = Struct(">QII")
"""Where a vector is: its ordinal, its list, its block."""


@dataclass(slots=True)
class Head:
    """What there is to know of the whole index."""

    stamp: bytes = b""
    """New with every change of anything."""
    layout: bytes = b""
    """New with every change of the lists and their centroids."""
    next_ordinal: int = 0
    next_list: int = 1
    vectors: int = 0
    lists: int = 1
    skipped: dict[str, int] = field(default_factory=dict)
    pending: list[int] = field(default_factory=list)
    """Lists that have become too long or too short, for a later writer to mend."""
    bits: int = 0
    """The bits of a code, 0 where it has numbers."""
    middle: bytes = b""
    """New with the middle that codes of bits are taken from; empty where that is zero."""
    segments: list[list[Any]] = field(default_factory=list)
    """Of each segment its first ordinal, its stamp, its vectors, and how many of these are gone (`segments.py`)."""


def new_stamp() -> bytes:
    """A stamp that nothing has yet."""
    return os.urandom(8)


def new_stamps(count: int) -> list[bytes]:
    """So many of them: asking the system for each by itself takes as long as writing it."""
    found = os.urandom(8 * count)
    return [found[at : at + 8] for at in range(0, len(found), 8)]


def read_head(engine: ReadTransaction, space: int, bits: int | None = None) -> Head:
    """The head of an index, whose codes must have so many bits; of an index without one, a new one."""
    data = engine.get(space, HEAD_KEY)
    if data is None:
        return Head(bits=bits or 0)
    try:
        head = Head(**decode_document(data))
    except TypeError as error:
        raise CorruptStoreError(f"Expected the head of a vector index but found {data[:40].hex()}: {error}") from None
    if bits is not None and head.bits != bits:
        raise CorruptStoreError(
            f"Expected a vector index with codes of {bits} bits but found one with {head.bits}, which an earlier version of "
            "docstore has made: drop it and create it again."
        )
    return head


def read_rotation(engine: ReadTransaction, space: int, head: Head) -> bytes | None:
    """The moves of an index's rotation (`rotation.py`); None where the index is not written yet."""
    moves = engine.get(space, ROTATION_KEY)
    if moves is None and head.stamp:
        raise CorruptStoreError("Expected a rotation in the record `r` of a vector index but found no such record.")
    return moves


def read_middle(engine: ReadTransaction, space: int, head: Head, dimensions: int) -> Any:
    """The middle that the codes of an index are taken from; None where that is zero."""
    if not head.middle:
        return None
    data = engine.get(space, MIDDLE_KEY)
    found = np.frombuffer(data or b"", "<f4") if len(data or b"") == 4 * dimensions else None
    if found is None or not np.isfinite(found).all():
        what = "no such record" if data is None else f"{len(data)} bytes: {data[:16].hex()}"
        raise CorruptStoreError(
            f"Expected {dimensions} finite numbers in the record `a` of a vector index but found {what}."
        )
    return found


def write_head(engine: WriteTransaction, space: int, head: Head) -> None:
    """Write the head of an index."""
    engine.put(space, HEAD_KEY, encode_document({name: getattr(head, name) for name in Head.__dataclass_fields__}))


def centroid_key(number: int) -> bytes:
    """The key of a list's centroid."""
    return CENTROID_PREFIX + _u32.pack(number)


def list_key(number: int) -> bytes:
    """The key of a list."""
    return LIST_PREFIX + _u32.pack(number)


def pack_list(stamp: bytes, vectors: int, next_block: int) -> bytes:
    """The record of a list."""
    return _list.pack(stamp, vectors, next_block)


def unpack_list(data: bytes | None) -> tuple[bytes, int, int]:
    """What `pack_list` wrote; of a list without the record, an empty one."""
    if data is None:
        return b"", 0, 0
    if len(data) != _list.size:
        raise CorruptStoreError(f"Expected a list of vectors but found {data[:40].hex()}.")
    stamp, vectors, next_block = _list.unpack(data)
    return stamp, vectors, next_block


def block_key(number: int, block: int) -> bytes:
    """The key of a block of a list."""
    return BLOCK_PREFIX + _two.pack(number, block)


def blocks_of(number: int) -> tuple[bytes, bytes]:
    """The range of the keys of a list's blocks."""
    return BLOCK_PREFIX + _u32.pack(number), BLOCK_PREFIX + _u32.pack(number + 1)


def ordinal_key(ordinal: int) -> bytes:
    """The key of a vector."""
    return ORDINAL_PREFIX + _u64.pack(ordinal)


def member_key(member: bytes) -> bytes:
    """The key of the vectors of a document."""
    return MEMBER_PREFIX + member


def segment_key(first: int) -> bytes:
    """The key of a segment, by its first ordinal."""
    return SEGMENT_PREFIX + _u64.pack(first)


def gone_key(first: int) -> bytes:
    """The key of what is gone from a segment."""
    return GONE_PREFIX + _u64.pack(first)


def block_capacity(row_bytes: int) -> int:
    """The vectors that a block holds at most."""
    return max(1, (BLOCK_BYTES - _BLOCK_HEAD) // (_ORDINAL_BYTES + row_bytes))


def pack_block(ordinals: list[int], rows: list[bytes]) -> bytes:
    """A block of vectors in their packed form."""
    return b"".join([len(rows).to_bytes(4, "little"), b"\0\0\0\0", np.array(ordinals, "<u8").tobytes(), *rows])


def unpack_block(data: bytes, row_bytes: int) -> tuple[list[int], list[bytes]]:
    """What `pack_block` wrote."""
    ordinals, packed = split_block(data, row_bytes)
    return [int(one) for one in np.frombuffer(ordinals, "<u8")], [
        packed[at : at + row_bytes] for at in range(0, len(packed), row_bytes)
    ]


def block_length(data: bytes) -> int:
    """How many vectors a block has."""
    return int.from_bytes(data[:4], "little")


def extend_block(data: bytes, ordinals: list[int], rows: list[bytes]) -> bytes:
    """A block with more vectors behind those that it has."""
    count = block_length(data)
    end = _BLOCK_HEAD + count * _ORDINAL_BYTES
    head = (count + len(rows)).to_bytes(4, "little")
    fresh = [ordinal.to_bytes(8, "little") for ordinal in ordinals]
    return b"".join([head, data[4:end], *fresh, data[end:], *rows])


def split_block(data: bytes, row_bytes: int) -> tuple[bytes, bytes]:
    """The ordinals of a block and its rows, both still packed."""
    count = int.from_bytes(data[:4], "little")
    end = _BLOCK_HEAD + count * _ORDINAL_BYTES
    if len(data) != end + count * row_bytes:
        raise CorruptStoreError(
            f"Expected a block of {count} vectors of {row_bytes} bytes but found {len(data)} bytes."
        )
    return data[_BLOCK_HEAD:end], data[end:]


def pack_vector_record(member: bytes, row: bytes) -> bytes:
    """The record of a vector."""
    return member + row


def unpack_vector_record(data: bytes) -> tuple[bytes, bytes]:
    """The document's key and the vector of a vector's record."""
    if len(data) < ROW_ID_BYTES:
        raise CorruptStoreError(f"Expected the record of a vector but found {data[:40].hex()}.")
    return data[:ROW_ID_BYTES], data[ROW_ID_BYTES:]


def ordinal_keys(ordinals: Any) -> list[bytes]:
    """The keys of vectors, of an array of ordinals."""
    if native.AVAILABLE:
        return native.vectors.ordinal_keys(ORDINAL_PREFIX[0], ordinals.astype(np.uint64, copy=False))
    packed = ordinals.astype(">u8").tobytes()
    return [ORDINAL_PREFIX + packed[at : at + 8] for at in range(0, len(packed), 8)]


def vectors_at(engine: ReadTransaction, space: int, ordinals: Any) -> tuple[list[bytes], bytes]:
    """The documents' keys of the vectors that there are of an array of ordinals, and the vectors, one after the other."""
    try:
        return engine.rows(space, ordinal_keys(ordinals)).parted(ROW_ID_BYTES)
    except ValueError as error:
        raise CorruptStoreError(
            f"Expected the record of a vector but found {bytes(error.args[0])[:40].hex()}."
        ) from None


def unpack_places(data: bytes) -> list[tuple[int, int, int]]:
    """Where the vectors of a document are: the ordinal, the list and the block of each."""
    if len(data) % PLACE.size:
        raise CorruptStoreError(f"Expected the places of vectors but found {data[:40].hex()}.")
    return list(PLACE.iter_unpack(data))
