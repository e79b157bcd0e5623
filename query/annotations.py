"""What the annotations of a declared term mean: which values they let through, and the error for others."""

from __future__ import annotations

import types
from functools import cache
from typing import Any, Final, NamedTuple, Union, get_args, get_origin

from query.errors import ReqlQueryLogicError
from query.json_text import number_error, shown
from query.runtime import Function, type_error
from query.term import Source
from query.values import VALUE_TYPES, Time, Value
from query.vectors import Vector

_TYPE_NAMES: Final[dict[type, str]] = {
    str: "STRING",
    int: "NUMBER",
    float: "NUMBER",
    bool: "BOOL",
    list: "ARRAY",
    dict: "OBJECT",
    bytes: "PTYPE<BINARY>",
    Time: "PTYPE<TIME>",
    Vector: "PTYPE<VECTOR>",
    types.NoneType: "NULL",
}


_TIMES: Final = frozenset({Time})


class Accepted(NamedTuple):
    """The Python types that an annotation lets through, and whether numbers have to be whole."""

    types: frozenset[type]
    whole: bool


@cache
def accepted(annotation: Any) -> Accepted | None:
    """What an annotation of a term lets through; None where it is not of plain values."""
    if annotation is Any:
        return Accepted(VALUE_TYPES, False)
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [accepted(part) for part in get_args(annotation)]
        if any(part is None for part in parts):
            return None
        kinds = frozenset[type]().union(*[part.types for part in parts if part is not None])
        return Accepted(kinds, float not in get_args(annotation) and int in get_args(annotation))
    kind = get_origin(annotation) or annotation
    if kind is None:
        kind = types.NoneType
    if kind is int or kind is float:
        return Accepted(frozenset({int, float}), kind is int)
    return Accepted(frozenset({kind}), False) if kind in VALUE_TYPES else None


def takes_function(annotation: Any) -> bool:
    """Whether a parameter is a function, or may be one: there an expression of `r.row` stands for a function."""
    return annotation is Function or Function in get_args(annotation)


def takes_source(annotation: Any) -> bool:
    """Whether a parameter may be an iterable that is read while the query runs."""
    return Source in get_args(annotation)


def argument_error(wanted: Accepted, found: Value) -> ReqlQueryLogicError:
    """The error for a value that an annotation does not let through, in RethinkDB's words."""
    if wanted.types == _TIMES:
        return ReqlQueryLogicError(f"Not a TIME pseudotype: `{shown(found)}`.")
    if type(found) is float and wanted.whole:
        return number_error(found)
    names = sorted({_TYPE_NAMES[kind] for kind in wanted.types} - {"NULL"})
    return type_error(" or ".join(names), found)
