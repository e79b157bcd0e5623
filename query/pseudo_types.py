"""Objects with a field `$reql_type$`, as RethinkDB's drivers and JSON have them, and the values that they stand for.

| `$reql_type$` | other fields                                           | value                                        |
|---------------|--------------------------------------------------------|----------------------------------------------|
| `TIME`        | `epoch_time` in seconds, `timezone` such as `"+02:00"` | `Time`, to the microsecond                   |
| `BINARY`      | `data` in base64                                       | `bytes`                                      |
| `VECTOR`      | `type`, `dimensions`, and `data`, packed, in base64    | `Vector`                                     |
| `GEOMETRY`    | those of GeoJSON                                       | `Geometry`; `query.values` makes it          |

A time may have a field `microseconds`, all of them since 1970, where a double cannot carry them. An object of another
type, or one with other fields, is a ReqlQueryLogicError, wherever it comes from: no value is a plain dict with a
`$reql_type$`.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Final

from query.errors import ReqlQueryLogicError
from query.geometries import PSEUDO_TYPE, Geometry
from query.json_text import shown
from query.times import epoch_seconds, offset_minutes, time_at
from query.values import PSEUDO_TYPES, Time, Value, pseudo_value, type_name
from query.vectors import TYPES, Vector, packed_size

__all__ = ["PSEUDO_OBJECTS", "PSEUDO_TYPE", "object_form", "pseudo_value"]

_TIME_FIELDS: Final = ("epoch_time", "timezone")


PSEUDO_OBJECTS: Final = frozenset({Time, Geometry})
"""The types of values that are objects with a `$reql_type$` to RethinkDB."""


def object_form(value: Value) -> dict[str, Value]:
    """An object, a time or a geometry as an object with a `$reql_type$`."""
    if type(value) is not Time:
        return dict(value)
    return {PSEUDO_TYPE: "TIME", "epoch_time": epoch_seconds(value), "timezone": value.zone}


def _time(fields: dict[str, Value]) -> Time:
    for name in sorted(fields):
        fault = _fault_of_field(name, fields[name])
        if fault:
            raise _invalid_time(fault, fields)
    missing = next((name for name in _TIME_FIELDS if name not in fields), None)
    if missing is not None:
        raise _invalid_time(f"no field `{missing}`", fields)
    exact = fields.get("microseconds")
    total = round(fields["epoch_time"] * 1_000_000) if exact is None else exact
    return time_at(total, offset_minutes(fields["timezone"]))


def _fault_of_field(name: str, found: Value) -> str:
    """What is wrong with a field of a time; nothing for one that is right."""
    if name == "epoch_time":
        is_number = type(found) is int or type(found) is float
        return (
            ""
            if is_number
            else f"field `epoch_time` must be a number (got `{shown(found)}` of type {type_name(found)})"
        )
    if name == "timezone":
        if type(found) is not str:
            return f"field `timezone` must be a string (got `{shown(found)}` of type {type_name(found)})"
        return "" if _is_offset(found) else f"invalid timezone string `{shown(found)}`"
    is_ours = name == PSEUDO_TYPE or (name == "microseconds" and type(found) is int)
    return "" if is_ours else f"unrecognized field `{name}`"


def _is_offset(text: str) -> bool:
    try:
        return abs(offset_minutes(text)) < 24 * 60
    except ReqlQueryLogicError:
        return False


def _invalid_time(fault: str, fields: dict[str, Value]) -> ReqlQueryLogicError:
    return ReqlQueryLogicError(f"Invalid time object constructed ({fault}):\n{shown(fields)}")


def _binary(fields: dict[str, Value]) -> bytes:
    if "data" not in fields:
        raise ReqlQueryLogicError(f"Invalid binary pseudotype: lacking `data` key.\n{shown(fields)}")
    try:
        return b64decode(fields["data"], validate=True)
    except (TypeError, ValueError):
        raise ReqlQueryLogicError(f"Expected a BINARY with its `data` in base64 but found:\n{shown(fields)}") from None


def _vector(fields: dict[str, Value]) -> Vector:
    kind, dimensions = fields.get("type"), fields.get("dimensions")
    try:
        packed = b64decode(fields["data"], validate=True)
        if kind in TYPES and type(dimensions) is int and packed_size(kind, dimensions) == len(packed) > 0:
            return Vector.packed(kind, packed, dimensions)
    except (KeyError, TypeError, ValueError):
        pass
    raise ReqlQueryLogicError(
        f"Expected a VECTOR with `type`, `dimensions` and its `data` in base64 but found:\n{shown(fields)}"
    )


def _literal(fields: dict[str, Value]) -> Value:
    raise ReqlQueryLogicError(
        "Stray literal keyword found: literal is only present inside merge and cannot nest inside another literal."
    )


PSEUDO_TYPES.update({"TIME": _time, "BINARY": _binary, "VECTOR": _vector, "LITERAL": _literal})
