"""Any query survives its wire form and its text; any JSON is a query or a Reql error."""

from __future__ import annotations

import datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from query import ReqlError, r
from query.analysis import parameterize
from query.locate import locate, part_at
from query.printer import path_to, print_query, print_short, underline
from query.registry import BY_NUMBER
from query.term import Term, same_argument, walk
from query.vectors import Vector
from query.wire import decode, dumps, encode, loads
from tests import strategies
from tests.term_strategies import terms

quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

numbers = st.one_of(st.sampled_from([2, 3, 10, 13, 64, 69, 154, 180, *sorted(BY_NUMBER)]), st.integers(-1, 300))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(), max_size=3), numbers)
pseudo_types = st.fixed_dictionaries(
    {"$reql_type$": st.sampled_from(["TIME", "BINARY", "GEOMETRY", "X", None])},
    optional=dict.fromkeys(("epoch_time", "timezone", "data", "type", "coordinates", "microseconds"), scalars),
)
json = st.recursive(
    scalars | pseudo_types,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=2), inner, max_size=2),
        st.tuples(numbers, st.lists(inner, max_size=3)).map(list),
        st.tuples(numbers, st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=2), inner)).map(list),
    ),
    max_leaves=12,
)


def evaluated(text: str) -> Any:
    return r.expr(eval(text, {"r": r, "datetime": datetime, "Vector": Vector}), 100).term


@quick
@given(terms())
def test_a_query_survives_the_wire(term: Term) -> None:
    assert loads(dumps(term)) == term
    assert decode(encode(term)) == term


@quick
@given(strategies.values())
def test_a_value_survives_the_wire_with_its_types(value: Any) -> None:
    found = loads(dumps(value))
    assert same_argument(found, value)
    assert repr(found) == repr(value)


@quick
@given(terms())
def test_the_text_of_a_query_gives_it_again(term: Term) -> None:
    text = print_query(term)
    assert evaluated(text) == term, text


@quick
@given(strategies.values())
def test_the_text_of_a_value_gives_it_again(value: Any) -> None:
    assert same_argument(evaluated(print_query(value)), value)


@quick
@given(terms(), st.data())
def test_every_part_of_a_query_can_be_found_and_underlined(term: Term, data: st.DataObject) -> None:
    planned = parameterize(term)
    part = data.draw(st.sampled_from(list(walk(planned))))
    path = locate(planned, part)
    assert path == path_to(planned, part)
    assert part_at(planned, path) is part
    assert "^" in underline(term, path)
    assert len(print_short(term)) <= 400


@settings(max_examples=500, deadline=None)
@given(json)
def test_any_json_is_a_query_or_a_reql_error(data: Any) -> None:
    try:
        found = decode(data)
    except ReqlError:
        return
    assert same_argument(loads(dumps(found)), found)
    print_query(found)
