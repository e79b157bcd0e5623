"""What documents are found by through indexes of places: `get_intersecting`; for `get_nearest` see `nearest.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from query.closures import Closure, Env, KeepMaker, located
from query.errors import ReqlError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.geometry.geojson import geometry_of
from query.registry import term
from query.runtime import Document, Fields, Stream, Table
from query.tables import table_of, text_of
from query.term import Term
from query.values import Value


@term(166, deterministic=False)
def get_intersecting(table: object, geometry: Value, *, index: str | None = None) -> Stream:
    """The documents whose geometry in a geospatial index intersects a geometry, in no special order.

    Through a multi index, a document comes once for each of its geometries that intersects.

    >>> r.table("posts").index_create("place", lambda post: r.point(post["id"], 0), geo=True).run(db)
    {'created': 1}
    >>> r.table("posts").get_intersecting(r.circle([1, 0], 1000), index="place")["id"].coerce_to("array").run(db)
    [1]
    """


@get_intersecting.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    find = secondary_index(compiler, node)
    rows = get_intersecting.hooks["compiles_rows"](compiler, node, None, None)
    return lambda env: Stream(lambda: rows(env), "SELECTION<STREAM>", find(env)[0])


@get_intersecting.compiles_rows
def _(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    find, geometry = secondary_index(compiler, node), compiler.value(node.args[1])
    compiler.note(node, need, keep)

    def rows(env: Env) -> Iterator[Document]:
        table, name = find(env)
        try:
            wanted = geometry_of(geometry(env))
            index = table.index(env[0], name)
            return index.get_intersecting(env[0], wanted, need, keep(env) if keep else None)
        except ReqlError as error:
            raise located(error, node) from None

    return rows


def secondary_index(compiler: Compiler, node: Term) -> Callable[[Env], tuple[Table, str]]:
    """A closure of the table, and of the name of the secondary index, that a term works on."""
    find = table_of(compiler, node.args[0])
    named = compiler.value(node.options["index"]) if "index" in node.options else None

    def index(env: Env) -> tuple[Table, str]:
        table = find(env)
        try:
            if named is None:
                raise ReqlQueryLogicError(f"{node.kind.name} requires an index argument.")
            name = text_of(named(env))
            if name == table.primary_key:
                raise ReqlQueryLogicError(f"{node.kind.name} cannot use the primary index.")
        except ReqlError as error:
            raise located(error, node) from None
        return table, name

    return index
