"""The data model: what a value may be, what its type is called, and the total order of all values.

A value is held as the Python object that a user sees, so that neither reading nor writing converts anything:

| type name         | Python                                  | order among its own                        |
|-------------------|-----------------------------------------|--------------------------------------------|
| `MINVAL`          | `MINVAL`                                | only as a bound; below every value         |
| `ARRAY`           | `list`                                  | element by element, the shorter first      |
| `BOOL`            | `bool`                                  | False, True                                |
| `NULL`            | `None`                                  |                                            |
| `NUMBER`          | `int` of 64 bits, signed or not; finite `float` | by value, 1 == 1.0                 |
| `OBJECT`          | `dict` with `str` keys                  | pairs in order of key, the shorter first   |
| `PTYPE<BINARY>`   | `bytes`                                 | byte by byte                               |
| `PTYPE<GEOMETRY>` | `Geometry`                              | as the object it stands for                |
| `PTYPE<TIME>`     | `Time`, an aware `datetime`             | by moment                                  |
| `PTYPE<VECTOR>`   | `Vector`                                | by type, by length, number by number       |
| `STRING`          | `str`, any Unicode but lone surrogates  | by code point                              |
| `MAXVAL`          | `MAXVAL`                                | only as a bound; above every value         |

The rows stand in the order of the types: every array is less than every boolean. `from_python` makes values of what a
user hands in (tuples, datetimes, numpy scalars and arrays, bytearrays) and refuses what is none.

`Time` is a subclass of `datetime` only so that it can be told from one that nobody has checked; it always has an offset
of whole minutes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any, Final, TypeAlias, final

from query import native
from query.collection import BULK, paused_collection
from query.errors import ReqlDriverCompileError, ReqlQueryLogicError
from query.geometries import PSEUDO_TYPE
from query.geometries import Geometry as Geometry
from query.vectors import Vector, vector_from_python

Value: TypeAlias = Any

MAX_NESTING: Final = 100
"""Levels of arrays and objects in one value: what a recursive reader of any language can be trusted with."""

MIN_INT: Final = -(2**63)
MAX_INT: Final = 2**64 - 1


@final
class Bound:
    """`r.minval` or `r.maxval`: below or above every value, usable only as a bound."""

    __slots__ = ("type_name",)

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __repr__(self) -> str:
        return f"r.{self.type_name.lower()}"

    def __reduce__(self) -> str:
        return self.type_name


MINVAL: Final = Bound("MINVAL")
MAXVAL: Final = Bound("MAXVAL")


class Time(datetime):
    """A moment with the offset from UTC that it was written with. Equal and ordered by moment."""

    __slots__ = ()

    @classmethod
    def of(cls, moment: datetime) -> Time:
        """The same moment and offset; the offset is rounded to whole minutes. `moment` must be aware."""
        offset = moment.utcoffset()
        assert offset is not None
        minutes = max(-1439, min(round(offset.total_seconds() / 60), 1439))
        local = moment.replace(tzinfo=None) + (timedelta(minutes=minutes) - offset)
        return cls._on_clock(local, minutes)

    @classmethod
    def at(cls, microseconds: int, offset_minutes: int) -> Time:
        """The moment that many microseconds after 1970-01-01T00:00Z, shown with an offset from UTC in minutes."""
        # Reckoned on the clock of the place: in UTC it may be year 0 or 10000, which no datetime can be.
        local = datetime(1970, 1, 1) + timedelta(minutes=offset_minutes, microseconds=microseconds)
        return cls._on_clock(local, offset_minutes)

    @classmethod
    def _on_clock(cls, local: datetime, offset_minutes: int) -> Time:
        return cls(
            local.year,
            local.month,
            local.day,
            local.hour,
            local.minute,
            local.second,
            local.microsecond,
            fixed_zone(offset_minutes),
        )

    @property
    def epoch_microseconds(self) -> int:
        """Microseconds since 1970-01-01T00:00Z."""
        since: timedelta = datetime.__sub__(self, _EPOCH)
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds

    @property
    def offset_minutes(self) -> int:
        """The offset from UTC in minutes, positive to the east."""
        offset = self.utcoffset()
        assert offset is not None
        return (offset.days * 86_400 + offset.seconds) // 60

    @property
    def zone(self) -> str:
        """The offset from UTC as text, `+02:00`."""
        hours, minutes = divmod(abs(self.offset_minutes), 60)
        return f"{'-' if self.offset_minutes < 0 else '+'}{hours:02}:{minutes:02}"


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ZONES: dict[int, timezone] = {}


def fixed_zone(offset_minutes: int) -> tzinfo:
    """The zone with that offset from UTC, -1439 to 1439 minutes."""
    zone = _ZONES.get(offset_minutes)
    if zone is None:
        zone = _ZONES[offset_minutes] = timezone(timedelta(minutes=offset_minutes))
    return zone


def zone_minutes(text: str) -> int:
    """The minutes of an offset from UTC written as `+02:00` or `Z`; ValueError where it is none.

    >>> zone_minutes("-01:30")
    -90
    """
    if text == "Z":
        return 0
    hours, minutes = text[1:3], text[4:]
    if len(text) != 6 or text[0] not in "+-" or text[3] != ":" or not (hours + minutes).isdecimal():
        raise ValueError(text)
    if int(hours) > 23 or int(minutes) > 59:
        raise ValueError(text)
    return (int(hours) * 60 + int(minutes)) * (-1 if text[0] == "-" else 1)


_TYPE_NAMES: Final[dict[type, str]] = {
    list: "ARRAY",
    bool: "BOOL",
    type(None): "NULL",
    int: "NUMBER",
    float: "NUMBER",
    dict: "OBJECT",
    bytes: "PTYPE<BINARY>",
    Geometry: "PTYPE<GEOMETRY>",
    Time: "PTYPE<TIME>",
    Vector: "PTYPE<VECTOR>",
    str: "STRING",
}

VALUE_TYPES: Final = frozenset(_TYPE_NAMES)
"""The exact Python types of values."""

TYPE_ORDER: Final = (
    "ARRAY",
    "BOOL",
    "NULL",
    "NUMBER",
    "OBJECT",
    "PTYPE<BINARY>",
    "PTYPE<GEOMETRY>",
    "PTYPE<TIME>",
    "PTYPE<VECTOR>",
    "STRING",
)
"""The names of all types, least first. Ranks are their places here, `MINVAL` is -1."""

_RANKS: Final[dict[type, int]] = {kind: TYPE_ORDER.index(name) for kind, name in _TYPE_NAMES.items()}


def type_name(value: Value) -> str:
    """The name of a value's type, as `type_of` gives it.

    >>> type_name([1]), type_name(2.5), type_name(None)
    ('ARRAY', 'NUMBER', 'NULL')
    """
    return value.type_name if type(value) is Bound else _TYPE_NAMES[type(value)]


def _same(value: Value) -> Any:
    return value


def _array_key(value: list[Value]) -> Any:
    return tuple([sort_key(item) for item in value])


def _object_key(value: dict[str, Value]) -> Any:
    return tuple([(name, sort_key(value[name])) for name in sorted(value)])


_SORT_KEYS: Final[dict[type, tuple[int, Callable[[Any], Any]]]] = {
    list: (_RANKS[list], _array_key),
    bool: (_RANKS[bool], _same),
    type(None): (_RANKS[type(None)], lambda _: 0),
    int: (_RANKS[int], _same),
    float: (_RANKS[float], _same),
    dict: (_RANKS[dict], _object_key),
    bytes: (_RANKS[bytes], _same),
    Geometry: (_RANKS[Geometry], lambda value: _object_key(value.geojson)),
    Time: (_RANKS[Time], _same),
    Vector: (_RANKS[Vector], Vector.form),
    str: (_RANKS[str], _same),
}


def sort_key(value: Value) -> Any:
    """A Python object that compares with those of other values as the values compare; hashable.

    >>> sorted(["a", 2, [1], None, True, {}, 1.5], key=sort_key)
    [[1], True, None, 1.5, 2, {}, 'a']
    """
    if type(value) is Bound:
        return (-1,) if value is MINVAL else (len(TYPE_ORDER),)
    rank, key = _SORT_KEYS[type(value)]
    return (rank, key(value))


_PLAIN: Final = frozenset({str, bytes, Time, type(None)})


def equal(left: Value, right: Value) -> bool:
    """Whether two values are the same: 1 is 1.0, and is not True; times are equal by moment."""
    if left is right:  # what an update leaves alone are the very objects of the old document
        return True
    kind, other = type(left), type(right)
    if kind is other:
        if kind is list:
            return len(left) == len(right) and all(map(equal, left, right))
        if kind is dict:
            return len(left) == len(right) and all(name in right and equal(left[name], right[name]) for name in left)
        return bool(left == right)
    return {kind, other} == {int, float} and bool(left == right)


def compare(left: Value, right: Value) -> int:
    """-1, 0 or 1 as the first value is less than, equal to or greater than the second."""
    kind, other = type(left), type(right)
    if kind is not other or kind not in _PLAIN:
        left, right = sort_key(left), sort_key(right)
    elif left is None:
        return 0
    return -1 if left < right else int(left > right)


def group_marker(value: Value) -> Any:
    """A hashable that is equal for equal values, as dicts of groups and distinct values are keyed.

    Strings and numbers are their own marker; booleans need another, since in Python True == 1.
    """
    kind = type(value)
    if kind is str or kind is int or kind is float:
        return value
    return sort_key(value)


def check_number(number: int | float) -> int | float:
    """The number, if it is a value; an int beyond 64 bits becomes a float.

    Raises ReqlQueryLogicError for NaN and infinities.
    """
    if type(number) is int:
        if MIN_INT <= number <= MAX_INT:
            return number
        try:
            return float(number)
        except OverflowError:
            raise ReqlQueryLogicError("Non-finite number: inf") from None
    if not math.isfinite(number):
        raise ReqlQueryLogicError(f"Non-finite number: {_non_finite_name(number)}")
    return number


def _non_finite_name(number: float) -> str:
    return "nan" if math.isnan(number) else "inf" if number > 0 else "-inf"


def describe(value: object) -> str:
    """A value of a user's in a few words, for errors."""
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


