"""`Vector`: an embedding as a value of its own, packed.

| type      | one number in `data`                  | from numpy                          | to numpy  |
|-----------|---------------------------------------|-------------------------------------|-----------|
| `float32` | IEEE 754, 4 bytes, little endian      | float32, float64 and other integers | float32   |
| `float16` | IEEE 754, 2 bytes, little endian      | float16                             | float16   |
| `int8`    | 1 byte, signed                        | int8                                | int8      |
| `bits`    | 1 bit, the first one the highest of its byte; what is left of the last byte is 0 | bool | bool |

A vector is immutable, has a length (its dimensions) and gives its numbers when it is iterated over. Two vectors are equal
when they have one type and the same numbers. Their order: by type (bits, float16, float32, int8), then by length, then by
the first number that differs. 0.0 and -0.0 are both stored as 0.0. A vector that came from numpy may hold NaN and
infinities: it can be stored, and no vector index takes it in; vectors made of a query's numbers never do.

numpy is imported by those who give or ask for its arrays, and not by this module. Any thread may use a vector.
"""

from __future__ import annotations

import array
import sys
from collections.abc import Iterable, Iterator, Sequence
from struct import Struct, pack, unpack
from struct import error as StructError  # noqa: N812 - the module gives its error a variable's name
from typing import Any, Final, Literal, TypeAlias, cast, final

from query import native
from query.errors import ReqlDriverCompileError, ReqlQueryLogicError

VectorType: TypeAlias = Literal["float32", "float16", "int8", "bits"]

TYPES: Final[tuple[VectorType, ...]] = ("bits", "float16", "float32", "int8")
"""The types of vectors, in their order."""

FORMATS: Final[dict[VectorType, str]] = {"float32": "f", "float16": "e", "int8": "b"}
_DTYPES: Final = {"float32": "<f4", "float16": "<f2", "int8": "i1"}
"""Python's letter for one number in packed form."""

MAX_DIMENSIONS: Final = 65_536
"""More than any model gives; a document of such a vector still has room for others."""

_MOST_SHOWN: Final = 8

_NUMPY_TYPES: Final[dict[str, VectorType]] = {"float16": "float16", "int8": "int8", "bool": "bits"}
_length_form = Struct(">I")


class Made:
    """Whether this process has made a vector yet: only then need results be searched for them."""

    any = False


