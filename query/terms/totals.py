"""Totals of a sequence: `sum`, `avg`, `min`, `max`; of groups, one for each, without holding their rows.

A field or a function says what is added up or compared. Rows for which that is missing or null are passed over, and a
group of which all rows are has no total.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias

from query.arguments import MISSING, Read, Reader, reader
from query.closures import Closure, Env, MakeKeep, located
from query.errors import ReqlError, ReqlNonExistenceError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.registry import term
from query.runtime import Function, Grouped, Keep, Row, Run, type_error
from query.tables import all_of_table, table_of, whole_index
from query.term import Argument, Term
from query.terms.grouping import Pairs, check_groups, grouped, pairs_of
from query.terms.ordering import FirstRows, Key
from query.values import Value, check_number, compare, group_marker

Finish: TypeAlias = Callable[[int | float, int], Value]
"""From a sum and the count of what was added to the answer."""


@term(145, name="sum", on="both", structural=True, functions=1)
def sum_(sequence: object, key: str | Function | None = None, *, index: str | None = None) -> float:
    """Add up numbers: the elements, or a field or function of each; 0 where there is nothing to add.

    Sums of integers are exact within 64 bits. Elements that lack the field are passed over; raises ReqlQueryLogicError
    for what is no number. No index can be added up: the option `index` is an error.

    >>> r.expr([{"n": 1}, {"n": 2.5}, {}]).sum("n").run(db)
    3.5
    """


@term(146, on="both", structural=True, functions=1)
def avg(sequence: object, key: str | Function | None = None, *, index: str | None = None) -> float:
    """The average of numbers: of the elements, or of a field or function of each.

    Elements that lack the field are passed over. Raises ReqlNonExistenceError where nothing is left, ReqlQueryLogicError
    for what is no number. Of an index there is no average: the option `index` is an error.

    >>> r.expr([1, 2, 6]).avg().run(db)
    3
    """


def _finish_sum(total: int | float, count: int) -> Value:
    return check_number(total)


def _finish_avg(total: int | float, count: int) -> Value:
    if count == 0:
        raise ReqlNonExistenceError(
            "Cannot take the average of an empty stream.  (If you passed `avg` a field name, it may be that no elements "
            "of the stream had that field.)"
        )
    if type(total) is int and total % count == 0:
        return check_number(total // count)
    return check_number(total / count)


_ONLY_INT: Final = {int}
_FINISHES: Final[dict[str, Finish]] = {"sum": _finish_sum, "avg": _finish_avg}


def _reader(compiler: Compiler, node: Term, missing: Any = None) -> Reader:
    if len(node.args) > 1:
        return reader(compiler, node.args[1], node, missing)
    return Reader(None, lambda env: _itself)


def _itself(row: Value) -> Value:
    return row


@sum_.compiles
@avg.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    if "index" in node.options:
        _check_index_alone(node)
        raise ReqlQueryLogicError(f"Cannot call {node.kind.name} on an index.", node)
    fields, bind = _reader(compiler, node)
    source, finish = compiler.rows(node.args[0], fields), _FINISHES[node.kind.name]
    values = _values(compiler, node)

    def total(env: Env) -> Value:
        rows = source(env) if values is None else values(env)
        try:
            return finish(*(_total(rows, bind(env)) if values is None else _total_of_values(rows)))
        except ReqlError as error:
            raise located(error, node) from None

    return total


def _values(compiler: Compiler, node: Term) -> Closure | None:
    """What gives the values of a field of a whole table in lists, which is quicker than rows with that field."""
    if compiler.whole or compiler.profile is not None or len(node.args) == 1 or type(node.args[1]) is not str:
        return None
    name, source = node.args[1], node.args[0]
    if not _is_table(source):
        return None
    find = table_of(compiler, source)
    return lambda env: find(env).values(env[0], name)


def _total_of_values(chunks: Iterable[list[Value]]) -> tuple[int | float, int]:
    total: int | float = 0
    count = 0
    for values in chunks:
        if set(map(type, values)) == _ONLY_INT:
            total, count = sum(values, total), count + len(values)
        else:  # one by one, as rows: floats add up to the same only in the same order
            more, counted = _total(values, _itself, total)
            total, count = more, count + counted
    return total, count


def _total(rows: Iterable[Value], read: Read, total: int | float = 0) -> tuple[int | float, int]:
    count = 0
    for row in rows:
        value = read(row)
        kind = type(value)
        if kind is int or kind is float:
            total += value
            count += 1
        elif value is not None:
            raise type_error("NUMBER", value)
    return total, count


@sum_.accumulates
@avg.accumulates
def _(compiler: Compiler, node: Term) -> Closure | None:
    if "index" in node.options:
        return None
    fields, bind = _reader(compiler, node)
    pairs, finish = pairs_of(compiler, node.args[0], fields), _FINISHES[node.kind.name]
    if pairs is None:
        return None

    def totals(env: Env) -> Grouped:
        try:
            found = _group_totals(env[0], pairs(env, bind(env)))
            return grouped([(key, finish(total, count)) for key, total, count in found])
        except ReqlError as error:
            raise located(error, node) from None

    return totals


def _group_totals(run: Run, pairs: Pairs) -> Iterable[list[Any]]:
    """For each group its key, the sum and the count of what was added."""
    cells: dict[Any, list[Any]] = {}
    for key, value in pairs:
        kind = type(value)
        if kind is int or kind is float:
            marker = key if type(key) is str else group_marker(key)
            cell = cells.get(marker)
            if cell is None:
                cells[marker] = [key, value, 1]
                check_groups(run, len(cells))
            else:
                cell[1] += value
                cell[2] += 1
        elif value is not None:
            raise type_error("NUMBER", value)
    return cells.values()


# The least and the greatest


@term(147, name="min", on="both", structural=True, functions=1)
def min_(sequence: object, key: str | Function | None = None, *, index: str | None = None) -> object:
    """The least element; with a field or function, the element for which that is least.

    Elements for which it is missing are passed over; of equal ones the first is given. Of a table, with `index`
    or without a field, it is the first document in the order of that index or of the primary key, read in constant time.
    Raises ReqlNonExistenceError where nothing is left.

    >>> r.expr([{"n": 3}, {"n": 1}]).min("n").run(db)
    {'n': 1}
    """


@term(148, name="max", on="both", structural=True, functions=1)
def max_(sequence: object, key: str | Function | None = None, *, index: str | None = None) -> object:
    """The greatest element; with a field or function, the element for which that is greatest.

    Elements for which it is missing are passed over; of equal ones the first is given. Of a table, with `index`
    or without a field, it is the last document in the order of that index or of the primary key, read in constant time.
    Raises ReqlNonExistenceError where nothing is left.

    >>> r.expr([3, 5, 4]).max().run(db)
    5
    """


@min_.compiles
@max_.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    if "index" in node.options or (len(node.args) == 1 and _is_table(node.args[0])):
        return _end_of_index(compiler, node)
    fields, bind = _reader(compiler, node, MISSING)
    field = node.args[1] if len(node.args) > 1 and type(node.args[1]) is str else None
    slot, descending = compiler.new_slot(), node.kind is max_.kind

    def keep(env: Env) -> Keep:
        read, best = bind(env), env[slot]
        return Keep(
            fields,
            lambda row: read(row) is not MISSING and best.may_belong(row),
            lambda: best.conditions(field, required=True),
        )

    source = compiler.rows(node.args[0], None, MakeKeep(fields, keep))

    def extreme(env: Env) -> Value:
        best = env[slot] = FirstRows(env[0], [Key(bind(env), descending)], 1)
        for row in source(env):
            best.offer(row)
        return _first(iter(best.rows()), node)

    return extreme


def _first(rows: Iterator[Value], node: Term) -> Value:
    for row in rows:
        return row
    name = node.kind.name
    raise ReqlNonExistenceError(
        f"Cannot take the {name} of an empty stream.  (If you passed `{name}` a field name, it may be that no elements of "
        "the stream had that field.)",
        node,
    )


def _check_index_alone(node: Term) -> None:
    if len(node.args) > 1:
        raise ReqlQueryLogicError(f"Cannot provide both a function and an index to {node.kind.name}.", node)


def _is_table(node: Argument) -> bool:
    return type(node) is Term and node.kind.name == "table"


def _end_of_index(compiler: Compiler, node: Term) -> Closure:
    _check_index_alone(node)
    reverse = node.kind is max_.kind
    name = node.options.get("index")
    find = all_of_table(compiler, node.args[0]) if name is None else whole_index(compiler, node, name)

    def end(env: Env) -> Row:
        table, index, bounds = find(env)
        for row in index.between(env[0], bounds, None, None, reverse=reverse):
            return Row(table, row[table.primary_key], row)
        raise ReqlQueryLogicError(f"`{node.kind.name}` found no entries in the specified index.", node)

    return end


@min_.accumulates
@max_.accumulates
def _(compiler: Compiler, node: Term) -> Closure | None:
    if "index" in node.options:
        return None
    pairs, (_, bind) = pairs_of(compiler, node.args[0], None), _reader(compiler, node, MISSING)
    if pairs is None:
        return None
    better = -1 if node.kind is min_.kind else 1

    def extremes(env: Env) -> Grouped:
        read = bind(env)
        cells: dict[Any, list[Any]] = {}
        try:
            for key, row in pairs(env, _itself):
                value = read(row)
                if value is MISSING:
                    continue
                marker = group_marker(key)
                cell = cells.get(marker)
                if cell is None:
                    cells[marker] = [key, value, row]
                    check_groups(env[0], len(cells))
                elif compare(value, cell[1]) == better:
                    cell[1:] = value, row
        except ReqlError as error:
            raise located(error, node) from None
        return grouped([(key, row) for key, _, row in cells.values()])

    return extremes