class NotPlainError(Exception):
    """Raised by `from_python` for data with a part of a query or a function in it."""


def from_python(data: object, *, is_constant: bool = False) -> Value:
    """A value out of what a user handed in: a copy, checked through.

    Tuples become lists, aware datetimes `Time`, bytearrays and memoryviews bytes, arrays of numpy and of the module
    `array` vectors, numpy scalars and other subclasses of numbers and strings plain ones. Everything else is a
    ReqlDriverCompileError that names the place; but for queries (anything with a `term`) and functions, which are a
    NotPlainError. With `is_constant` the copy stays inside a query: nobody can make a circle of it, so that the cyclic garbage
    collector is spared a long list and all that is in it.

    >>> from_python({"a": (1, 2)})
    {'a': [1, 2]}
    """
    try:
        if type(data) is list and len(data) >= BULK:
            with paused_collection():
                return _copied(data, is_constant)
        return _copied(data, False)
    except ReqlDriverCompileError:
        _find_fault(data, "", 0)
        raise


def _copied(data: Any, untracked: bool) -> Value:
    if native.AVAILABLE:
        return native.copying.copied(data, 0, MAX_NESTING, _copy, _PSEUDO, untracked)
    return _copy(data, 0)


def _copy(data: Any, depth: int) -> Value:
    """A copy of what stands inside so many arrays and objects; the twin in Python of `query.native.copying`."""
    kind = type(data)
    if kind is str:
        return data if data.isascii() else _checked_text(data, "")
    if kind is int:
        return data if MIN_INT <= data <= MAX_INT else _refuse_number(data, "")
    if kind is bool or data is None:
        return data
    if kind is float:
        return data if math.isfinite(data) else _refuse_number(data, "")
    if kind is list or kind is tuple:
        depth = _deeper(depth, "")
        return [item if type(item) is str and item.isascii() else _copy(item, depth) for item in data]
    if kind is dict:
        depth = _deeper(depth, "")
        result: dict[str, Value] = {}
        for name, item in data.items():
            if type(name) is not str or not name.isascii():
                name = _checked_name(name, "")
            result[name] = item if type(item) is str and item.isascii() else _copy(item, depth)
        return result if PSEUDO_TYPE not in result else pseudo_value(result)
    return _uncommon_from_python(data, "", depth)


