"""What can be said of a query before it is compiled: the fields that a function looks at, its constants taken out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Final

from query.runtime import Fields
from query.term import FUNC, IMPLICIT_VAR, MAKE_OBJ, PARAMETER, VAR, Argument, Term

_FIELD_READERS: Final = frozenset({"bracket", "get_field"})
_FIELDS_READERS: Final = frozenset({"has_fields", "pluck"})

GIVE_ON: Final[dict[str, Callable[[Sequence[Argument]], Sequence[Argument]]]] = {
    "branch": lambda args: (*args[1::2], args[-1]),
    "default": lambda args: args,
    "do": lambda args: [arg.args[1] if type(arg) is Term and arg.kind is FUNC else arg for arg in args[-1:]],
}
"""Terms that may give on what some of their arguments give, and which those are."""

ROW_BY_ROW: Final = frozenset(
    {"map", "filter", "concat_map", "pluck", "without", "merge", "has_fields", "with_fields", "get_field", "bracket"}
)
"""Terms that work on the rows of groups as these pass by; a group that none is left of is no group any more."""


def fields_of(body: Argument, number: int) -> Fields:
    """The top-level fields of a variable that a function's body looks at; None where it may look at all.

    `r.row` counts as the variable.
    """
    if type(body) is not Term:
        return frozenset()
    if _is_variable(body, number):
        return None
    args = body.args
    if args and _is_variable(args[0], number):
        name = body.kind.name
        names = args[1:]
        readable = (name in _FIELD_READERS and len(names) == 1) or name in _FIELDS_READERS
        if readable and all(type(field) is str for field in names):
            return frozenset(names)
        return None
    if body.kind is FUNC and number in args[0]:
        return frozenset()
    fields: frozenset[str] = frozenset()
    for child in body.children():
        inner = fields_of(child, number)
        if inner is None:
            return None
        fields |= inner
    return fields


def _is_variable(node: Argument, number: int) -> bool:
    return type(node) is Term and (node.kind is IMPLICIT_VAR or (node.kind is VAR and node.args[0] == number))


def free_variables(argument: Argument, bound: frozenset[int] = frozenset()) -> set[int]:
    """The numbers of the variables that a part of a query uses, and that belong to functions around it."""
    if type(argument) is not Term:
        return set()
    if argument.kind is VAR:
        return {argument.args[0]} - bound
    if argument.kind is FUNC:
        numbers, body = argument.args
        return free_variables(body, bound | frozenset(numbers))
    return {number for child in argument.children() for number in free_variables(child, bound)}


def parameterize(root: Term) -> Term:
    """The query with each constant that is not structure replaced by its place among `root.constants`.

    The places are those that constants have in the environment: the first is 1.
    """
    places = count(1)

    def change(node: Argument, structural: bool) -> Argument:
        if type(node) is Term:
            inside = node.kind.structural
            args = tuple([change(arg, inside) for arg in node.args])
            inside = node.kind is not MAKE_OBJ
            return Term(node.kind, args, {name: change(arg, inside) for name, arg in node.options.items()})
        return node if structural else Term(PARAMETER, (next(places), type(node).__name__))

    changed = change(root, False)
    assert type(changed) is Term
    return changed
