"""How documents are merged, by `merge`, `update` and `insert(conflict="update")`: deeply, but for `r.literal`.

Two objects are merged field by field; anything else is replaced by the right side. In place of a value the right side may
have an `r.literal`: its value replaces what stood there, whatever it was; one without a value removes the field.
"""

from __future__ import annotations

from typing import Final

from query.errors import ReqlQueryLogicError
from query.pseudo_types import PSEUDO_OBJECTS, object_form, pseudo_value
from query.runtime import Document, Literal
from query.term import FUNC, MAKE_OBJ, Argument, Term
from query.values import Value


def merge(left: Value, right: Value) -> Value:
    """The left value with the right one merged into it; both stay as they are.

    >>> merge({"a": {"b": 1}}, {"a": {"c": 2}})
    {'a': {'b': 1, 'c': 2}}
    """
    if type(right) is Literal:
        raise ReqlQueryLogicError(STRAY_LITERAL)
    if type(right) is not dict:
        return right
    return _merged(left if type(left) is dict else {}, right)


def _merged(left: Document, right: Document) -> Document:
    result = dict(left)
    for name, new in right.items():
        kind = type(new)
        if kind is dict or kind in PSEUDO_OBJECTS:
            result[name] = _merged_field(result.get(name), new)
        elif kind is not Literal:
            result[name] = new
        elif new.removes:
            result.pop(name, None)
        else:
            result[name] = new.value
    return result


def _merged_field(old: Value, new: Value) -> Value:
    """An object merged into what stood there. To RethinkDB times and places are objects, whose fields are merged."""
    kind, other = type(new), type(old)
    if kind is dict and other is dict:
        return _merged(old, new)
    if kind is not dict and (kind is other or not old or (other is not dict and other not in PSEUDO_OBJECTS)):
        return new
    if other not in PSEUDO_OBJECTS and kind is dict:
        return _merged({}, new)
    return pseudo_value(_merged(object_form(old), object_form(new)))


STRAY_LITERAL: Final = (
    "Stray literal keyword found: literal is only legal inside of the object passed to merge or update and cannot nest "
    "inside other literals."
)

_TAKES_LITERALS: Final = frozenset({"merge", "update", "filter"})


def check_literals(query: Argument) -> None:
    """ReqlQueryLogicError where an `r.literal` stands anywhere but in what is merged into an object, or has to match one."""
    stray = _stray_literal(query, False)
    if stray is not None:
        raise ReqlQueryLogicError(STRAY_LITERAL, stray)


def _stray_literal(argument: Argument, allowed: bool) -> Term | None:
    if type(argument) is not Term:
        return None
    kind = argument.kind
    if kind.name == "literal":
        if not allowed:
            return argument
        allowed = False
    elif kind is not MAKE_OBJ and kind is not FUNC:
        allowed = kind.name in _TAKES_LITERALS
    first = argument.args[0] if kind.name in _TAKES_LITERALS else None
    for child in argument.children():
        stray = _stray_literal(child, allowed and child is not first)
        if stray is not None:
            return stray
    return None