def _find_fault(data: object, where: str, depth: int) -> None:
    """Raise for the first thing in `data` that is no value, naming its place; the slow twin of `_copy`."""
    if isinstance(data, Mapping):
        depth = _deeper(depth, where)
        for name, item in data.items():
            name = _checked_name(name, where)
            _find_fault(item, f"{where}.{name}" if where else name, depth)
    elif isinstance(data, list | tuple):
        depth = _deeper(depth, where)
        for index, item in enumerate(data):
            _find_fault(item, f"{where}[{index}]", depth)
    elif type(data) is str:
        _checked_text(data, where)
    elif (type(data) is int and not MIN_INT <= data <= MAX_INT) or (type(data) is float and not math.isfinite(data)):
        _refuse_number(data, where)
    elif type(data) is Time or type(data) not in VALUE_TYPES:
        _uncommon_from_python(data, where, depth)


PSEUDO_TYPES: Final[dict[str, Callable[[dict[str, Value]], Value]]] = {"GEOMETRY": Geometry}
"""What makes the value that an object with a `$reql_type$` stands for, by that; `query.pseudo_types` has the others."""


def pseudo_value(fields: dict[str, Value]) -> Value:
    """What an object with a `$reql_type$` stands for; ReqlQueryLogicError where that is nothing."""
    name = fields[PSEUDO_TYPE]
    if type(name) is not str:
        raise ReqlQueryLogicError(f"Field `{PSEUDO_TYPE}` must be a string (got type {type_name(name)}).")
    if name not in PSEUDO_TYPES:
        raise ReqlQueryLogicError(f"Unknown {PSEUDO_TYPE} `{name}`.")
    return PSEUDO_TYPES[name](fields)


