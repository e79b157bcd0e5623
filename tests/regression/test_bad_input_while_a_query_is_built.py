"""What is wrong with a query is told while it is built where that can be, by the errors of the language alone."""

from __future__ import annotations

from typing import Any

import pytest

import query
from docstore import Connection
from query import r


@pytest.mark.parametrize("name", ["now", "db_list"])
def test_a_term_without_arguments_refuses_one(name: str) -> None:
    with pytest.raises(query.ReqlServerCompileError, match="Expected 0 arguments but found 1"):
        getattr(r, name)(5)


def test_functions_with_another_number_of_parameters_than_values() -> None:
    with pytest.raises(
        query.ReqlServerCompileError, match="Expected function with 2 arguments but found function with 1"
    ):
        r.do(1, 2, lambda x: x)
    with pytest.raises(query.ReqlServerCompileError, match="expects 2 arguments, but 1 sequence was found"):
        r.expr([1]).map(lambda x, y: x)
    with pytest.raises(query.ReqlServerCompileError, match="expects 1 argument, but 2 sequences were found"):
        r.map([1], [2], lambda x: x)


@pytest.mark.parametrize("depth", [150, 1_000, 100_000])
def test_functions_nested_too_deeply(depth: int) -> None:
    def nested(left: int) -> Any:
        return lambda x: r.expr(x).do(nested(left - 1)) if left else x

    with pytest.raises(query.ReqlDriverCompileError, match="Nesting depth limit exceeded"):
        r.expr(1).do(nested(depth))


def test_constants_put_into_each_other_are_nested_as_deeply_as_if_given_in_one() -> None:
    array, fields = r.expr(1), r.expr(1)
    for _ in range(query.values.MAX_NESTING):
        array, fields = r.expr([array]), r.expr({"a": fields})
    for deepest in (array, fields):
        with pytest.raises(query.ReqlDriverCompileError, match="Nesting depth limit exceeded"):
            r.expr([deepest])


@pytest.mark.parametrize("depth", [150, 1_000, 100_000])
def test_objects_of_queries_nested_too_deeply(depth: int) -> None:
    nested: Any = r.now()
    for _ in range(depth):
        nested = {"a": nested}
    with pytest.raises(query.ReqlDriverCompileError, match="Nesting depth limit exceeded"):
        r.expr(nested, depth + 1)


def test_modes_of_a_table_that_there_are_not(memory_db: Connection) -> None:
    r.table_create("t").run(memory_db)
    with pytest.raises(query.ReqlQueryLogicError, match="Read mode `later` unrecognized"):
        r.table("t", read_mode="later").run(memory_db)
    with pytest.raises(query.ReqlQueryLogicError, match="Identifier format `int` unrecognized"):
        r.table("t", identifier_format="int").count().run(memory_db)
    assert r.table("t", read_mode="outdated", identifier_format="uuid").count().run(memory_db) == 0


def test_what_no_part_of_a_query_raised_is_shown_with_all_of_it(memory_db: Connection) -> None:
    r.table_create("t").run(memory_db)
    r.table("t").insert({"id": number} for number in range(10)).run(memory_db)
    for asked in (r.table("t").order_by("a"), r.table("t").group("id"), r.table("t").eq_join("id", 5)):
        with pytest.raises(query.ReqlRuntimeError) as caught:
            list(asked.run(memory_db, array_limit=5))
        assert str(asked) in str(caught.value)
        assert str(caught.value).endswith("^")


def test_terms_of_databases_are_printed_as_they_are_written() -> None:
    for text in ("r.table_create('t')", "r.table_drop('t')", "r.table_list()", "r.db('a').table_create('t')"):
        assert str(eval(text, {"r": r})) == text
