"""Conditions: what a scan may look at before it decodes anything, to pass over rows for which a predicate cannot hold.

A `Condition` compares a top-level field with a constant, or says that its array contains one. A row may be passed over
where the field holds a value of the constant's own type (numbers are one type) for which the comparison is false, or an
array without the constant, or, if the condition is `required`, where it has no such field. Whatever else a row holds, its
predicate decides. So conditions change no answer, and no scan has to look at them.

Nor must they hide an error, which the predicate would raise for a row that is passed over. Of a conjunction therefore only
the comparisons at its beginning are taken, before anything that might raise one; `contains`, which does of what is no
array, is the last that is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, TypeAlias

from query.term import FUNC, IMPLICIT_VAR, MAKE_OBJ, PARAMETER, VAR, Argument, Term
from query.values import Value


class Condition(NamedTuple):
    """`field operator value`; the operator is one of `OPERATORS` or `CONTAINS`, the value a bool, a number or a string."""

    field: str
    operator: str
    value: bool | int | float | str
    required: bool = True


Conditions: TypeAlias = tuple[Condition, ...]

OPERATORS: Final = ("eq", "ne", "lt", "le", "gt", "ge")
CONTAINS: Final = "contains"
MIRRORED: Final = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}

_TYPES: Final = frozenset({"bool", "int", "float", "str"})
_READERS: Final = frozenset({"bracket", "get_field"})


class Comparison(NamedTuple):
    """A condition whose value is a constant of the query, at this place among them."""

    field: str
    operator: str
    place: int

    def bind(self, env: list[Any]) -> Condition:
        """The condition within one execution."""
        return Condition(self.field, self.operator, env[self.place])


def comparisons_of(predicate: Argument) -> tuple[list[Comparison], bool]:
    """The comparisons at the beginning of a predicate, and whether they are all of it."""
    if type(predicate) is not Term:
        return [], False
    if predicate.kind is MAKE_OBJ:
        return _of_object(predicate)
    if predicate.kind is not FUNC or len(predicate.args[0]) != 1:
        return [], False
    found: list[Comparison] = []
    for part in _conjuncts(predicate.args[1]):
        one = _comparison(part, predicate.args[0][0])
        if one is None:
            membership = _membership(part, predicate.args[0][0])
            return found if membership is None else [*found, membership], False
        found.append(one)
    return found, True


def _of_object(pattern: Term) -> tuple[list[Comparison], bool]:
    found = [Comparison(name, "eq", arg.args[0]) for name, arg in pattern.options.items() if _is_constant(arg)]
    return found, len(found) == len(pattern.options)


def _conjuncts(body: Argument) -> Iterator[Argument]:
    if type(body) is Term and body.kind.name == "and":
        for arg in body.args:
            yield from _conjuncts(arg)
    else:
        yield body


def _comparison(part: Argument, variable: int) -> Comparison | None:
    if type(part) is not Term or part.kind.name not in OPERATORS or len(part.args) != 2:
        return None
    left, right = part.args
    operator = part.kind.name
    if _is_constant(left):
        left, right, operator = right, left, MIRRORED[operator]
    name = _field_of(left, variable)
    return Comparison(name, operator, right.args[0]) if name is not None and _is_constant(right) else None


def _membership(part: Argument, variable: int) -> Comparison | None:
    if type(part) is not Term or part.kind.name != CONTAINS or len(part.args) != 2:
        return None
    name, wanted = _field_of(part.args[0], variable), part.args[1]
    return Comparison(name, CONTAINS, wanted.args[0]) if name is not None and _is_constant(wanted) else None


def _is_constant(arg: Argument) -> bool:
    return type(arg) is Term and arg.kind is PARAMETER and arg.args[1] in _TYPES


def _field_of(arg: Argument, variable: int) -> str | None:
    if type(arg) is not Term or arg.kind.name not in _READERS or type(arg.args[1]) is not str:
        return None
    source = arg.args[0]
    is_row = type(source) is Term and (
        source.kind is IMPLICIT_VAR or (source.kind is VAR and source.args[0] == variable)
    )
    return arg.args[1] if is_row else None


def condition_on(field: str, operator: str, value: Value, *, required: bool) -> Conditions:
    """One condition; none where the value is of no type that conditions compare."""
    if type(value) in (bool, int, float, str):
        return (Condition(field, operator, value, required),)
    return ()
