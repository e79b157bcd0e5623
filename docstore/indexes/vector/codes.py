"""Codes: what lists keep of a vector, so that many can be scored from few bytes.

| coder    | methods                          | in a block                                                     | scores        |
|----------|----------------------------------|----------------------------------------------------------------|---------------|
| `Exact`  | `flat`, `ivfflat`, and others with few dimensions | the vector in packed form                     | exact         |
| `Bytes`  | `ivfsq8`                         | a scale as float32, then one signed byte a number               | nearly exact  |
| `Bits`   | `ivfrabitq`, `auto` and `hnsw` of many numbers | a length as float32, one bit a number, four words of 64 at least | rough |

All numbers are little endian. **Bits** are the signs of the vector after a rotation that spreads what it says over all of
them (two rounds of random signs, a permutation and Hadamard matrices of 64). Of two vectors the share of the signs that
differ tells the angle, so that a candidate costs a few instructions; the best of these are scored again by their signs
against the numbers of the query itself, and the best of those by the exact vectors. On 50,000 embeddings of 384 numbers
400, then 60 candidates for 10 results are enough for a recall of 0.98. Fewer than 256 bits tell too little: shorter vectors
are made as long with zeros before the rotation, and a million of 128 numbers have 0.96 by 640, then 80 candidates.

Signs say nothing of vectors that all lie on one side of zero, as pixels or counts do. So what is rotated is the vector less
the **middle** of all, of `cosine` the vector of length 1; the length that stands with the bits is that of the difference.

A score is what the distance may well be, not the most likely one: of a vector whose codes are off by `HOPE` deviations it is
the exact one. So a search goes on until the scores are beyond the distances found, and looks at more candidates among
vectors that codes tell apart badly.

The rotation (`rotation.py`) and the middle stand in the store: codes made by others are wrong.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final, Protocol

import numpy as np

from docstore import native
from docstore.indexes.vector.reading import Form
from docstore.indexes.vector.rotation import Rotation, drawn, rotated_size
from docstore.indexes.vector.scoring import Prepared, Score, joined, prepare, scorer
from query.vectors import Vector

BITS_FROM: Final = 256
"""Dimensions from which `auto` keeps bits: below, exact vectors are short enough."""

BITS_FROM_OF_COSINE: Final = 96
"""The same for the measure `cosine`, which signs tell the most of."""

_SURE_BITS: Final = 384
"""Fewer bits tell vectors apart less: of a million of 128 numbers 256 bits and 40 candidates find 0.89, and 80 find 0.96."""

HOPE: Final = 1.15
"""Of 50,000 random vectors of 128 numbers a search finds 0.95 of the ten nearest, and 0.98 with 1.5, of twice the candidates."""

HOPE_IN_LISTS: Final = 0.5
"""Where some lists are searched, most of what is missed is in the others."""

_DEVIATION: Final = 0.755
"""Of a cosine by the signs of one side, times the root of the number of bits."""

_ROUNDED: Final = 1e-5
"""Of a vector's length: what is less may have either sign, by how many vectors were rotated at once."""

_PART: Final = 64
"""Bits that are made numbers at once: new memory costs a process more than the reckoning, and so little is used again."""


class Coder(Protocol):
    """What makes codes, and scores them."""

    code_bytes: int
    exact: bool
    """Whether codes are the vectors themselves."""
    doubt: int
    """How many times as many candidates by codes are looked at as by codes that tell vectors apart well."""

    bits: int
    """The bits of a code; 0 where it has numbers."""

    def encode(self, packed: bytes) -> list[bytes]:
        """The codes of packed vectors, one after the other."""

    def prepare(self, packed: bytes) -> Prepared:
        """Codes, one after the other, ready to be scored."""

    def matches(self, code: bytes, row: bytes) -> bool:
        """Whether a code is one of a packed vector: the last digits of a product depend on how many are made at once."""


