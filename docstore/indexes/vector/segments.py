"""Segments: the codes of all vectors of an index side by side, for a search that scores every one of them.

Only indexes whose codes are bits have segments (`codes.py`). They are read where they lie in the store, so that the first
search of a process costs what later ones do: the codes of 50,000 vectors of 384 numbers are 3 MB in four values, of which a
search copies nothing and keeps nothing.

A segment has vectors in the order of their ordinals, and follows the one before it. New vectors make a new segment, or a
larger last one while that is small; when the last `FAN` are all small they become one, so that a vector is copied once for
each size. A vector that goes is noted beside its segment; when a quarter is gone the segment is written anew, with the one
before it where both are short. So each write does a bounded part, and no more than a quarter of what lies there is dead.

A segment's record has how many vectors there are in 4 bytes, 4 of zero, the ordinals in 8 each, the first word of the bits
of each, the second of each and so on, and the lengths as float32; all little endian.

The head of the index says which segments there are: the first ordinal of each, a stamp of its codes, how many vectors it
has, and how many of these are gone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from docstore.errors import CorruptStoreError
from docstore.indexes.vector.codes import Bits
from docstore.indexes.vector.records import Head, gone_key, new_stamp, segment_key
from docstore.indexes.vector.scoring import Prepared
from docstore.storage.engine import ReadTransaction, WriteTransaction

FAN: Final = 8
SMALL: Final = 256
LARGEST: Final = 2 * SMALL * FAN**2
"""Vectors of a segment at most: two megabytes of 384 numbers, which are written in two milliseconds."""

REWRITES: Final = 2
"""Segments that a write frees of what is gone, at most."""

_HEAD: Final = 8
_U64: Final = np.dtype("<u8")
_F32: Final = np.dtype("<f4")


class Segment(NamedTuple):
    """What the head says of a segment."""

    first: int
    stamp: bytes
    vectors: int
    gone: int

    @property
    def alive(self) -> int:
        """The vectors that are not gone."""
        return self.vectors - self.gone


class Codes(NamedTuple):
    """Ordinals, and the codes of their vectors."""

    ordinals: Any
    prepared: Prepared


def segments_of(head: Head) -> list[Segment]:
    """The segments of an index."""
    return [Segment(*one) for one in head.segments]


def pack_segment(codes: Codes) -> bytes:
    """The record of a segment."""
    ordinals, columns, lengths = codes.ordinals, codes.prepared.rows, codes.prepared.squares
    count = len(ordinals)
    parts = [ordinals.astype("<u8").tobytes(), columns.astype("<u8").tobytes(), lengths.astype("<f4").tobytes()]
    return b"".join([count.to_bytes(4, "little"), b"\0\0\0\0", *parts])


def unpack_segment(data: Any, words: int) -> Codes:
    """What `pack_segment` wrote, as views of it."""
    count = 0 if data is None else int.from_bytes(data[:4], "little")
    lengths = _HEAD + count * 8 * (1 + words)
    if not count or len(data) != lengths + 4 * count:
        found = 0 if data is None else len(data)
        raise CorruptStoreError(f"Expected a segment of {count} vectors of {words} words but found {found} bytes.")
    columns = np.ndarray((words, count), _U64, data, _HEAD + 8 * count)
    return Codes(np.ndarray(count, _U64, data, _HEAD), Prepared(columns, np.ndarray(count, _F32, data, lengths)))


def read_gone(engine: ReadTransaction, space: int, segment: Segment) -> Any:
    """The ordinals that are gone from a segment."""
    data = engine.get(space, gone_key(segment.first)) if segment.gone else b""
    if data is None or len(data) != 8 * segment.gone:
        raise CorruptStoreError(f"Expected {segment.gone} ordinals that are gone from a segment of a vector index.")
    return np.frombuffer(data, "<u8")


def alive_in(engine: ReadTransaction, space: int, segment: Segment, words: int) -> Codes:
    """What is left of a segment."""
    codes = unpack_segment(engine.get(space, segment_key(segment.first)), words)
    if not segment.gone:
        return codes
    left = np.flatnonzero(~np.isin(codes.ordinals, read_gone(engine, space, segment)))
    return Codes(codes.ordinals[left], Prepared(codes.prepared.rows[:, left], codes.prepared.squares[left]))


def together(parts: Sequence[Codes]) -> Codes:
    """Several codes, one after the other."""
    if len(parts) == 1:
        return parts[0]
    columns = np.concatenate([part.prepared.rows for part in parts], axis=1)
    lengths = np.concatenate([part.prepared.squares for part in parts])
    return Codes(np.concatenate([part.ordinals for part in parts]), Prepared(columns, lengths))


class SegmentEditor:
    """Changes of the segments of an index, in one write transaction; its head is to be written afterwards."""

    def __init__(self, engine: WriteTransaction, space: int, head: Head, coder: Bits) -> None:
        self._engine = engine
        self._space = space
        self._head = head
        self._coder = coder
        self._segments = segments_of(head)

    def add(self, first: int, packed: bytes) -> None:
        """Add the codes of vectors with ordinals from one on."""
        prepared = self._coder.prepare(packed)
        count = prepared.rows.shape[1]
        fresh = Codes(np.arange(first, first + count, dtype="<u8"), prepared)
        last = self._segments[-1] if self._segments else None
        if last is not None and last.vectors + count <= SMALL:
            self._write(len(self._segments) - 1, 1, fresh)
        else:
            self._write(len(self._segments), 0, fresh)
        for limit in (SMALL, SMALL * FAN, SMALL * FAN**2):
            if len(self._segments) >= FAN and max([one.alive for one in self._segments[-FAN:]]) <= limit:
                self._write(len(self._segments) - FAN, FAN)
        self._save()

    def renew(self, ordinals: Sequence[int], codes: Sequence[bytes]) -> None:
        """Have these codes, in the order of their ordinals, in the place of all."""
        if not self._segments:
            return
        prepared = self._coder.prepare(b"".join(codes))
        self._write(0, len(self._segments), Codes(np.array(ordinals, "<u8"), prepared), keep=False)
        self._save()

    def remove(self, ordinals: Sequence[int]) -> None:
        """Note that vectors are gone."""
        starts = [one.first for one in self._segments]
        gone: defaultdict[int, list[int]] = defaultdict(list)
        for ordinal in ordinals:
            place = bisect_right(starts, ordinal) - 1
            if place >= 0:
                gone[place].append(ordinal)
        for place, found in gone.items():
            segment = self._segments[place]
            before = self._engine.get(self._space, gone_key(segment.first)) or b""
            self._engine.put(self._space, gone_key(segment.first), before + np.array(found, "<u8").tobytes())
            self._segments[place] = segment._replace(gone=segment.gone + len(found))
        for place in sorted(self._to_rewrite(gone), reverse=True):
            # It may be one with the segment behind it by now.
            if place < len(self._segments) and self._segments[place].gone:
                self._rewrite(place)
        self._save()

    def _to_rewrite(self, changed: Iterator[int] | dict[int, Any]) -> list[int]:
        """Segments of which all is gone, and some of those of which a quarter is."""
        segments = self._segments
        many = [place for place in changed if 4 * segments[place].gone > segments[place].vectors]
        few = [place for place in many if segments[place].alive]
        return [place for place in many if not segments[place].alive] + few[:REWRITES]

    def _rewrite(self, place: int) -> None:
        both = place > 0 and self._segments[place - 1].alive + self._segments[place].alive <= LARGEST // 2
        self._write(place - both, 1 + both)

    def _write(self, place: int, count: int, fresh: Codes | None = None, *, keep: bool = True) -> None:
        """Put what is left of some segments, if it is kept, and new codes behind it, in their place: in as few as can be."""
        old = self._segments[place : place + count]
        parts = [alive_in(self._engine, self._space, one, self._coder.words) for one in old if keep and one.alive]
        for one in old:
            self._engine.delete(self._space, segment_key(one.first))
            if one.gone:
                self._engine.delete(self._space, gone_key(one.first))
        parts += [] if fresh is None else [fresh]
        self._segments[place : place + count] = self._put(together(parts)) if parts else []

    def _put(self, codes: Codes) -> Iterator[Segment]:
        for start in range(0, len(codes.ordinals), LARGEST):
            end = start + LARGEST
            prepared = Prepared(codes.prepared.rows[:, start:end], codes.prepared.squares[start:end])
            piece = Codes(codes.ordinals[start:end], prepared)
            first = int(piece.ordinals[0])
            self._engine.put(self._space, segment_key(first), pack_segment(piece))
            yield Segment(first, new_stamp(), len(piece.ordinals), 0)

    def _save(self) -> None:
        self._head.segments = [list(one) for one in self._segments]
