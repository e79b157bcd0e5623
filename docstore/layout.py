"""The key space: every kind of record in a store, its space, its key and its value. Do not change what is here.

A store is a set of spaces (`storage/engine.py`). Space 0 is the catalog, a map. Spaces from `FIRST_FREE_SPACE` up belong
to tables (maps) and indexes (multimaps); their numbers are given out in order and never used again.

| space     | key                                  | value                                                             |
|-----------|--------------------------------------|-------------------------------------------------------------------|
| 0         | `format`                             | u32: `FORMAT_VERSION`                                             |
| 0         | `version`                            | u64: version of the catalog, one more with each change of it      |
| 0         | `next`                               | u32: the next space to give out                                   |
| 0         | `users`                              | MessagePack map: the users and their permissions                  |
| 0         | `d` UUID                             | MessagePack map: a database                                       |
| 0         | `t` UUID                             | MessagePack map: a table and its indexes                          |
| 0         | `n` u32 space of a table             | u64 documents, u64 next row id, then for each index: u32 its space, u64 its entries |
| 0         | `w` u32 space of an index            | u64 documents that its build has passed, then the row id of the last |
| 0         | `x` u32 dead space                   | `m` or `u`: a map or a multimap, whose contents are being removed |
| table's rows | row id: 6 bytes                   | the document, in MessagePack                                      |
| table's keys | primary key, as a key form        | the row id of the document                                        |
| index's   | value, as a key form, cut to 507 bytes | members: the row ids of the documents                           |

All integers are big endian. UUIDs are 16 bytes. Field names of the maps are those of the definitions in `catalog.py`.

The version is a record of its own so that a transaction finds out with one small read whether the catalog it knows is
still the one it sees. Counts and watermarks change often, and change no plan: they are no part of the version.

A row id is given to a document when it is inserted, in ascending order, and kept until it is deleted. So documents stand
in the order of their arrival: new ones fill the last page of their tree, whatever their keys are, instead of changing a
page each; and the entries of indexes are short.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, Literal, NamedTuple, TypeAlias

from docstore.errors import CorruptStoreError, StoreError

FORMAT_VERSION: Final = 5
FIRST_FREE_SPACE: Final = 16
"""Spaces 1 to 15 are kept for what all tables share: changefeeds, jobs."""

ROW_ID_BYTES: Final = 6

FORMAT_KEY: Final = b"format"
VERSION_KEY: Final = b"version"
NEXT_SPACE_KEY: Final = b"next"
USERS_KEY: Final = b"users"

DATABASE_PREFIX: Final = b"d"
TABLE_PREFIX: Final = b"t"
COUNTS_PREFIX: Final = b"n"
WATERMARK_PREFIX: Final = b"w"
DEAD_PREFIX: Final = b"x"

SpaceKind: TypeAlias = Literal["map", "multimap"]
KIND_BYTES: Final[dict[SpaceKind, bytes]] = {"map": b"m", "multimap": b"u"}
KINDS: Final[dict[bytes, SpaceKind]] = {code: kind for kind, code in KIND_BYTES.items()}

_u32 = Struct(">I")
_u64 = Struct(">Q")
_two_u64 = Struct(">QQ")
_entry = Struct(">IQ")


def pack_u32(number: int) -> bytes:
    """An unsigned integer of 32 bits."""
    return _u32.pack(number)


def unpack_u32(data: bytes) -> int:
    """The integer that `pack_u32` wrote; CorruptStoreError where it is none."""
    if len(data) != 4:
        raise CorruptStoreError(f"Expected 4 bytes in the catalog but found {data[:40].hex()}.")
    return int(_u32.unpack(data)[0])


def pack_u64(number: int) -> bytes:
    """An unsigned integer of 64 bits."""
    return _u64.pack(number)


def unpack_u64(data: bytes) -> int:
    """The integer that `pack_u64` wrote; CorruptStoreError where it is none."""
    if len(data) != 8:
        raise CorruptStoreError(f"Expected 8 bytes in the catalog but found {data[:40].hex()}.")
    return int(_u64.unpack(data)[0])


def counts_key(table_space: int) -> bytes:
    """The key of a table's counts."""
    return COUNTS_PREFIX + _u32.pack(table_space)


def watermark_key(index_space: int) -> bytes:
    """The key of an index's watermark."""
    return WATERMARK_PREFIX + _u32.pack(index_space)


def pack_watermark(documents: int, row_id: bytes) -> bytes:
    """How far a build has come: how many documents it has passed, and the row id of the last."""
    return _u64.pack(documents) + row_id


def unpack_watermark(data: bytes | None) -> tuple[int, bytes]:
    """What `pack_watermark` wrote; of a build that has not begun, 0 and what is below all row ids."""
    if data is None:
        return 0, b""
    if len(data) < 9:
        raise CorruptStoreError(f"Expected the watermark of a build but found {data.hex()}.")
    return int(_u64.unpack_from(data)[0]), data[8:]


def dead_key(space: int) -> bytes:
    """The key of the note that a space is dead."""
    return DEAD_PREFIX + _u32.pack(space)


class Counts(NamedTuple):
    """What is counted of a table."""

    documents: int
    next_row: int
    """The row id that the next new document gets."""
    entries: dict[int, int]
    """The entries of each index, by the index's space."""


def pack_counts(counts: Counts) -> bytes:
    """The counts of a table."""
    entries = counts.entries
    parts = [_entry.pack(space, entries[space]) for space in sorted(entries)]
    return _two_u64.pack(counts.documents, counts.next_row) + b"".join(parts)


def unpack_counts(data: bytes | None) -> Counts:
    """What `pack_counts` wrote; of a table without the record, nothing."""
    if data is None:
        return Counts(0, 0, {})
    if len(data) < _two_u64.size or (len(data) - _two_u64.size) % _entry.size:
        raise CorruptStoreError(f"Expected the counts of a table but found {data[:40].hex()}.")
    documents, next_row = _two_u64.unpack_from(data)
    return Counts(documents, next_row, dict(_entry.iter_unpack(data[_two_u64.size :])))


def pack_row_id(number: int) -> bytes:
    """A row id; StoreError where there are no more."""
    return pack_row_ids(range(number, number + 1))[0]


def pack_row_ids(numbers: range) -> list[bytes]:
    """Several row ids; StoreError where there are not so many."""
    try:
        return [number.to_bytes(ROW_ID_BYTES) for number in numbers]
    except OverflowError:
        raise StoreError(f"A table has had 2**{8 * ROW_ID_BYTES} documents, which is the most there can be.") from None
