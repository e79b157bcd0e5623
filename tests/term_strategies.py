"""Hypothesis strategies for queries: any declared term, with arguments that its parameters could take, functions too.

Queries are built as a user builds them, through `query.convert`, so that functions number their variables as they do
there and `r.row` is wrapped where it is there. They are well formed; most of them would fail if they ran.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from query import Query, r
from query.annotations import accepted, takes_function
from query.convert import build
from query.errors import ReqlQueryLogicError
from query.geometries import Geometry
from query.registry import TERMS, Declaration, Parameter
from query.term import Term
from query.values import Time
from query.vectors import Vector
from tests import strategies

Draw = Callable[[st.SearchStrategy[Any]], Any]

NAMES = ("id", "a", "place", "t", "test")
"""Of fields, indexes, tables and databases that a store may have."""

_BY_TYPE: dict[type, st.SearchStrategy[Any]] = {
    str: st.one_of(st.sampled_from(NAMES), strategies.texts()),
    int: st.integers(-3, 3),
    float: st.floats(-3, 3),
    bool: st.booleans(),
    bytes: strategies.binaries(),
    list: st.lists(strategies.values(), max_size=3),
    dict: strategies.documents(),
    Time: strategies.times(),
    Geometry: strategies.geometries(),
    Vector: strategies.vectors(),
    type(None): st.none(),
}


@st.composite
def terms(draw: Draw, levels: int = 3, names: Sequence[str] | None = None) -> Term:
    """Queries of up to so many levels of terms, of all declared ones or of those named."""
    known = sorted(TERMS) if names is None else names
    query = _declared(draw, TERMS[draw(st.sampled_from(known))], known, levels, ())
    assert type(query.term) is Term
    return query.term


def _declared(
    draw: Draw, declaration: Declaration, known: Sequence[str], levels: int, scope: tuple[Query, ...]
) -> Query:
    most = declaration.most
    count = draw(st.integers(declaration.least, declaration.least + 2 if most is None else most))
    args = []
    for index in range(count):
        parameter = declaration.parameter(index)
        assert parameter is not None
        arg = _argument(draw, parameter, declaration.functions, known, levels - 1, scope)
        args.append(r.expr(arg) if "checks_given" in declaration.hooks else arg)
    chosen = draw(st.lists(st.sampled_from(sorted(declaration.options)), unique=True)) if declaration.options else []
    options = {name: _argument(draw, declaration.options[name], None, known, levels - 1, scope) for name in chosen}
    try:
        return Query(build(declaration, tuple(args), options, Query))
    except ReqlQueryLogicError:  # what the term as a whole does not take, or a `$reql_type$` that is none
        reject()


def _argument(
    draw: Draw,
    parameter: Parameter,
    functions: int | None,
    known: Sequence[str],
    levels: int,
    scope: tuple[Query, ...],
) -> Any:
    """Something that a parameter could take: a constant, a query, a function."""
    kinds = ["constant", "query"] if levels > 0 else ["constant", "leaf"]
    if takes_function(parameter.annotation):
        # An expression of `r.row` is a function of one variable.
        kinds = [*kinds, "function"] if functions in (None, 1) else ["function"]
    kind = draw(st.sampled_from(kinds))
    if kind == "constant":
        return _constant(draw, parameter, known, levels, scope)
    if kind == "leaf":
        return draw(st.sampled_from([r.row, r.minval, *scope]))
    if kind == "function":
        return _function(draw, functions or draw(st.integers(1, 3)), known, levels, scope)
    return _declared(draw, TERMS[draw(st.sampled_from(known))], known, levels, scope)


def _constant(draw: Draw, parameter: Parameter, known: Sequence[str], levels: int, scope: tuple[Query, ...]) -> Any:
    wanted = accepted(parameter.annotation)
    types = [kind for kind in _BY_TYPE if wanted is None or kind in wanted.types]
    if wanted is not None and wanted.whole:
        types = [kind for kind in types if kind is not float]
    shape = draw(st.sampled_from(["plain", "plain", "array", "object"]))
    if (wanted is not None and len(wanted.types) < len(_BY_TYPE)) or shape == "plain" or levels <= 0:
        return draw(_BY_TYPE[draw(st.sampled_from(types))])
    items = [_argument(draw, parameter, None, known, levels - 1, scope) for _ in range(draw(st.integers(0, 2)))]
    return items if shape == "array" else dict(zip(draw(st.permutations(["a", "b", ""])), items, strict=False))


def _function(draw: Draw, count: int, known: Sequence[str], levels: int, scope: tuple[Query, ...]) -> Any:
    def body(*variables: Query) -> Any:
        inner = (*scope, *variables)
        if levels <= 0:
            return draw(st.sampled_from([*inner, 1, r.row]))
        return _declared(draw, TERMS[draw(st.sampled_from(known))], known, levels, inner)

    return {1: lambda a: body(a), 2: lambda a, b: body(a, b), 3: lambda a, b, c: body(a, b, c)}[count]
