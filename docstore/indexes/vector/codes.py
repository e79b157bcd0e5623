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

The rotation (`rotation.py`) stands in the store: codes made by another are wrong.
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
        self._form = form
        self._seed = seed
        self._rotation: Rotation | None = None
        self.bits = rotated_size(form.dimensions)
        self.words = self.bits // 64
        self.code_bytes = 4 + 8 * self.words
        self.doubt = 1 if self.bits >= _SURE_BITS else 2

    @property
    def rotation(self) -> Rotation:
        """The rotation, once it is known."""
        assert self._rotation is not None
        return self._rotation

    def know(self, stored: Callable[[], bytes | None]) -> None:
        """Learn the rotation; `stored` gives that of the store, None of an index without vectors, for which one is drawn."""
        if self._rotation is None:
            moves = stored()
            dimensions = self._form.dimensions
            self._rotation = drawn(dimensions, self._seed) if moves is None else Rotation(dimensions, moves)

    def encode(self, packed: bytes) -> list[bytes]:
        """See `Coder`."""
        rows = self._form.array(packed)
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

    def chooser(self, query: Vector) -> BitScorer | NativeBitScorer:
        """What chooses codes for a query."""
        numbers = query.numpy().astype(np.float32, copy=False)
        if native.AVAILABLE:
            return NativeBitScorer(self._form.measure, numbers, self.rotation)
        if self._form.measure == "cosine":
            wide = numbers.astype(np.float64)
            numbers = (wide / np.sqrt(wide @ wide)).astype(np.float32)
        return BitScorer(self._form.measure, self.rotation.turn(numbers[None, :])[0])

    def matches(self, code: bytes, row: bytes) -> bool:
        """See `Coder`."""
        wanted = np.frombuffer(self.encode(row)[0], np.uint8)[4:]
        differing = int(np.bitwise_count(wanted ^ np.frombuffer(code, np.uint8)[4:]).sum())
        return differing <= 2 + self.bits // 64


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

    def __init__(self, measure: str, turned: Any) -> None:
        self._measure = measure
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
        if self._measure == "cosine":
            return differing
        return self._scaled(np.cos(differing * np.float32(np.pi / self._size)), found.squares)

    def _better(self, columns: Any, lengths: Any) -> Any:
        codes = np.ascontiguousarray(columns.T).view(np.uint8)
        products = np.empty(len(codes), np.float32)
        for start in range(0, len(codes), _PART):
            signs = np.unpackbits(codes[start : start + _PART], axis=1)
            products[start : start + _PART] = signs.astype(np.float32) @ self._turned
        cosines = (2 * products - self._turned.sum()) / (self._length * np.sqrt(self._size) + 1e-30)
        # A vector and its signs, made as long, have a cosine of about the root of 2 / pi.
        return -cosines if self._measure == "cosine" else self._scaled(cosines * np.float32(1.2533), lengths)

    def _scaled(self, cosines: Any, lengths: Any) -> Any:
        products = cosines * lengths * np.float32(self._length)
        return -products if self._measure == "inner_product" else lengths * lengths - 2 * products


class NativeBitScorer:
    """The same by compiled code."""

    def __init__(self, measure: str, numbers: Any, rotation: Rotation) -> None:
        kind = measure if measure in native.bits.MEASURES else "l2"
        self._query = native.bits.Query(numbers, memoryview(rotation.moves).cast("I"), rotation.size, kind)

    def part(self, ordinals: Any, prepared: Prepared) -> Any:
        """See `BitScorer`."""
        return native.bits.Part(prepared.rows, ordinals, prepared.squares)

    def best(self, parts: list[Any], left_out: Any, rough: int, kept: int) -> tuple[Any, Any]:
        """See `BitScorer`."""
        scores, ordinals = np.empty(kept, np.float32), np.empty(kept, np.uint64)
        count = self._query.best(parts, None if left_out is None else left_out.view(np.uint8), rough, scores, ordinals)
        return scores[:count], ordinals[:count]


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
