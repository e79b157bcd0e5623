"""From a Term to something that runs: rewritten by a list of named rules, compiled once, kept by shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from query.analysis import parameterize
from query.evaluate import Closure, Compiler
from query.runtime import Run
from query.term import Term
from query.values import Value


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled query: what it runs, and how many variables it has."""

    term: Term
    closure: Closure
    variables: int

    def execute(self, run: Run, constants: tuple[Value, ...]) -> Any:
        """Run it with the constants of one query of its shape."""
        return self.closure([run, *constants, *[None] * self.variables])


def make_plan(root: Term) -> Plan:
    """Compile a query."""
    term = parameterize(root)
    first = 1 + len(root.constants)
    compiler = Compiler(first)
    closure = compiler.any(term)
    return Plan(term, closure, compiler.next_slot - first)
