"""Which vectors a document has in an index, and why it has none.

| reason             | the value of the index's function                                    | said in the write's warnings |
|--------------------|------------------------------------------------------------------------|-----|
| `missing`          | is null, or the function fails                                         | no  |
| `not a vector`     | is neither a vector nor an array of numbers, or one with something else in it | yes |
| `wrong dimensions` | has another length                                                     | yes |
| `wrong type`       | is one of bits where numbers are wanted, or the other way round          | yes |
| `out of range`     | has a number that the index's type cannot hold                         | yes |
| `not finite`       | has NaN or an infinity in it                                           | yes |
| `zero vector`      | has no direction, where the measure is `cosine`                        | yes |

Of an index with `multi` each element of an array is one vector, and what is no array is one by itself; a wrong element
is left out alone.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Final, NamedTuple, cast

import numpy as np

from docstore import native
from docstore.indexes.function import ValueOf
from query.errors import ReqlError, ReqlQueryLogicError
from query.measures import OF_BITS
from query.runtime import Document
from query.values import Value, type_name
from query.vectors import Vector, VectorType, packed_size

DTYPES: Final[dict[str, str]] = {"float32": "<f4", "float16": "<f2", "int8": "i1"}


class Skipped(NamedTuple):
    """Why a value is not in the index: the reason's name, and what was found and expected."""

    reason: str
    found: str


class Found(NamedTuple):
    """The vectors of one document in packed form, and what was left out of it."""

    rows: tuple[bytes, ...]
    skipped: tuple[Skipped, ...]


NOTHING: Final = Found((), ())


def of_length_1(rows: Any) -> Any:
    """Vectors, none of them zero, made as long as each other."""
    squares = np.einsum("ij,ij->i", rows, rows)
    # In floats the square of a number below 1e-19 is 0, and that of one above 1e19 infinite.
    if not (np.isfinite(squares).all() and (squares > _TINY).all()):
        squares = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    return (rows / np.sqrt(squares)[:, None]).astype(np.float32, copy=False)


_TINY: Final = 1e-30

LARGEST: Final = 1e37
"""The sum of the squares of a vector's numbers, but for `cosine`: scores are of float32, and of more they would be infinite."""


