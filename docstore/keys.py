"""The keys of entries, and ranges of them.

The *form* of a value is what `encode_key` makes of it (`key_form.py`): bytes in the order of values, and no form begins
another. A primary key is the form of the value, refused when longer than `MAX_KEY_BYTES`. The key of an entry of a
secondary index is the form cut to `MAX_KEY_BYTES`, and *counts as cut* exactly when it has that length: then no value is
decoded from it, and only the documents tell which of two such entries comes first and whether one lies in a range.

Nothing is in an ordered index for null, an object, a geometry, a vector, `MINVAL`, `MAXVAL`, or an array with one of these in it.

All functions here are pure; any thread may call them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast

from docstore.key_form import decode_key, encode_key, prefix_successor, text_key
from docstore.storage.engine import MAX_KEY_BYTES
from query.errors import ReqlNonExistenceError, ReqlQueryLogicError
from query.geometries import Geometry
from query.json_text import pretty, shown
from query.values import Bound, Time, Value, type_name

__all__ = [
    "MAX_KEY_BYTES",
    "BoundKind",
    "KeyRange",
    "check_key",
    "decode_key",
    "encode_key",
    "high_bound",
    "index_key",
    "is_indexable",
    "key_range",
    "low_bound",
    "prefix_successor",
    "primary_key",
    "primary_keys",
]

BoundKind: TypeAlias = Literal["open", "closed"]

_INDEXABLE: Final = frozenset({str, int, float, bool, bytes, Time})


def is_indexable(value: Value) -> bool:
    """Whether an ordered index can hold the value: no null, object, geometry, vector or bound, nor an array with one in it."""
    if type(value) is list:
        return _INDEXABLE.issuperset(map(type, value)) or all(map(is_indexable, value))
    return type(value) in _INDEXABLE


def index_key(value: Value) -> bytes | None:
    """The key of a value in a secondary index, cut to `MAX_KEY_BYTES`; None for what no index holds."""
    if type(value) in _INDEXABLE or is_indexable(value):
        return encode_key(value)[:MAX_KEY_BYTES]
    return None


def primary_key(value: Value) -> bytes:
    """The key of a document's primary key.

    ReqlQueryLogicError, in RethinkDB's words, for a value that cannot be one and for one that is too long. `MINVAL` and
    `MAXVAL` have keys too, under which nothing is found: no document with one of them can be written.
    """
    if type(value) is str:
        key = text_key(value) or encode_key(value)
    else:
        if type(value) not in _INDEXABLE:
            check_key(value, "Primary")
        key = encode_key(value)
    if len(key) > MAX_KEY_BYTES:
        raise ReqlQueryLogicError(
            f"Primary key too long (max {MAX_KEY_BYTES} bytes, this one takes {len(key)}): {shown(value)}"
        )
    return key


def primary_keys(values: Sequence[Value]) -> list[bytes]:
    """`primary_key` of each of some values."""
    if set(map(type, values)) == {str}:
        keys = list(map(text_key, cast(Sequence[str], values)))
        if None not in keys and max(map(len, cast(list[bytes], keys))) <= MAX_KEY_BYTES:
            return cast(list[bytes], keys)
    return list(map(primary_key, values))


def check_key(value: Value, kind: Literal["Primary", "Secondary"]) -> None:
    """Raise, as RethinkDB does, if the value can be no key. `MINVAL` and `MAXVAL` are none that is found.

    ReqlQueryLogicError; ReqlNonExistenceError, which `default` catches, for null.
    """
    if type(value) is list:
        for item in value:
            _check_part(item)
    elif type(value) not in _INDEXABLE and type(value) is not Bound:
        name = type_name(value)
        if kind == "Primary":
            told = f"Primary keys must be either a number, string, bool, pseudotype or array (got type {name}):"
            raise _refusal(value, f"{told}\n{shown(value)}")
        told = "Secondary keys must be a number, string, bool, pseudotype, or array"
        raise _refusal(value, f"{told} (got {pretty(value)} of type {name}).")


def _check_part(item: Value) -> None:
    if type(item) is list:
        for part in item:
            _check_part(part)
    elif type(item) not in _INDEXABLE and type(item) is not Bound:
        told = "Array keys can only contain numbers, strings, bools,  pseudotypes, or arrays"
        raise _refusal(item, f"{told} (got {pretty(item)} of type {type_name(item)}).")


def _refusal(value: Value, message: str) -> ReqlQueryLogicError:
    if value is None:
        return ReqlNonExistenceError(message)
    if type(value) is Geometry:
        message = "Cannot use a geometry value as a key value in a primary or non-geospatial secondary index."
    return ReqlQueryLogicError(message)


@dataclass(frozen=True, slots=True)
class KeyRange:
    """A range of values as ranges of bytes: `full_low <= form < full_high`, and `low <= key < high` for stored keys.

    The two differ only where a bound is longer than `MAX_KEY_BYTES`. Cutting keeps the order, so the stored keys then
    begin at the cut low bound and end behind the cut high one, and the entries of exactly these two keys may belong to
    the range or not: with `recheck`, whoever scans asks `holds`, with the form of the document's value, for each entry
    whose key has `MAX_KEY_BYTES`. All others are in the range.

    A range is empty where `low >= high`; a `high` of None is no limit.
    """

    full_low: bytes
    full_high: bytes | None
    low: bytes
    high: bytes | None
    recheck: bool

    @classmethod
    def of(cls, full_low: bytes, full_high: bytes | None) -> KeyRange:
        """The range of the forms from `full_low` up to, and without, `full_high`."""
        low, high = full_low[:MAX_KEY_BYTES], full_high
        if high is not None and len(high) > MAX_KEY_BYTES:
            high = prefix_successor(high[:MAX_KEY_BYTES])
        return cls(full_low, full_high, low, high, (low, high) != (full_low, full_high))

    def holds(self, form: bytes) -> bool:
        """Whether the value with this form, uncut, is in the range."""
        return self.full_low <= form and (self.full_high is None or form < self.full_high)


def low_bound(value: Value, kind: BoundKind) -> bytes:
    """The least bytes that forms of values above the bound (`closed`: or equal to it) can have."""
    form = encode_key(value)
    return form if kind == "closed" else prefix_successor(form) or form  # nothing is above MAXVAL, nor equal to it


def high_bound(value: Value, kind: BoundKind) -> bytes | None:
    """The least bytes above the forms of values below the bound (`closed`: or equal to it); None for no limit."""
    form = encode_key(value)
    return form if kind == "open" else prefix_successor(form)


def key_range(low: Value, high: Value, left: BoundKind = "closed", right: BoundKind = "open") -> KeyRange:
    """The values between two bounds, as `between` means it; `MINVAL` and `MAXVAL` may stand alone or inside arrays.

    The bounds may be any values; `check_key` refuses those that ReQL refuses.
    """
    return KeyRange.of(low_bound(low, left), high_bound(high, right))