@final
class Vector:
    """A packed vector.

    >>> Vector([1, 0.5])
    Vector([1, 0.5], 'float32')
    """

    __slots__ = ("data", "dimensions", "type")

    type: VectorType
    data: bytes
    dimensions: int

    def __new__(cls, numbers: Iterable[Any], type: VectorType = "float32") -> Vector:  # noqa: A002 - its name in the language
        """A vector of numbers, for `bits` of zeros and ones; ReqlQueryLogicError for what does not fit."""
        return cls.packed(*_packed(list(numbers), type))

    @classmethod
    def packed(cls, type: VectorType, data: bytes, dimensions: int) -> Vector:  # noqa: A002 - its name in the language
        """A vector in its packed form."""
        made = object.__new__(cls)
        _set_type(made, type)
        _set_data(made, data)
        _set_dimensions(made, dimensions)
        Made.any = True
        return made

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"A vector never changes; its {name} cannot be set.")

    def __reduce__(self) -> Any:
        return (Vector.packed, (self.type, self.data, self.dimensions))

    def __len__(self) -> int:
        return self.dimensions

    def __iter__(self) -> Iterator[int | float]:
        return iter(self.numbers())

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Vector)
            and self.data == other.data
            and self.type == other.type
            and self.dimensions == other.dimensions
        )

    def __hash__(self) -> int:
        return hash((self.type, self.data))

    def __lt__(self, other: Vector) -> bool:
        return self.form() < other.form() if isinstance(other, Vector) else NotImplemented

    def __le__(self, other: Vector) -> bool:
        return self.form() <= other.form() if isinstance(other, Vector) else NotImplemented

    def __gt__(self, other: Vector) -> bool:
        return self.form() > other.form() if isinstance(other, Vector) else NotImplemented

    def __ge__(self, other: Vector) -> bool:
        return self.form() >= other.form() if isinstance(other, Vector) else NotImplemented

    def __repr__(self) -> str:
        return f"Vector([{', '.join(map(self._text, self.numbers()))}], {self.type!r})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        found = self.numpy()
        return found if dtype is None else found.astype(dtype)

    def numbers(self) -> list[int | float]:
        """The numbers as a list; of bits, zeros and ones."""
        if self.type == "bits":
            whole = int.from_bytes(self.data, "big")
            spare = 8 * len(self.data) - self.dimensions
            return [whole >> place & 1 for place in range(8 * len(self.data) - 1, spare - 1, -1)]
        return list(unpack(f"<{self.dimensions}{FORMATS[self.type]}", self.data))

    def numpy(self) -> Any:
        """The numbers as a numpy array of the vector's own type, the caller's to change."""
        import numpy as np

        if self.type == "bits":
            return np.unpackbits(np.frombuffer(self.data, np.uint8), count=self.dimensions).astype(bool)
        return np.frombuffer(bytearray(self.data), _DTYPES[self.type])

    def shown(self) -> str:
        """The vector in a few words, for errors and long texts."""
        numbers = self.numbers()[:_MOST_SHOWN]
        more = ", ..." if self.dimensions > _MOST_SHOWN else ""
        return f"Vector([{', '.join(map(self._text, numbers))}{more}], {self.type!r})"

    def form(self) -> bytes:
        """Bytes of which two compare as the vectors do: the place of the type, the length in 4 bytes, the numbers.

        A number is big endian, its sign bit inverted, and all its bits where it is below zero and no integer.
        """
        head = bytes([TYPES.index(self.type)]) + _length_form.pack(self.dimensions)
        if self.type == "bits":
            return head + self.data
        if self.type == "int8":
            return head + bytes([byte ^ 0x80 for byte in self.data])
        letter, top = ("I", 0x8000_0000) if self.type == "float32" else ("H", 0x8000)
        bits = unpack(f"<{self.dimensions}{letter}", self.data)
        ordered = [(top << 1) - 1 - one if one & top else one | top for one in bits]
        return head + pack(f">{self.dimensions}{letter}", *ordered)

    def _text(self, number: int | float) -> str:
        if type(number) is int:
            return str(number)
        text = f"{number:.9g}" if self.type == "float32" else f"{number:.5g}"
        return f"float({text!r})" if text in ("nan", "inf", "-inf") else text


_set_type: Final = Vector.__dict__["type"].__set__
_set_data: Final = Vector.__dict__["data"].__set__
_set_dimensions: Final = Vector.__dict__["dimensions"].__set__
"""The slots' own setters, which take half as long as those of `object`: a document with a vector is mostly that."""


def unform(form: bytes, at: int) -> tuple[Vector, int]:
    """The vector whose `form` stands at a place of some bytes, and where it ends. ValueError where none does."""
    if form[at] >= len(TYPES):
        raise ValueError(form[at])
    kind, (length,) = TYPES[form[at]], _length_form.unpack_from(form, at + 1)
    at += 5
    end = at + packed_size(kind, length)
    body = form[at:end]
    if len(body) < end - at:
        raise ValueError("a vector is cut short")
    if kind == "int8":
        body = bytes([byte ^ 0x80 for byte in body])
    elif kind != "bits":
        letter, top = ("I", 0x8000_0000) if kind == "float32" else ("H", 0x8000)
        ordered = unpack(f">{length}{letter}", body)
        body = pack(f"<{length}{letter}", *[one ^ top if one & top else (top << 1) - 1 - one for one in ordered])
    return Vector.packed(kind, body, length), end


def packed_size(kind: VectorType, dimensions: int) -> int:
    """The bytes that a vector takes in its packed form."""
    if kind == "bits":
        return (dimensions + 7) // 8
    return dimensions * {"float32": 4, "float16": 2, "int8": 1}[kind]