class Form:
    """The form in which an index keeps vectors."""

    __slots__ = ("dimensions", "dtype", "measure", "row_bytes", "type")

    def __init__(self, options: Any) -> None:
        self.dimensions: int = options["dimensions"]
        self.measure: str = options["measure"]
        self.type: VectorType = cast(VectorType, options["type"])
        self.row_bytes = packed_size(self.type, self.dimensions)
        self.dtype = DTYPES.get(self.type, "u1")

    def packed(self, value: Value) -> bytes | Skipped:
        """A value as a packed vector of the index, or why it is none."""
        kind = type(value)
        if kind is Vector:
            if (value.type == "bits") != (self.type == "bits"):
                return Skipped("wrong type", f"expected a vector of {self.type} but found one of {value.type}")
            length = value.dimensions
        elif kind is list:
            if not _NUMBERS.issuperset(map(type, value)):
                place = next(place for place, one in enumerate(value) if type(one) not in _NUMBERS)
                found = f"an array with {type_name(value[place])} at place {place}"
                return Skipped("not a vector", f"expected a vector or an array of numbers but found {found}")
            length = len(value)
        else:
            return Skipped("not a vector", f"expected a vector or an array of numbers but found {type_name(value)}")
        if length != self.dimensions:
            return Skipped("wrong dimensions", f"expected {self.dimensions} numbers but found {length}")
        if kind is Vector and value.type == self.type:
            packed: bytes = value.data
        else:
            try:
                packed = self._converted(value)
            except ReqlQueryLogicError as error:
                return Skipped("out of range", error.message[0].lower() + error.message[1:].rstrip("."))
        return packed if self.type == "bits" else self._checked(packed)

    def _converted(self, value: Value) -> bytes:
        if type(value) is list and self.type != "float32":
            return Vector(value, self.type).data
        if type(value) is Vector and self.type == "int8":
            return Vector(value.numbers(), "int8").data
        numbers = value.numpy() if type(value) is Vector else np.array(value, object)
        with np.errstate(over="ignore"):
            return (numbers.astype(np.float64).astype(DTYPES[self.type]) + 0).tobytes()

    def _checked(self, packed: bytes) -> bytes | Skipped:
        largest = inf if self.measure == "cosine" else LARGEST
        if native.AVAILABLE and self.type == "float32" and 0 < native.vectors.squares(packed) < largest:
            return packed
        if self.type != "int8":
            numbers = np.frombuffer(packed, DTYPES[self.type])
            with np.errstate(over="ignore"):
                total = np.dot(numbers, numbers) if self.type == "float32" else numbers.astype(np.float32).sum()
            if not np.isfinite(total) and not np.isfinite(numbers).all():
                found = "nan" if np.isnan(numbers).any() else "infinity"
                return Skipped("not finite", f"expected finite numbers but found {found}")
            if self.type == "float32" and self.measure != "cosine" and not total < LARGEST:
                found = f"{np.square(numbers, dtype=np.float64).sum():.2g}"
                expected = f"squares that sum up to at most {LARGEST:g} for the measure `{self.measure}`"
                return Skipped("out of range", f"expected {expected} but found {found}")
            if self.measure == "cosine" and not total and not numbers.any():
                return Skipped(
                    "zero vector", "expected a vector that is not zero for the measure `cosine` but found zeros"
                )
        elif self.measure == "cosine" and not any(packed):
            return Skipped("zero vector", "expected a vector that is not zero for the measure `cosine` but found zeros")
        return packed

    def array(self, packed: bytes) -> Any:
        """Packed vectors, one after the other, as a matrix of float32; of bits, of bytes."""
        if self.type == "bits":
            return np.frombuffer(packed, np.uint8).reshape(-1, self.row_bytes)
        found = np.frombuffer(packed, DTYPES[self.type]).reshape(-1, self.dimensions)
        return found if self.type == "float32" else found.astype(np.float32)

    def for_lists(self, packed: bytes) -> Any:
        """Packed vectors as lists are made by: of length 1 where only the angle counts."""
        found = self.array(packed)
        if self.measure == "cosine":
            return of_length_1(found)
        return found

    def query(self, value: Value, where: str) -> Vector:
        """A vector that is searched for, in words where; ReqlQueryLogicError for one that cannot be among those there.

        It keeps its own type: a query of float32 loses nothing to an index of int8.
        """
        if type(value) not in (Vector, list):
            raise ReqlQueryLogicError(f"Expected a vector or an array of numbers but found {type_name(value)}.")
        kind: VectorType = "bits" if self.measure in OF_BITS else "float32"
        vector = value if type(value) is Vector else Vector(value, kind)
        looser = Form({"dimensions": self.dimensions, "measure": self.measure, "type": vector.type})
        if (vector.type == "bits") != (self.type == "bits"):
            looser = self
        found = looser.packed(vector)
        if type(found) is Skipped:
            raise ReqlQueryLogicError(f"The vector searched for does not fit {where}: {found.found}.")
        return vector


_NUMBERS: Final = frozenset({int, float})


FoundOf = Callable[[Document], Found]


def vectors_of(value_of: ValueOf, form: Form, *, multi: bool) -> FoundOf:
    """What gives the vectors of a document, for one use in one thread."""

    def one(value: Value) -> Found:
        packed = form.packed(value)
        return Found((packed,), ()) if type(packed) is bytes else Found((), (cast(Skipped, packed),))

    def several(values: list[Value]) -> Found:
        rows: list[bytes] = []
        skipped: list[Skipped] = []
        for value in values:
            packed = form.packed(value)
            if type(packed) is bytes:
                rows.append(packed)
            else:
                skipped.append(cast(Skipped, packed))
        return Found(tuple(rows), tuple(skipped))

    def found(document: Document) -> Found:
        try:
            value = value_of(document)
        except ReqlError:
            value = None
        if value is None:
            return Found((), (_MISSING,))
        if multi and type(value) is list and not (value and type(value[0]) in (int, float)):
            return several(value)
        return one(value)

    return found


_MISSING: Final = Skipped("missing", "expected a vector but found none")
