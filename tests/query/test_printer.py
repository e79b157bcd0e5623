"""The text of queries, and the part of it that an error underlines."""

from __future__ import annotations

from typing import Any

import pytest

from query import ReqlError, r
from query.geometries import Geometry
from query.locate import explain_error, locate
from query.planner import make_plan
from query.printer import LINE_WIDTH, print_query, print_short, underline
from query.runtime import Run, Stream
from query.term import Term
from query.values import Time

PRINTED = [
    (r.table("posts").get(1), "r.table('posts').get(1)"),
    (r.db("blog").table("posts"), "r.db('blog').table('posts')"),
    (
        r.table("posts").filter(lambda post: post["a"] > 1),
        "r.table('posts').filter(lambda var_1: (var_1['a'] > 1))",
    ),
    (r.table("posts").filter(r.row["a"] > 1), "r.table('posts').filter((r.row['a'] > 1))"),
    (r.table("posts").filter({"a": {"b": None}}), "r.table('posts').filter({'a': {'b': None}})"),
    (r.expr(1) + 2, "(r.expr(1) + 2)"),
    (1 - r.row, "(r.expr(1) - r.row)"),
    (~r.row["a"], "(~r.row['a'])"),
    ((r.row["a"] & r.row["b"]).eq(True), "(r.row['a'] & r.row['b']).eq(True)"),
    (r.row.add(1, 2), "r.row.add(1, 2)"),
    (r.and_(True, r.row, False), "r.and_(True, r.row, False)"),
    (r.row[1:3], "r.row[1:3]"),
    (r.branch(r.row, 1, 2), "r.branch(r.row, 1, 2)"),
    (r.add(r.args([1, 2])), "r.add(r.args([1, 2]))"),
    (r.row.do(lambda x: x), "r.row.do(lambda var_1: var_1)"),
    (r.row[1:], "r.row[1:]"),
    (r.row[-1], "r.row[-1]"),
    (r.expr([1, {"a": r.row}]), "[1, {'a': r.row}]"),
    (r.table("posts").between(r.minval, [1, r.maxval]), "r.table('posts').between(r.minval, [1, r.maxval])"),
    (r.table("posts").order_by(r.desc("a"), index="b"), "r.table('posts').order_by(r.desc('a'), index='b')"),
    (
        r.expr([[1]]).map(lambda row: row.map(lambda one: one + row[0])),
        "r.expr([[1]]).map(lambda var_1: var_1.map(lambda var_2: (var_2 + var_1[0])))",
    ),
    (r.expr(b"x"), "b'x'"),
    (r.expr(Time.at(0, 90)), "datetime.datetime(1970, 1, 1, 1, 30, tzinfo=r.make_timezone('+01:30'))"),
    (
        r.expr(Geometry({"type": "Point", "coordinates": [1, 2]})),
        "{'$reql_type$': 'GEOMETRY', 'type': 'Point', 'coordinates': [1, 2]}",
    ),
]


@pytest.mark.parametrize(("query", "text"), PRINTED, ids=[text for _, text in PRINTED])
def test_a_query_is_printed_as_it_is_written(query: Any, text: str) -> None:
    assert print_query(query.term) == text


def test_a_long_constant_is_cut_for_people_only() -> None:
    query = r.expr(list(range(1000))).limit(1)
    assert print_short(query.term).endswith("16, 17, ...]).limit(1)")
    assert print_query(query.term).endswith("998, 999]).limit(1)")
    assert print_short("x" * 1000) == f"'{'x' * 60}'..."


def test_a_part_is_underlined() -> None:
    query = r.table("posts").filter(r.row["stars"] > "a").limit(3)
    assert underline(query.term, (0, 1, 1, 0)).splitlines() == [
        "r.table('posts').filter((r.row['stars'] > 'a')).limit(3)",
        "                         ^^^^^^^^^^^^^^",
    ]


def test_a_constant_and_an_option_can_be_underlined() -> None:
    query = r.table("posts").get_all("a", index="b")
    assert underline(query.term, (1,)).splitlines()[1].strip() == "^^^"
    assert underline(query.term, ("index",)).splitlines()[1].index("^") == len("r.table('posts').get_all('a', index=")


def test_a_long_query_is_shown_in_lines_around_the_part() -> None:
    query = r.table("posts")
    for number in range(60):
        query = query.filter({"field": number})
        if number == 30:
            part = query.term
    lines = underline(query.term, part).splitlines()
    assert len(lines) < 20
    assert all(len(line) <= LINE_WIDTH for line in lines)
    text = underline(query.term, (*[0] * 30, 1)).splitlines()
    assert text[0] == text[-1] == "..."
    (carets,) = [place for place, line in enumerate(text) if "^" in line]
    marked = text[carets - 1][text[carets].index("^") : text[carets].rindex("^") + 1]
    assert marked == "{'field': 29}"


def failure(query: Any) -> ReqlError:
    """What a query that needs no store raises, as it leaves."""
    plan = None
    with pytest.raises(ReqlError) as caught:
        plan = make_plan(query.term)
        found = plan.execute(Run(), query.term.constants)
        list(found.rows() if type(found) is Stream else found)
    explain_error(caught.value, query.term, plan)
    return caught.value


def underlined(error: ReqlError) -> str:
    assert error.source is not None
    text, carets = error.source.split("\n")
    return text[carets.index("^") : len(carets)]


def test_an_error_shows_the_part_that_failed_with_the_users_constants() -> None:
    error = failure(r.expr([{"a": 1}, {"a": "x"}]).map(lambda row: row["a"] + 12))
    assert str(error).splitlines() == [
        "Expected type STRING but found NUMBER in:",
        "r.expr([{'a': 1}, {'a': 'x'}]).map(lambda var_1: (var_1['a'] + 12))",
        "                                                 ^^^^^^^^^^^^^^^^^",
    ]
    assert error.term == (r.expr([]).map(lambda row: row["a"] + 12)).term.args[1].args[1]


def test_an_error_of_the_compiler_shows_its_part() -> None:
    assert underlined(failure(r.row["a"] + 1)) == "r.row"


def test_an_error_within_groups_shows_the_term_that_is_applied_to_them() -> None:
    error = failure(r.expr([{"a": 1}]).group("a").nth(5).add(1))
    assert underlined(error) == "r.expr([{'a': 1}]).group('a').nth(5)"


def test_a_term_that_a_rule_made_is_shown_as_what_it_stands_for() -> None:
    query = r.table("posts").filter(r.row["a"] == 1).limit(2).term
    tree = query.args[0]
    table, function = tree.args
    made = Term(r.table("x").get_all(1).term.kind, (table, function.args[1].args[1]))
    assert locate(query, made) == (0,)
    assert locate(query, Term(made.kind, (table,))) == (0,)
    assert locate(query, Term(made.kind, ("nothing", "known"))) == ()


def test_an_error_without_a_plan_is_found_by_what_it_looks_like() -> None:
    query = r.expr([1]).map(lambda x: x + "a").limit(1)
    error = ReqlError("Wrong.", make_plan(query.term).parameterized.args[0])
    explain_error(error, query.term, None)
    assert underlined(error) == "r.expr([1]).map(lambda var_1: (var_1 + 'a'))"