class Exact:
    """Vectors as they are."""

    exact = True
    bits = 0
    doubt = 1

    def __init__(self, form: Form) -> None:
        self._form = form
        self.code_bytes = form.row_bytes

    def encode(self, packed: bytes) -> list[bytes]:
        """See `Coder`."""
        return _cut(packed, self.code_bytes)

    def prepare(self, packed: bytes) -> Prepared:
        """See `Coder`."""
        return prepare(self._form, packed)

    def matches(self, code: bytes, row: bytes) -> bool:
        """See `Coder`."""
        return code == row


class Bytes:
    """Vectors with one byte a number."""

    exact = False
    bits = 0
    doubt = 1

    def __init__(self, form: Form) -> None:
        self._form = form
        self.code_bytes = 4 + form.dimensions
        self._floats = Form({"dimensions": form.dimensions, "measure": form.measure, "type": "float32"})

    def encode(self, packed: bytes) -> list[bytes]:
        """See `Coder`."""
        rows = self._form.array(packed)
        scales = (np.maximum(np.abs(rows).max(axis=1), 1e-30) / 127).astype("<f4")
        codes = np.empty((len(rows), self.code_bytes), np.uint8)
        codes[:, :4] = scales[:, None].view(np.uint8)
        codes[:, 4:] = np.rint(rows / scales[:, None]).astype(np.int8).view(np.uint8)
        return _cut(codes.tobytes(), self.code_bytes)

    def prepare(self, packed: bytes) -> Prepared:
        """See `Coder`."""
        codes = np.frombuffer(packed, np.uint8).reshape(-1, self.code_bytes)
        scales = np.ascontiguousarray(codes[:, :4]).view("<f4")
        rows = codes[:, 4:].view(np.int8) * scales
        return prepare(self._floats, rows.astype("<f4", copy=False).tobytes())

    def scorer(self, query: Vector) -> Score:
        """What scores prepared codes against a query."""
        return scorer(self._floats, query)

    def matches(self, code: bytes, row: bytes) -> bool:
        """See `Coder`."""
        wanted = np.frombuffer(self.encode(row)[0], np.int8)[4:].astype(int)
        return bool((np.abs(wanted - np.frombuffer(code, np.int8)[4:]) <= 1).all())


