"""The terms that are written as operators of Python: what stands between the operands, and what Python calls it."""

from __future__ import annotations

from typing import Final, NamedTuple


class Operator(NamedTuple):
    """One binary operator: `+`, and `add` of `__add__`."""

    symbol: str
    method: str


COMPARISONS: Final[dict[str, Operator]] = {
    "eq": Operator("==", "eq"),
    "ne": Operator("!=", "ne"),
    "lt": Operator("<", "lt"),
    "le": Operator("<=", "le"),
    "gt": Operator(">", "gt"),
    "ge": Operator(">=", "ge"),
}
"""Python turns `1 < query` into `query > 1`, so these have no reflected form."""

LOGIC: Final[dict[str, Operator]] = {"and": Operator("&", "and"), "or": Operator("|", "or")}

ARITHMETIC: Final[dict[str, Operator]] = {
    "add": Operator("+", "add"),
    "sub": Operator("-", "sub"),
    "mul": Operator("*", "mul"),
    "div": Operator("/", "truediv"),
    "mod": Operator("%", "mod"),
}

OPERATORS: Final = {**COMPARISONS, **LOGIC, **ARITHMETIC}
