"""From a Term to something that runs: rewritten by an ordered list of named rules, then compiled, once for each shape.

A rule takes a term that it knows to a term with the same answer, or leaves it. The rules:

| rule             | rewrites                                                                                            |
|------------------|-----------------------------------------------------------------------------------------------------|
| `count_by_index` | `table.filter(f).count()` to the count of an index, where the index answers all of `f`                |
| `nearest_by_index`| the filter of a `get_nearest` to the rows that another index gives, where these are few            |
| `filter_by_index`| `table.filter(f)` to `get_all` or `between` over an index, with a filter for the rest of `f` above it |

**When an index may answer a filter.** What cannot be indexed (null, objects, missing fields) is in no index, so a
condition is taken over by one only where nothing of that kind could satisfy it: equality with a constant that can be
indexed, a range whose two bounds are constants of one type (in ReQL's order an object is greater than every number), and
`contains` with a constant for a multi index, where the condition is tested again. A compound index must have each of its
parts bound: equality for all, or a range for the last. Never with `default` other than False.

**Which index.** The store counts the rows that each would give for the constants of the query that is being planned; the
fewest win. Reading a row through an index costs some six times as much as passing it in a scan, so an index that gives
more than a sixth of the table loses against the scan.

Pushing limits, the fields that are decoded and the choice of an algorithm for `order_by` are the compiler's part, since
they follow from what surrounds a term.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from query.analysis import parameterize
from query.closures import Closure
from query.determinism import check_writes, constant_type
from query.errors import ReqlDriverCompileError, ReqlError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.infinite import check_ends
from query.locate import explain_error
from query.merge import check_literals
from query.registry import TERMS
from query.runtime import STORED, Index, Range, Run, Table
from query.tables import gives_rows
from query.term import FUNC, IMPLICIT_VAR, MAKE_ARRAY, MAKE_OBJ, PARAMETER, VAR, Argument, Term
from query.terms.javascript import with_script_functions
from query.terms.nearest import filter_of
from query.values import Value

SCAN_ADVANTAGE: Final = 6
"""How many rows a scan passes while an index reads one; measured on documents of 500 bytes."""

NEAREST_ADVANTAGE: Final = 12
"""How many vectors of lists are searched while one is found by its document's key."""

Path: TypeAlias = tuple[str, ...]

_INDEXABLE: Final = frozenset({"str", "int", "float", "bool", "bytes", "Time"})
_RANGE_TYPES: Final[Mapping[str, str]] = {
    "str": "string",
    "int": "number",
    "float": "number",
    "bytes": "binary",
    "Time": "time",
}
_MIRRORED: Final = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq"}


class Condition(NamedTuple):
    """One condition of a filter that an index could answer: `path operator constant`."""

    path: Path
    operator: str
    constant: Term
    part: Argument
    """The part of the predicate that says it; None for a field of a pattern."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to the rows of a filter: the term that gives them, what is left to test, how many rows to expect."""

    index: str
    term: Term
    answered: tuple[Condition, ...]
    exact: bool
    rows: int


@dataclass(slots=True)
class Choice:
    """What the planner decided for one filter: every way considered, with the reason where it lost."""

    chosen: str
    reason: str
    lost: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Planning:
    """What the rules know: the run whose snapshot they may ask, the constants, and the notes they leave."""

    run: Run
    constants: tuple[Value, ...]
    choices: dict[int, Choice] = field(default_factory=dict)
    rules: list[str] = field(default_factory=list)

    def value(self, constant: Term) -> Value:
        """The constant that a parameter stands for, or what a term of constants gives."""
        if constant.kind is PARAMETER:
            return self.constants[constant.args[0] - 1]
        return Compiler(1 + len(self.constants)).value(constant)([self.run, *self.constants])


