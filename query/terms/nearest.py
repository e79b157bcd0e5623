"""The nearest: `get_nearest`, through an index or without one.

A filter that another index of the table answers with few rows is answered by that index: the planner then puts the term
that gives these rows in the place of the filter, as the options `within` and `within_key`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from query.terms.selecting import filter_predicate
from query.values import Value, group_marker

DEFAULT_RESULTS: Final = 100


@term(168)
def get_nearest(
    table: object,
    place: Value,
    *,
    index: str | None = None,
    field: Function | str | None = None,
    measure: str | None = None,
    max_results: int | None = None,
    max_dist: int | float | None = None,
    filter: Function | dict[str, Value] | None = None,  # noqa: A002 - the option's name in the language
    probes: int | None = None,
    ef_search: int | None = None,
    exact: bool | None = None,
) -> list[Value]:
    """The documents nearest to a vector: an array of `{"dist": ..., "doc": ...}`, the nearest first.

    - `index`: a vector index; or `field`, a field's name or a function, to search without one, all vectors, with a warning.
    - `measure`: with an index the index's own; else `"cosine"`, or another one of `r.distance`.
    - `max_results`: at most so many, 100 if not given. `max_dist`: none farther away.
    - `filter`: only documents for which this holds, as `filter` takes it. As many are found as there are.
    - `exact=True`: search all vectors. Else `probes` says how many lists are searched, `ef_search` how many candidates an
      index with `method="hnsw"` holds ready (40 if not given).

    An array of numbers is taken for a vector. Raises ReqlQueryLogicError for a vector that the index cannot hold, and for a
    `measure` that is not the index's.

    >>> _ = r.table("posts").update({"v": [r.row["id"], 1]}).run(db)
    >>> _ = r.table("posts").index_create("v", vector={"dimensions": 2, "measure": "l2"}).run(db)
    >>> r.table("posts").get_nearest([3, 1], index="v", max_results=1)["dist"].run(db)
    [0.0]
    """


@get_nearest.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    find, vector = table_of(compiler, node.args[0]), compiler.value(node.args[1])
    ask = _asking(compiler, node, vector)
    search = _with_index(compiler, node) if "index" in node.options else _without_index(compiler, node)

    def nearest(env: Env) -> list[Value]:
        try:
            return [{"dist": dist, "doc": doc} for dist, doc in search(env, find(env), ask(env))]
        except ReqlError as error:
            raise located(error, node) from None

    return nearest


Search = Callable[[Env, Table, Nearest], list[tuple[float, Document]]]


def _with_index(compiler: Compiler, node: Term) -> Search:
    named = compiler.value(node.options["index"])
    if "field" in node.options:
        raise ReqlQueryLogicError("Expected either `index` or `field` but found both.", node)
    return lambda env, table, wanted: vector_index(env[0], table, named(env)).nearest(env[0], wanted)


def vector_index(run: Run, table: Table, name: Value) -> Any:
    """The vector index of that name; ReqlQueryLogicError where it is another kind of index."""
    index: Index = table.index(run, text_of(name))
    if not hasattr(index, "nearest"):
        raise ReqlQueryLogicError(
            f"Index `{index.name}` is not a vector index.  get_nearest can only search for a vector in one that is."
        )
    return index


def _without_index(compiler: Compiler, node: Term) -> Search:
    source = node.options.get("field")
    if source is None:
        raise ReqlQueryLogicError("get_nearest requires an index argument, or the field to search without one.", node)
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
        if name not in ("index", "field", "filter", "within", "within_key")
    }
    keep = _keep(compiler, node)
    rows = _rows(compiler, node)

    def ask(env: Env) -> Nearest:
        given = {name: value(env) for name, value in options.items()}
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
        )

    return ask


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
    return lambda env: (within.shape, tuple([group_marker(env[place]) for place in places]))


def _is_doubtful(node: Term) -> bool:
    return unproven_part(Term(node.kind, (), {}), constant_now=False) is not None
