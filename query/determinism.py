"""What may stand in a function: whether it is deterministic, as index functions and atomic writes have to be, and writes.

A write stands at the root of a query, in the first argument of a chain, or in the functions of `do` and `for_each`. What
is called for each row of a sequence cannot write.
"""

from __future__ import annotations

from typing import Final

from query.annotations import accepted
from query.errors import ReqlServerCompileError
from query.operators import ARITHMETIC
from query.registry import BY_KIND
from query.term import PARAMETER, Argument, Term, walk
from query.values import Time

_SUBQUERIES: Final = frozenset({"table", "db"})

_ROW_BY_ROW: Final = frozenset(
    {
        *("avg", "concat_map", "contains", "count", "delete", "distinct", "eq_join", "filter", "fold", "group"),
        *("inner_join", "insert", "map", "max", "min", "offsets_of", "order_by", "outer_join", "reduce", "replace"),
        *("sum", "update"),
    }
)
"""The terms in whose arguments, but for the first, nothing can be written."""


def unproven_part(argument: Argument, *, constant_now: bool) -> Term | None:
    """The first part of a query that may give another value another time: one that reads a table, rolls dice, writes.

    With `constant_now`, what is the same throughout one execution is a constant: `r.now()`, the moment at which the query
    began, and a `distance` with a `measure`, of vectors, whose last digits another processor may reckon otherwise.
    """
    for node in walk(argument):
        if node.kind.name in _SUBQUERIES:
            return node
        declaration = BY_KIND.get(node.kind)
        if declaration is None or (declaration.deterministic and not declaration.writes):
            continue
        is_constant_now = constant_now and node.kind.name == "now"
        is_of_vectors = constant_now and node.kind.name == "distance" and "measure" in node.options
        is_named_uuid = node.kind.name == "uuid" and bool(node.args)
        if not (is_constant_now or is_of_vectors or is_named_uuid):
            return node
    return None


def rolls_dice(argument: Argument) -> bool:
    """Whether a part of a query gives another value each time that it is asked for: a new uuid, a number by chance."""
    return any(
        node.kind.name in ("random", "sample") or (node.kind.name == "uuid" and not node.args)
        for node in walk(argument)
    )


def asks_servers(argument: Argument) -> bool:
    """Whether a query asks a server, which then would be asked again if the query were run again."""
    return any(node.kind.name == "http" for node in walk(argument))


def is_invariant(node: Argument) -> bool:
    """Whether a term is reckoned from constants alone, and so gives the same value all through an execution."""
    if type(node) is not Term or node.kind is PARAMETER:
        return True
    declaration = BY_KIND.get(node.kind)
    if declaration is None or declaration.writes or declaration.maps:
        return False
    is_plain = not declaration.hooks and accepted(declaration.returns) is not None
    if not (is_plain or node.kind.name in ARITHMETIC):
        return False
    if not declaration.deterministic and node.kind.name != "now":
        return False
    return all(map(is_invariant, node.args)) and all(map(is_invariant, node.options.values()))


_NUMBERS: Final = frozenset({"int", "float"})
_SURE: Final = frozenset({"int", "float", "str", "Time"})
"""Types of constants with which a term of times cannot fail as it fails for null."""


def is_constant_array(node: Argument) -> bool:
    """Whether a term is an array that stands in the query, or is reckoned from constants and can be no other value."""
    if type(node) is not Term:
        return type(node) is list
    if node.kind is PARAMETER:
        return bool(node.args[1] == "list")
    taken = accepted(BY_KIND[node.kind].returns) if node.kind in BY_KIND else None
    return taken is not None and taken.types == {list} and is_invariant(node)


def constant_type(node: Argument) -> str | None:
    """The Python type of a constant of a query, or of a time reckoned from constants; None for all else."""
    if type(node) is not Term:
        return None
    if node.kind is PARAMETER:
        return str(node.args[1])
    declaration = BY_KIND.get(node.kind)
    if declaration is None or not is_invariant(node):
        return None
    kinds = [constant_type(arg) for arg in (*node.args, *node.options.values())]
    is_time = declaration.returns is Time and _SURE.issuperset(kinds)
    is_shifted = node.kind.name in ("add", "sub") and kinds[0] == "Time" and _NUMBERS.issuperset(kinds[1:])
    return "Time" if is_time or is_shifted else None


def is_reading(argument: Argument) -> bool:
    """Whether a term does nothing but read the documents that there are."""
    return not any(_writes(node) or node.kind.name in _WAITING for node in walk(argument))


_WAITING: Final = frozenset({"index_wait", "wait"})
"""Terms that are given another transaction while they run."""


def check_writes(argument: Argument) -> None:
    """ReqlServerCompileError where a query writes in a place where it cannot."""
    if type(argument) is not Term:
        return
    if argument.kind.name in _ROW_BY_ROW:
        for child in (*argument.args[1:], *argument.options.values()):
            write = next((node for node in walk(child) if _writes(node)), None)
            if write is not None:
                raise ReqlServerCompileError(
                    "Cannot nest writes or meta ops in stream operations.  Use FOR_EACH instead.", write
                )
    for child in argument.children():
        check_writes(child)


def _writes(node: Term) -> bool:
    declaration = BY_KIND.get(node.kind)
    return declaration is not None and declaration.writes