class Bits:
    """The signs of vectors after a rotation, which has to be known before anything is encoded or chosen."""

    exact = False

    def __init__(self, form: Form, seed: int) -> None:
        self.form = form
        self._seed = seed
        self._rotation: Rotation | None = None
        self._middle: Any = None
        self._latest: tuple[bytes, Bits] | None = None
        self.bits = rotated_size(form.dimensions)
        self.words = self.bits // 64
        self.code_bytes = 4 + 8 * self.words
        self.doubt = 1 if self.bits >= _SURE_BITS else 2

    @property
    def rotation(self) -> Rotation:
        """The rotation, once it is known."""
        assert self._rotation is not None
        return self._rotation

    def by(self, stamp: bytes, stored: Callable[[], tuple[bytes | None, Any]]) -> Bits:
        """The coder for an index whose middle has this stamp; `stored` gives the moves of its rotation, and the middle.

        An index that has no vectors yet has no rotation either: one is drawn.
        """
        latest = self._latest
        if latest is None or latest[0] != stamp:
            moves, middle = stored()
            dimensions = self.form.dimensions
            coder = Bits(self.form, self._seed)
            coder._rotation = drawn(dimensions, self._seed) if moves is None else Rotation(dimensions, moves)
            coder._middle = middle
            latest = self._latest = stamp, coder
        return latest[1]

    def _apart(self, rows: Any) -> Any:
        """Rows, which are of length 1 where only the angle counts, less the middle."""
        return rows if self._middle is None else rows - self._middle

    def encode(self, packed: bytes) -> list[bytes]:
        """See `Coder`."""
        rows = self._apart(self.form.for_lists(packed))
        lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows)).astype("<f4")
        codes = np.empty((len(rows), self.code_bytes), np.uint8)
        codes[:, :4] = lengths[:, None].view(np.uint8)
        codes[:, 4:] = np.packbits(self.rotation.turn(rows) > 0, axis=1)
        return _cut(codes.tobytes(), self.code_bytes)

    def prepare(self, packed: bytes) -> Prepared:
        """See `Coder`."""
        codes = np.frombuffer(packed, np.uint8).reshape(-1, self.code_bytes)
        lengths = np.ascontiguousarray(codes[:, :4]).view("<f4")[:, 0]
        words = np.ascontiguousarray(codes[:, 4:]).view("<u8")
        return Prepared(np.ascontiguousarray(words.T), lengths)

    def codes_of(self, prepared: Prepared) -> list[bytes]:
        """What `prepare` was given, cut into codes."""
        codes = np.empty((len(prepared.squares), self.code_bytes), np.uint8)
        codes[:, :4] = np.ascontiguousarray(prepared.squares)[:, None].view(np.uint8)
        codes[:, 4:] = np.ascontiguousarray(prepared.rows.T).view(np.uint8)
        return _cut(codes.tobytes(), self.code_bytes)

    def chooser(self, query: Vector, hope: float) -> BitScorer | NativeBitScorer:
        """What chooses codes for a query; `hope` is in deviations."""
        numbers = query.numpy().astype(np.float32, copy=False)
        measure, offset = self.form.measure, 0.0
        if measure == "cosine":
            wide = numbers.astype(np.float64)
            numbers = (wide / np.sqrt(wide @ wide)).astype(np.float32)
        if measure != "inner_product":
            numbers = self._apart(numbers)
            offset = -float(np.dot(numbers, numbers.astype(np.float64)))
        elif self._middle is not None:
            offset = float(np.dot(numbers, self._middle.astype(np.float64)))
        make = NativeBitScorer if native.AVAILABLE else BitScorer
        return make(measure, numbers, self.rotation, offset, hope * _DEVIATION / self.bits**0.5)

    def matches(self, code: bytes, row: bytes) -> bool:
        """See `Coder`."""
        rows = self.form.for_lists(row)
        turned = self.rotation.turn(self._apart(rows))[0]
        differs = np.unpackbits(np.frombuffer(code, np.uint8)[4:]).astype(bool) != (turned > 0)
        length = np.linalg.norm(rows) + (0 if self._middle is None else np.linalg.norm(self._middle))
        return not (np.abs(turned[differs]) > _ROUNDED * length).any()


class _Scratch(threading.local):
    """Room for what is in between while bits are scored: as new memory it would cost as much as the scoring itself."""

    def __init__(self) -> None:
        self._crossed = np.empty(0, np.uint64)
        self._counted = np.empty(0, np.uint8)

    def of(self, count: int) -> tuple[Any, Any]:
        """Room for so many words, and for as many bytes."""
        if len(self._crossed) < count:
            self._crossed, self._counted = np.empty(count, np.uint64), np.empty(count, np.uint8)
        return self._crossed[:count], self._counted[:count]


_scratch: Final = _Scratch()


