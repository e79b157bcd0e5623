"""Selecting data: databases, tables, rows by key, ranges, filters.

`table`, `get_all` and `between` are the sources of streams: they hand the fields needed, and the test of a `filter`
above them, down to the scan of the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from query.arguments import function_or_constant, union_of
from query.closures import Closure, CompiledFunction, Env, KeepMaker, MakeKeep, Transform, located
from query.conditions import comparisons_of
from query.errors import ReqlError, ReqlNonExistenceError
from query.evaluate import Compiler
from query.registry import term
from query.runtime import Database, Document, Fields, Function, Keep, Literal, Row, Stream, type_error
from query.tables import between_then_ordered, index_in, index_of, one_between, range_of, table_of, text_of
from query.term import FUNC, MAKE_OBJ, PARAMETER, Argument, Term
from query.values import Time, Value, equal


@term(14, on="r", structural=True)
def db(name: str) -> object:
    """Name a database, as `r.db("blog").table("posts")`.

    Raises ReqlOpFailedError where there is no such database.

    >>> r.db("test").table_list().run(db)
    ['posts']
    """


@db.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    name = compiler.value(node.args[0])

    def database(env: Env) -> Database:
        try:
            env[0].store.check_database(env[0], text_of(name(env)))
        except ReqlError as error:
            raise located(error, node) from None
        return Database(name(env))

    return database


@term(15, on="both", structural=True, arity=(1, 2))
def table(*names: str, read_mode: str | None = None, identifier_format: str | None = None) -> Stream:
    """All documents of a table, in the order in which they were inserted; `r.table(name)` is of the default database.

    `read_mode` and `identifier_format` are accepted and mean nothing in a store of one process.
    Raises ReqlOpFailedError where there is no such table.

    >>> r.table("posts").count().run(db)
    3
    """


@table.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    find = table_of(compiler, node)

    def source(env: Env) -> Stream:
        found = find(env)
        return Stream(lambda: found.scan(env[0], None, None), "TABLE", found)

    return source


@table.compiles_rows
def _(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    find = table_of(compiler, node)
    compiler.note(node, need, keep)
    return lambda env: find(env).scan(env[0], need, keep(env) if keep else None)


@term(16)
def get(table: object, key: Value) -> object:
    """The document with this primary key, or None.

    >>> r.table("posts").get(1).run(db)
    {'id': 1, 'title': 'Hello', 'author': 'ann'}
    """


@get.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    find, key = table_of(compiler, node.args[0]), compiler.value(node.args[1])

    def row(env: Env) -> Row:
        found, wanted = find(env), key(env)
        try:
            return Row(found, wanted, found.get(env[0], wanted))
        except ReqlError as error:
            raise located(error, node) from None

    return row


@get.compiles_value
def _(compiler: Compiler, node: Term) -> Closure:
    find, key = table_of(compiler, node.args[0]), compiler.value(node.args[1])

    def document(env: Env) -> Document | None:
        try:
            return find(env).get(env[0], key(env))
        except ReqlError as error:
            raise located(error, node) from None

    return document


@term(78)
def get_all(table: object, *keys: Value, index: str | None = None) -> Stream:
    """The documents whose primary key, or whose key in `index`, is one of `keys`; for a key given twice, twice.

    >>> r.table("posts").get_all("ann", "bob", index="author").count().run(db)
    2
    """


@get_all.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    find = table_of(compiler, node.args[0])
    rows = get_all.hooks["compiles_rows"](compiler, node, None, None)
    return lambda env: Stream(lambda: rows(env), "SELECTION<STREAM>", find(env))


@get_all.compiles_rows
def _(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    find = index_of(compiler, node, node.args[0])
    keys = [compiler.value(arg) for arg in node.args[1:]]
    compiler.note(node, need, keep)
    if not keys:
        # As in RethinkDB the index is not even looked for.
        return lambda env: iter(())

    def rows(env: Env) -> Iterator[Document]:
        _, index = find(env)
        try:
            return index.get_all(env[0], [key(env) for key in keys], need, keep(env) if keep else None)
        except ReqlError as error:
            raise located(error, node) from None

    return rows


@term(182)
def between(
    table: object,
    lower: Value,
    upper: Value,
    *,
    index: str | None = None,
    left_bound: str = "closed",
    right_bound: str = "open",
) -> Stream:
    """The documents whose key lies between two bounds, in the order of the index.

    The lower bound is inside and the upper is not, unless `left_bound` and `right_bound` (`"open"` or `"closed"`) say
    otherwise. `r.minval` and `r.maxval` are below and above every key, inside a compound key too.

    >>> r.table("posts").between(1, 3, right_bound="closed").count().run(db)
    3
    """


@between.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    narrowed = _narrowed(compiler, node, compiler.any)
    if narrowed is not None:
        return narrowed
    find = table_of(compiler, node.args[0], "TABLE_SLICE")
    rows = between.hooks["compiles_rows"](compiler, node, None, None)
    return lambda env: Stream(lambda: rows(env), "TABLE_SLICE", find(env))


def _narrowed(compiler: Compiler, node: Term, compile_as: Callable[[Term], Closure]) -> Closure | None:
    """A closure of what a `between` of another `between`, or of an order, comes to; None for one of a table."""
    one, check = one_between(compiler, node)
    ordered = between_then_ordered(one)
    if one is node:
        return None if ordered is None else compile_as(ordered)
    closure = compile_as(one)

    def narrowed(env: Env) -> Any:
        check(env)
        return closure(env)

    return narrowed


@between.compiles_rows
def _(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    narrowed = _narrowed(compiler, node, lambda one: compiler.rows(one, need, keep))
    if narrowed is not None:
        return narrowed
    find, bounds = table_of(compiler, node.args[0], "TABLE_SLICE"), range_of(compiler, node)
    find_index = index_in(compiler, node)
    compiler.note(node, need, keep)

    def rows(env: Env) -> Iterator[Document]:
        table, within = find(env), bounds(env)
        if within.is_empty:
            return iter(())
        index = find_index(env, table)
        try:
            return index.between(env[0], within, need, keep(env) if keep else None)
        except ReqlError as error:
            raise located(error, node) from None

    return rows


@term(39, name="filter", expands=True, functions=1)
def filter_(sequence: object, predicate: Function | dict[str, Value], *, default: Value = False) -> object:
    """The rows for which a predicate holds: a function, an expression of `r.row`, or an object of fields to match.

    Rows in which a field that the predicate looks at is missing are left out; with `default=True` they are kept, with
    `default=r.error()` they are an error.

    >>> r.table("posts").filter(r.row["author"] == "ann").count().run(db)
    1
    >>> r.table("posts").filter({"author": "bob"}).count().run(db)
    1
    """


Test = Callable[[Value], bool]


def filter_predicate(compiler: Compiler, node: Term) -> tuple[Fields, Callable[[Env], Test]]:
    """The fields that a filter's predicate looks at, and what makes the predicate within one execution."""
    source = node.args[1]
    missing = compiler.value(node.options.get("default", False)) if not _is_error(node.options.get("default")) else None
    fields: Fields = None
    if type(source) is Term and source.kind is MAKE_OBJ:
        fields, make_test = frozenset(source.options), _pattern(compiler, source)
    elif type(source) is Term and source.kind.name == "literal" and source.args:
        make_test = _literal(compiler, source)
    else:
        compiled = function_or_constant(compiler, source, 1)
        fields, make_test = compiled.fields[0], compiled.bind
        if type(source) is Term and source.kind is FUNC and _is_object(source.args[1]):
            fields, make_test = None, _computed_pattern(compiled, node)

    def predicate(env: Env) -> Test:
        test = make_test(env)

        def holds(row: Value) -> bool:
            try:
                found = test(row)
            except ReqlNonExistenceError:
                if missing is None:
                    raise
                found = missing(env)
            return found is not None and found is not False

        return holds

    return fields, predicate


