"""Types told: `type_of`, `info`; `coercions.py` has how they are changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from query.closures import Closure, Env, as_value, located
from query.errors import ReqlError
from query.evaluate import Compiler
from query.json_text import pretty
from query.printer import print_query
from query.registry import term
from query.runtime import (
    Database,
    Document,
    Function,
    Grouped,
    Row,
    Run,
    Stream,
    Table,
)
from query.tables import orders_by_index, range_of
from query.term import FUNC, PARAMETER, Argument, Term
from query.terms.selecting import between
from query.type_names import runtime_type_name
from query.values import MAXVAL, MINVAL, Bound, Value


@term(52, on="both")
def type_of(value: object) -> str:
    """The name of a value's type: NULL, BOOL, NUMBER, STRING, ARRAY, OBJECT, PTYPE<TIME>, STREAM, TABLE and so on.

    >>> r.expr([1]).type_of().run(db)
    'ARRAY'
    """
    return runtime_type_name(value)


# info


@term(79, on="both")
def info(value: object) -> dict[str, Value]:
    """What is known of a value, a selection, a table or a database: its type, and what belongs to that type.

    >>> r.expr(1).info().run(db)
    {'type': 'NUMBER', 'value': '1'}
    >>> r.table("posts").info()["primary_key"].run(db)
    'id'
    """


def _info(run: Run, found: Any) -> Document:
    name = runtime_type_name(found)
    if type(found) is Database:
        assert run.store is not None
        return {**run.store.administer(run, "db_info", found.name), "type": name}
    if type(found) is Row:
        return {"table": _table_info(run, found.table), "type": name}
    if type(found) is Stream:
        if found.table is None:
            return {"type": name}
        if name == "TABLE":
            return _table_info(run, found.table)
        return {"table": _table_info(run, found.table), "type": name}
    if type(found) in (Bound, Grouped, Function) or found is None:
        return {"type": name}
    plain = as_value(found)
    count = {"count": len(plain)} if type(plain) is bytes else {}
    return {**count, "type": name, "value": pretty(plain)}


def _table_info(run: Run, table: Table) -> Document:
    return {**table.info(run), "type": "TABLE"}


def _slice_info(compiler: Compiler, node: Argument) -> Callable[[Env, Document], Document]:
    """What is told of a slice besides its table: the index, its direction and the bounds."""
    if orders_by_index(node):
        return _order_info(compiler, node)
    if type(node) is not Term or node.kind is not between.kind:
        return lambda env, about: about
    bounds = range_of(compiler, node)
    index = compiler.value(node.options["index"]) if "index" in node.options else None

    def told(env: Env, about: Document) -> Document:
        found = bounds(env)
        return {
            "index": index(env) if index else about["table"]["primary_key"],
            **_told_end("left", found.low, MINVAL, found.low_open),
            **_told_end("right", found.high, MAXVAL, found.high_open),
            "sorting": "UNORDERED",
            **about,
        }

    return told


_UNBOUNDED: Final = {"left_bound_type": "unbounded", "right_bound_type": "unbounded"}


def _order_info(compiler: Compiler, node: Term) -> Callable[[Env, Document], Document]:
    order, of_slice = node.options["index"], _slice_info(compiler, node.args[0])
    directed = type(order) is Term and order.kind.name in ("asc", "desc")
    index = compiler.value(order.args[0] if directed else order)
    sorting = "DESCENDING" if directed and order.kind.name == "desc" else "ASCENDING"
    return lambda env, about: {**_UNBOUNDED, **of_slice(env, about), "index": index(env), "sorting": sorting}


def _told_end(side: str, end: Value, unbounded: Value, is_open: bool) -> Document:
    """An end of a range; one without a bound, or that no key can reach, is told by its type alone."""
    if type(end) is Bound:
        return {f"{side}_bound_type": "unbounded" if end is unbounded else "unachievable"}
    return {f"{side}_bound": end, f"{side}_bound_type": "open" if is_open else "closed"}


def _restored(node: Argument, env: Env) -> Argument:
    """A part of the query with its constants in their places again."""
    if type(node) is not Term:
        return node
    return env[node.args[0]] if node.kind is PARAMETER else node.replace_children(lambda child: _restored(child, env))


@info.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    first = node.args[0]
    source, slice_info = compiler.any(first), _slice_info(compiler, first)
    if type(first) is Term and first.kind is FUNC:
        return lambda env: {"type": "FUNCTION", "source_code": print_query(_restored(first, env))}

    def told(env: Env) -> Document:
        try:
            return slice_info(env, _info(env[0], source(env)))
        except ReqlError as error:
            raise located(error, node) from None

    return told
