"""The builder: Python's traps, checks while a query is built, and what a query looks like to Python."""

from __future__ import annotations

import copy
import inspect
import pickle
import pydoc
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from query import (
    Query,
    ReqlDriverCompileError,
    ReqlDriverError,
    ReqlError,
    ReqlQueryLogicError,
    ReqlServerCompileError,
    r,
)
from query.builder import set_repl
from query.term import FUNC, Source, Term

posts = r.table("posts")


def _returns_nothing(post: Any) -> None:
    """A function that forgot `return`; a lambda that gives None means it."""


def without_repl(run: Callable[[], Any]) -> Any:
    set_repl(None)
    return run()


@pytest.mark.parametrize(
    ("trap", "hint"),
    [
        (lambda: bool(r.row), "Use `&`, `|`, `~` with parentheses"),
        (lambda: (r.row > 1) and (r.row < 2), "Use `&`, `|`, `~` with parentheses"),
        (lambda: not r.row, "Use `&`, `|`, `~` with parentheses"),
        (lambda: 1 < r.row < 2, "chained comparisons"),
        (lambda: 1 in r.row, "query.contains(value)"),
        (lambda: r.row in [1, 2], "has no truth value"),
        (lambda: len(r.row), "query.count()"),
        (lambda: list(r.row), "call run first"),
        (lambda: sorted(r.row), "call run first"),
        (lambda: dict(r.row), "call run first"),
        (lambda: without_repl(posts.run), "query.run(db), or call db.repl() first"),
        (lambda: posts.run("app.db"), "must be given a connection to run on"),
        (lambda: Query.run(5), "`run` is called on a query"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_part_of_a_query_tells_the_right_spelling(trap: Callable[[], Any], hint: str) -> None:
    with pytest.raises(ReqlDriverError) as caught:
        trap()
    assert hint in caught.value.message


@pytest.mark.parametrize(
    "trap",
    [
        lambda: r.row["a"] == 1 & r.row["b"] == 2,
        lambda: r.row["a"] > 1 | r.row["b"] < 2,
        lambda: r.row["a"] & r.row["b"] != 1,
    ],
)
def test_a_comparison_that_swallows_an_and_is_refused(trap: Callable[[], Any]) -> None:
    with pytest.raises(ReqlError) as caught:
        trap()
    assert "parenthes" in caught.value.message


def test_what_cannot_be_hashed_or_stand_for_a_text_is_pythons_own_error() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        {r.row: 1}  # noqa: B018
    with pytest.raises(TypeError, match="Query"):
        "".join([posts])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: posts.fliter({}), "A query has no method `fliter`: did you mean `filter`?"),
        (lambda: posts.orderBy("a"), "A query has no method `orderBy`: did you mean `order_by`?"),
        (lambda: r.tabel("posts"), "r has no method `tabel`: did you mean `table`?"),
        (lambda: posts.xyzzy, "A query has no method `xyzzy`."),
    ],
)
def test_an_unknown_method_names_the_nearest_one(wrong: Callable[[], Any], message: str) -> None:
    with pytest.raises(AttributeError) as caught:
        wrong()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: posts.get(), "Expected 2 arguments but found 1."),
        (lambda: posts.get(1, 2), "Expected 2 arguments but found 3."),
        (lambda: posts.limit(n=1), "Expected 2 arguments but found 1."),
        (lambda: r.table(), "Expected between 1 and 2 arguments but found 0."),
        (lambda: r.table("a", "b", "c"), "Expected between 1 and 2 arguments but found 3."),
        (lambda: r.db("a", "b"), "Expected 1 argument but found 2."),
        (lambda: posts.get_all(1, idx="a"), "Unrecognized optional argument `idx`."),
        (lambda: r.table(5), "Expected type STRING but found NUMBER."),
        (lambda: posts.limit("a"), "Expected type NUMBER but found STRING."),
        (lambda: posts.limit(True), "Expected type NUMBER but found BOOL."),
        (lambda: posts.limit(1.5), "Number not an integer: 1.5"),
        (lambda: posts.get_all(1, index=5), "Expected type STRING but found NUMBER."),
        (
            lambda: posts.concat_map(lambda a, b: a),
            "Expected function with 1 argument but found function with 2 arguments.",
        ),
        (lambda: posts.reduce(lambda a: a), "Expected function with 2 arguments but found function with 1 argument."),
        (
            lambda: posts.filter(lambda a, b: a),
            "Expected function with 1 argument but found function with 2 arguments.",
        ),
    ],
)
def test_a_wrong_term_is_refused_while_it_is_built_and_underlined(wrong: Callable[[], Any], message: str) -> None:
    with pytest.raises(ReqlServerCompileError) as caught:
        wrong()
    assert caught.value.message.startswith(message)
    assert "^" in str(caught.value)


def test_a_wrong_type_is_also_the_error_that_rethinkdb_raises_when_it_runs() -> None:
    with pytest.raises(ReqlQueryLogicError):
        posts.limit("a")


