"""What documents are found by through indexes of places: `get_intersecting` and `get_nearest`."""

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
    find = _index_of(compiler, node)
    rows = get_intersecting.hooks["compiles_rows"](compiler, node, None, None)
    return lambda env: Stream(lambda: rows(env), "SELECTION<STREAM>", find(env)[0])


@get_intersecting.compiles_rows
def _(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    find, geometry = _index_of(compiler, node), compiler.value(node.args[1])
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


@term(168, deterministic=False)
def get_nearest(
    table: object,
    target: Value,
    *,
    index: str | None = None,
    max_results: Value = 100,
    max_dist: Value = 100_000,
    unit: Value = "m",
    geo_system: Value = "WGS84",
) -> list[Value]:
    """The documents whose geometry in a geospatial index is nearest to a point, the nearest first.

    Each comes as `{"dist": distance, "doc": document}`; there are at most `max_results`, at most `max_dist` away. Distances
    are in the `unit`: `m`, `km`, `mi` (miles), `nm` (nautical miles) or `ft`. `geo_system` is `WGS84`, `unit_sphere`, or an
    ellipsoid `{"a": radius, "f": flattening}`. The point may be an array of longitude and latitude.

    Raises ReqlQueryLogicError where the search would go beyond a quarter of the way around the earth.

    >>> r.table("posts").index_create("place", lambda post: r.point(post["id"], 0), geo=True).run(db)
    {'created': 1}
    >>> nearest = r.table("posts").get_nearest([1.1, 0], index="place", max_results=1, unit="km")
    >>> nearest.map(lambda found: {"km": found["dist"].round(), "id": found["doc"]["id"]}).run(db)
    [{'km': 11, 'id': 1}]
    """


@get_nearest.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    find, target = _index_of(compiler, node), compiler.value(node.args[1])
    options = {name: compiler.value(arg) for name, arg in node.options.items() if name != "index"}

    def nearest(env: Env) -> Value:
        table, name = find(env)
        try:
            wanted, given = target(env), {option: value(env) for option, value in options.items()}
            return table.index(env[0], name).get_nearest(env[0], wanted, given)
        except ReqlError as error:
            raise located(error, node) from None

    return nearest


def _index_of(compiler: Compiler, node: Term) -> Callable[[Env], tuple[Table, str]]:
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
