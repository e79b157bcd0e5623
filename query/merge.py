"""How documents are merged, by `merge`, `update` and `insert(conflict="update")`: deeply, but for `r.literal`.

Two objects are merged field by field; anything else is replaced by the right side. In place of a value the right side may
have an `r.literal`: its value replaces what stood there, whatever it was; one without a value removes the field.
"""

from __future__ import annotations

from typing import Final

from query.runtime import Document, Literal
from query.term import FUNC, MAKE_OBJ, Argument, Term
from query.values import Value

STRAY_LITERAL: Final = (
    "Stray literal keyword found: literal is only present inside merge and cannot be nested inside another literal."
)


def merge(left: Value, right: Value) -> Value:
    """The left value with the right one merged into it; both stay as they are.

    >>> merge({"a": {"b": 1}}, {"a": {"c": 2}})
    {'a': {'b': 1, 'c': 2}}
    """
    if type(right) is Literal:
        return right.value
    if type(right) is not dict:
        return right
    return _merged(left if type(left) is dict else {}, right)


def _merged(left: Document, right: Document) -> Document:
    result = dict(left)
    for name, new in right.items():
        kind = type(new)
        if kind is dict:
            old = result.get(name)
            result[name] = _merged(old if type(old) is dict else {}, new)
        elif kind is not Literal:
            result[name] = new
        elif new.removes:
            result.pop(name, None)
        else:
            result[name] = new.value
    return result


_MERGING: Final = frozenset({"merge", "update"})
_TRANSPARENT: Final = frozenset({"branch", "do", "default"})
"""Terms that give on what one of their arguments gives."""


def stray_literal(argument: Argument, allowed: bool = False) -> Term | None:
    """The first `r.literal` of a query that stands neither in what is merged into an object nor next to a field of it."""
    if type(argument) is not Term:
        return None
    kind = argument.kind
    if kind.name == "literal":
        if not allowed:
            return argument
        allowed = False
    elif kind.name not in _TRANSPARENT and kind is not MAKE_OBJ and kind is not FUNC:
        allowed = kind.name in _MERGING
    for place, child in enumerate(argument.children()):
        found = stray_literal(child, allowed and not (kind.name in _MERGING and place == 0))
        if found is not None:
            return found
    return None
