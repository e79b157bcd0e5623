"""The wire form: what RethinkDB's drivers send, and errors for what is no query."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from query import ReqlCompileError, ReqlDriverCompileError, ReqlQueryLogicError, ReqlServerCompileError, r
from query.geometries import Geometry
from query.term import MAKE_OBJ, Source, Term, same_argument
from query.values import MAX_INT, MIN_INT, Time
from query.wire import decode, dumps, encode, loads


def test_a_query_has_the_json_that_rethinkdbs_drivers_send() -> None:
    query = r.db("blog").table("posts").filter(lambda post: post["stars"] > 3).limit(5)
    function = [69, [[2, [1]], [21, [[170, [[10, [1]], "stars"]], 3]]]]
    assert query.build() == [71, [[39, [[15, [[14, ["blog"]], "posts"]], function]], 5]]


def test_an_expression_of_row_is_sent_as_a_function() -> None:
    assert r.table("posts").filter(r.row["a"]).build() == [
        39,
        [[15, ["posts"]], [69, [[2, [1]], [170, [[13, []], "a"]]]]],
    ]


def test_options_are_the_third_element() -> None:
    assert r.table("posts").get_all("ann", index="author").build() == [
        78,
        [[15, ["posts"]], "ann"],
        {"index": "author"},
    ]


def test_arrays_are_terms_and_objects_are_objects() -> None:
    assert encode([1, {"a": [None]}]) == [2, [1, {"a": [2, [None]]}]]
    assert encode(r.expr({"a": r.row}).term) == {"a": [13, []]}


def test_bounds_are_terms() -> None:
    assert encode(r.minval.term) == [180, []]
    assert decode([2, [1, [181, []]]]) == r.expr([1, r.maxval]).term


def test_binary_and_times_are_pseudo_types() -> None:
    assert encode(b"\x00\xff") == {"$reql_type$": "BINARY", "data": "AP8="}
    moment = Time.of(datetime(2024, 5, 1, 12, 30, tzinfo=r.make_timezone("-03:30")))
    assert encode(moment) == {"$reql_type$": "TIME", "epoch_time": 1714579200.0, "timezone": "-03:30"}
    assert decode({"$reql_type$": "TIME", "epoch_time": 0, "timezone": "Z"}) == datetime(1970, 1, 1, tzinfo=UTC)


def test_a_time_keeps_its_microseconds_where_a_double_does_not() -> None:
    last = Time.at(253_402_300_799_999_999, 0)
    assert loads(dumps(last)) == last


def test_geometry_is_plain_inside() -> None:
    point = Geometry({"type": "Point", "coordinates": [1, 2]})
    assert encode(point) == {"$reql_type$": "GEOMETRY", "type": "Point", "coordinates": [1, 2]}
    assert decode(encode(point)) == point


def test_an_object_that_becomes_a_pseudo_type_when_it_runs_survives() -> None:
    mixed = r.expr({"$reql_type$": "X", "a": r.row}).term
    assert loads(dumps(mixed)) == mixed


@pytest.mark.parametrize("number", [MIN_INT, MAX_INT, 2**53 + 1, -0.5, 1.0, 1e300])
def test_numbers_keep_value_and_type(number: Any) -> None:
    assert same_argument(loads(dumps(number)), number)


def test_an_object_is_taken_apart_again_where_its_fields_matter() -> None:
    term = r.table("posts").filter({"a": {"b": 1}}).term
    pattern = loads(dumps(term)).args[1]
    assert type(pattern) is Term
    assert pattern.kind is MAKE_OBJ


def test_a_term_without_arguments_may_leave_them_out() -> None:
    assert decode([13]) == r.row.term


@pytest.mark.parametrize(
    ("json", "kind", "message"),
    [
        ([], ReqlDriverCompileError, "Expected a term"),
        ([39, [], {}, 1], ReqlDriverCompileError, "Expected a term"),
        (["table", ["posts"]], ReqlDriverCompileError, "Expected the number of a term but found str 'table'."),
        ([True, []], ReqlDriverCompileError, "Expected the number of a term"),
        ([15, "posts"], ReqlDriverCompileError, "Expected the arguments of term 15 as an array"),
        ([15, ["posts"], [1]], ReqlDriverCompileError, "Expected the options of term 15 as an object"),
        ([9999, []], ReqlServerCompileError, "Unrecognized term type 9999."),
        ([16, [[15, ["posts"]]]], ReqlServerCompileError, "Expected 2 arguments but found 1."),
        ([78, [[15, ["posts"]]], {"idx": 1}], ReqlServerCompileError, "Unrecognized optional argument `idx`."),
        ([10, ["a"]], ReqlDriverCompileError, "Expected the number of a variable"),
        ([69, [[1], 1]], ReqlDriverCompileError, "Expected the variables of a function"),
        ([69, [[2, [1]]]], ReqlServerCompileError, "Expected 2 arguments but found 1"),
        ([13, [1]], ReqlServerCompileError, "Expected 0 arguments but found 1"),
        ([2, [], {"a": 1}], ReqlServerCompileError, "Unrecognized optional argument `a`"),
        ({"$reql_type$": "MOON"}, ReqlQueryLogicError, "Unknown $reql_type$ `MOON`."),
        ({"$reql_type$": "BINARY", "data": "?"}, ReqlQueryLogicError, "in base64"),
        ({"$reql_type$": "TIME", "epoch_time": 1e99, "timezone": "Z"}, ReqlQueryLogicError, "out of valid range"),
        ({"$reql_type$": "TIME", "epoch_time": 0, "timezone": []}, ReqlQueryLogicError, "must be a string"),
        (float("nan"), ReqlDriverCompileError, "Expected a finite number"),
        (2**64, ReqlDriverCompileError, "Expected an integer of 64 bits"),
        ({1, 2}, ReqlDriverCompileError, "Expected a query as JSON but found set {1, 2}."),
    ],
)
def test_what_is_no_query_is_refused(json: Any, kind: type[ReqlCompileError], message: str) -> None:
    with pytest.raises(kind) as caught:
        decode(json)
    assert message in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b"[2,[" * 50_000 + b"]]" * 50_000,
        b"[2,[" * 101 + b"]]" * 101,
        b'{"a":' * 150 + b"1" + b"}" * 150,
        b"[177,[" * 202 + b"1" + b"]]" * 202,
    ],
)
def test_what_is_nested_too_deeply_is_refused(text: bytes) -> None:
    with pytest.raises(ReqlCompileError, match="Nesting depth limit exceeded"):
        loads(text)


def test_nested_python_data_is_refused_before_pythons_own_limit() -> None:
    data: Any = []
    for _ in range(50_000):
        data = [2, [data]]
    with pytest.raises(ReqlDriverCompileError, match="Nesting depth limit exceeded"):
        decode(data)


@pytest.mark.parametrize("text", [b"", b"[1", b'"\\ud800"', b"\xff", "nul", b"1 2"])
def test_a_text_that_is_no_json_is_refused(text: bytes | str) -> None:
    with pytest.raises(ReqlDriverCompileError, match="Expected a query as JSON"):
        loads(text)


def test_an_iterable_that_is_read_while_the_query_runs_cannot_be_sent() -> None:
    with pytest.raises(ReqlDriverCompileError, match="has no wire form: found <list_iterator>"):
        encode(Source(iter([1])))
