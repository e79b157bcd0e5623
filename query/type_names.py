"""The names of types, as `type_of` and errors give them, of anything that a term may be given."""

from __future__ import annotations

from typing import Any, Final

from query.runtime import Database, Function, Grouped, Literal, Row, Stream
from query.values import type_name


def runtime_type_name(value: Any) -> str:
    """The type name of anything that a term may be given, as `type_of` gives it."""
    kind = type(value)
    if kind is Stream:
        return str(value.type_name)
    if kind is Grouped:
        return "GROUPED_STREAM" if value.streamed else "GROUPED_DATA"
    return _RUNTIME_NAMES.get(kind) or type_name(value)


_RUNTIME_NAMES: Final[dict[type, str]] = {
    Row: "SELECTION<OBJECT>",
    Database: "DB",
    Literal: "PTYPE<LITERAL>",
    Function: "FUNCTION",
}
