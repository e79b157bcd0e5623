"""`query.explain(db)`: how a query is run, as a tree that one can read.

    count
    └─ filter(r.row["size"] > 1000)        tested inside the scan
       └─ index `section` of test.packages, key "sound"
            rows: 1,204, counted
            decodes: size
            chosen: the fewest rows
            lost: section_size (1,204 rows, against 1,204)

Each line is a part of the query after planning, its sources at the leaves. With `run=True` the query is run, writes
included, and each part tells the rows that it gave, the rows that it tested and the milliseconds that passed in it and
below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, Final

from query.evaluate import Compiler
from query.planner import Plan, make_plan
from query.printer import print_query, print_short
from query.profile import Profile
from query.runtime import Keep, Nearest, Range, Run, Stream, Table, Tested
from query.term import FUNC, PARAMETER, Argument, Term
from query.values import Value
from query.vectors import Vector

SOURCES: Final = frozenset({"table", "get", "get_all", "between", "get_intersecting"})

_ROWLESS: Final = frozenset(
    {"insert", "info", "config", "status", "wait", "sync"}
    | {"index_create", "index_drop", "index_list", "index_rename", "index_status", "index_wait"}
)
"""Terms that name a table and read no row of it."""

_THROUGH_INDEX: Final = frozenset({"order_by", "group", "distinct", "min", "max"})
"""Terms that read a table through the index that their option `index` names."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a plan: what it does, what there is to know of it, and the parts that it reads from."""

    title: str
    details: tuple[tuple[str, str], ...] = ()
    parts: tuple[Part, ...] = ()
    node: Term | None = field(default=None, compare=False, repr=False)

    def lines(self, first: str = "", rest: str = "") -> Iterator[str]:
        """The part as lines of text, each level indented."""
        yield first + self.title
        bar = rest + ("│    " if self.parts else "     ")
        for name, text in self.details:
            yield f"{bar}{name}: {text}"
        for place, part in enumerate(self.parts):
            last = place == len(self.parts) - 1
            yield from part.lines(rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a query is run. `str` gives the tree; `part` is its root; `rules` names the rewrites that were applied."""

    query: str
    part: Part
    rules: tuple[str, ...]
    milliseconds: float | None = None
    rows: int | None = None
    result: Any = field(default=None, compare=False)

    def __str__(self) -> str:
        head = [self.query]
        if self.rules:
            head.append(f"rewritten by: {', '.join(self.rules)}")
        if self.milliseconds is not None:
            gave = "" if self.rows is None else f", and gave {self.rows:,} rows"
            head.append(f"took: {self.milliseconds:.3f} ms{gave}")
        return "\n".join([*head, *self.part.lines()])

    __repr__ = __str__


def explain(root: Argument, run: Run, *, execute: bool) -> Explanation:
    """Plan a query afresh, for the constants that it has, and tell the plan; with `execute`, run it first."""
    text = _printed(root)
    if type(root) is not Term:
        return Explanation(text, Part("constant"), ())
    profile = Profile() if execute else None
    compiler = Compiler(1 + len(root.constants), profile)
    plan = make_plan(root, run, compiler=compiler)
    explainer = _Explainer(plan, run, root.constants, compiler)
    part = explainer.part(plan.term)
    milliseconds, rows, result = None, None, None
    if execute:
        started = perf_counter()
        result = plan.execute(run, root.constants)
        if type(result) is Stream:
            rows = result = sum(1 for _ in result.rows())
        milliseconds = (perf_counter() - started) * 1000
        part = explainer.with_what_was_seen(part)
    rules = plan.rules
    return Explanation(text, part, rules, milliseconds, rows, result)


class _Explainer:
    def __init__(self, plan: Plan, run: Run, constants: tuple[Value, ...], compiler: Compiler) -> None:
        self.plan = plan
        self.run = run
        self.constants = constants
        self.compiler = compiler

    def part(self, node: Term, through: str | None = None) -> Part:
        """The part of the tree for a term and what it reads from; `through` tells how a table is read, if not by a scan."""
        title = self._source_title(node, through) if node.kind.name in SOURCES else None
        below = [] if title is not None else [arg for arg in node.args[:1] if type(arg) is Term]
        first = 1 if node.args and type(node.args[0]) is Term else 0
        inner = [arg for arg in list(node.children())[first:] if _reads(arg)]
        parts = [self.part(arg, self._through(node)) for arg in below if arg.kind is not FUNC and _reads(arg)]
        parts += [self.part(_body(arg), self._through_key(node, arg)) for arg in inner]
        return Part(title or self._text(node, below), tuple(self._details(node, through)), tuple(parts), node)

    def with_what_was_seen(self, part: Part) -> Part:
        """The part, and those below it, with the rows and times of the run that came since."""
        profile = self.compiler.profile
        seen = None if profile is None else profile.parts.get(id(part.node))
        details = part.details
        if seen is not None and seen.ways:
            details = (*[one for one in details if one[0] != "filter"], ("filter", _tests(seen.ways)))
        elif seen is not None:
            tested = f", of {seen.tested:,} tested" if seen.tested else ""
            details = (*details, ("gave", f"{seen.rows:,} rows{tested}, in {seen.seconds * 1000:.3f} ms"))
        return replace(part, details=details, parts=tuple([self.with_what_was_seen(below) for below in part.parts]))

    def _through(self, node: Term) -> str | None:
        """How a term reads the table below it, where it has an index for that, or reads none of its rows."""
        if node.kind.name == "count" and len(node.args) == 1:
            return "stored count of"
        if node.kind.name in _ROWLESS:
            return "table"
        index = node.options.get("index")
        if node.kind.name == "get_nearest":
            named = f"index `{self._filled(index)}`" if index is not None else "every vector"
            return f"{named} of"
        if index is None or node.kind.name not in _THROUGH_INDEX:
            return None
        backwards = type(index) is Term and index.kind.name == "desc"
        name = self._filled(index.args[0] if type(index) is Term and index.args else index)
        return f"index `{name}`{', backwards,' if backwards else ''} of"

    def _through_key(self, node: Term, arg: Term) -> str | None:
        """How a join by keys reads the table of its partners."""
        if node.kind.name != "eq_join" or arg is not node.args[2]:
            return None
        index = node.options.get("index")
        return f"key by key, index `{self._filled(index)}` of" if index else "key by key, primary key of"

    def _text(self, node: Term, below: list[Term]) -> str:
        text = _printed(_without_plans(self._filled(node)))
        if below and _reads(below[0]):
            prefix = print_query(self._filled(below[0]))
            text = text.removeprefix(prefix).removeprefix(".")
        return text if len(text) <= 200 else text[:197] + "..."

    def _filled(self, node: Argument) -> Any:
        """The term with its constants in place again."""
        if type(node) is not Term:
            return node
        if node.kind is PARAMETER:
            return self.constants[node.args[0] - 1]
        return node.replace_children(self._filled)

    def _source_title(self, node: Term, through: str | None) -> str | None:
        table = self._table(node if node.kind.name == "table" else node.args[0])
        if table is None:
            return None
        name = f"{table.database}.{table.name}"
        if node.kind.name == "table":
            return f"{through or 'scan of'} {name}"
        index = node.options.get("index")
        found = f"index `{index}`" if index else f"primary key `{table.primary_key}`"
        values = [print_query(self._filled(arg)) for arg in node.args[1:]]
        if node.kind.name == "get_intersecting":
            return f"{found} of {name}, intersecting {values[0]}"
        if node.kind.name != "between":
            return f"{found} of {name}, key{'s' if len(values) > 1 else ''} {', '.join(values)}"
        left = node.options.get("left_bound", "closed")
        right = node.options.get("right_bound", "open")
        return f"{found} of {name}, from {values[0]} ({left}) to {values[1]} ({right})"

    def _table(self, node: Argument) -> Table | None:
        if type(node) is not Term or node.kind.name != "table" or self.run.store is None:
            return None
        found = Compiler(0).any(node)([self.run])
        return found.table if type(found) is Stream else None

    def _details(self, node: Term, through: str | None) -> Iterator[tuple[str, str]]:
        if node.kind.name in SOURCES and not (through and node.kind.name == "table"):
            rows = self._rows_expected(node)
            if rows is not None:
                yield "rows", rows
        note = self.compiler.notes.get(id(node))
        if note is not None:
            if note.tests is not None or note.tested:
                yield "tests while it scans", _fields(note.tests)
            yield "decodes", _fields(note.need)
        if node.kind.name == "get_nearest" and "index" in node.options:
            yield from self._searches(node)
        elif node.kind.name == "get_nearest" and "filter" in node.options:
            yield "filter", Tested.BY_SCAN.value
        choice = self.plan.choices.get(id(node))
        if choice is not None:
            yield "chosen", f"{choice.chosen}: {choice.reason}"
            for index, reason in choice.lost:
                yield "lost", f"{index}: {reason}"

    def _searches(self, node: Term) -> Iterator[tuple[str, str]]:
        """What a search by distance looks at."""
        table = self._table(node.args[0])
        if table is None or not all(type(arg) is not Term or arg.kind is PARAMETER for arg in node.args[1:]):
            return
        index: Any = table.index(self.run, self._filled(node.options["index"]))
        if "within" in node.options:
            yield "searches", "the vectors of the rows below, exactly"
        elif hasattr(index, "way"):
            given = {name: node.options.get(name) for name in ("probes", "ef_search")}
            keep = Keep(None, bool) if "filter" in node.options else None
            results, exact = node.options.get("max_results", 100), node.options.get("exact") is True
            wanted = Nearest(self._filled(node.args[1]), results, keep=keep, exact=exact, **given)
            yield "searches", index.way(self.run, wanted)
            if keep is not None:
                yield (
                    "filter",
                    f"{Tested.ONE_BY_ONE.value}, or {Tested.BY_SCAN.value} where that is likely to cost less",
                )

    def _rows_expected(self, node: Term) -> str | None:
        table = self._table(node if node.kind.name == "table" else node.args[0])
        if table is None or node.kind.name in ("get", "get_intersecting"):
            return None
        if node.kind.name == "table":
            return f"{table.count(self.run):,}, counted"
        index = table.index(self.run, node.options.get("index", table.primary_key))
        values = [self._filled(arg) for arg in node.args[1:]]
        if not all(_is_plain(value) for value in values):
            return None
        env: list[Any] = [self.run]
        plain = [Compiler(1).any(value)(env) for value in values]
        if node.kind.name == "get_all":
            return f"{index.count(self.run, plain):,}, counted"
        limit = 10_000
        options = node.options
        bounds = Range(
            plain[0], plain[1], options.get("left_bound") == "open", options.get("right_bound", "open") == "open"
        )
        count = index.count_between(self.run, bounds, limit)
        return f"{count:,}, counted" if count < limit else f"{limit:,} or more"


def _without_plans(node: Argument) -> Argument:
    """The term without the options that only the planner gives."""
    if type(node) is not Term or "within" not in node.options:
        return node
    return Term(node.kind, node.args, {n: arg for n, arg in node.options.items() if n not in ("within", "within_key")})


def _printed(root: Argument) -> str:
    """The text of a query, of vectors their beginning."""
    long = type(root) is Term and any(type(constant) is Vector for constant in root.constants)
    return print_short(root) if long else print_query(root)


def _is_plain(value: Argument) -> bool:
    """Whether a value is made of constants alone."""
    return type(value) is not Term or (
        value.kind.name in ("make_array", "make_obj") and all(_is_plain(child) for child in value.children())
    )


def _reads(node: Term) -> bool:
    """Whether there is anything in a term that reads from a table."""
    return node.kind.name in SOURCES or any(_reads(child) for child in node.children())


def _body(node: Term) -> Term:
    return node.args[1] if node.kind is FUNC and type(node.args[1]) is Term else node


def _tests(ways: Mapping[Tested, int]) -> str:
    """The ways in which a search came by what its filter lets through."""
    told = [(way.value, ways[way]) for way in Tested if way in ways]
    return "; ".join([f"{way}: {tested:,} documents" if tested else way for way, tested in told])


def _fields(fields: frozenset[str] | None) -> str:
    if fields is None:
        return "whole documents"
    return ", ".join(sorted(fields)) or "nothing"
