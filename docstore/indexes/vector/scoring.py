"""How near vectors are, many at a time: scores that order as distances do, and the distances themselves.

A score is a float32, less for a nearer vector, and costs one matrix-vector product where the measure allows:

| measure         | prepared rows                  | score                          |
|-----------------|--------------------------------|--------------------------------|
| `cosine`        | as they are, 1 / lengths       | - row . query / length         |
| `inner_product` | as they are                    | - row . query                  |
| `l2`            | as they are, squared lengths   | row . row - 2 row . query       |
| `l1`            | as they are                    | sum of absolute differences    |
| `hamming`, `jaccard` | words of 64 bits, by column | differing bits; the distance   |

Bits lie by column, since so a word of the query meets a row of the words of all vectors: five times as fast as by vector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from docstore import native
from docstore.indexes.vector.reading import Form
from query.measures import OF_BITS
from query.vectors import Vector

Rows = Any
"""A matrix of float32, a vector a row, or several as one; of bits a matrix of uint64, a vector a column."""


class Scattered:
    """Several matrices of float32 that are as good as one where it is multiplied with a query."""

    __slots__ = ("_native", "_parts", "nbytes")

    def __init__(self, parts: list[Any]) -> None:
        self._parts = parts
        self._native = native.vectors.Rows(parts) if native.AVAILABLE else None
        self.nbytes = sum([part.nbytes for part in parts])

    def __matmul__(self, query: Any) -> Any:
        if self._native is None:
            return np.concatenate([part @ query for part in self._parts])
        found = np.empty(len(self._native), np.float32)
        self._native.products(query, found)
        return found

    def gaps(self, query: Any) -> Any:
        """The sum of the absolute differences of each row from a query."""
        if self._native is None:
            return np.concatenate([_gaps(part, query) for part in self._parts])
        found = np.empty(len(self._native), np.float32)
        self._native.gaps(query, found)
        return found


def _gaps(rows: Rows, query: Any) -> Any:
    return rows.gaps(query) if type(rows) is Scattered else np.abs(rows - query).sum(axis=1)


class Prepared:
    """Vectors ready to be scored, with what belongs to them."""

    __slots__ = ("rows", "squares")

    def __init__(self, rows: Rows, squares: Any = None) -> None:
        self.rows = rows
        self.squares = squares

    @property
    def nbytes(self) -> int:
        """The memory that they take."""
        return int(self.rows.nbytes) + (0 if self.squares is None else int(self.squares.nbytes))


def prepare(form: Form, packed: bytes) -> Prepared:
    """Packed vectors, one after the other, ready to be scored."""
    found = form.array(packed)
    if form.measure in OF_BITS:
        return Prepared(_words(found))
    if form.measure == "cosine":
        # In floats the square of a number below 1e-19 is 0, and that of one above 1e19 infinite.
        squares = np.einsum("ij,ij->i", found, found)
        if not (np.isfinite(squares).all() and (squares > _TINY).all()):
            squares = np.einsum("ij,ij->i", found, found, dtype=np.float64)
        return Prepared(found, 1 / np.sqrt(squares))
    squares = np.einsum("ij,ij->i", found, found) if form.measure == "l2" else None
    return Prepared(found, squares)


_TINY: Final = 1e-30


def _words(rows: Any) -> Any:
    """Rows of bytes as columns of words of 64 bits."""
    padded = np.zeros((len(rows), -(-rows.shape[1] // 8) * 8), np.uint8)
    padded[:, : rows.shape[1]] = rows
    return np.ascontiguousarray(padded.view(np.uint64).T)


def joined(parts: list[Prepared]) -> Prepared:
    """Several prepared codes of bits as one."""
    if len(parts) == 1:
        return parts[0]
    squares = None if parts[0].squares is None else np.concatenate([part.squares for part in parts])
    return Prepared(np.concatenate([part.rows for part in parts], axis=1), squares)


def scattered(parts: list[Prepared]) -> Prepared:
    """Several prepared matrices of numbers as one, of which they stay the parts."""
    squares = None if parts[0].squares is None else np.concatenate([part.squares for part in parts])
    return Prepared(Scattered([part.rows for part in parts]), squares)


Score = Callable[[Prepared], Any]


def scorer(form: Form, query: Vector) -> Score:
    """What scores prepared vectors against a query."""
    measure = form.measure
    if measure in OF_BITS:
        words = _words(np.frombuffer(query.data, np.uint8)[None, :])[:, 0]
        return (lambda found: _differing(found.rows, words)) if measure == "hamming" else _jaccard(words)
    numbers = query.numpy().astype(np.float32)
    if measure == "cosine":
        wide = numbers.astype(np.float64)
        unit = -(wide / np.linalg.norm(wide)).astype(np.float32)
        return lambda found: ((found.rows @ unit) * found.squares).astype(np.float32, copy=False)
    if measure == "inner_product":
        return _negative_product(numbers)
    if measure == "l1":
        return lambda found: _gaps(found.rows, numbers)
    doubled = -2 * numbers
    return lambda found: found.rows @ doubled + found.squares


def _negative_product(numbers: Any) -> Score:
    negative = -numbers
    return lambda found: found.rows @ negative


def _differing(columns: Any, words: Any) -> Any:
    total = np.zeros(columns.shape[1], np.uint32)
    for column, word in zip(columns, words, strict=True):
        total += np.bitwise_count(column ^ word)
    return total.astype(np.float32)


def _jaccard(words: Any) -> Score:
    def score(found: Prepared) -> Any:
        both = np.zeros(found.rows.shape[1], np.uint32)
        either = np.zeros(found.rows.shape[1], np.uint32)
        for column, word in zip(found.rows, words, strict=True):
            both += np.bitwise_count(column & word)
            either += np.bitwise_count(column | word)
        return (1 - both / np.maximum(either, 1) * (either > 0) - (either == 0)).astype(np.float32)

    return score


_DOUBLES: Final = np.float64


def distances(form: Form, query: Vector, packed: bytes) -> list[Any]:
    """The exact distances of packed vectors, one after the other, in doubles; of `hamming` whole numbers."""
    if native.AVAILABLE and form.type == "float32":
        return native.vectors.distances(packed, query.numpy().astype(np.float32, copy=False), form.measure)
    found: list[Any] = _distances(form, query, packed).tolist()
    return found


def _distances(form: Form, query: Vector, packed: bytes) -> Any:
    if form.measure in OF_BITS:
        rows = np.frombuffer(packed, np.uint8).reshape(-1, form.row_bytes)
        wanted = np.frombuffer(query.data, np.uint8)
        if form.measure == "hamming":
            return np.bitwise_count(rows ^ wanted).sum(axis=1, dtype=np.int64)
        both = np.bitwise_count(rows & wanted).sum(axis=1, dtype=np.int64)
        either = np.bitwise_count(rows | wanted).sum(axis=1, dtype=np.int64)
        return np.where(either > 0, 1 - both / np.maximum(either, 1), 0.0)
    rows, wanted = form.array(packed).astype(_DOUBLES), query.numpy().astype(_DOUBLES)
    if form.measure == "l2":
        return np.sqrt(np.square(rows - wanted).sum(axis=1))
    if form.measure == "l1":
        return np.abs(rows - wanted).sum(axis=1)
    if form.measure == "inner_product":
        return 0.0 - rows @ wanted
    lengths = np.sqrt(np.square(rows).sum(axis=1) * (wanted @ wanted))
    return np.clip(1 - (rows @ wanted) / lengths, 0.0, 2.0)