def _is_error(default: Argument) -> bool:
    return type(default) is Term and default.kind.name == "error" and not default.args


def _leaves_out(node: Term) -> bool:
    """Whether a filter is sure to leave out rows in which a field is missing."""
    return "default" not in node.options


def _pattern(compiler: Compiler, node: Term) -> Callable[[Env], Test]:
    """The test of a row against an object: each field equal, objects inside it field by field."""
    fields = [(name, _part(compiler, arg)) for name, arg in node.options.items()]

    def make(env: Env) -> Test:
        tests: list[tuple[str, Test]] = [(name, bind(env)) for name, bind in fields]

        def test(row: Value) -> bool:
            if type(row) is not dict and tests:
                raise located(type_error("OBJECT", row), node)
            for name, holds in tests:
                if name not in row:
                    raise _no_field(name, node)
                if not holds(row[name]):
                    return False
            return True

        return test

    return make


def _part(compiler: Compiler, arg: Argument) -> Callable[[Env], Test]:
    """The test of a field: an object and a literal match objects alone."""
    if type(arg) is Term and arg.kind is MAKE_OBJ:
        return _of_object(_pattern(compiler, arg))
    if type(arg) is Term and arg.kind.name == "literal":
        return _of_object(_literal(compiler, arg)) if arg.args else lambda env: lambda found: False
    wanted = compiler.value(arg)
    return lambda env: _same_as(wanted(env))


