"""Which table, and which index of it, a term works on: for every chapter whose terms stand on a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeGuard

from query.closures import Env, located
from query.errors import ReqlError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.runtime import Database, Index, Range, Stream, Table, type_error
from query.term import Argument, Term
from query.values import MAXVAL, MINVAL, Value


def table_of(compiler: Compiler, node: Argument, wanted: str = "TABLE") -> Callable[[Env], Table]:
    """A closure of the table that a term is; where it is none, a ReqlQueryLogicError that says what was `wanted`."""
    if type(node) is Term and node.kind.name == "table" and len(node.args) <= 2:
        if node.options:
            _check_modes(node)
            if "identifier_format" in node.options:
                return _identified(compiler, node)
        if type(node.args[0]) is str and len(node.args) == 1:
            return _default_table(node, node.args[0])
        parts = [compiler.any(arg) for arg in node.args]

        def find(env: Env) -> Table:
            run = env[0]
            try:
                *database, name = [part(env) for part in parts]
                if database and type(database[0]) is not Database:
                    raise type_error("DATABASE", database[0])
                found: Table = run.store.table(run, database[0].name if database else None, text_of(name))
            except ReqlError as error:
                raise located(error, node) from None
            return found

        return find
    inner = compiler.any(node)

    def other(env: Env) -> Table:
        found = inner(env)
        if type(found) is not Stream or found.type_name != "TABLE" or found.table is None:
            raise located(type_error(wanted, found), node)
        return found.table

    return other


_MODES: Final = {
    "read_mode": ("Read mode", ("majority", "single", "outdated"), '"majority", "single", and "outdated"'),
    "identifier_format": ("Identifier format", ("name", "uuid"), '"name" and "uuid"'),
}


def _check_modes(node: Term) -> None:
    """The options of `table` are refused for what RethinkDB would refuse, though they mean nothing here."""
    for option, (title, known, names) in _MODES.items():
        found = node.options.get(option)
        if type(found) is str and found not in known:
            raise ReqlQueryLogicError(f"{title} `{found}` unrecognized (options are {names}).", node)


def _identified(compiler: Compiler, node: Term) -> Callable[[Env], Table]:
    """A closure of a table that tells databases and servers by their names or by their ids, as a system table can."""
    form = compiler.value(node.options["identifier_format"])
    find = table_of(compiler, Term(node.kind, node.args))
    return lambda env: find(env).identified(text_of(form(env)))


def _default_table(node: Term, name: str) -> Callable[[Env], Table]:
    """A closure of a table of the default database, as nearly all tables are named."""

    def find(env: Env) -> Table:
        run = env[0]
        try:
            found: Table = run.store.table(run, None, name)
        except ReqlError as error:
            raise located(error, node) from None
        return found

    return find


def whole_table(found: object) -> Table:
    """The table that a term gave; ReqlQueryLogicError where it is part of one, or none."""
    if type(found) is not Stream or found.type_name != "TABLE" or found.table is None:
        raise type_error("TABLE", found)
    return found.table


def index_of(
    compiler: Compiler, node: Term, source: Argument, wanted: str = "TABLE"
) -> Callable[[Env], tuple[Table, Index]]:
    """A closure of the table that `source` is, and of its index that the option `index` of a term names."""
    find, find_index = table_of(compiler, source, wanted), index_in(compiler, node)

    def index(env: Env) -> tuple[Table, Index]:
        found = find(env)
        return found, find_index(env, found)

    return index


def index_in(compiler: Compiler, node: Term) -> Callable[[Env, Table], Index]:
    """A closure of the index of a table that the option `index` of a term names; without it, of the primary key."""
    named = compiler.value(node.options["index"]) if "index" in node.options else None

    def index(env: Env, table: Table) -> Index:
        try:
            return table.index(env[0], text_of(named(env)) if named else table.primary_key)
        except ReqlError as error:
            raise located(error, node) from None

    return index


def range_of(compiler: Compiler, node: Term) -> Callable[[Env], Range]:
    """A closure of the range that a `between` asks for."""
    low, high = compiler.value(node.args[1]), compiler.value(node.args[2])
    left = compiler.value(node.options.get("left_bound", "closed"))
    right = compiler.value(node.options.get("right_bound", "open"))

    def bounds(env: Env) -> Range:
        try:
            low_open, high_open = is_open(left(env), "left_bound"), is_open(right(env), "right_bound")
            return Range(_not_null(low(env)), _not_null(high(env)), low_open, high_open)
        except ReqlError as error:
            raise located(error, node) from None

    return bounds


def _not_null(bound: Value) -> Value:
    if bound is None:
        raise ReqlQueryLogicError("Cannot use `null` in BETWEEN, use `r.minval` or `r.maxval` to denote unboundedness.")
    return bound


def one_between(compiler: Compiler, node: Term) -> tuple[Term, Callable[[Env], None]]:
    """A `between` of another one as one, which is what they mean where the other has no bounds, and what checks that.

    The check raises ReqlQueryLogicError where it has bounds. Raises ReqlQueryLogicError for two different indexes.
    """
    source = node.args[0]
    if type(source) is not Term or source.kind.name != "between":
        return node, lambda env: None
    source, check_source = one_between(compiler, source)
    name = source.options.get("index")
    index = node.options.get("index", name)
    if index != name and type(index) is str and type(name) is str:
        raise ReqlQueryLogicError(f"Cannot call BETWEEN on index `{index}` after ordering on index `{name}`.", node)
    bounds = range_of(compiler, source)

    def check(env: Env) -> None:
        check_source(env)
        found = bounds(env)
        if found.low is not MINVAL or found.high is not MAXVAL:
            raise ReqlQueryLogicError("Cannot perform multiple BETWEENs on the same table.", node)

    options = node.options if index is None else {**node.options, "index": index}
    return Term(node.kind, (source.args[0], *node.args[1:]), options), check


def between_then_ordered(node: Term) -> Term | None:
    """A `between` after an `order_by` of an index as the same with the two changed over, which is what it means.

    None for any other `between`. Raises ReqlQueryLogicError where they are not on one index.
    """
    source = node.args[0]
    if not orders_by_index(source):
        return None
    order = source.options["index"]
    name = order.args[0] if type(order) is Term and order.kind.name in ("asc", "desc") else order
    index = node.options.get("index", name)
    if index != name and type(index) is str and type(name) is str:
        raise ReqlQueryLogicError(f"Cannot call BETWEEN on index `{index}` after ordering on index `{name}`.", node)
    inner = Term(node.kind, (source.args[0], *node.args[1:]), {**node.options, "index": index})
    return Term(source.kind, (inner,), source.options)


def orders_by_index(node: Argument) -> TypeGuard[Term]:
    """Whether a term puts a table, or part of it, in the order of an index, and that alone."""
    return type(node) is Term and node.kind.name == "order_by" and len(node.args) == 1 and "index" in node.options


_SELECTING: Final = frozenset({"get_all", "between", "filter", "limit", "skip"})


def gives_rows(compiler: Compiler, node: Argument) -> bool:
    """Whether a term gives rows of a table, all and as they are."""
    if type(node) is not Term or compiler.is_special(node):
        return False
    if node.kind.name == "table":
        return True
    return (node.kind.name in _SELECTING or orders_by_index(node)) and gives_rows(compiler, node.args[0])


def is_open(bound: Value, name: str) -> bool:
    """Whether a bound is `"open"`; ReqlQueryLogicError where it is neither that nor `"closed"`."""
    if bound not in ("open", "closed"):
        raise ReqlQueryLogicError(f'Expected `open` or `closed` for optarg `{name}` (got `"{bound}"`).')
    return bool(bound == "open")


class IndexSlice(NamedTuple):
    """A part of an index of a table."""

    table: Table
    order: Index
    bounds: Range


def whole_index(compiler: Compiler, node: Term, name: Argument) -> Callable[[Env], IndexSlice]:
    """All of the index `name` of the table that a term's source is; ReqlQueryLogicError where it is no whole table."""
    find_table, named = table_of(compiler, node.args[0]), compiler.value(name)

    def whole(env: Env) -> IndexSlice:
        table = find_table(env)
        try:
            return IndexSlice(table, table.index(env[0], text_of(named(env))), Range(MINVAL, MAXVAL))
        except ReqlError as error:
            raise located(error, node) from None

    return whole


