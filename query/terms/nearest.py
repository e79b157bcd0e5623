"""The nearest: `get_nearest`, of places through a geospatial index, of vectors through an index or without one.

Which of the two is asked for, the kind of the index tells when the query runs.

A filter that another index of the table answers with few rows is answered by that index: the planner then puts the term
that gives these rows in the place of the filter, as the options `within` and `within_key`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from query.analysis import free_variables
from query.closures import Closure, Env, located
from query.determinism import unproven_part
from query.errors import ReqlError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.printer import print_short
from query.registry import TERMS, term
from query.runtime import Document, Function, Index, Keep, Nearest, NearRows, Run, Table, type_error
from query.tables import table_of, text_of
from query.term import FUNC, PARAMETER, Argument, Term, expand, walk
from query.terms.nearby import secondary_index
from query.terms.selecting import filter_predicate
from query.values import Value, group_marker
from query.vectors import Vector

DEFAULT_RESULTS: Final = 100


@term(168, deterministic=False)
def get_nearest(
    table: object,
    target: Value,
    *,
    index: str | None = None,
    max_results: Value = None,
    max_dist: Value = None,
    unit: Value = None,
    geo_system: Value = None,
    field: Function | str | None = None,
    measure: str | None = None,
    filter: Function | dict[str, Value] | None = None,  # noqa: A002 - the option's name in the language
    probes: int | None = None,
    ef_search: int | None = None,
    exact: bool | None = None,
) -> list[Value]:
    """The documents nearest to a point or to a vector: an array of `{"dist": ..., "doc": ...}`, the nearest first.

    - `index`: a geospatial index, to search for a point, or an array of longitude and latitude; or a vector index.
    - `max_results`: at most so many, 100 if not given. `max_dist`: none farther away; of places 100,000 if not given.

    Of places:

    - `unit`, of all distances: `m`, `km`, `mi` (miles), `nm` (nautical miles) or `ft`.
    - `geo_system`: `WGS84`, `unit_sphere`, or an ellipsoid `{"a": radius, "f": flattening}`.

    Raises ReqlQueryLogicError where the search would go beyond a quarter of the way around the earth.

    Of vectors:

    - `field` in place of an index, a field's name or a function: all vectors are searched, with a warning.
    - `measure`: with an index the index's own; else `"cosine"`, or another one of `r.distance`.
    - `filter`: only documents for which this holds, as `filter` takes it. As many are found as there are.
    - `exact=True`: search all vectors. Else `probes` says how many lists are searched, `ef_search` how many candidates an
      index with `method="hnsw"` holds ready: if not given 40, or as many more, up to 400, as its vectors have shown to need.

    An array of numbers is taken for a vector. Raises ReqlQueryLogicError for a vector that the index cannot hold, for a
    `measure` that is not the index's, for `exact` together with `probes` or `ef_search`, and for an index that has left out
    whatever the documents had for it. Of an index for which no document has a value yet, nothing is found, with a warning.

    >>> r.table("posts").index_create("place", lambda post: r.point(post["id"], 0), geo=True).run(db)
    {'created': 1}
    >>> nearest = r.table("posts").get_nearest([1.1, 0], index="place", max_results=1, unit="km")
    >>> nearest.map(lambda found: {"km": found["dist"].round(), "id": found["doc"]["id"]}).run(db)
    [{'km': 11, 'id': 1}]
    >>> _ = r.table("posts").update({"v": [r.row["id"], 1]}).run(db)
    >>> _ = r.table("posts").index_create("v", vector={"dimensions": 2, "measure": "l2"}).run(db)
    >>> r.table("posts").get_nearest([3, 1], index="v", max_results=1)["dist"].run(db)
    [0.0]
    """


@get_nearest.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    target = compiler.value(node.args[1])
    ask = _asking(compiler, node, target)
    if "field" in node.options:
        if "index" in node.options:
            raise ReqlQueryLogicError("Expected either `index` or `field` but found both.", node)
        _refuse_options(node, _OF_PLACES, "a search for a vector")
        find, search = table_of(compiler, node.args[0]), _without_index(compiler, node)
        return lambda env: _located(node, lambda: _pairs(search(env, find(env), ask(env))))
    if "index" not in node.options:
        return lambda env: _located(node, lambda: _nowhere(target(env)))
    find_index = secondary_index(compiler, node)
    shared = {name: compiler.value(arg) for name, arg in node.options.items() if name in _OF_PLACES | _OF_BOTH}

    def nearest(env: Env) -> Value:
        table, name = find_index(env)
        index: Any = table.index(env[0], name)
        if hasattr(index, "nearest"):
            _refuse_options(node, _OF_PLACES, f"the vector index `{name}`")
            return _pairs(index.nearest(env[0], ask(env)))
        wanted = target(env)
        vector_indexes = table.vector_indexes(env[0])
        if type(wanted) is Vector or (not index.geo and _may_be_vector(wanted, vector_indexes)):
            raise _not_of_vectors(table, name, vector_indexes)
        _refuse_options(node, _OF_VECTORS, f"the index `{name}`, which is not a vector index")
        given = {option: value(env) for option, value in shared.items()}
        return index.get_nearest(env[0], wanted, given)

    return lambda env: _located(node, lambda: nearest(env))


_OF_BOTH: Final = frozenset({"max_results", "max_dist"})
_OF_PLACES: Final = frozenset({"unit", "geo_system"})
_OF_VECTORS: Final = frozenset({"measure", "filter", "probes", "ef_search", "exact"})


def _located(node: Term, search: Callable[[], Value]) -> Value:
    try:
        return search()
    except ReqlError as error:
        raise located(error, node) from None


def _nowhere(target: Value) -> Value:
    hint = " An index is named by `index`; without one, `field` says where the vectors are."
    raise ReqlQueryLogicError("get_nearest requires an index argument." + (hint if _may_be_vector(target, ()) else ""))


def _may_be_vector(target: Value, vector_indexes: Sequence[str]) -> bool:
    """Whether a target is more likely a vector than a place: two numbers are either."""
    return type(target) is Vector or (type(target) is list and (len(target) != 2 or len(vector_indexes) > 0))


def _not_of_vectors(table: Table, name: str, vector_indexes: Sequence[str]) -> ReqlQueryLogicError:
    title = f"{table.database}.{table.name}"
    if vector_indexes:
        others = f"The vector indexes of the table `{title}`: {', '.join([f'`{one}`' for one in vector_indexes])}."
    else:
        others = f"The table `{title}` has none; index_create(NAME, vector={{'dimensions': ...}}) makes one."
    return ReqlQueryLogicError(
        f"Index `{name}` is not a vector index, in which a vector could be searched for.  {others}"
    )


def _pairs(found: list[tuple[float, Document]]) -> Value:
    return [{"dist": dist, "doc": doc} for dist, doc in found]


def _refuse_options(node: Term, others: frozenset[str], what: str) -> None:
    for name in node.options:
        if name in others:
            raise ReqlQueryLogicError(f"The option `{name}` of get_nearest does not go with {what}.")


Search = Callable[[Env, Table, Nearest], list[tuple[float, Document]]]


def vector_index(run: Run, table: Table, name: Value) -> Any:
    """The vector index of that name; ReqlQueryLogicError where it is another kind of index."""
    index: Index = table.index(run, text_of(name))
    if not hasattr(index, "nearest"):
        raise ReqlQueryLogicError(
            f"Index `{index.name}` is not a vector index.  get_nearest can only search for a vector in one that is."
        )
    return index


def _without_index(compiler: Compiler, node: Term) -> Search:
    source = node.options["field"]
    if type(source) is Term and source.kind is FUNC:
        compiled = compiler.function(source, 1)
        what = print_short(source)
        return lambda env, table, wanted: table.nearest(env[0], compiled.bind(env), compiled.fields[0], what, wanted)
    named = compiler.value(source)

    def by_field(env: Env, table: Table, wanted: Nearest) -> list[tuple[float, Document]]:
        name = text_of(named(env))
        what = f"r.row[{name!r}]"
        return table.nearest(env[0], lambda document: document.get(name), frozenset({name}), what, wanted)

    return by_field


def _asking(compiler: Compiler, node: Term, vector: Closure) -> Callable[[Env], Nearest]:
    """A closure of what is asked, checked."""
    options = {
        name: compiler.value(arg)
        for name, arg in node.options.items()
        if name in _OF_BOTH | {"measure", "probes", "ef_search", "exact"}
    }
    keep = _keep(compiler, node)
    filtered = filter_of(node)
    marker = None if filtered is None else _marker(filtered)
    rows = _rows(compiler, node)
    tell = None if keep is None or compiler.profile is None else compiler.profile.watch_tests(node)

    def ask(env: Env) -> Nearest:
        given = {name: value(env) for name, value in options.items()}
        _check_exact(given)
        return Nearest(
            vector(env),
            _results(env[0], given.get("max_results")),
            _max_dist(given.get("max_dist")),
            given.get("measure"),
            None if keep is None else keep(env),
            None if rows is None else rows(env),
            _positive(given, "probes"),
            _positive(given, "ef_search"),
            given.get("exact") is True,
            None if marker is None else marker(env),
            tell,
        )

    return ask


def _check_exact(given: dict[str, Value]) -> None:
    """An exact search has no use for what says how much of the index is searched."""
    for name in ("probes", "ef_search"):
        if given.get("exact") is True and given.get(name) is not None:
            raise ReqlQueryLogicError(
                f"The option `{name}` of get_nearest contradicts `exact`: an exact search compares all vectors, and `{name}` "
                "says how few a quicker one looks at. Leave one of them out."
            )


def _results(run: Run, found: Value) -> int:
    if found is None:
        return DEFAULT_RESULTS
    if type(found) is not int and not (type(found) is float and found.is_integer()):
        raise type_error("NUMBER", found) if type(found) is not float else _not_whole(found)
    if found <= 0:
        raise ReqlQueryLogicError("max_results must be positive.")
    run.check_size(int(found))
    return int(found)


def _max_dist(found: Value) -> float | None:
    if found is not None and type(found) not in (int, float):
        raise type_error("NUMBER", found)
    return None if found is None else float(found)


def _positive(given: dict[str, Value], name: str) -> int | None:
    found = given.get(name)
    if found is None:
        return None
    if type(found) is float and not found.is_integer():
        raise _not_whole(found)
    if type(found) not in (int, float):
        raise type_error("NUMBER", found)
    if found < 1:
        raise ReqlQueryLogicError(f"{name} must be positive.")
    return int(found)


def _not_whole(found: float) -> ReqlQueryLogicError:
    return ReqlQueryLogicError(f"Number not an integer: {found!r}")


# The filter


def filter_of(node: Term) -> Term | None:
    """A `filter` of the table by the filter of a `get_nearest`; None where it has none."""
    predicate: Argument = node.options.get("filter")
    return None if predicate is None else Term(TERMS["filter"].kind, (node.args[0], expand(predicate)))


def _keep(compiler: Compiler, node: Term) -> Callable[[Env], Keep] | None:
    filtered = filter_of(node)
    if filtered is None:
        return None
    fields, test = filter_predicate(compiler, filtered)
    return lambda env: Keep(fields, test(env))


def _rows(compiler: Compiler, node: Term) -> Callable[[Env], NearRows] | None:
    within = node.options.get("within")
    if within is None:
        return None
    name = node.options["within_key"]
    rows = compiler.rows(within, frozenset({name}))
    marker = _marker(within)

    def near(env: Env) -> NearRows:
        def keys() -> Iterator[Value]:
            return (row[name] for row in rows(env))

        return NearRows(keys, None if marker is None else marker(env))

    return near


_SOURCES: Final = frozenset({"table", "db", "get_all", "between", "filter"})


def _marker(within: Term) -> Callable[[Env], Any] | None:
    """What tells two executions of a source of rows apart; None where the constants of the query do not decide."""
    inside = list(walk(within))
    others = [one for one in inside if one.kind.name not in _SOURCES]
    if sum(one.kind.name == "table" for one in inside) != 1 or free_variables(within):
        return None
    if any(_is_doubtful(one) for one in others):
        return None
    places = [one.args[0] for one in inside if one.kind is PARAMETER]
    fixed = (within.shape, *map(group_marker, within.constants))
    return lambda env: (fixed, tuple([group_marker(env[place]) for place in places]))


def _is_doubtful(node: Term) -> bool:
    return unproven_part(Term(node.kind, (), {}), constant_now=False) is not None
