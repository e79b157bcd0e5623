"""Streams without an end: `r.range()`, and what is made of its rows. They can be read by the user, and not by a term.

As in RethinkDB, where a term that reads its sequence at once does not ask the stream below for single batches: so it is an
error over a part of such a stream too, that `limit` made for instance, and only the user can read that.
"""

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
    {"map", "filter", "concat_map", "skip", "pluck", "without", "merge", "with_fields", "has_fields", "zip"}
)
_BATCH_BY_BATCH: Final = _ROW_BY_ROW | {"limit", "slice", "offsets_of", "eq_join", "inner_join", "outer_join"}


def check_ends(root: Term) -> None:
    """ReqlQueryLogicError where a term of a query reads at once what is made of a stream that has no end."""
    for node in walk(root):
        if node.kind.name in _NEED_THE_END and node.args and _reads_endless(node.args[0]) and not _gives_on(node):
            raise ReqlQueryLogicError(
                "Cannot use an infinite stream with an aggregation function (`reduce`, `count`, etc.) or coerce it to an "
                "array.",
                node,
            )


def _gives_on(node: Term) -> bool:
    """Whether the term is one of those only by its name: a field of each row, a fold that emits."""
    return (node.kind.name == "bracket" and type(node.args[1]) is str) or "emit" in node.options


def _reads_endless(node: Argument) -> bool:
    """Whether a sequence is made of the rows of an endless one, be it of some of them."""
    if type(node) is not Term or not node.args:
        return _is_endless(node)
    if node.kind.name == "map" and len(node.args) > 2:
        return _is_endless(node)  # it asks each of its sequences for single batches
    if node.kind.name == "union":
        return any(map(_reads_endless, node.args))
    if node.kind.name in ("bracket", "fold"):
        return _gives_on(node) and _reads_endless(node.args[0])
    return node.kind.name in _BATCH_BY_BATCH and _reads_endless(node.args[0])


def _is_endless(node: Argument) -> bool:
    """Whether a sequence has no end."""
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