def slice_of_index(compiler: Compiler, node: Term, name: Argument, refusal: str) -> Callable[[Env], IndexSlice]:
    """The part of the index `name` that a term's source is: all of a table, or a `between` on the same index.

    Raises ReqlQueryLogicError where it is neither, in the words of `refusal`.
    """
    source, named = node.args[0], compiler.value(name)
    if orders_by_index(source) and node.kind.name == "order_by":
        raise ReqlQueryLogicError("Cannot perform multiple indexed ORDER_BYs on the same table.", node)
    if type(source) is Term and source.kind.name == "between" and not compiler.is_special(source):
        source, check = one_between(compiler, source)
        find, bounds = index_of(compiler, source, source.args[0]), range_of(compiler, source)

        def between_slice(env: Env) -> IndexSlice:
            check(env)
            table, index = find(env)
            wanted = text_of(named(env))
            if wanted != index.name:
                raise ReqlQueryLogicError(
                    f"Cannot order by index `{wanted}` after calling BETWEEN on index `{index.name}`.", node
                )
            return IndexSlice(table, index, bounds(env))

        return between_slice
    whole = whole_index(compiler, node, name)

    def table_slice(env: Env) -> IndexSlice:
        try:
            return whole(env)
        except ReqlQueryLogicError as error:
            if error.message.startswith("Expected type TABLE but"):
                raise ReqlQueryLogicError(refusal, node) from None
            raise

    return table_slice


def all_of_table(compiler: Compiler, source: Argument) -> Callable[[Env], IndexSlice]:
    """All of a table in the order of its primary key."""
    find = table_of(compiler, source)

    def whole(env: Env) -> IndexSlice:
        table = find(env)
        return IndexSlice(table, table.index(env[0], table.primary_key), Range(MINVAL, MAXVAL))

    return whole


def text_of(name: Value) -> str:
    """A name that a query gives; ReqlQueryLogicError where it is no string."""
    if type(name) is not str:
        raise type_error("STRING", name)
    return name
