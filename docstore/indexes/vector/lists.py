"""Lists as they are read: which there are, where their centroids lie, what vectors they have.

What was read is kept by stamps (`records.py`), so that it is right in every transaction and costs nothing to check while
nobody writes. Vectors of lists are kept in one cache of the process, up to `CACHE_BYTES`; when that is full the half that
was read first goes. Any thread may read.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, cast

import numpy as np

from docstore import native
from docstore.errors import CorruptStoreError
from docstore.indexes.vector.codes import Bits, Coder
from docstore.indexes.vector.reading import Form
from docstore.indexes.vector.records import (
    CENTROID_PREFIX,
    Head,
    blocks_of,
    list_key,
    read_head,
    segment_key,
    split_block,
    unpack_list,
    vectors_at,
)
from docstore.indexes.vector.scoring import Prepared, prepare, scattered
from docstore.indexes.vector.segments import Codes, read_gone, segments_of, together, unpack_segment
from docstore.storage.engine import ReadTransaction

SHORT: Final = 2_048
"""Vectors up to which a segment is short: all short ones are kept side by side in memory, 2 MB at most."""

CACHE_BYTES: Final = 640 * 2**20
"""A million vectors of 128 numbers, and a process that stays below 1 GB."""


class ListData:
    """The vectors of one list, ready to be scored, and their ordinals."""

    __slots__ = ("exact", "ordinals", "part", "prepared")

    def __init__(self, ordinals: Any, prepared: Prepared) -> None:
        self.ordinals = ordinals
        self.prepared = prepared
        self.exact: Prepared | None = None
        """The vectors themselves, where the list has codes of them and they were asked for."""
        self.part: Any = None
        """The codes as `codes.BitScorer` takes them, once they were."""

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        exact = 0 if self.exact is None else self.exact.nbytes
        return int(self.ordinals.nbytes) + self.prepared.nbytes + exact + 200


class _Cache:
    """Lists by their stamps."""

    def __init__(self) -> None:
        self._lists: dict[bytes, ListData] = {}
        self._bytes = 0
        self._lock = threading.Lock()
        self.get = self._lists.get
        self.generation = 0
        """Counted up when something was forgotten: who holds lists of an earlier one lets them go."""

    def put(self, stamp: bytes, data: ListData) -> None:
        """Keep a list."""
        with self._lock:
            if stamp not in self._lists:
                self._lists[stamp] = data
                self._bytes += data.nbytes
                if self._bytes > CACHE_BYTES:
                    self._forget()

    def grew(self, more: int) -> None:
        """Reckon with more memory of lists that are kept."""
        with self._lock:
            self._bytes += more
            if self._bytes > CACHE_BYTES:
                self._forget()

    def _forget(self) -> None:
        self.generation += 1
        for stamp in list(self._lists):
            gone = self._lists.pop(stamp)
            self._bytes -= gone.nbytes
            if self._bytes <= CACHE_BYTES // 2:
                return


cache: Final = _Cache()


class Layout:
    """The lists of an index and their centroids."""

    __slots__ = ("_prepared", "array", "centroids", "halves", "numbers", "place_of")

    def __init__(self, numbers: list[int], centroids: Any) -> None:
        self.numbers = numbers
        self.array = np.array(numbers)
        self.centroids = centroids
        self.halves = 0.5 * np.einsum("ij,ij->i", centroids, centroids)
        self.place_of = {number: place for place, number in enumerate(numbers)}
        self._prepared: Prepared | None = None

    def prepared(self, form: Form) -> Prepared:
        """The centroids ready to be scored."""
        if self._prepared is None:
            squares = 2 * self.halves if form.measure == "l2" else None
            if form.measure == "cosine":
                squares = np.ones(len(self.numbers), np.float32)
            self._prepared = Prepared(self.centroids, squares)
        return self._prepared

    def changed(self, centroids: dict[int, Any], gone: set[int]) -> Layout:
        """With other centroids for some lists, new ones among them, and without some."""
        kept = [place for place, number in enumerate(self.numbers) if number not in gone and number not in centroids]
        parts = [self.centroids[kept], *[np.asarray(row, np.float32)[None, :] for row in centroids.values()]]
        numbers = [*[self.numbers[place] for place in kept], *centroids]
        return Layout(numbers, np.concatenate(parts))

    def places(self, rows: Any) -> Any:
        """The place of the list that each row belongs into: the one with the nearest centroid."""
        return np.argmax(rows @ self.centroids.T - self.halves, axis=1)


_layouts: Final[dict[bytes, Layout]] = {}
"""The layouts met last, by their stamps: a build meets one after the other."""

_LAYOUTS: Final = 16


def known_layout(engine: ReadTransaction, space: int, dimensions: int, stamp: bytes) -> Layout:
    """The lists that an index has in a transaction whose head has this stamp of its layout."""
    layout = _layouts.get(stamp) if stamp else None
    if layout is None:
        layout = read_layout(engine, space, dimensions)
        if stamp:
            keep_layout(stamp, layout)
    return layout


def keep_layout(stamp: bytes, layout: Layout) -> None:
    """Remember a layout."""
    if len(_layouts) >= _LAYOUTS:
        for old in list(_layouts)[: _LAYOUTS // 2]:
            _layouts.pop(old, None)
    _layouts[stamp] = layout


def read_layout(engine: ReadTransaction, space: int, dimensions: int) -> Layout:
    """The lists that an index has."""
    numbers: list[int] = []
    parts: list[bytes] = []
    for key, data in engine.scan(space, CENTROID_PREFIX, bytes([CENTROID_PREFIX[0] + 1])):
        numbers.append(int.from_bytes(key[1:], "big"))
        parts.append(data)
    if not numbers:
        return Layout([0], np.zeros((1, dimensions), np.float32))
    try:
        return Layout(numbers, np.frombuffer(b"".join(parts), "<f4").reshape(len(numbers), dimensions))
    except ValueError:
        raise CorruptStoreError("The centroids of a vector index have not the length of its vectors.") from None


class State:
    """What is known of an index in one state of its contents; the vectors of its lists as they are asked for."""

    __slots__ = (
        "_generation",
        "_gone",
        "_held",
        "_is_fetched",
        "_keys",
        "_layout",
        "_short",
        "_whole",
        "coder",
        "form",
        "head",
        "space",
    )

    def __init__(self, head: Head, form: Form, coder: Coder, space: int) -> None:
        self.head = head
        self.form = form
        self.coder = coder
        self.space = space
        self._held: dict[int, ListData] = {}
        self._generation = cache.generation
        self._layout: Layout | None = None
        self._keys: tuple[list[bytes], list[bytes]] | None = None
        """Of the long segments and of the short ones, once they were asked for."""
        self._short: Codes | None = None
        self._gone: Any = None
        self._is_fetched = False
        self._whole: tuple[Any, Prepared] | None = None

    def layout(self, engine: ReadTransaction) -> Layout:
        """The lists and their centroids."""
        if self._layout is None:
            self._layout = known_layout(engine, self.space, self.form.dimensions, self.head.layout)
        return self._layout

    @contextmanager
    def codes(self, engine: ReadTransaction) -> Iterator[list[Codes]]:
        """The codes of all vectors and of some that are gone; views of the store, which end with the block."""
        words = cast(Bits, self.coder).words
        borrowed, short = self._segments(engine)
        with engine.borrowed(self.space, borrowed) as found:
            codes = [unpack_segment(data, words) for data in found]
            yield codes if short is None else [*codes, short]

    def _segments(self, engine: ReadTransaction) -> tuple[list[bytes], Codes | None]:
        """The keys of segments to be borrowed, and the short ones side by side.

        These are put together for the second search: it is the first that has to be quick, and after a write the only one.
        """
        if self._keys is None:
            segments = segments_of(self.head)
            long = [segment_key(one.first) for one in segments if one.vectors > SHORT]
            short = [segment_key(one.first) for one in segments if one.vectors <= SHORT]
            self._keys = long, short
            return [*long, *short], None
        long, short = self._keys
        if short and self._short is None:
            words = cast(Bits, self.coder).words
            self._short = together([unpack_segment(data, words) for data in engine.get_many(self.space, short)])
        return long, self._short

    def fetch_once(self, parts: Iterable[Any]) -> None:
        """Before the first search of codes of bits have them mapped into memory, as their chooser takes them."""
        if not self._is_fetched:
            self._is_fetched = True
            for part in parts:
                if native.AVAILABLE:
                    part.fetch()

    def gone(self, engine: ReadTransaction, codes: list[Codes]) -> Any:
        """Whether each of the vectors that `codes` gave is gone; None where none of them is."""
        segments = [one for one in segments_of(self.head) if one.gone]
        if segments and self._gone is None:
            gone = np.concatenate([read_gone(engine, self.space, one) for one in segments])
            self._gone = np.concatenate([np.isin(one.ordinals, gone) for one in codes])
        return self._gone

    def lists(self, engine: ReadTransaction, numbers: Sequence[int]) -> Sequence[ListData]:
        """The vectors of some lists."""
        if self._generation == cache.generation:
            held = self._held
            with suppress(KeyError):
                return [held[number] for number in numbers]
        return [self.list(engine, number) for number in numbers]

    def list(self, engine: ReadTransaction, number: int) -> ListData:
        """The vectors of a list."""
        if self._generation != cache.generation:
            self._held, self._whole, self._generation = {}, None, cache.generation
        data = self._held.get(number)
        if data is None:
            data = self._held[number] = read_list(engine, self.space, self.coder, number)
        return data

    def exact(self, engine: ReadTransaction, number: int) -> tuple[Any, Prepared]:
        """The ordinals of a list, and its vectors themselves."""
        data = self.list(engine, number)
        if self.coder.exact:
            return data.ordinals, data.prepared
        if data.exact is None:
            members, packed = vectors_at(engine, self.space, data.ordinals)
            if len(members) < len(data.ordinals):
                raise CorruptStoreError(f"A vector of the list {number} of a vector index is not there.")
            data.exact = prepare(self.form, packed)
            cache.grew(data.exact.nbytes)
        return data.ordinals, data.exact

    def whole(self, engine: ReadTransaction) -> tuple[Any, Prepared] | None:
        """The same of all lists as one; None where that is more than should be held at once, or bits, which lie by column."""
        size_bytes = self.head.vectors * self.form.dimensions * 4
        if self.form.type == "bits" or not self.head.vectors or size_bytes > CACHE_BYTES // 2:
            return None
        if self._whole is None or self._generation != cache.generation:
            parts = [self.exact(engine, number) for number in self.layout(engine).numbers]
            parts = [part for part in parts if len(part[0])]
            self._whole = np.concatenate([ordinals for ordinals, _ in parts]), scattered([one for _, one in parts])
        return self._whole


def read_list(engine: ReadTransaction, space: int, coder: Coder, number: int) -> ListData:
    """The vectors of a list, from the cache where they are in it."""
    stamp, _, _ = unpack_list(engine.get(space, list_key(number)))
    data = cache.get(stamp)
    if data is None:
        ordinals, packed = packed_list(engine, space, coder, number)
        data = ListData(np.frombuffer(ordinals, "<u8"), coder.prepare(packed))
        if stamp:
            cache.put(stamp, data)
    return data


def packed_list(engine: ReadTransaction, space: int, coder: Coder, number: int) -> tuple[bytes, bytes]:
    """The ordinals of a list and the codes of its vectors, one after the other."""
    blocks = [split_block(data, coder.code_bytes) for _, data in engine.scan(space, *blocks_of(number))]
    return b"".join([block[0] for block in blocks]), b"".join([block[1] for block in blocks])


def read_state(engine: ReadTransaction, space: int, form: Form, coder: Coder, before: State | None) -> State:
    """The state of an index in a transaction; `before` itself where nothing has changed."""
    head = read_head(engine, space, coder.bits)
    if before is not None and before.head.stamp == head.stamp:
        return before
    return State(head, form, coder, space)
