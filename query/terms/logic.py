"""Logic: comparisons, `and`, `or`, `not`.

All values have one order (`query.values`): values of different types compare as their types do. False and null count as
false, everything else as true.

Comparisons run for every document that a scan looks at. So the type of a constant picks the comparison when the query is
compiled, and where the other side is a field of a variable, one closure both reads and compares it.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import ge as py_ge
from operator import gt as py_gt
from operator import le as py_le
from operator import lt as py_lt
from typing import Any, Final, TypeAlias

from query.closures import Closure, Env
from query.evaluate import Compiler
from query.registry import term
from query.term import PARAMETER, Argument, Term
from query.terms.fields import VariableField, variable_field
from query.values import Geometry, Value, compare, equal

Compare: TypeAlias = Callable[[Value, Value], bool]


@term(17, on="both")
def eq(left: Value, right: Value, *more: Value) -> bool:
    """Whether all values are equal: 1 is 1.0, and is not True. Written `left == right`.

    >>> (r.expr(1) == 1.0).run(db)
    True
    """


@term(18, on="both")
def ne(left: Value, right: Value, *more: Value) -> bool:
    """Whether not all values are equal. Written `left != right`.

    >>> (r.expr("a") != "b").run(db)
    True
    """


@term(19, on="both")
def lt(left: Value, right: Value, *more: Value) -> bool:
    """Whether each value is less than the next. Written `left < right`.

    >>> r.expr(1).lt(2, 3).run(db)
    True
    """


@term(20, on="both")
def le(left: Value, right: Value, *more: Value) -> bool:
    """Whether each value is less than the next or equal to it. Written `left <= right`.

    >>> (r.expr(2) <= 2).run(db)
    True
    """


@term(21, on="both")
def gt(left: Value, right: Value, *more: Value) -> bool:
    """Whether each value is greater than the next. Written `left > right`.

    >>> (r.expr("b") > "a").run(db)
    True
    """


@term(22, on="both")
def ge(left: Value, right: Value, *more: Value) -> bool:
    """Whether each value is greater than the next or equal to it. Written `left >= right`.

    >>> (r.expr(1) >= 2).run(db)
    False
    """


@term(67, name="and", on="both", aliases=("and_",))
def and_(*values: Value) -> Value:
    """The first value that counts as false (False and null do), or else the last one; True of none.

    Written `left & right`; `&` binds more tightly than `==`, so mind the parentheses.

    >>> ((r.expr(1) < 2) & (r.expr(2) < 3)).run(db)
    True
    """


@term(66, name="or", on="both", aliases=("or_",))
def or_(*values: Value) -> Value:
    """The first value that counts as true (all but False and null do), or else the last one; False of none.

    Written `left | right`; `|` binds more tightly than `==`, so mind the parentheses.

    >>> ((r.expr(1) > 2) | (r.expr(2) < 3)).run(db)
    True
    """


@term(23, name="not", on="both", aliases=("not_",))
def not_(value: Value) -> bool:
    """True of False and null, False of everything else. Written `~value`.

    >>> (~r.expr(False)).run(db)
    True
    """
    return value is None or value is False


# Equality


@eq.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    if len(node.args) > 2:
        return _chain(compiler, node, equal)
    left, right = node.args
    if _constant_type(left) is not None:
        left, right = right, left
    return _equals(compiler, left, right)


@ne.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    if len(node.args) > 2:
        all_equal = _chain(compiler, node, equal)
        return lambda env: not all_equal(env)
    left, right = node.args
    if _constant_type(left) is not None:
        left, right = right, left
    same = _equals(compiler, left, right)
    return lambda env: not same(env)


def _constant_type(node: Argument) -> str | None:
    """The name of the type of a constant, None where the node is none."""
    return str(node.args[1]) if type(node) is Term and node.kind is PARAMETER else None


_BY_IDENTITY: Final = frozenset({"bool", "NoneType"})
_NUMBERS: Final = frozenset({"int", "float"})


def _equals(compiler: Compiler, left: Argument, right: Argument) -> Closure:
    """A closure of whether two values are equal; `right` is the constant where there is one."""
    constant = _constant_type(right)
    field = variable_field(compiler, left)
    if field is not None and constant == "str":
        return _field_is_text(field, right.args[0])
    if field is not None and constant in _NUMBERS:
        return _field_is_number(field, right.args[0])
    value, wanted = compiler.value(left), compiler.value(right)
    if constant == "str":
        return lambda env: value(env) == wanted(env)
    if constant in _NUMBERS:
        return _is_number(value, right.args[0])
    if constant in _BY_IDENTITY:
        return lambda env: value(env) is wanted(env)

    def equals(env: Env) -> bool:
        return equal(value(env), wanted(env))

    return equals


def _field_is_text(field: VariableField, place: int) -> Closure:
    slot, name, missing = field.slot, field.name, field.missing

    def equals(env: Env) -> bool:
        try:
            return bool(env[slot][name] == env[place])
        except (KeyError, TypeError):
            return bool(missing(env) == env[place])

    return equals


def _field_is_number(field: VariableField, place: int) -> Closure:
    slot, name, missing = field.slot, field.name, field.missing

    def equals(env: Env) -> bool:
        try:
            found = env[slot][name]
        except (KeyError, TypeError):
            found = missing(env)
        # In Python True == 1.
        return bool(found == env[place]) and found is not True and found is not False

    return equals


def _is_number(value: Closure, place: int) -> Closure:
    def equals(env: Env) -> bool:
        found = value(env)
        return bool(found == env[place]) and found is not True and found is not False

    return equals


def _chain(compiler: Compiler, node: Term, holds: Compare) -> Closure:
    """A closure of whether a comparison holds between each value and the next; stops where it does not."""
    first, *others = [compiler.value(arg) for arg in node.args]

    def chain(env: Env) -> bool:
        left = first(env)
        for other in others:
            right = other(env)
            if not holds(left, right):
                return False
            left = right
        return True

    return chain


# Order


_ORDERS: Final[dict[str, tuple[Compare, Compare]]] = {
    "lt": (py_lt, lambda left, right: _compared(left, right) < 0),
    "le": (py_le, lambda left, right: _compared(left, right) <= 0),
    "gt": (py_gt, lambda left, right: _compared(left, right) > 0),
    "ge": (py_ge, lambda left, right: _compared(left, right) >= 0),
}
"""For each term Python's comparison, for two values of one plain type, and the one for any two values."""

