"""Groups: `group`, `ungroup`, and the rows of groups as pairs of a key and what is read of the row.

A term on grouped data is applied to each group (`query.evaluate`). Where it only adds rows up (`count`, `sum`, `reduce`
and the like), directly after `group` or with `map`, `filter` or a field between, no row is held: the term takes pairs from
`pairs_of` and keeps what it needs for each key.

Groups are in the order of their keys. A row whose key is missing belongs to the group null. With several fields or
functions the key is an array of all; with `multi`, arrays among them stand for each of their elements, an empty one for
null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any, TypeAlias

from query.arguments import MISSING, Read, Reader, function_of, reader, union_of
from query.closures import Closure, Env, located
from query.errors import ReqlQueryLogicError, ReqlResourceLimitError
from query.evaluate import Compiler, has_args
from query.registry import term
from query.runtime import Fields, Function, Grouped, Run, type_error
from query.tables import whole_index
from query.term import Argument, Term
from query.terms.selecting import filter_
from query.terms.transformations import map_
from query.values import Value, group_marker, sort_key

Pairs: TypeAlias = Iterator[tuple[Value, Any]]
"""The key of each row, and what was read of the row; a row with several keys comes once for each."""

PairMaker: TypeAlias = Callable[[Env, Read], Pairs]


@term(144, on="both", structural=True, functions=1)
def group(sequence: object, *keys: str | Function, index: str | None = None, multi: Value = False) -> object:
    """Put the rows into groups by fields or functions, or by the keys of an index; what follows is done to each group.

    With several keys, the key of a group is an array. `multi=True` puts a row whose key is an array into a group for each
    of its elements. Ends at `ungroup`; the result of a query is a dict by key. More rows than `array_limit` are a
    ReqlResourceLimitError, unless a term such as `count`, `sum` or `reduce` follows.

    >>> r.expr([{"a": 1, "n": 2}, {"a": 1, "n": 4}, {"a": 2, "n": 5}]).group("a").sum("n").run(db)
    {1: 6, 2: 5}
    """


@group.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    pairs = _pairs_of_group(compiler, node, None)
    return lambda env: Grouped(_collected(env[0], pairs(env, lambda row: row)).groups, streamed=True)


@group.accumulates
def _(compiler: Compiler, node: Term) -> Closure | None:
    if not compiler.is_grouped_stream(node.args[0]):
        return None
    raise ReqlQueryLogicError("Cannot call `group` on the output of `group` (did you mean to `ungroup`?).", node)


def _collected(run: Run, pairs: Pairs) -> Grouped:
    cells: dict[Any, tuple[Value, list[Value]]] = {}
    for number, (key, row) in enumerate(pairs, 1):
        marker = group_marker(key)
        cell = cells.get(marker)
        if cell is None:
            cells[marker] = (key, [row])
        else:
            cell[1].append(row)
        if number > run.array_limit:
            raise ReqlResourceLimitError(
                f"Grouped data over size limit `{run.array_limit}`.  Try putting a reduction (like `.reduce` or "
                "`.count`) on the end."
            )
    return grouped(cells.values())


def grouped(groups: Iterable[tuple[Value, Value]]) -> Grouped:
    """Groups in the order of their keys."""
    return Grouped(sorted(groups, key=lambda pair: sort_key(pair[0])))


def check_groups(run: Run, count: int) -> None:
    """ReqlResourceLimitError for more groups than the query allows."""
    if count > run.array_limit:
        raise ReqlResourceLimitError(f"Too many groups (> {run.array_limit}).")


def pairs_of(compiler: Compiler, source: Argument, need: Fields) -> PairMaker | None:
    """The rows of groups with their keys, of which `need` is looked at; None where `source` cannot give them in turn.

    `source` is `group`, or `map`, `filter` and a field over it.
    """
    if type(source) is not Term:
        return None
    if has_args(source):
        return _pairs_of_rows(compiler, source) if compiler.is_grouped_stream(source) else None
    if source.kind is group.kind:
        return _pairs_of_group(compiler, source, need)
    if source.kind is filter_.kind:
        swapped = filtered_before(source)
        if swapped is not None:
            return pairs_of(compiler, swapped, need)
    if source.kind is map_.kind and len(source.args) == 2:
        return _pairs_of_map(compiler, source)
    if source.kind.name in ("bracket", "get_field") and type(source.args[1]) is str:
        return _pairs_of_field(compiler, source)
    return _pairs_of_rows(compiler, source) if compiler.is_grouped_stream(source) else None


def _pairs_of_rows(compiler: Compiler, node: Term) -> PairMaker:
    """The pairs of any other term that works row by row, whose groups are held."""
    found = compiler.any(node)
    return lambda env, read: ((key, read(row)) for key, rows in found(env).groups for row in rows)


def _pairs_of_map(compiler: Compiler, node: Term) -> PairMaker | None:
    compiled = function_of(compiler, node.args[1], 1, node)
    inner = pairs_of(compiler, node.args[0], compiled.fields[0])
    if inner is None:
        return None

    def pairs(env: Env, read: Read) -> Pairs:
        function = compiled.bind(env)
        return inner(env, lambda row: read(function(row)))

    return pairs


def _pairs_of_field(compiler: Compiler, node: Term) -> PairMaker | None:
    fields, bind = reader(compiler, node.args[1], node, MISSING)
    inner = pairs_of(compiler, node.args[0], fields)
    if inner is None:
        return None
    return lambda env, read: ((key, read(found)) for key, found in inner(env, bind(env)) if found is not MISSING)


def filtered_before(node: Term) -> Term | None:
    """A filter of groups as groups of what is filtered, which leaves out empty groups; None where that is another thing."""
    source = node.args[0]
    if type(source) is not Term or source.kind is not group.kind or "index" in source.options:
        return None
    inner = Term(node.kind, (source.args[0], *node.args[1:]), node.options)
    return Term(source.kind, (inner, *source.args[1:]), source.options)


@filter_.accumulates
def _(compiler: Compiler, node: Term) -> Closure | None:
    swapped = filtered_before(node)
    return None if swapped is None else compiler.any(swapped)


def _pairs_of_group(compiler: Compiler, node: Term, need: Fields) -> PairMaker:
    readers = [reader(compiler, arg, node) for arg in node.args[1:]]
    multi = _flag(compiler.value(node.options.get("multi", False)))
    if "index" in node.options:
        rows = _rows_by_index(compiler, node, need, readers)
        return lambda env, read: _spread(env, readers, read, rows(env), multi(env), by_index=True)
    if not readers:
        raise ReqlQueryLogicError("Cannot group by nothing.", node)
    source = compiler.rows(node.args[0], union_of(need, *[each.fields for each in readers]))

    def pairs(env: Env, read: Read) -> Pairs:
        if len(readers) == 1 and not multi(env):
            key = readers[0].bind(env)
            return ((key(row), read(row)) for row in source(env))
        return _spread(env, readers, read, ((None, row) for row in source(env)), multi(env), by_index=False)

    return pairs


def _flag(value: Closure) -> Callable[[Env], bool]:
    """A closure of whether an option is set: to anything but False and null."""

    def is_set(env: Env) -> bool:
        found = value(env)
        return found is not None and found is not False

    return is_set


def _rows_by_index(compiler: Compiler, node: Term, need: Fields, readers: list[Reader]) -> Callable[[Env], Pairs]:
    find = whole_index(compiler, node, node.options["index"])
    need = union_of(need, *[each.fields for each in readers])

    def rows(env: Env) -> Pairs:
        run: Run = env[0]
        table, index, bounds = find(env)
        if index.name == table.primary_key:
            fields = union_of(need, frozenset({index.name}))
            return ((row[index.name], row) for row in index.between(run, bounds, fields, None))
        keys = index.keys(run, bounds)
        return ((key, row) for key in keys for row in index.get_all(run, [key], need, None))

    return rows


def _spread(env: Env, readers: list[Reader], read: Read, rows: Pairs, multi: bool, *, by_index: bool) -> Pairs:
    """Pairs for keys of several parts; the key of the index, if there is one, is the last part."""
    parts = [each.bind(env) for each in readers]
    single = len(parts) + by_index == 1
    for index_key, row in rows:
        found = [part(row) for part in parts]
        if by_index:
            found.append(index_key)
        value = read(row)
        if multi:
            for choice in product(*[_elements(part) for part in found]):
                yield (choice[0] if single else list(choice)), value
        else:
            yield (found[0] if single else found), value


def _elements(part: Value) -> list[Value]:
    return (part or [None]) if type(part) is list else [part]


@term(150)
def ungroup(groups: object) -> list[Value]:
    """Make an array of groups, `{"group": key, "reduction": value}` each, in order of key.

    >>> r.expr([{"a": 1}, {"a": 1}]).group("a").count().ungroup().run(db)
    [{'group': 1, 'reduction': 2}]
    """


@ungroup.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    source = compiler.any(node.args[0])

    def array(env: Env) -> list[Value]:
        found = source(env)
        if type(found) is not Grouped:
            raise located(type_error("GROUPED_DATA", found), node)
        return [{"group": key, "reduction": value} for key, value in found.groups]

    return array
