"""Whether a function gives the same for the same arguments, as index functions and atomic writes have to."""

from __future__ import annotations

from query.registry import BY_KIND
from query.term import FUNC, Argument, Term, walk

_SUBQUERIES = frozenset({"table", "db"})


def unproven_part(argument: Argument, *, constant_now: bool) -> Term | None:
    """The first part of a query that may give another value another time: one that reads a table, rolls dice, writes.

    With `constant_now`, `r.now()` is a constant: the moment at which the query began.
    """
    for node in walk(argument):
        if node.kind.name in _SUBQUERIES:
            return node
        declaration = BY_KIND.get(node.kind)
        if declaration is None or (declaration.deterministic and not declaration.writes):
            continue
        is_constant_now = constant_now and node.kind.name == "now"
        is_named_uuid = node.kind.name == "uuid" and bool(node.args)
        if not (is_constant_now or is_named_uuid):
            return node
    return None


def free_variables(argument: Argument, bound: frozenset[int] = frozenset()) -> bool:
    """Whether a part of a query uses a variable of a function around it."""
    if type(argument) is not Term:
        return False
    if argument.kind is FUNC:
        numbers, body = argument.args
        return free_variables(body, bound | frozenset(numbers))
    if argument.kind.name == "var":
        return argument.args[0] not in bound
    return any(free_variables(child, bound) for child in argument.children())