_MIRRORED: Final = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}
_PLAIN_TYPES: Final[dict[str | None, tuple[type, type]]] = {
    "str": (str, str),
    "int": (int, float),
    "float": (float, int),
    "bytes": (bytes, bytes),
}
"""By the type of a constant the types of values that Python compares with it as the language does."""


def _compared(left: Value, right: Value) -> int:
    """As `compare`; but a geometry and an object field by field, as RethinkDB does it, which is no order to sort by."""
    if {type(left), type(right)} == _OBJECTS:
        left, right = dict(left), dict(right)
    return compare(left, right)


_OBJECTS: Final = {Geometry, dict}


def _compile_order(compiler: Compiler, node: Term) -> Closure:
    name = node.kind.name
    if len(node.args) > 2:
        return _chain(compiler, node, _ORDERS[name][1])
    left, right = node.args
    if _constant_type(left) is not None:
        left, right, name = right, left, _MIRRORED[name]
    quick, holds = _ORDERS[name]
    types = _PLAIN_TYPES.get(_constant_type(right))
    value = compiler.value(left)
    if types is not None:
        return _against_constant(value, right.args[0], types, quick, holds)
    other = compiler.value(right)

    def ordered(env: Env) -> bool:
        found, wanted = value(env), other(env)
        return quick(found, wanted) if type(found) is type(wanted) is str else holds(found, wanted)

    return ordered


def _against_constant(value: Closure, place: int, types: tuple[type, type], quick: Compare, holds: Compare) -> Closure:
    one, other = types

    def ordered(env: Env) -> bool:
        found = value(env)
        kind = type(found)
        if kind is one or kind is other:
            return quick(found, env[place])
        return holds(found, env[place])

    return ordered


for _declaration in (lt, le, gt, ge):
    _declaration.compiles(_compile_order)


# And, or


@and_.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    parts = [compiler.value(arg) for arg in node.args]
    if len(parts) == 2:
        first, second = parts

        def both(env: Env) -> Value:
            found = first(env)
            return second(env) if found is not None and found is not False else found

        return both

    def every(env: Env) -> Value:
        found: Any = True
        for part in parts:
            found = part(env)
            if found is None or found is False:
                return found
        return found

    return every


@or_.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    parts = [compiler.value(arg) for arg in node.args]
    if len(parts) == 2:
        first, second = parts

        def either(env: Env) -> Value:
            found = first(env)
            return found if found is not None and found is not False else second(env)

        return either

    def any_of(env: Env) -> Value:
        found: Any = False
        for part in parts:
            found = part(env)
            if found is not None and found is not False:
                return found
        return found

    return any_of
