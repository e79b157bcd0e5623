"""Values to bytes that compare as the values do, and back.

`encode_key` gives every value one byte string, its *key form*. For any two values a and b:

- order: `encode_key(a) < encode_key(b)` exactly when a < b in the total order of `query.values`;
- equality: the forms are the same exactly when the values are equal (1 and 1.0 are; a time is its moment);
- no form is the beginning of another, so forms stand one after the other and can still be told apart.

A form is a tag and, by the tag, what follows; the tags stand in the order of the types, with gaps for later ones:

    00  the end of an array, an object, a string or a binary: less than whatever could stand in its place
    01  MINVAL, only in bounds
    08  array     the forms of the elements, 00
    10  False
    11  True
    18  null
    20  number    8 bytes or 10, see below
    28  object    for each pair, by name: the form of the name (a string), the form of the value; then 00
    30  binary    the bytes, 00 among them as 01 01 and 01 as 01 02; then 00
    38  geometry  as the object that it stands for
    40  time      8 bytes: microseconds since 1970-01-01T00:00Z, plus 2**63, big endian
    48  vector    1 byte for the type, 4 for the length, then the numbers, each so that it sorts
    50  string    UTF-8, which sorts as code points do, 00 and 01 written as in a binary; then 00
    ff  MAXVAL, only in bounds

Numbers. Let d be the double nearest to x. The bits of doubles sort as the doubles do, but for the sign: so a d that is
not negative is written as the big endian double -d, which sets the sign bit, and a negative d with all bits inverted,
which clears it and turns the order round. (`x + 0.0` makes 0.0 of -0.0, which would get the lowest form of all.) Where
2**53 <= |d| <= 2**64 several ints of 64 bits share one d; there, and only there, two more bytes are
`x - int(d) + 0x8000`: doubles below 2**64 are at most 2,048 apart, so it fits. Rounding never swaps two numbers, so d
decides, and the difference decides among those of one d. Whether it follows depends on d alone, so no form begins
another. A form does not tell 1 from 1.0: `decode_key` gives an int for every whole number
that an int of 64 bits can be.

What is a key of which entry, and how long one may be, is said in `keys.py`. All functions here are pure; any thread may
call them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from struct import Struct
from struct import error as StructError  # noqa: N812 - the module gives its error a variable's name
from typing import Any, Final

from docstore import native
from docstore.errors import CorruptStoreError
from query.errors import ReqlQueryLogicError
from query.geometries import Geometry
from query.values import MAX_INT, MAXVAL, MIN_INT, MINVAL, Bound, Time, Value, check_number, describe
from query.vectors import Vector, unform

__all__ = ["decode_key", "encode_key", "prefix_successor"]

_END: Final = b"\x00"
_MINVAL: Final = b"\x01"
_ARRAY: Final = b"\x08"
_FALSE: Final = b"\x10"
_TRUE: Final = b"\x11"
_NULL: Final = b"\x18"
_NUMBER: Final = b"\x20"
_OBJECT: Final = b"\x28"
_BINARY: Final = b"\x30"
_GEOMETRY: Final = b"\x38"
_TIME: Final = b"\x40"
_VECTOR: Final = b"\x48"
_STRING: Final = b"\x50"
_MAXVAL: Final = b"\xff"

_pack_double = Struct(">d").pack
_unpack_double = Struct(">d").unpack
_pack_rest = Struct(">H").pack
_unpack_rest = Struct(">H").unpack_from
_pack_time = Struct(">Q").pack
_unpack_time = Struct(">Q").unpack_from

_INVERTED: Final = bytes(range(255, -1, -1))
_FIRST_SHARED: Final = 2.0**53
_LAST_SHARED: Final = 2.0**64


def encode_key(value: Value) -> bytes:
    """The key form of a value, whole.

    >>> encode_key("ab").hex(), encode_key([True, None]).hex()
    ('50616200', '08111800')
    """
    return _ENCODERS[type(value)](value)


def _no_text_key(text: str) -> bytes | None:
    return None


text_key: Callable[[str], bytes | None] = native.keys.text_key if native.AVAILABLE else _no_text_key
"""The key of a string where compiled code makes it; None where `encode_key` has to."""


def _encode_string(text: str) -> bytes:
    try:
        if "\0" in text or "\1" in text:
            return _STRING + _escape(text.encode()) + _END
        return f"\x50{text}\0".encode()
    except UnicodeEncodeError:
        raise ReqlQueryLogicError(f"Expected Unicode text but found a lone surrogate: {describe(text)}.") from None


def _escape(data: bytes) -> bytes:
    return data.replace(b"\1", b"\1\2").replace(b"\0", b"\1\1")


def _unescape(data: bytes) -> bytes:
    return data.replace(b"\1\1", b"\0").replace(b"\1\2", b"\1") if b"\1" in data else data


def _encode_number(number: int | float) -> bytes:
    try:
        double = number + 0.0
    except OverflowError:
        return _encode_number(check_number(number))
    if 0.0 <= double < _FIRST_SHARED:
        return _NUMBER + _pack_double(-double)
    if -_FIRST_SHARED < double < 0.0:
        return _NUMBER + _pack_double(double).translate(_INVERTED)
    return _encode_far_number(number)


def _encode_far_number(number: int | float) -> bytes:
    number = check_number(number)
    double = float(number)
    sortable = _pack_double(-double) if double > 0 else _pack_double(double).translate(_INVERTED)
    if abs(double) > _LAST_SHARED:
        return _NUMBER + sortable
    return _NUMBER + sortable + _pack_rest(int(number) - int(double) + 0x8000)


def _encode_array(items: list[Value]) -> bytes:
    return _ARRAY + b"".join([_ENCODERS[type(item)](item) for item in items]) + _END


def array_form(forms: list[bytes]) -> bytes:
    """The form of an array, from those of its items."""
    return _ARRAY + b"".join(forms) + _END


def _encode_pairs(pairs: dict[str, Value]) -> bytes:
    forms = [_encode_string(name) + _ENCODERS[type(pairs[name])](pairs[name]) for name in sorted(pairs)]
    return b"".join(forms) + _END


_ENCODERS: Final[dict[type, Callable[[Any], bytes]]] = {
    str: _encode_string,
    int: _encode_number,
    float: _encode_number,
    list: _encode_array,
    bool: lambda value: _TRUE if value else _FALSE,
    type(None): lambda _: _NULL,
    dict: lambda value: _OBJECT + _encode_pairs(value),
    bytes: lambda value: _BINARY + _escape(value) + _END,
    Geometry: lambda value: _GEOMETRY + _encode_pairs(value.geojson),
    Time: lambda value: _TIME + _pack_time(value.epoch_microseconds + 2**63),
    Vector: lambda value: _VECTOR + value.form(),
    Bound: lambda value: _MINVAL if value is MINVAL else _MAXVAL,
}


def decode_key(key: bytes) -> Value:
    """A value equal to the one that was encoded; whole numbers are ints, times are in UTC.

    CorruptStoreError where the bytes are no form. A cut key is none, even where it looks like one.
    """
    try:
        value, end = _decode(key, 0)
    except (KeyError, IndexError, ValueError, OverflowError, RecursionError, StructError) as error:
        raise CorruptStoreError(f"Expected the key form of a value but found {key[:40].hex()}: {error!r}.") from None
    if end != len(key):
        raise CorruptStoreError(f"Expected {end} bytes of a key but found {len(key)}: {key[:40].hex()}.")
    return value


def _decode(key: bytes, at: int) -> tuple[Value, int]:
    return _DECODERS[key[at]](key, at + 1)


def _decode_text(key: bytes, at: int) -> tuple[bytes, int]:
    end = key.index(0, at)
    return _unescape(key[at:end]), end + 1


def _decode_string(key: bytes, at: int) -> tuple[str, int]:
    data, end = _decode_text(key, at)
    return data.decode(), end


def _decode_number(key: bytes, at: int) -> tuple[int | float, int]:
    sortable = key[at : at + 8]
    double = -_unpack_double(sortable)[0] if sortable[0] & 0x80 else _unpack_double(sortable.translate(_INVERTED))[0]
    at += 8
    if not math.isfinite(double):
        raise ValueError(double)
    if not _FIRST_SHARED <= abs(double) <= _LAST_SHARED:
        return (int(double) if abs(double) < _FIRST_SHARED and double.is_integer() else double), at
    whole = int(double) + _unpack_rest(key, at)[0] - 0x8000
    return (whole if MIN_INT <= whole <= MAX_INT else double), at + 2


def _decode_array(key: bytes, at: int) -> tuple[list[Value], int]:
    items = []
    while key[at] != _END[0]:
        item, at = _decode(key, at)
        items.append(item)
    return items, at + 1


def _decode_pairs(key: bytes, at: int) -> tuple[dict[str, Value], int]:
    pairs = {}
    while key[at] != _END[0]:
        if key[at] != _STRING[0]:
            raise ValueError(key[at])
        name, at = _decode_string(key, at + 1)
        pairs[name], at = _decode(key, at)
    return pairs, at + 1


def _decode_geometry(key: bytes, at: int) -> tuple[Geometry, int]:
    pairs, end = _decode_pairs(key, at)
    return Geometry(pairs), end


def _decode_time(key: bytes, at: int) -> tuple[Time, int]:
    microseconds = _unpack_time(key, at)[0] - 2**63
    try:
        return Time.at(microseconds, 0), at + 8
    except OverflowError:
        # Year 0 or 10000 in UTC: only with another offset is it a time at all.
        return Time.at(microseconds, 1439 if microseconds < 0 else -1439), at + 8


_DECODERS: Final[dict[int, Callable[[bytes, int], tuple[Value, int]]]] = {
    _MINVAL[0]: lambda _, at: (MINVAL, at),
    _ARRAY[0]: _decode_array,
    _FALSE[0]: lambda _, at: (False, at),
    _TRUE[0]: lambda _, at: (True, at),
    _NULL[0]: lambda _, at: (None, at),
    _NUMBER[0]: _decode_number,
    _OBJECT[0]: _decode_pairs,
    _BINARY[0]: _decode_text,
    _GEOMETRY[0]: _decode_geometry,
    _TIME[0]: _decode_time,
    _VECTOR[0]: unform,
    _STRING[0]: _decode_string,
    _MAXVAL[0]: lambda _, at: (MAXVAL, at),
}


def prefix_successor(prefix: bytes) -> bytes | None:
    """The least bytes above everything that begins with `prefix`; None where there is nothing above.

    Since no form begins another, this is also the least bytes above a form and below every greater form.
    """
    rest = prefix.rstrip(b"\xff")
    return rest[:-1] + bytes([rest[-1] + 1]) if rest else None