def _of_object(make: Callable[[Env], Test]) -> Callable[[Env], Test]:
    def bind(env: Env) -> Test:
        test = make(env)
        return lambda found: type(found) is dict and test(found)

    return bind


def _same_as(wanted: Value) -> Test:
    """The test that a field matches a value: times with their zones, since RethinkDB compares them as objects."""
    if type(wanted) is Time:
        return lambda found: type(found) is Time and found == wanted and found.offset_minutes == wanted.offset_minutes
    if type(wanted) is dict:
        return lambda found: _matches(found, wanted, None) if type(found) is dict else False
    return _equal_to(wanted)


def _literal(compiler: Compiler, node: Term) -> Callable[[Env], Test]:
    """The test that something is equal to the value of an `r.literal`, all of it."""
    wanted = compiler.value(node.args[0])
    return lambda env: _equal_to(wanted(env))


def _equal_to(wanted: Value) -> Test:
    return lambda found: equal(found, wanted)


def _no_field(name: str, node: Term | None) -> ReqlNonExistenceError:
    return ReqlNonExistenceError(f"No attribute `{name}` in object.", node)


def _is_object(body: Argument) -> bool:
    """Whether the body of a function is written as an object: then that is what rows have to match."""
    if type(body) is not Term:
        return type(body) is dict
    return body.kind is MAKE_OBJ or (body.kind is PARAMETER and body.args[1] == "dict")


def _computed_pattern(compiled: CompiledFunction, node: Term) -> Callable[[Env], Test]:
    """The test of a row against an object that is made for each row."""

    def make(env: Env) -> Test:
        pattern = compiled.bind(env)
        return lambda row: _matches(row, pattern(row), node)

    return make


def _matches(found: Value, wanted: Value, node: Term | None) -> bool:
    if type(wanted) is Literal:
        return type(found) is dict and equal(found, wanted.value)
    if type(wanted) is Time:
        return _same_as(wanted)(found)
    if type(wanted) is not dict or type(found) is not dict:
        return equal(found, wanted)
    for name, part in wanted.items():
        if name not in found:
            raise _no_field(name, node)
        if not _matches(found[name], part, node):
            return False
    return True


@filter_.transforms
def _(compiler: Compiler, node: Term, need: Fields) -> Transform:
    fields, predicate = filter_predicate(compiler, node)

    def keep(env: Env, rows: Iterator[Value]) -> Iterator[Value]:
        return filter(predicate(env), rows)

    return Transform(union_of(need, fields), keep, selects=True)


@filter_.compiles_rows
def _(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    fields, predicate = filter_predicate(compiler, node)
    comparisons, is_all = comparisons_of(node.args[1]) if _leaves_out(node) else ([], False)

    def both(env: Env) -> Keep:
        test = predicate(env)
        conditions = tuple([comparison.bind(env) for comparison in comparisons])
        if keep is None:
            return Keep(union, test, lambda: conditions)
        above = keep(env)
        return Keep(
            union,
            lambda row: test(row) and above.test(row),
            (lambda: conditions + above.conditions()) if is_all else (lambda: conditions),
        )

    above_fields = frozenset() if keep is None else keep.fields
    union = None if fields is None or above_fields is None else fields | above_fields
    return compiler.rows(node.args[0], need, MakeKeep(union, both))
