"""Aggregation: terms that make one value of a sequence; `grouping.py` and `totals.py` have the rest of the chapter.

Each hands down which fields of the rows it looks at, `count` that it looks at none. On groups, `count` and `reduce` keep
one value for each and hold no rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from itertools import count as counter
from typing import Any, Final

from query.arguments import Test, function_of, predicate, union_of
from query.closures import Closure, Env, KeepMaker, located
from query.determinism import is_constant_array
from query.errors import ReqlArgumentError, ReqlError, ReqlNonExistenceError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.registry import term
from query.runtime import Fields, Function, Grouped, Row, Run, Stream, collect, iterate, type_error
from query.tables import between_then_ordered, index_of, orders_by_index, slice_of_index, table_of, text_of
from query.term import FUNC, Term
from query.terms.grouping import Pairs, check_groups, grouped, pairs_of
from query.terms.ordering import directed
from query.terms.selecting import get_all, table
from query.values import Value, equal, group_marker, sort_key
from query.vectors import Vector


@term(43, on="both", functions=1)
def count(sequence: object, value: Value | Function = None) -> int:
    """How many elements a sequence has; with a value or a function, how many are equal to it or satisfy it.

    Of a string, a binary or a vector it gives the length, of an object the number of fields. The documents of a table, and those of
    `get_all`, are counted without being read.

    >>> r.expr([1, 2, 2]).count(2).run(db)
    2
    >>> r.table("posts").count().run(db)
    3
    """


@count.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    source = node.args[0]
    if len(node.args) > 1:
        return _count_matching(compiler, node)
    if type(source) is Term and not compiler.is_special(source):
        if source.kind is table.kind:
            find = table_of(compiler, source)
            return lambda env: find(env).count(env[0])
        if source.kind is get_all.kind:
            return _count_keys(compiler, source)
    if compiler.is_stream(source):
        rows = compiler.rows(source, frozenset())
        return lambda env: _length(rows(env))
    return _count_any(compiler, node)


def _length(rows: Iterable[Value]) -> int:
    """How many rows there are, counted in C; Python comes by now and then, to notice a Ctrl-C."""
    numbers = counter()
    counted = zip(rows, numbers, strict=False)
    while deque(islice(counted, _UNINTERRUPTED), maxlen=1):
        pass
    return next(numbers)


_UNINTERRUPTED: Final = 100_000
"""Rows that are counted in one go, in some milliseconds."""


def _count_any(compiler: Compiler, node: Term) -> Closure:
    source = compiler.any(node.args[0])

    def length(env: Env) -> int:
        found = source(env)
        if type(found) in (list, str, bytes, dict, Vector):
            return len(found)
        if type(found) is Row and found.value is not None:
            return len(found.value)
        if type(found) is Stream and found.type_name == "TABLE" and found.table is not None:
            return found.table.count(env[0])
        try:
            return _length(iterate(found))
        except ReqlError as error:
            raise located(error, node) from None

    return length


def _count_keys(compiler: Compiler, source: Term) -> Closure:
    find, keys = index_of(compiler, source, source.args[0]), [compiler.value(arg) for arg in source.args[1:]]

    def entries(env: Env) -> int:
        _, index = find(env)
        try:
            return index.count(env[0], [key(env) for key in keys])
        except ReqlError as error:
            raise located(error, source) from None

    return entries


def _count_matching(compiler: Compiler, node: Term) -> Closure:
    fields, bind = predicate(compiler, node.args[1])
    rows = compiler.rows(node.args[0], fields)
    return lambda env: _length(filter(bind(env), rows(env)))


@count.accumulates
def _(compiler: Compiler, node: Term) -> Closure | None:
    test = predicate(compiler, node.args[1]) if len(node.args) > 1 else None
    pairs = pairs_of(compiler, node.args[0], frozenset() if test is None else test.fields)
    if pairs is None:
        return None
    return lambda env: _group_counts(env[0], pairs(env, (lambda _: True) if test is None else test.bind(env)))


def _group_counts(run: Run, pairs: Pairs) -> Grouped:
    cells: dict[Any, list[Any]] = {}
    for key, counts in pairs:
        if counts:
            marker = key if type(key) is str else group_marker(key)
            cell = cells.get(marker)
            if cell is None:
                cells[marker] = [key, 1]
                check_groups(run, len(cells))
            else:
                cell[1] += 1
    return grouped([(key, number) for key, number in cells.values()])


@term(37, on="both", functions=2)
def reduce(sequence: object, function: Function) -> Value:
    """Make one value of a sequence by a function of two: of the first two elements, then of its result and the next one.

    RethinkDB promises no order; here it is from first to last. A single element is the result itself. Raises
    ReqlNonExistenceError for an empty sequence.

    >>> r.expr([1, 2, 3]).reduce(lambda a, b: a + b).run(db)
    6
    """


_NOTHING: Final[Any] = object()


@reduce.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    compiled, source = function_of(compiler, node.args[1], 2, node), compiler.rows(node.args[0])

    def reduced(env: Env) -> Value:
        function, rows = compiled.bind(env), source(env)
        result = next(rows, _NOTHING)
        if result is _NOTHING:
            raise ReqlNonExistenceError("Cannot reduce over an empty stream.", node)
        for row in rows:
            result = function(result, row)
        return result

    return reduced


@reduce.accumulates
def _(compiler: Compiler, node: Term) -> Closure | None:
    pairs, compiled = pairs_of(compiler, node.args[0], None), function_of(compiler, node.args[1], 2, node)
    if pairs is None:
        return None

    def reduced(env: Env) -> Grouped:
        function = compiled.bind(env)
        cells: dict[Any, list[Any]] = {}
        for key, row in pairs(env, lambda row: row):
            marker = group_marker(key)
            cell = cells.get(marker)
            if cell is None:
                cells[marker] = [key, row]
                check_groups(env[0], len(cells))
            else:
                cell[1] = function(cell[1], row)
        return grouped([(key, result) for key, result in cells.values()])

    return reduced


# fold


@term(187, on="both")
def fold(
    sequence: object,
    base: Value,
    function: Function,
    *,
    emit: Function | None = None,
    final_emit: Function | None = None,
) -> object:
    """Go through a sequence in order with an accumulator, which begins as `base` and becomes `function(accumulator, row)`.

    Gives the last accumulator. With `emit`, a function of the accumulator before, the row and the accumulator after, it
    gives the sequence of all that the arrays of `emit` hold, and of `final_emit(accumulator)` at the end.

    >>> r.expr([1, 2, 3]).fold(0, lambda acc, row: acc + row).run(db)
    6
    >>> r.expr([1, 2, 3]).fold(0, lambda acc, row: acc + row, emit=lambda acc, row, new: [new]).run(db)
    [1, 3, 6]
    """


@fold.checks
def _(node: Term) -> None:
    function = node.args[2]
    if type(function) is Term and function.kind is FUNC and len(function.args[0]) not in (0, 2):
        raise ReqlArgumentError("The accumulator function passed to `fold` should expect 2 arguments", node)


@fold.streams
def _(compiler: Compiler, node: Term) -> bool:
    return "emit" in node.options and compiler.is_stream(node.args[0])


@fold.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    if "emit" in node.options:
        return _emitting(compiler, node)
    base, compiled = compiler.value(node.args[1]), function_of(compiler, node.args[2], 2, node)
    source, final = compiler.rows(node.args[0], compiled.fields[1]), _final_emit(compiler, node)

    def folded(env: Env) -> Value:
        result, function = base(env), compiled.bind(env)
        for row in source(env):
            result = function(result, row)
        return result if final is None else final(env)(result)

    return folded


def _final_emit(compiler: Compiler, node: Term) -> Callable[[Env], Callable[[Value], Value]] | None:
    function = node.options.get("final_emit")
    return None if function is None else function_of(compiler, function, 1, node).bind


def _emitting(compiler: Compiler, node: Term) -> Closure:
    first, (need, emitted) = node.args[0], _emitter(compiler, node)
    source, stream_rows = compiler.sequence(node, first, lambda: compiler.rows(first, need))

    def emitting(env: Env) -> Any:
        found = source(env)
        try:
            rows = iterate(found)
        except ReqlError as error:
            raise located(error, node) from None
        if type(found) is list:
            return collect(env[0], emitted(env, rows))
        read = (lambda: stream_rows(env)) if stream_rows else found.rows
        return found.changed(env[0], lambda: emitted(env, read()))

    return emitting


@fold.compiles_rows
def _(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    if "emit" not in node.options or not compiler.is_stream(node.args[0]):
        return compiler.rows_of_any(node, keep)
    looked_at, emitted = _emitter(compiler, node)
    source = compiler.rows(node.args[0], looked_at)
    if keep is None:
        return lambda env: emitted(env, source(env))
    return lambda env: filter(keep(env).test, emitted(env, source(env)))


def _emitter(compiler: Compiler, node: Term) -> tuple[Fields, Callable[[Env, Iterator[Value]], Iterator[Value]]]:
    """The fields of its rows that a fold looks at, and what makes of the rows those that it emits."""
    base, compiled = compiler.value(node.args[1]), function_of(compiler, node.args[2], 2, node)
    emit, final = function_of(compiler, node.options["emit"], 3, node), _final_emit(compiler, node)

    def emitted(env: Env, rows: Iterator[Value]) -> Iterator[list[Value]]:
        accumulator, function, give = base(env), compiled.bind(env), emit.bind(env)
        for row in rows:
            before, accumulator = accumulator, function(accumulator, row)
            yield _emitted_array(give(before, row, accumulator), node)
        if final is not None:
            yield _emitted_array(final(env)(accumulator), node)

    return union_of(compiled.fields[1], emit.fields[1]), lambda env, rows: chain.from_iterable(emitted(env, rows))


def _emitted_array(found: Value, node: Term) -> list[Value]:
    if type(found) is not list:
        raise located(type_error("ARRAY", found), node)
    return found


# distinct, contains


@term(42, on="both")
def distinct(sequence: object, *, index: str | None = None) -> object:
    """The distinct elements in order; of a table with `index`, the distinct keys of that index, as a stream.

    >>> r.expr([2, 1, 2]).distinct().run(db)
    [1, 2]
    """


_NOT_INDEXED: Final = "Can only perform an indexed distinct on a TABLE."


@distinct.streams
def _(compiler: Compiler, node: Term) -> bool:
    return "index" in node.options


@distinct.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    if "index" in node.options:
        return _distinct_keys(compiler, node)
    source = compiler.any(node.args[0])

    def elements(env: Env) -> Any:
        found = source(env)
        if type(found) is Stream and found.type_name == "TABLE":
            return Stream(found.rows)
        try:
            return _distinct(env[0], iterate(found))
        except ReqlError as error:
            raise located(error, node) from None

    return elements


def _distinct_keys(compiler: Compiler, node: Term) -> Closure:
    """The keys of the index that a table, or a part of one, is asked by; of the primary key those of any part."""
    source, order, reverse = node.args[0], None, False
    if type(source) is Term and source.kind.name == "between":
        source = between_then_ordered(source) or source
    inner = source
    if type(source) is Term and orders_by_index(source):
        name, reverse = directed(source.options["index"])
        inner, order = source.args[0], compiler.value(name)
    named, any_source = compiler.value(node.options["index"]), compiler.any(source)
    find = slice_of_index(compiler, Term(node.kind, (inner,), node.options), node.options["index"], _NOT_INDEXED)

    def keys(env: Env) -> Stream:
        found, wanted = any_source(env), text_of(named(env))
        if type(found) is not Stream or found.type_name not in ("TABLE", "TABLE_SLICE") or found.table is None:
            raise ReqlQueryLogicError(_NOT_INDEXED, node)
        key = found.table.primary_key
        if wanted == key and found.type_name == "TABLE_SLICE":
            return Stream(lambda: (row[key] for row in found.rows()))
        if order is not None and order(env) != wanted:
            raise ReqlQueryLogicError(_NOT_INDEXED, node)
        try:
            _, index, bounds = find(env)
        except ReqlQueryLogicError as error:
            refused = error.message.startswith("Cannot order by index")
            raise ReqlQueryLogicError(_NOT_INDEXED, node) if refused else error from None
        return Stream(lambda: iter(()) if bounds.is_empty else index.keys(env[0], bounds, reverse=reverse))

    return keys


def _distinct(run: Run, rows: Iterator[Value]) -> list[Value]:
    found: dict[Any, Value] = {}
    for row in rows:
        marker = group_marker(row)
        if marker not in found:
            found[marker] = row
            if len(found) > run.array_limit:
                run.check_size(len(found))
    return sorted(found.values(), key=sort_key)


@term(93, on="both", functions=1)
def contains(sequence: object, *wanted: Value | Function) -> bool:
    """Whether a sequence has all the values given, and for each function an element that satisfies it.

    Values are counted: `contains(1, 1)` wants two.

    >>> r.expr([1, 2, 3]).contains(2, 3).run(db)
    True
    >>> r.expr([1, 2, 3]).contains(lambda x: x > 3).run(db)
    False
    """


@contains.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    wanted = node.args[1:]
    values = [compiler.value(arg) for arg in wanted if not _is_function(arg)]
    tests = [predicate(compiler, arg, tolerant=False) for arg in wanted if _is_function(arg)]
    fields: Fields = None if values else union_of(*[test.fields for test in tests])
    # A list of constants is only looked at: a copy for each row would cost more than the search.
    source = compiler.shared(node.args[0]) if is_constant_array(node.args[0]) else compiler.rows(node.args[0], fields)
    if len(values) == 1 and not tests:
        return _contains_one(source, values[0])
    return lambda env: _contains_all(source(env), [value(env) for value in values], [test.bind(env) for test in tests])


def _is_function(arg: Any) -> bool:
    return type(arg) is Term and arg.kind is FUNC


def _contains_one(source: Closure, value: Closure) -> Closure:
    def contained(env: Env) -> bool:
        rows, wanted = source(env), value(env)
        if type(wanted) is str:
            return wanted in rows
        return any(equal(row, wanted) for row in rows)

    return contained


def _contains_all(rows: Iterator[Value], values: list[Value], tests: list[Test]) -> bool:
    """Whether all is found; each row stands for one value and for one test at most."""
    for row in rows:
        for place, value in enumerate(values):
            if equal(row, value):
                del values[place]
                break
        for place, test in enumerate(tests):
            if test(row):
                del tests[place]
                break
        if not values and not tests:
            return True
    return False
