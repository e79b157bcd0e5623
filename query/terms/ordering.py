"""Putting rows in order: `order_by`, `r.asc`, `r.desc`.

Three ways, chosen when the query is compiled:

- over an index, rows come as the index has them; further keys sort the rows of each key of the index among themselves;
- without one, all rows are collected, up to `array_limit`, and sorted, last key first, since Python's sort is stable;
- followed by `limit(n)`, only the best rows so far are held, and the scan tests the first sort key before it decodes a
  whole document (`FirstRows`).

A row in which a key is missing is less than any other. Equal rows stay in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from query.arguments import MISSING, Read, reader, union_of
from query.closures import Closure, Env, KeepMaker, MakeKeep, located
from query.conditions import Conditions, condition_on
from query.determinism import unproven_part
from query.errors import ReqlError, ReqlQueryLogicError, ReqlServerCompileError
from query.evaluate import Compiler
from query.registry import term
from query.runtime import Fields, Function, Index, Keep, Range, Run, Stream, collect, iterate
from query.tables import slice_of_index
from query.term import FUNC, MAKE_ARRAY, Argument, Term
from query.values import Value, group_marker, sort_key


@term(73, on="r", structural=True, functions=1)
def asc(key: str | Function) -> object:
    """Put a key of `order_by` in ascending order, which is the default.

    >>> r.expr([{"a": 2}, {"a": 1}]).order_by(r.asc("a")).run(db)
    [{'a': 1}, {'a': 2}]
    """


@term(74, on="r", structural=True, functions=1)
def desc(key: str | Function) -> object:
    """Put a key of `order_by`, or its index, in descending order.

    >>> r.expr([{"a": 1}, {"a": 2}]).order_by(r.desc("a")).run(db)
    [{'a': 2}, {'a': 1}]
    """


@asc.compiles
@desc.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    raise ReqlServerCompileError(
        f"{node.kind.name.upper()} may only be used as an argument to ORDER_BY or UNION.", node
    )


class Ordering(NamedTuple):
    """One key of an order: the fields it looks at, what reads it within one execution, and its direction."""

    fields: Fields
    bind: Callable[[Env], Read]
    descending: bool
    field: str | None
    """The field that the key is, where it is no more."""


class Key(NamedTuple):
    """One key of an order within one execution."""

    read: Read
    descending: bool


def orderings(compiler: Compiler, arg: Argument, node: Term) -> list[Ordering]:
    """The keys that an option stands for: one, or an array of them."""
    if type(arg) is Term and arg.kind is MAKE_ARRAY:
        return [ordering(compiler, item, node) for item in arg.args]
    if type(arg) is list:
        return [ordering(compiler, item, node) for item in arg]
    return [ordering(compiler, arg, node)]


def ordering(compiler: Compiler, arg: Argument, node: Term) -> Ordering:
    """The key that an argument stands for: a field, a function, `r.asc` or `r.desc` of one."""
    key, descending = directed(arg)
    if type(key) is Term and key.kind is FUNC:
        part = unproven_part(key, constant_now=True)
        if part is not None:
            raise ReqlQueryLogicError("Sorting by a non-deterministic function is not supported.", part)
    fields, bind = reader(compiler, key, node, MISSING)
    return Ordering(fields, bind, descending, key if type(key) is str else None)


def directed(arg: Argument) -> tuple[Argument, bool]:
    """A key without its `r.asc` or `r.desc`, and whether it descends."""
    if type(arg) is Term and arg.kind is FUNC and type(arg.args[1]) is Term and _is_direction(arg.args[1]):
        # The builder takes r.desc(r.row["a"]) for a function of a row, which it is not.
        inner = arg.args[1].args[0]
        if type(inner) is Term and inner.kind is FUNC:
            arg = arg.args[1]
    if type(arg) is Term and _is_direction(arg):
        return arg.args[0], arg.kind is desc.kind
    return arg, False


def _is_direction(node: Term) -> bool:
    return node.kind is asc.kind or node.kind is desc.kind


def bound(env: Env, keys: Sequence[Ordering]) -> list[Key]:
    """The keys of an order for one execution."""
    return [Key(key.bind(env), key.descending) for key in keys]


_NUMBERS: Final = frozenset({int, float})
_TEXTS: Final = frozenset({str})
_LEAST: Final = (-1,)


def comparable(value: Value) -> Any:
    """What a key is compared by; for a missing one, what is less than everything."""
    return _LEAST if value is MISSING else sort_key(value)


def in_order(rows: list[Value], keys: Sequence[Key]) -> list[Value]:
    """The rows sorted. A single row is not looked at, and a key only where those before it are equal."""
    if len(rows) < 2:
        return rows
    try:
        return _sorted(rows, keys)
    except ReqlError:
        if len(keys) == 1:
            raise
    first, *others = keys
    same = groupby(_sorted(rows, [first]), lambda row: comparable(first.read(row)))
    return [row for _, equal_rows in same for row in in_order(list(equal_rows), others)]


def _sorted(rows: list[Value], keys: Sequence[Key]) -> list[Value]:
    for read, descending in reversed(keys):
        values = [read(row) for row in rows]
        kinds = set(map(type, values))
        if not (kinds <= _NUMBERS or kinds <= _TEXTS):
            values = [comparable(value) for value in values]
        places = sorted(range(len(rows)), key=values.__getitem__, reverse=descending)
        rows = [rows[place] for place in places]
    return rows


@term(41, structural=True, functions=1)
def order_by(sequence: object, *keys: str | Function, index: str | None = None) -> Stream:
    """Sort by fields or functions, each ascending unless wrapped in `r.desc`; rows that lack a key come first.

    `index` (a name, or `r.desc` of one) sorts a table, or a `between` on the same index, by that index, any number of
    rows; further keys then order the rows that are equal in it. Without an index, more rows than `array_limit` are a
    ReqlResourceLimitError, unless `limit` follows.

    >>> r.table("posts").order_by(r.desc("id")).limit(1)["id"].run(db)
    [3]
    >>> list(r.table("posts").order_by(index="id")["id"].run(db))
    [1, 2, 3]
    """


_NOT_INDEXED: Final = (
    "Indexed order_by can only be performed on a TABLE or TABLE_SLICE. Make sure order_by comes before any "
    "transformations (such as map) or filters."
)


def _keys(compiler: Compiler, node: Term) -> list[Ordering]:
    keys = [ordering(compiler, arg, node) for arg in node.args[1:]]
    if not keys and "index" not in node.options:
        raise ReqlQueryLogicError("Must specify something to order by.", node)
    return keys


@order_by.streams
def _(compiler: Compiler, node: Term) -> bool:
    # A selection of an array is a `Stream`, but what is made of it is an array.
    return "index" in node.options and not _is_no_rows(node.args[0])


@order_by.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    if "index" in node.options:
        return _over_index(compiler, node)
    keys, source = _keys(compiler, node), compiler.any(node.args[0])
    stream_rows = compiler.rows(node.args[0]) if compiler.is_stream(node.args[0]) else None

    def ordered(env: Env) -> Any:
        found = _sequence(source(env), node)
        rows = (lambda: stream_rows(env)) if stream_rows else lambda: iterate(found)

        def result() -> list[Value]:
            return in_order(collect(env[0], rows()), bound(env, keys))

        if type(found) is Stream and found.table is not None:
            return Stream(lambda: iter(result()), "SELECTION<ARRAY>", found.table)
        return result()

    return ordered


def _sequence(found: Any, node: Term) -> Any:
    try:
        iterate(found)
    except ReqlError as error:
        raise located(error, node) from None
    return found


@order_by.compiles_rows
def _(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    if "index" in node.options:
        return _index_rows(compiler, node, need, keep)
    keys = _keys(compiler, node)
    if need is not None:
        need = union_of(need, *[key.fields for key in keys])
    source = compiler.rows(node.args[0], need, keep)
    return lambda env: iter(in_order(collect(env[0], source(env)), bound(env, keys)))


def _over_index(compiler: Compiler, node: Term) -> Closure:
    if _is_no_rows(node.args[0]):
        return compiler.any(node.args[0])
    name, _ = directed(node.options["index"])
    find = slice_of_index(compiler, node, name, _NOT_INDEXED)
    rows = _index_rows(compiler, node, None, None)
    kind: Any = "SELECTION<STREAM>" if node.args[1:] else "TABLE_SLICE"

    def ordered(env: Env) -> Stream:
        return Stream(lambda: rows(env), kind, find(env).table)

    return ordered


def _is_no_rows(node: Argument) -> bool:
    """Whether a term is an empty array, which is in every order: RethinkDB asks it for no index."""
    return node == [] if type(node) is not Term else node.kind is MAKE_ARRAY and not node.args


def _index_rows(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    name, reverse = directed(node.options["index"])
    find, keys = slice_of_index(compiler, node, name, _NOT_INDEXED), _keys(compiler, node)
    if need is not None:
        need = union_of(need, *[key.fields for key in keys])
    compiler.note(node, need, keep)

    def rows(env: Env) -> Iterator[Value]:
        run: Run = env[0]
        table, index, bounds = find(env)
        if bounds.is_empty:
            return iter(())
        test = keep(env) if keep else None
        if not keys or index.name == table.primary_key:
            return index.between(run, bounds, need, test, reverse=reverse)
        return _sorted_runs(run, _runs(run, index, bounds, need, test, reverse), bound(env, keys))

    return rows


def _sorted_runs(run: Run, runs: Iterator[Iterable[Value]], keys: list[Key]) -> Iterator[Value]:
    for rows in runs:
        same = collect(run, rows)
        yield from in_order(same, keys) if len(same) > 1 else same


def _runs(
    run: Run, index: Index, bounds: Range, need: Fields, test: Keep | None, reverse: bool
) -> Iterator[Iterable[Value]]:
    """The rows of a range of an index, those of each key together.

    Where the key is made of fields of the row, rows are read in bulk and compared by these.
    """
    paths = index.paths
    if paths is None or index.multi:
        return (index.get_all(run, [key], need, test) for key in index.keys(run, bounds, reverse=reverse))
    rows = index.between(run, bounds, union_of(need, frozenset(path[0] for path in paths)), test, reverse=reverse)
    return (same for _, same in groupby(rows, lambda row: [group_marker(_at(row, path)) for path in paths]))


def _at(row: Value, path: tuple[str, ...]) -> Value:
    for name in path:
        row = row[name]
    return row


# The first rows of an order


_BEFORE: Final = {False: ("lt", "le"), True: ("gt", "ge")}
"""For an order that descends or not, what comes before a row by the first key: surely, and perhaps by others."""


class FirstRows:
    """The first `count` rows of those offered, in order; holds at most twice as many, or 100 more.

    `may_belong` is the test before: whether a row can still be among them, told by the first key alone.
    """

    def __init__(self, run: Run, keys: list[Key], count: int) -> None:
        self._run = run
        self._keys = keys
        self._count = count
        self._room = count + max(count, 100)
        self._held: list[Value] = []
        self._several = len(keys) > 1
        self._bar_value: Value = None
        self.may_belong = self._test()

    def offer(self, row: Value) -> None:
        """One more row."""
        held = self._held
        held.append(row)
        if len(held) > self._run.array_limit and self._count > self._run.array_limit:
            self._run.check_size(len(held))
        if len(held) >= self._room:
            self._held = self.rows()
            self._bar(self._held[-1])

    def rows(self) -> list[Value]:
        """The first rows of those offered so far, in order."""
        return in_order(self._held, self._keys)[: self._count]

    def conditions(self, field: str | None, *, required: bool = False) -> Conditions:
        """The test as conditions on a field, where the first key is one; `required` if no row without it belongs."""
        if field is None:
            return ()
        operator = _BEFORE[self._keys[0].descending][self._several]
        return condition_on(field, operator, self._bar_value, required=required)

    def _test(self) -> Callable[[Value], bool]:
        read, descending = self._keys[0]
        several = self._several
        kind: Any = None
        bar: Any = None
        bar_key: Any = None

        def may_belong(row: Value) -> bool:
            value = read(row)
            if type(value) is kind:
                return bool(value > bar if descending else value < bar) or (several and bool(value == bar))
            if bar_key is None:
                return True
            key = comparable(value)
            return bool(key > bar_key if descending else key < bar_key) or (several and bool(key == bar_key))

        def raise_bar(row: Value) -> None:
            nonlocal kind, bar, bar_key
            self._bar_value = bar = read(row)
            bar_key = comparable(bar)
            kind = type(bar) if type(bar) in (int, float, str) else None

        self._bar = raise_bar
        return may_belong


def first_rows(compiler: Compiler, node: Term, count: Callable[[Env], int]) -> Closure:
    """`limit(count)` of an `order_by` without an index."""
    keys, source, slot = _keys(compiler, node), compiler.any(node.args[0]), compiler.new_slot()
    fields = keys[0].fields

    def make_keep(env: Env) -> Keep:
        best: FirstRows = env[slot]
        return Keep(fields, best.may_belong, lambda: best.conditions(keys[0].field))

    keep = MakeKeep(fields, make_keep)
    stream_rows = compiler.rows(node.args[0], None, keep) if compiler.is_stream(node.args[0]) else None

    def first(env: Env) -> Any:
        number = count(env)
        found = _sequence(source(env), node)

        def result() -> list[Value]:
            if number == 0:
                return []
            best = env[slot] = FirstRows(env[0], bound(env, keys), number)
            for row in stream_rows(env) if stream_rows else filter(best.may_belong, iterate(found)):
                best.offer(row)
            return best.rows()

        if type(found) is Stream and found.table is not None:
            return Stream(lambda: iter(result()), "SELECTION<ARRAY>", found.table)
        return result()

    return first