Rule: TypeAlias = Callable[[Term, Planning], "Term | None"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled query: its term before and after all rules, what it runs, its number of variables, how it was planned.

    It is kept for all queries of its shape, and so holds nothing of the run and the constants that it was made for.
    """

    parameterized: Term
    term: Term
    closure: Closure
    variables: int
    stored: Closure | None
    """What gives the rows as they are stored, where the query gives rows of a table, all and as they are."""
    stored_variables: int
    rules: tuple[str, ...]
    choices: Mapping[int, Choice]
    """By the identity of a term in `term`."""

    def execute(self, run: Run, constants: tuple[Value, ...]) -> Any:
        """Run it with the constants of one query of its shape."""
        return self.closure([run, *constants, *[None] * self.variables])

    def stored_rows(self, run: Run, constants: tuple[Value, ...]) -> Iterator[Any] | None:
        """The rows of the result, some or all as the bytes in which they are stored; None where it is another result."""
        return None if self.stored is None else self.stored([run, *constants, *[None] * self.stored_variables])


def make_plan(root: Term, run: Run | None = None, *, compiler: Compiler | None = None) -> Plan:
    """Plan and compile a query. Without a store behind `run` no rule applies that would ask it.

    A ReqlError shows the part of the query that could not be compiled.
    """
    planning = Planning(run or Run(), root.constants)
    parameterized = parameterize(root)
    first = 1 + len(root.constants)
    compiler = compiler or Compiler(first)
    try:
        check_ends(parameterized)
        check_writes(parameterized)
        check_literals(parameterized)
        term = with_script_functions(parameterized)
        term = rewritten(term, planning) if planning.run.store is not None else term
        closure = compiler.result(term)
        for_stored = Compiler(first)
        stored = for_stored.rows(term, STORED) if gives_rows(for_stored, term) else None
    except ReqlError as error:
        explain_error(error, root, parameterized)
        raise
    except RecursionError:
        raise ReqlDriverCompileError("Nesting depth limit exceeded: the query has too many levels.") from None
    return Plan(
        parameterized,
        term,
        closure,
        compiler.next_slot - first,
        stored,
        for_stored.next_slot - first,
        tuple(dict.fromkeys(planning.rules)),
        planning.choices,
    )


def rewritten(node: Argument, planning: Planning) -> Any:
    """The term with every rule applied wherever it fits, from the outside in."""
    if type(node) is not Term:
        return node
    for name, rule in RULES:
        changed = rule(node, planning)
        if changed is not None:
            planning.rules.append(name)
            node = changed
    return node.replace_children(lambda child: rewritten(child, planning))


# Rules


def count_by_index(node: Term, planning: Planning) -> Term | None:
    """`table.filter(f).count()` where one index answers all of `f`."""
    if node.kind.name != "count" or len(node.args) != 1 or not _is_table_filter(node.args[0]):
        return None
    exact = [one for one in _candidates(node.args[0], planning) if one.exact]
    if not exact:
        return None
    best = min(exact, key=lambda one: one.rows)
    planning.choices[id(best.term)] = Choice(best.index, "the index answers the whole filter, and counts it")
    return Term(node.kind, (best.term,))


def filter_by_index(node: Term, planning: Planning) -> Term | None:
    """`table.filter(f)` by the index that gives the fewest rows."""
    if not _is_table_filter(node):
        return None
    candidates = _candidates(node, planning)
    unfit = _unfit(node, candidates, planning)
    if not candidates:
        if unfit:
            planning.choices[id(node.args[0])] = Choice("scan", "no index can answer the filter", unfit)
        return None
    table = _table(node.args[0], planning)
    total = table.count(planning.run) if table is not None else 0
    best = min(candidates, key=lambda one: (one.rows, -len(one.answered)))
    if best.rows * SCAN_ADVANTAGE > total:
        choice = Choice("scan", f"the best index would give {best.rows:,} of {total:,} rows: a scan is cheaper")
        choice.lost = [(one.index, _why_lost(one, None)) for one in candidates] + unfit
        planning.choices[id(node.args[0])] = choice
        return None
    choice = Choice(best.index, "the fewest rows" if len(candidates) > 1 else "the only index that fits")
    choice.lost = [(one.index, _why_lost(one, best)) for one in candidates if one is not best] + unfit
    planning.choices[id(best.term)] = choice
    return _with_rest(node, best)


def nearest_by_index(node: Term, planning: Planning) -> Term | None:
    """`get_nearest` with a filter that an index of the same table answers with few rows."""
    filtered = filter_of(node) if node.kind.name == "get_nearest" and "index" in node.options else None
    if filtered is None or not _is_table_filter(filtered):
        return None
    table = _table(filtered.args[0], planning)
    candidates = _candidates(filtered, planning)
    if table is None or not candidates:
        return None
    best = min(candidates, key=lambda one: (one.rows, -len(one.answered)))
    if best.rows * NEAREST_ADVANTAGE > table.count(planning.run):
        return None
    planning.choices[id(best.term)] = Choice(best.index, f"it gives {best.rows:,} rows for the filter")
    options = {name: arg for name, arg in node.options.items() if name != "filter"}
    within = _with_rest(filtered, best)
    return Term(node.kind, node.args, {**options, "within": within, "within_key": table.primary_key})


RULES: Final[list[tuple[str, Rule]]] = [
    ("count_by_index", count_by_index),
    ("nearest_by_index", nearest_by_index),
    ("filter_by_index", filter_by_index),
]
"""All rules, in the order in which they are tried on each term."""


def _why_lost(candidate: Candidate, best: Candidate | None) -> str:
    if best is None:
        return f"{candidate.rows:,} rows, each dearer than one of a scan"
    return f"{candidate.rows:,} rows, against {best.rows:,}"


def _unfit(node: Term, candidates: list[Candidate], planning: Planning) -> list[tuple[str, str]]:
    """The indexes on fields of a filter that cannot answer it, each with the reason."""
    table = _table(node.args[0], planning)
    if table is None:
        return []
    conditions, _ = _conditions(node.args[1])
    asked = {condition.path: condition.operator for condition in conditions}
    fit = {candidate.index for candidate in candidates}
    found = []
    for index in (table.index(planning.run, table.primary_key), *table.ordered_indexes(planning.run)):
        if index.paths is None or index.name in fit or not any(path in asked for path in index.paths):
            continue
        missing = next((".".join(path) for path in index.paths if path not in asked), None)
        if index.multi:
            reason = "a multi index answers `contains` alone"
        elif missing is not None:
            reason = f"the filter says nothing of its field `{missing}`"
        else:
            reason = "it would need `==`, or two bounds of one type: values that no index has could be in a wider range"
        found.append((index.name, reason))
    return found


def _with_rest(node: Term, best: Candidate) -> Term:
    """The candidate's term, under a filter of the conditions that it does not answer."""
    if best.exact:
        return best.term
    predicate = node.args[1]
    if best.answered and best.answered[0].operator == "contains":
        rest: Argument = predicate
    elif predicate.kind is MAKE_OBJ:
        answered = {condition.path for condition in best.answered}
        rest = _without_paths(predicate, answered, ())
    else:
        numbers, body = predicate.args
        answered_parts = {id(condition.part) for condition in best.answered}
        left = [part for part in _conjuncts(body) if id(part) not in answered_parts]
        rest = Term(FUNC, (numbers, left[0] if len(left) == 1 else Term(TERMS["and"].kind, tuple(left))))
    return Term(node.kind, (best.term, rest), node.options)


def _without_paths(pattern: Term, paths: set[Path], above: Path) -> Term:
    options = {}
    for name, arg in pattern.options.items():
        path = (*above, name)
        if path in paths:
            continue
        options[name] = _without_paths(arg, paths, path) if type(arg) is Term and arg.kind is MAKE_OBJ else arg
    return Term(MAKE_OBJ, (), options)


# What a filter asks, and which indexes could answer it


def _is_table_filter(node: Argument) -> bool:
    return (
        type(node) is Term
        and node.kind.name == "filter"
        and len(node.args) == 2
        and node.options.get("default", False) is False
        and type(node.args[0]) is Term
        and node.args[0].kind.name == "table"
        and type(node.args[1]) is Term
        and node.args[1].kind in (FUNC, MAKE_OBJ)
    )


def _table(node: Term, planning: Planning) -> Table | None:
    """The table that a term names with constants."""
    *database, name = node.args
    if type(name) is not str:
        return None
    named = None
    if database:
        source = database[0]
        if type(source) is not Term or source.kind.name != "db" or type(source.args[0]) is not str:
            return None
        named = source.args[0]
    store = planning.run.store
    return None if store is None else store.find_table(planning.run, named, name)


def _candidates(node: Term, planning: Planning) -> list[Candidate]:
    table = _table(node.args[0], planning)
    if table is None:
        return []
    conditions, total = _conditions(node.args[1])
    found = []
    for index in (table.index(planning.run, table.primary_key), *table.ordered_indexes(planning.run)):
        # A constant that is an error is one of the rows that are tested against it: without rows there is none.
        with suppress(ReqlQueryLogicError):
            candidate = _candidate(node.args[0], table, index, conditions, total, planning)
            if candidate is not None:
                found.append(candidate)
    return found


def _conditions(predicate: Term) -> tuple[list[Condition], int]:
    """The conditions of a predicate that an index could answer, and how many conditions it has in all."""
    if predicate.kind is MAKE_OBJ:
        leaves = list(_pattern_leaves(predicate, ()))
        # A pattern tells times of one moment and two zones apart, which an index does not.
        fit = [(path, arg) for path, arg in leaves if _is_indexable(arg) and constant_type(arg) != "Time"]
        return [Condition(path, "eq", arg, None) for path, arg in fit], len(leaves)
    numbers, body = predicate.args
    if len(numbers) != 1:
        return [], 1
    parts = list(_conjuncts(body))
    found = [condition for part in parts if (condition := _condition(part, numbers[0])) is not None]
    return found, len(parts)


def _pattern_leaves(pattern: Term, above: Path) -> Iterator[tuple[Path, Argument]]:
    for name, arg in pattern.options.items():
        path = (*above, name)
        if type(arg) is Term and arg.kind is MAKE_OBJ and arg.options:
            yield from _pattern_leaves(arg, path)
        else:
            yield path, arg


def _conjuncts(body: Argument) -> Iterator[Argument]:
    if type(body) is Term and body.kind.name == "and" and body.args:
        for arg in body.args:
            yield from _conjuncts(arg)
    else:
        yield body


def _condition(part: Argument, number: int) -> Condition | None:
    if type(part) is not Term or len(part.args) != 2:
        return None
    left, right = part.args
    operator = part.kind.name
    if operator == "contains":
        path = _path(left, number)
        return Condition(path, operator, right, part) if path and _is_indexable(right) else None
    if operator not in _MIRRORED:
        return None
    if _is_indexable(left):
        left, right, operator = right, left, _MIRRORED[operator]
    path = _path(left, number)
    return Condition(path, operator, right, part) if path and _is_indexable(right) else None


def _is_indexable(node: Argument) -> bool:
    return constant_type(node) in _INDEXABLE


def _path(node: Argument, number: int) -> Path:
    """The fields that a chain of brackets reads from a function's variable; empty where it is something else."""
    names: list[str] = []
    while type(node) is Term and node.kind.name in ("bracket", "get_field") and type(node.args[1]) is str:
        names.append(node.args[1])
        node = node.args[0]
    is_variable = type(node) is Term and (node.kind is IMPLICIT_VAR or (node.kind is VAR and node.args[0] == number))
    return tuple(reversed(names)) if is_variable else ()


def _candidate(
    source: Term, table: Table, index: Index, conditions: list[Condition], total: int, planning: Planning
) -> Candidate | None:
    paths = index.paths
    if paths is None:
        return None
    options = {} if index.name == table.primary_key else {"index": index.name}
    get_all = TERMS["get_all"].kind
    if index.multi:
        for condition in conditions:
            if paths == (condition.path,) and not index.compound and condition.operator == "contains":
                rows = index.count(planning.run, [planning.value(condition.constant)])
                return Candidate(
                    index.name, Term(get_all, (source, condition.constant), options), (condition,), False, rows
                )
        return None
    equal: dict[Path, Condition] = {c.path: c for c in conditions if c.operator == "eq"}
    if all(path in equal for path in paths):
        answered = tuple([equal[path] for path in paths])
        key: Argument = answered[0].constant
        value = planning.value(key)
        if index.compound:
            key = Term(MAKE_ARRAY, tuple([condition.constant for condition in answered]))
            value = [planning.value(condition.constant) for condition in answered]
        exact = len(answered) == total
        if index.name == table.primary_key and _may_be_long(key):
            # `get_all` refuses a key that is too long to be one, where a filter finds nothing.
            rows = index.count_between(planning.run, Range(value, value, False, False), 2)
            term = Term(TERMS["between"].kind, (source, key, key), {"right_bound": "closed"})
            return Candidate(index.name, term, answered, exact, rows)
        rows = index.count(planning.run, [value])
        return Candidate(index.name, Term(get_all, (source, key), options), answered, exact, rows)
    if all(path in equal for path in paths[:-1]):
        prefix = [equal[path] for path in paths[:-1]]
        return _range_candidate(source, table, index, prefix, conditions, total, options, planning)
    return None


def _may_be_long(key: Argument) -> bool:
    return constant_type(key) in ("str", "bytes")


def _range_candidate(
    source: Term,
    table: Table,
    index: Index,
    prefix: list[Condition],
    conditions: list[Condition],
    total: int,
    options: Mapping[str, Argument],
    planning: Planning,
) -> Candidate | None:
    paths = index.paths
    assert paths is not None
    on_last = [condition for condition in conditions if condition.path == paths[-1]]
    low = next((condition for condition in on_last if condition.operator in ("gt", "ge")), None)
    high = next((condition for condition in on_last if condition.operator in ("lt", "le")), None)
    if low is None or high is None:
        return None
    kinds = {_RANGE_TYPES.get(constant_type(condition.constant) or "") for condition in (low, high)}
    if len(kinds) != 1 or None in kinds:
        return None

    def bound(last: Condition) -> Argument:
        if not index.compound:
            return last.constant
        return Term(MAKE_ARRAY, (*[condition.constant for condition in prefix], last.constant))

    ends = {
        "left_bound": "open" if low.operator == "gt" else "closed",
        "right_bound": "open" if high.operator == "lt" else "closed",
    }
    values = [[planning.value(condition.constant) for condition in (*prefix, end)] for end in (low, high)]
    first, last = values if index.compound else (values[0][0], values[1][0])
    bounds = Range(first, last, low.operator == "gt", high.operator == "lt")
    rows = index.count_between(planning.run, bounds, table.count(planning.run) // SCAN_ADVANTAGE + 1)
    term = Term(TERMS["between"].kind, (source, bound(low), bound(high)), {**options, **ends})
    answered = (*prefix, low, high)
    return Candidate(index.name, term, answered, len(answered) == total, rows)
