"""What a query gave, in the form that RethinkDB's Python driver gives it.

Arrays are lists, grouped data a dict (its array keys as tuples), binary bytes, times aware datetimes, vectors numpy
arrays. The run options `time_format`, `binary_format`, `vector_format` and `group_format` ask for other forms. Results are
walked only then, and where this process has met a vector.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final

from docstore import native
from query.errors import ReqlQueryLogicError
from query.json_text import vector_json
from query.runtime import Database, Function, Grouped, Literal, Row, Stream, kind_name
from query.sharing import unshared
from query.term import Argument, Term
from query.times import epoch_seconds
from query.values import Bound, Time, Value
from query.vectors import Made, Vector


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
        if kind is Bound:
            raise ReqlQueryLogicError(f"Cannot convert `{found!r}` to JSON.")
        raise ReqlQueryLogicError(
            f"Query result must be of type DATUM, GROUPED_DATA, or STREAM (got {kind_name(found)})."
        )
    return converted(found, options)


def is_walked(options: Mapping[str, Any]) -> bool:
    """Whether results have to be walked, as far as is known by now."""
    return Made.any or "time_format" in options or "binary_format" in options


def conversion(options: Mapping[str, Any], decode: Callable[[bytes], Any] | None) -> Callable[[Any], Any]:
    """What makes of a row what its user gets. `decode` is for rows that are bytes as they are stored."""
    if decode is None:
        return (lambda row: converted(row, options)) if is_walked(options) else unshared
    if native.AVAILABLE and not is_walked(options):
        return native.documents.Giver(decode, lambda found: converted(found, options)).give
    return lambda row: converted(decode(row) if type(row) is bytes else row, options)


def converted(value: Value, options: Mapping[str, Any]) -> Any:
    """A value with its pseudo-types in the form that the options ask for, and shared with nobody."""
    if not is_walked(options):
        return unshared(value)
    raw_time, raw_binary = options.get("time_format") == "raw", options.get("binary_format") == "raw"
    return _raw(value, raw_time, raw_binary, options.get("vector_format", "numpy"))


def tells_bounds(argument: Argument) -> bool:
    """Whether `r.minval` or `r.maxval` may be inside what a query gives: it stands elsewhere than in a `between`."""
    if type(argument) is not Term:
        return type(argument) is Bound
    is_range = argument.kind.name == "between"
    parts = argument.args[:1] if is_range else (*argument.args, *argument.options.values())
    return any(map(tells_bounds, parts))


def without_bounds(found: Any) -> Any:
    """What a query gave, as it is; ReqlQueryLogicError where `r.minval` or `r.maxval` is inside it."""
    kind = type(found)
    if kind is Stream:
        return Stream(lambda: map(without_bounds, found.rows()), found.type_name, found.table)
    if kind is Grouped:
        for _, value in found.groups:
            without_bounds(value)
    elif kind is list or kind is dict:
        for value in found if kind is list else found.values():
            without_bounds(value)
    elif kind is Bound:
        raise ReqlQueryLogicError(f"Cannot convert `{found!r}` to JSON.")
    return found


_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
"""What is the same in every form: most of what is in documents."""


def _raw(value: Value, raw_time: bool, raw_binary: bool, vectors: str) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:
        return {
            name: item if type(item) in _PLAIN else _raw(item, raw_time, raw_binary, vectors)
            for name, item in value.items()
        }
    if kind is list:
        return [item if type(item) in _PLAIN else _raw(item, raw_time, raw_binary, vectors) for item in value]
    if kind is Vector:
        return value.numpy() if vectors == "numpy" else value.numbers() if vectors == "list" else vector_json(value)
    if kind is Time and raw_time:
        return {
            "$reql_type$": "TIME",
            "epoch_time": epoch_seconds(value),
            "timezone": value.zone,
        }
    if kind is bytes and raw_binary:
        return {"$reql_type$": "BINARY", "data": b64encode(value).decode()}
    return value


def _grouped(found: Grouped, options: Mapping[str, Any]) -> Any:
    if options.get("group_format") == "raw":
        pairs = [[converted(key, options), presented(value, options)] for key, value in found.groups]
        return {"$reql_type$": "GROUPED_DATA", "data": pairs}
    unpacked = {**options, "vector_format": "list"}
    return {_hashable(converted(key, unpacked)): presented(value, options) for key, value in found.groups}


def _hashable(key: Any) -> Any:
    if isinstance(key, list):
        return tuple([_hashable(item) for item in key])
    if isinstance(key, dict):
        return frozenset((name, _hashable(item)) for name, item in key.items())
    return key
