"""What a query gave, in the form that RethinkDB's Python driver gives it.

Arrays are lists, grouped data a dict (its array keys as tuples), binary bytes, times aware datetimes. The run options
`time_format`, `binary_format` and `group_format` ask for the raw pseudo-types instead; only then are results walked.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from query.errors import ReqlQueryLogicError
from query.runtime import Database, Function, Grouped, Literal, Row, runtime_type_name
from query.values import Bound, Geometry, Time, Value


def presented(found: Any, options: Mapping[str, Any]) -> Any:
    """A value, a selected row or grouped data as the user gets it.

    Raises ReqlQueryLogicError for what can be no result: a function, a database, `r.minval`.
    """
    kind = type(found)
    if kind is Row:
        found = found.value
    elif kind is Grouped:
        return _grouped(found, options)
    elif kind in (Bound, Database, Function, Literal):
        raise ReqlQueryLogicError(
            f"Query result must be of type DATUM, GROUPED_DATA, or STREAM (got {runtime_type_name(found)})."
        )
    return converted(found, options) if options else found


def converted(value: Value, options: Mapping[str, Any]) -> Any:
    """A value with its pseudo-types in the form that the options ask for."""
    raw_time, raw_binary = options.get("time_format") == "raw", options.get("binary_format") == "raw"
    return _raw(value, raw_time, raw_binary) if raw_time or raw_binary else value


def _raw(value: Value, raw_time: bool, raw_binary: bool) -> Any:
    kind = type(value)
    if kind is dict:
        return {name: _raw(item, raw_time, raw_binary) for name, item in value.items()}
    if kind is list:
        return [_raw(item, raw_time, raw_binary) for item in value]
    if kind is Time and raw_time:
        return {
            "$reql_type$": "TIME",
            "epoch_time": value.epoch_microseconds / 1_000_000,
            "timezone": value.strftime("%z")[:3] + ":" + value.strftime("%z")[3:5],
        }
    if kind is bytes and raw_binary:
        return {"$reql_type$": "BINARY", "data": b64encode(value).decode()}
    return value


def _grouped(found: Grouped, options: Mapping[str, Any]) -> Any:
    if options.get("group_format") == "raw":
        pairs = [[converted(key, options), presented(value, options)] for key, value in found.groups]
        return {"$reql_type$": "GROUPED_DATA", "data": pairs}
    return {_hashable(converted(key, options)): presented(value, options) for key, value in found.groups}


def _hashable(key: Any) -> Any:
    if isinstance(key, list):
        return tuple([_hashable(item) for item in key])
    if isinstance(key, dict):
        return frozenset((name, _hashable(item)) for name, item in key.items())
    return repr(key.geojson) if isinstance(key, Geometry) else key