@pytest.mark.parametrize(
    "right",
    [
        lambda: posts.limit(2.0),
        lambda: posts.limit(None),
        lambda: posts.limit(r.row),
        lambda: r.expr("a").limit(1),
        lambda: r.expr(1).add("a"),
        lambda: posts.get(r.args([1])),
        lambda: posts.limit(r.args([])),
    ],
)
def test_what_may_turn_out_right_or_be_caught_is_left_to_the_run(right: Callable[[], Any]) -> None:
    assert isinstance(right(), Query)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: r.expr({"a": {1, 2}}), "at `a`"),
        (lambda: r.expr(object()), "Cannot convert to a ReQL value"),
        (lambda: r.expr({1: 2}), "Object keys must be strings"),
        (lambda: r.expr({1: r.row}), "Object keys must be strings"),
        (lambda: r.expr([[[[]]]], 3), "Nesting depth limit exceeded"),
        (lambda: posts.map(_returns_nothing), "Did it forget `return`?"),
        (lambda: posts.map(dict), "Expected a lambda or a function but found type"),
        (lambda: posts[1:2:3], "Slices with a step"),
        (lambda: r.make_timezone("+2"), "Expected a time zone such as '+02:00' but found str '+2'."),
    ],
)
def test_what_is_no_part_of_a_query_is_refused(wrong: Callable[[], Any], message: str) -> None:
    with pytest.raises(ReqlDriverCompileError) as caught:
        wrong()
    assert message in caught.value.message


def test_a_query_of_great_depth_is_refused_and_not_pythons_recursion_error() -> None:
    query = r.expr(1)
    with pytest.raises(ReqlDriverCompileError, match="Nesting depth limit exceeded"):
        for _ in range(100_000):
            query = query + 1


def test_the_same_text_gives_an_equal_term() -> None:
    def build() -> Query:
        return posts.map(lambda a: a["b"].map(lambda c: [a, c, 1.5]))

    assert build().term == build().term
    assert build().term.shape == build().term.shape
    assert build().term != posts.map(lambda a: a["b"].map(lambda c: [a, a, 1.5])).term


def test_data_without_queries_in_it_is_one_constant_wherever_it_stands() -> None:
    assert r.expr([r.expr([1]), (2, {"a": r.expr(3)})]).term == [[1], [2, {"a": 3}]]
    term = r.expr([[1, 2], r.row]).term
    assert term.args[0] == [1, 2]


def test_an_expression_of_row_is_a_function_only_where_one_may_stand() -> None:
    assert posts.filter(r.row["a"]).term.args[1].kind is FUNC
    assert posts.get(r.row["a"]).term.args[1].kind is not FUNC


def test_an_iterable_is_read_late_only_where_that_is_declared() -> None:
    assert type(posts.insert(x for x in [1]).term.args[1]) is Source
    with pytest.raises(ReqlDriverCompileError, match="Cannot convert to a ReQL value"):
        posts.get_all(x for x in [1])  # type: ignore[arg-type]


def test_slices_are_half_open_and_open_ended() -> None:
    assert posts[1:3].term == posts.slice(1, 3).term
    assert posts[:3].term == posts.slice(0, 3).term
    assert posts[1:].term == posts.slice(1, -1, right_bound="closed").term


def test_operators_keep_the_order_of_their_operands() -> None:
    for query, name, args in [
        (1 + r.row, "add", (1, r.row.term)),
        (r.row - 1, "sub", (r.row.term, 1)),
        (2 / r.row, "div", (2, r.row.term)),
        (True & r.row, "and", (True, r.row.term)),
        (r.row > 1, "gt", (r.row.term, 1)),
    ]:
        assert (query.term.kind.name, query.term.args) == (name, args)


def test_a_query_reads_well() -> None:
    query = posts.filter({"a": 1})
    assert repr(query) == "<Query: r.table('posts').filter({'a': 1})>"
    assert str(query) == "r.table('posts').filter({'a': 1})"
    assert len(repr(r.expr(["x" * 1000] * 1000))) < 500


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda q: pickle.loads(pickle.dumps(q))])
def test_a_query_can_be_copied_and_pickled(duplicate: Callable[[Query], Query]) -> None:
    query = posts.filter(lambda x: (x["a"] == [1, None]) & x["b"]).between(r.minval, r.maxval, index="a")
    found = duplicate(query)
    assert type(found) is Query
    assert found.term == query.term
    assert found.term.shape == query.term.shape


def test_a_method_shows_the_declared_signature() -> None:
    assert str(inspect.signature(posts.between)) == (
        "(lower, upper, /, *, index=None, left_bound='closed', right_bound='open') -> 'Query'"
    )
    assert list(inspect.signature(r.table).parameters) == ["names", "read_mode", "identifier_format"]
    text = pydoc.plain(pydoc.render_doc(posts.get_all))
    assert "get_all(*keys, index=None)" in text
    assert ">>> r.table(" in text


def test_dir_lists_the_language() -> None:
    assert {"filter", "run", "explain", "build"} <= set(dir(posts))
    assert {"table", "expr", "row", "minval", "make_timezone"} <= set(dir(r))


def test_a_time_zone_has_a_fixed_offset() -> None:
    assert r.make_timezone("-01:30").utcoffset(None) == timedelta(minutes=-90)


def test_terms_are_what_queries_hold() -> None:
    assert type(posts.term) is Term
    assert r.expr(posts) is posts


def test_connect_names_what_opens_a_store() -> None:
    with pytest.raises(ReqlDriverError, match=r"docstore\.connect\(path\)"):
        r.connect("localhost", 28015)
