"""Streams without an end: `r.range()`, and what is made of its rows one by one. They can be read in part, never whole."""

from __future__ import annotations

from typing import Final

from query.errors import ReqlQueryLogicError
from query.term import Argument, Term, walk

_NEED_THE_END: Final = frozenset(
    {
        *("avg", "contains", "count", "max", "min", "reduce", "sum"),
        *("bracket", "coerce_to", "distinct", "fold", "for_each", "group", "nth", "order_by", "sample"),
    }
)
"""Terms that read their sequence at once, though some may have found what they look for before its end."""

_ROW_BY_ROW: Final = frozenset(
    {"map", "filter", "fold", "concat_map", "skip", "pluck", "without", "merge", "with_fields", "has_fields", "union"}
)


def check_ends(root: Term) -> None:
    """ReqlQueryLogicError where a query needs the end of a stream that has none."""
    for node in walk(root):
        if node.kind.name in _NEED_THE_END and node.args and _is_endless(node.args[0]) and not _gives_on(node):
            raise ReqlQueryLogicError(
                "Cannot use an infinite stream with an aggregation function (`reduce`, `count`, etc.) or coerce it to an "
                "array.",
                node,
            )


def _gives_on(node: Term) -> bool:
    """Whether the term is one of those only by its name: a field of each row, a fold that emits."""
    return (node.kind.name == "bracket" and type(node.args[1]) is str) or "emit" in node.options


def _is_endless(node: Argument) -> bool:
    if type(node) is not Term:
        return False
    if node.kind.name == "range":
        return not node.args
    if node.kind.name == "map":
        return all(map(_is_endless, node.args[:-1]))
    if node.kind.name == "union":
        return any(map(_is_endless, node.args))
    if node.kind.name in ("bracket", "fold"):
        return _gives_on(node) and _is_endless(node.args[0])
    return node.kind.name in _ROW_BY_ROW and bool(node.args) and _is_endless(node.args[0])