_PSEUDO: Final = (PSEUDO_TYPE, pseudo_value)


def _refuse_number(number: int | float, where: str) -> Value:
    if type(number) is int:
        raise ReqlDriverCompileError(
            f"Expected an integer of 64 bits (from -2**63 to 2**64 - 1) but found {describe(number)}{_at(where)}."
        )
    raise ReqlDriverCompileError(f"Expected a finite number but found {_non_finite_name(number)}{_at(where)}.")


def _deeper(depth: int, where: str) -> int:
    """The depth inside one more array or object."""
    if depth == MAX_NESTING:
        raise nesting_error(where[:60])
    return depth + 1


def nesting_error(where: str = "") -> ReqlDriverCompileError:
    """The error for data that is nested too deeply."""
    return ReqlDriverCompileError(f"Nesting depth limit exceeded: more than {MAX_NESTING} levels{_at(where)}.")


def is_deeper(value: Value, levels: int) -> bool:
    """Whether a value has more levels of arrays and objects than that.

    >>> is_deeper([{}], 1), is_deeper([{}], 2)
    (True, False)
    """
    kind = type(value)
    if kind is not list and kind is not dict:
        return False
    if levels == 0:
        return True
    for item in value if kind is list else value.values():
        kind = type(item)
        if (kind is list or kind is dict) and is_deeper(item, levels - 1):
            return True
    return False


def _checked_name(name: object, where: str) -> str:
    if not isinstance(name, str):
        raise ReqlDriverCompileError(
            f"Object keys must be strings: expected str but found {describe(name)}{_at(where)}."
        )
    return _checked_text(str.__str__(name), where)


_PLAIN_FORMS: Final[tuple[tuple[type, Callable[[Any], Any]], ...]] = (
    (int, int),
    (float, float),
    (Mapping, dict),
    (list, list),
    (tuple, list),
)


def _uncommon_from_python(data: object, where: str, depth: int) -> Value:
    if type(data).__name__ == "ndarray":  # to ask the abstract classes below takes longer than all the rest
        vector = vector_from_python(data)
        if vector is not None:
            return vector
    if isinstance(data, bytes | Geometry | Bound):
        return bytes(data) if isinstance(data, bytes) else data
    if isinstance(data, date):
        if isinstance(data, datetime) and data.utcoffset() is not None:
            return Time.of(data)
        raise ReqlDriverCompileError(
            f"Cannot convert {type(data).__name__} to ReQL time object without timezone information: found {data!r}"
            f"{_at(where)}. Give it one, as in datetime.now(r.make_timezone('+00:00')), or use one of ReQL's builtin time "
            "constructors, r.now, r.time, or r.iso8601."
        )
    if isinstance(data, bytearray | memoryview):
        return bytes(data)
    if isinstance(data, str):
        # An enumeration with str as a base prints its own name; this gives the text.
        return _checked_text(str.__str__(data), where)
    plain: Callable[[Any], Any]
    for base, plain in _PLAIN_FORMS:
        if isinstance(data, base):
            return _copy(plain(data), depth)
    if callable(data) or hasattr(type(data), "term"):
        raise NotPlainError
    vector = vector_from_python(data)
    if vector is not None:
        return vector
    scalar = getattr(data, "item", None)
    if callable(scalar) and getattr(data, "shape", None) == ():
        return _copy(scalar(), depth)
    raise ReqlDriverCompileError(
        f"Cannot convert to a ReQL value: expected None, bool, int, float, str, bytes, an aware datetime, a list or a "
        f"dict but found {describe(data)}{_at(where)}."
    )


def _checked_text(text: str, where: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ReqlDriverCompileError(
                f"Expected Unicode text but found a lone surrogate at character {error.start}{_at(where)}."
            ) from None
    return text


def _at(where: str) -> str:
    return f" at `{where}`" if where else ""
