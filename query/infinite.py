"""Streams without an end: `r.range()`, and what is made of its rows one by one. They can be read in part, never whole."""

from __future__ import annotations

from typing import Final

from query.errors import ReqlQueryLogicError
from query.term import Argument, Term, walk

_NEED_THE_END: Final = frozenset(
    {"count", "sum", "avg", "min", "max", "reduce", "distinct", "group", "order_by", "coerce_to", "sample"}
)
_ROW_BY_ROW: Final = frozenset(
    {"map", "filter", "fold", "concat_map", "skip", "pluck", "without", "merge", "with_fields", "has_fields", "union"}
)


def check_ends(root: Term) -> None:
    """ReqlQueryLogicError where a query needs the end of a stream that has none."""
    for node in walk(root):
        needs_the_end = node.kind.name in _NEED_THE_END or (node.kind.name == "fold" and "emit" not in node.options)
        if needs_the_end and node.args and _is_endless(node.args[0]):
            raise ReqlQueryLogicError(
                "Cannot use an infinite stream with an aggregation function (`reduce`, `count`, etc.) or coerce it to an "
                "array.",
                node,
            )


def _is_endless(node: Argument) -> bool:
    if type(node) is not Term:
        return False
    if node.kind.name == "range":
        return not node.args
    if node.kind.name == "map":
        return all(map(_is_endless, node.args[:-1]))
    if node.kind.name == "union":
        return any(map(_is_endless, node.args))
    return node.kind.name in _ROW_BY_ROW and bool(node.args) and _is_endless(node.args[0])
