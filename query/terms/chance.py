"""Chance: random numbers and UUIDs. Each row that is asked for one gets another."""

from __future__ import annotations

import random as dice
import sys
import uuid as python_uuid
from typing import Final

from query.errors import ReqlQueryLogicError
from query.registry import term
from query.values import Value

_LARGEST: Final = sys.float_info.max


@term(151, name="random", on="r", deterministic=False, arity=(0, 2))
def random_(*bounds: int | float, float: Value = None) -> int | float:  # noqa: A002 - the option's name
    """A random number: `r.random()` is of [0, 1), `r.random(n)` a whole one of [0, n), `r.random(a, b)` one of [a, b).

    `float=True` gives one that need not be whole; then the bounds may stand in either order, and the second is the one
    that never comes.

    >>> r.random(1, 2).run(db)
    1
    >>> r.random(2.5, 2.5, float=True).run(db)
    2.5
    """
    wants_float = not bounds if float is None else float is not False
    if wants_float:
        low, high = bounds if len(bounds) == 2 else (0.0, bounds[0] if bounds else 1.0)
        return _between(low * 1.0, high * 1.0)
    if not bounds:
        raise ReqlQueryLogicError("Generating a random integer requires one or two bounds.")
    first = _whole("Lower", bounds[0]) if len(bounds) == 2 else 0
    end = _whole("Upper", bounds[-1])
    if first >= end:
        raise ReqlQueryLogicError(f"Lower bound ({first}) is not less than upper bound ({end}).")
    return dice.randrange(first, end)


def _between(low: float, high: float) -> float:
    # The distance may be too large for a double: then a quarter of it is used, and the result is four times as large.
    scale = 4.0 if abs(low) > _LARGEST / 2 - abs(high) else 1.0
    low, high = low / scale, high / scale
    result = low + dice.random() * (high - low)
    if result >= high if high > low else result <= high:
        result = low
    return result * scale


def _whole(name: str, bound: int | float) -> int:
    if isinstance(bound, int):
        return bound
    if not bound.is_integer():
        raise ReqlQueryLogicError(f"{name} bound ({bound:.20g}) could not be safely converted to an integer.")
    return int(bound)


_NAMESPACE: Final = python_uuid.UUID("91461c99-f89d-49d2-af96-d8e2e14e9b58")
"""RethinkDB's, so that a name has the same UUID here and there."""


@term(169, on="r", deterministic=False, arity=(0, 1))
def uuid(*name: str) -> str:
    """A random UUID, or the one that belongs to a name: always the same for the same.

    >>> r.uuid("slava@example.com").run(db)
    '90691cbc-b5ea-5826-ae98-951e30fc3b2d'
    """
    return str(python_uuid.uuid5(_NAMESPACE, name[0]) if name else python_uuid.uuid4())