def _packed(numbers: list[Any], kind: Any) -> tuple[VectorType, bytes, int]:
    if kind not in TYPES:
        raise ReqlQueryLogicError(f"Expected a type of vector ({', '.join(TYPES)}) but found {kind!r}.")
    check_dimensions(len(numbers))
    for place, number in enumerate(numbers):
        if type(number) is not float and type(number) is not int:
            raise ReqlQueryLogicError(
                f"Expected numbers in a vector but found {type(number).__name__} {number!r:.60} at place {place}."
            )
    if kind == "bits":
        return "bits", _packed_bits(numbers), len(numbers)
    try:
        if kind == "int8":
            return "int8", pack(f"<{len(numbers)}b", *[_whole(number) for number in numbers]), len(numbers)
        letter = FORMATS[cast(VectorType, kind)]
        return kind, pack(f"<{len(numbers)}{letter}", *[number + 0.0 for number in numbers]), len(numbers)
    except (OverflowError, StructError):
        extreme = max(numbers, key=abs)
        raise ReqlQueryLogicError(f"Expected numbers that fit in {kind} but found {extreme!r} in a vector.") from None


def _whole(number: int | float) -> int:
    if number != int(number):
        raise ReqlQueryLogicError(f"Expected whole numbers from -128 to 127 in a vector of int8 but found {number!r}.")
    return int(number)


def _packed_bits(numbers: Sequence[int | float]) -> bytes:
    wrong = next((number for number in numbers if number not in (0, 1)), None)
    if wrong is not None:
        raise ReqlQueryLogicError(f"Expected zeros and ones in a vector of bits but found {wrong!r}.")
    size = (len(numbers) + 7) // 8
    text = "".join(["1" if number else "0" for number in numbers]).ljust(8 * size, "0")
    return int(text, 2).to_bytes(size, "big")


def check_dimensions(dimensions: int) -> None:
    """ReqlQueryLogicError where a vector has no numbers, or too many."""
    if not 0 < dimensions <= MAX_DIMENSIONS:
        raise ReqlQueryLogicError(f"Expected a vector of 1 to {MAX_DIMENSIONS:,} numbers but found {dimensions:,}.")


def vector_from_python(data: object) -> Vector | None:
    """The vector that a one-dimensional numpy array or an `array.array` is; None for anything else.

    ReqlDriverCompileError for an array of other things than numbers, or of another shape.
    """
    if isinstance(data, Vector):
        return data
    if isinstance(data, array.array):
        if data.typecode in ("u", "w"):
            raise ReqlDriverCompileError(f"Expected an array of numbers but found {data!r:.60}.")
        kind: VectorType = "int8" if data.typecode == "b" else "float32"
        try:
            return Vector(data.tolist(), kind)
        except ReqlQueryLogicError as error:
            raise ReqlDriverCompileError(error.message) from None
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(data, numpy.ndarray) or data.ndim == 0:
        return None
    return _from_numpy(numpy, data)


def _from_numpy(np: Any, found: Any) -> Vector:
    if found.ndim != 1:
        raise ReqlDriverCompileError(
            f"Expected a numpy array of one dimension, which is a vector, but found one of the shape {found.shape}; "
            "`list(...)` of it is an array of vectors."
        )
    if found.dtype.kind not in "fiub":
        raise ReqlDriverCompileError(f"Expected a numpy array of numbers or bools but found the dtype {found.dtype}.")
    try:
        check_dimensions(len(found))
    except ReqlQueryLogicError as error:
        raise ReqlDriverCompileError(error.message) from None
    is_float = found.dtype == np.float32  # asked first: the name of a dtype is put together by Python
    kind = "float32" if is_float else _NUMPY_TYPES.get(found.dtype.name, "float32")
    if kind == "bits":
        return Vector.packed(kind, np.packbits(found).tobytes(), len(found))
    if kind == "int8":
        return Vector.packed(kind, found.tobytes(), len(found))
    if is_float:
        if native.AVAILABLE:  # what numpy does to add its first numbers takes a process as long as all else here
            data = native.copying.positive(found.astype("<f4", order="C", copy=False))
        else:
            data = (found + np.float32(0)).astype("<f4", copy=False).tobytes()
        return Vector.packed(kind, data, len(found))
    with np.errstate(over="ignore"):
        packed = found.astype("<f4" if kind == "float32" else "<f2") + 0  # 0.0 of -0.0
    return Vector.packed(kind, packed.tobytes(), len(found))
