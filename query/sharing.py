"""What users may change without changing anything else: the arrays and objects that queries give them.

Inside a query values are shared as Python shares them: a row that finds three partners is in three rows of a join, and a
variable of an outer function in all rows that name it. `unshared` makes copies of what others have too, when a result goes out.
What stands in the query is copied (`fresh`) when it is used.
"""

from __future__ import annotations

from sys import getrefcount
from typing import Any, Final

from query import native
from query.runtime import Literal
from query.values import Value

CHANGEABLE: Final = frozenset({list, dict, Literal})

_CONTAINERS: Final = frozenset({list, dict})


def fresh(value: Value) -> Value:
    """A copy of an array or an object, all the way down, which is its receiver's to change; other values are themselves."""
    kind = type(value)
    if kind is list:
        return [fresh(item) if type(item) in CHANGEABLE else item for item in value]
    if kind is dict:
        return {name: fresh(item) if type(item) in CHANGEABLE else item for name, item in value.items()}
    return Literal(fresh(value.value), value.removes) if kind is Literal else value


def unshared_in_python(value: Value) -> Value:
    """An array or an object, with copies in the place of those inside it that somebody else has too; other values as they are.

    >>> both = [1]
    >>> row = unshared({"a": both, "b": both})
    >>> row["a"] == row["b"], row["a"] is row["b"]
    (True, False)
    """
    if type(value) in _CONTAINERS:
        for place, references in _references(value):
            if references > _UNSHARED:
                value[place] = fresh(value[place])
            else:
                unshared_in_python(value[place])
    return value


def _references(value: Any) -> list[tuple[Any, int]]:
    """Where arrays and objects stand in one, and how many references there are to each, those of this function included."""
    places = range(len(value)) if type(value) is list else list(value)
    return [(place, getrefcount(value[place])) for place in places if type(value[place]) in _CONTAINERS]


_UNSHARED: Final = _references([[]])[0][1]

unshared: Final = native.copying.unshared if native.AVAILABLE else unshared_in_python