class BitScorer:
    """The best of bits for a query: by the signs that differ, and of these by signs against numbers."""

    def __init__(self, measure: str, numbers: Any, rotation: Rotation, offset: float, hope: float) -> None:
        """`numbers` are those of the query less the middle; `offset` is what scores are less than distances say; `hope` is
        how much larger the cosine of a vector may well be than its bits say.
        """
        turned = rotation.turn(numbers[None, :])[0]
        self._measure = measure
        self._offset = offset
        self._hope = np.float32(hope)
        self._turned = turned
        self._size = len(turned)
        self._length = float(np.linalg.norm(turned))
        self._words = np.packbits(turned > 0).view("<u8")

    def part(self, ordinals: Any, prepared: Prepared) -> Any:
        """Some codes as `best` takes them."""
        return ordinals, prepared

    def best(self, parts: list[Any], left_out: Any, rough: int, kept: int) -> tuple[Any, Any]:
        """The scores and the ordinals of so many of the best codes, chosen from more by rough scores, in any order.

        `left_out` says of each code of all parts whether it is not wanted; None leaves out none.
        """
        ordinals = np.concatenate([ordinals for ordinals, _ in parts])
        found = joined([prepared for _, prepared in parts])
        scores = self._rough(found)
        if left_out is not None:
            scores[left_out] = _farthest(scores.dtype)
        places = least(scores, rough)
        if left_out is not None:
            places = places[~left_out[places]]
        scores = self._better(found.rows[:, places], found.squares[places])
        best = least(scores, kept)
        return scores[best], ordinals[places[best]]

    def _rough(self, found: Prepared) -> Any:
        columns = found.rows
        count = columns.shape[1]
        differing = np.zeros(count, np.uint16)
        crossed, counted = _scratch.of(count)
        for column, word in zip(columns, self._words, strict=True):
            np.bitwise_count(np.bitwise_xor(column, word, out=crossed), out=counted)
            np.add(differing, counted, out=differing)
        return self._scaled(np.cos(differing * np.float32(np.pi / self._size)), found.squares)

    def _better(self, columns: Any, lengths: Any) -> Any:
        codes = np.ascontiguousarray(columns.T).view(np.uint8)
        products = np.empty(len(codes), np.float32)
        for start in range(0, len(codes), _PART):
            signs = np.unpackbits(codes[start : start + _PART], axis=1)
            products[start : start + _PART] = signs.astype(np.float32) @ self._turned
        cosines = (2 * products - self._turned.sum()) / (self._length * np.sqrt(self._size) + 1e-30)
        # A vector and its signs, made as long, have a cosine of about the root of 2 / pi.
        return self._scaled(cosines * np.float32(1.2533) + self._hope, lengths)

    def _scaled(self, cosines: Any, lengths: Any) -> Any:
        products = cosines * lengths * np.float32(self._length)
        return -products if self._measure == "inner_product" else lengths * lengths - 2 * products

    def bound(self, dist: float) -> float | None:
        """The score of vectors at a distance; None where scores do not tell distances."""
        return _bound(self._measure, dist, self._offset)


class NativeBitScorer:
    """The same by compiled code."""

    def __init__(self, measure: str, numbers: Any, rotation: Rotation, offset: float, hope: float) -> None:
        kind = measure if measure in native.bits.MEASURES else "l2"
        moves = memoryview(rotation.moves).cast("I")
        self._measure = measure
        self._offset = offset
        self._query = native.bits.Query(numbers, moves, rotation.size, kind, hope)

    def part(self, ordinals: Any, prepared: Prepared) -> Any:
        """See `BitScorer`."""
        return native.bits.Part(prepared.rows, ordinals, prepared.squares)

    def best(self, parts: list[Any], left_out: Any, rough: int, kept: int) -> tuple[Any, Any]:
        """See `BitScorer`."""
        scores, ordinals = np.empty(kept, np.float32), np.empty(kept, np.uint64)
        count = self._query.best(parts, None if left_out is None else left_out.view(np.uint8), rough, scores, ordinals)
        return scores[:count], ordinals[:count]

    def bound(self, dist: float) -> float | None:
        """See `BitScorer`."""
        return _bound(self._measure, dist, self._offset)


def _bound(measure: str, dist: float, offset: float) -> float | None:
    if measure == "l1":
        return None
    return {"cosine": 2 * dist, "l2": dist * dist, "inner_product": dist}[measure] + offset


def least(scores: Any, count: int) -> Any:
    """The places of the least scores, all where there are no more."""
    return np.argpartition(scores, count)[:count] if count < len(scores) else np.arange(len(scores))


def _farthest(dtype: Any) -> Any:
    return np.inf if dtype.kind == "f" else np.iinfo(dtype).max


def coder_of(form: Form, method: str, seed: int) -> Coder:
    """What an index by a method keeps in its lists."""
    if form.type == "bits" or method in ("flat", "ivfflat"):
        return Exact(form)
    if method == "ivfsq8":
        return Bytes(form)
    enough = BITS_FROM_OF_COSINE if form.measure == "cosine" else BITS_FROM
    if method == "ivfrabitq" or (form.dimensions >= enough and form.type != "int8"):
        return Bits(form, seed)
    return Exact(form)


def _cut(packed: bytes, size: int) -> list[bytes]:
    return [packed[at : at + size] for at in range(0, len(packed), size)]
