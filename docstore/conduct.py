"""How queries are conducted: what a connection has to know of one before it runs, remembered for all queries of its shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from docstore.points import Points, learn_point
from docstore.results import tells_bounds
from docstore.single import SingleWrite, single_write_of
from docstore.transaction import Schema
from query.determinism import asks_servers
from query.planner import Plan, make_plan
from query.registry import BY_KIND
from query.runtime import Run
from query.term import Source, Term, walk


@dataclass(slots=True)
class CachedPlan:
    """How queries of one shape are conducted, and the plan for the catalog that was seen last.

    Whether they write; whether they compute all their changes before they write; whether they cannot be run twice, since they
    consume an iterable or ask a server; the durability that they ask for themselves; whether they may tell bounds.
    """

    writes: bool
    computes_first: bool
    consumes: bool
    durability: str | None
    tells_bounds: bool
    plan: Plan | None = None
    schema: Schema | None = None
    points: Points | None = None
    """Where to put what reads the answer of a `get` directly."""
    single: SingleWrite | None = None
    """What writes one document directly."""

    def plan_for(self, argument: Term, run: Run) -> Plan:
        """The plan for the catalog that a run sees."""
        schema, plan = run.transaction.schema, self.plan
        if plan is None or self.schema is not schema:
            plan = make_plan(argument, run)
            self.plan, self.schema = plan, schema
            if self.points is not None:
                learn_point(self.points, plan, run)
            self.single = single_write_of(plan, run, len(argument.constants)) if self.computes_first else None
        return plan


_FEW_DOCUMENTS: Final = 1_000
"""Constants of one insert that are certainly written in one go."""


def conduct(argument: Term) -> tuple[bool, bool, bool, str | None, bool]:
    """Whether a query writes; whether it computes all its changes before it writes; whether it cannot be run twice, since
    it consumes an iterable or asks a server; the durability that it asks for itself; whether it may tell bounds."""
    writes = any(declaration.writes for node in walk(argument) if (declaration := BY_KIND.get(node.kind)) is not None)
    consumes = asks_servers(argument) or any(type(constant) is Source for constant in argument.constants)
    durability = argument.options.get("durability")
    return (
        writes,
        writes and not consumes and _computes_first(argument),
        consumes,
        durability if type(durability) is str else None,
        tells_bounds(argument),
    )


def is_long(argument: Term) -> bool:
    """Whether a query inserts more documents than are written in one go; queries of one shape may differ in that."""
    return argument.kind.name == "insert" and type(argument.args[1]) is list and len(argument.args[1]) > _FEW_DOCUMENTS


def _computes_first(argument: Term) -> bool:
    """Whether a query that writes, and inserts few documents, computes all its changes before it writes the first."""
    if argument.kind.name == "insert":
        documents = argument.args[1]
        return type(documents) in (dict, list) and type(argument.options.get("conflict")) is not Term
    if argument.kind.name in ("update", "replace", "delete"):
        target = argument.args[0]
        return type(target) is Term and target.kind.name == "get"
    return False
