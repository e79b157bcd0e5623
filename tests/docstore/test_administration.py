"""Databases, tables and indexes by command: what the cases of tests/language/administration.yaml cannot say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import docstore
from docstore.administration import BINARY_MAGIC, BINARY_VERSION
from docstore.build import IMMEDIATE_DOCUMENTS
from query import r
from query.errors import ReqlOpFailedError, ReqlQueryLogicError

posts = r.table("posts")


@pytest.fixture
def db() -> Iterator[docstore.Connection]:
    with docstore.connect() as connection:
        r.table_create("posts").run(connection)
        posts.insert(
            [
                {"id": 1, "author": "ann", "tags": ["a", "b"], "date": {"year": 2020}},
                {"id": 2, "author": "bob", "tags": ["b"], "date": {"year": 2021}},
            ]
        ).run(connection)
        yield connection


def status(db: docstore.Connection, name: str) -> dict[str, Any]:
    (found,) = posts.index_status(name).run(db)
    return dict(found)


def insert_many(db: docstore.Connection, count: int, **fields: Any) -> None:
    posts.insert({"id": number, **fields} for number in range(10, 10 + count)).run(db)


# The binary of an index function


def test_the_binary_of_a_status_makes_the_same_index(db: docstore.Connection) -> None:
    posts.index_create("by", [r.row["tags"], r.row["date"]["year"]], multi=True, unique=True).run(db)
    first = status(db, "by")
    posts.index_create("copy", first["function"]).run(db)
    second = status(db, "copy")
    assert second["query"] == first["query"].replace("'by'", "'copy'")
    assert {**second, "index": "by", "query": first["query"]} == first


def test_given_options_win_over_those_of_the_binary(db: docstore.Connection) -> None:
    posts.index_create("tags", multi=True).run(db)
    posts.index_create("whole", status(db, "tags")["function"], multi=False).run(db)
    assert not status(db, "whole")["multi"]
    assert status(db, "whole")["entries"] == 2


@pytest.mark.parametrize(
    "binary",
    [
        b"",
        b"$reql_index_function$1",
        BINARY_MAGIC,
        BINARY_MAGIC + bytes([BINARY_VERSION]),
        BINARY_MAGIC + bytes([BINARY_VERSION]) + b"\x81\xa1a\x01",
        BINARY_MAGIC + bytes([BINARY_VERSION + 1]) + b"\x80",
    ],
)
def test_a_foreign_or_damaged_binary_is_refused(db: docstore.Connection, binary: bytes) -> None:
    with pytest.raises(ReqlQueryLogicError):
        posts.index_create("x", binary).run(db)
    assert posts.index_list().run(db) == []


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_binary_cut_short_is_refused(db: docstore.Connection, cut: int) -> None:
    posts.index_create("tags", multi=True).run(db)
    with pytest.raises(ReqlQueryLogicError):
        posts.index_create("x", status(db, "tags")["function"][:-cut]).run(db)


def test_the_query_of_a_status_makes_the_same_index(db: docstore.Connection) -> None:
    posts.index_create("by", lambda post: [post["author"], post["date"]["year"]], unique=True).run(db)
    first = status(db, "by")
    posts.index_drop("by").run(db)
    eval(f"posts.{first['query']}", {"posts": posts, "r": r}).run(db)
    assert status(db, "by") == first


# Functions


def test_functions_of_one_meaning_are_stored_as_one(db: docstore.Connection) -> None:
    year = "year"
    for name, function in {
        "a": [r.row["author"], r.row["date"]["year"]],
        "b": lambda post: [post["author"], post["date"][year]],
        "c": [lambda post: post["author"], r.row["date"]["year"]],
    }.items():
        posts.index_create(name, function).run(db)
    assert len({status(db, name)["function"] for name in "abc"}) == 1


def test_what_an_index_is_on_is_found(db: docstore.Connection) -> None:
    posts.index_create("year", r.row["date"]["year"]).run(db)
    posts.index_create("pair", [r.row["author"], r.row["date"]["year"]]).run(db)
    posts.index_create("tags", multi=True).run(db)
    assert [row["id"] for row in posts.get_all(2021, index="year").run(db)] == [2]
    assert [row["id"] for row in posts.get_all(["ann", 2020], index="pair").run(db)] == [1]
    assert [row["id"] for row in posts.get_all("b", index="tags").run(db)] == [1, 2]


# Builds


def test_a_small_table_is_indexed_in_the_same_transaction(db: docstore.Connection) -> None:
    with db.transaction():
        posts.index_create("author").run(db)
        assert status(db, "author")["ready"]
        assert posts.get_all("bob", index="author").count().run(db) == 1
        posts.index_wait().run(db)


def test_waiting_for_a_build_inside_a_transaction_raises_at_once(db: docstore.Connection) -> None:
    insert_many(db, IMMEDIATE_DOCUMENTS + 1, author="eve")
    with db.transaction():
        posts.index_create("author").run(db)
        assert not status(db, "author")["ready"]
        assert 0 <= status(db, "author")["progress"] <= 1
        with pytest.raises(docstore.TransactionError, match="inside a transaction"):
            posts.index_wait().run(db)
    assert posts.index_wait("author").run(db)[0]["ready"]
    assert status(db, "author")["entries"] == IMMEDIATE_DOCUMENTS + 3


def test_index_wait_raises_the_error_of_a_failed_build(db: docstore.Connection) -> None:
    insert_many(db, IMMEDIATE_DOCUMENTS + 1, author="eve")
    posts.index_create("author", unique=True).run(db)
    with pytest.raises(ReqlOpFailedError, match=r"`author` on table `test\.posts`"):
        posts.index_wait("author").run(db)
    failed = status(db, "author")
    assert not failed["ready"]
    assert failed["error"]
    posts.index_drop("author").run(db)


def test_an_index_that_is_created_and_rolled_back_is_gone(db: docstore.Connection) -> None:
    with pytest.raises(ZeroDivisionError), db.transaction():
        posts.index_create("author").run(db)
        r.table_create("more").run(db)
        raise ZeroDivisionError
    assert posts.index_list().run(db) == []
    assert r.table_list().run(db) == ["posts"]


def test_an_index_is_replaced_without_a_moment_in_which_it_is_missing(db: docstore.Connection) -> None:
    posts.index_create("author").run(db)
    posts.index_create("author_new", status(db, "author")["function"]).run(db)
    posts.index_wait("author_new").run(db)
    posts.index_rename("author_new", "author", overwrite=True).run(db)
    assert posts.index_list().run(db) == ["author"]
    assert posts.get_all("ann", index="author").count().run(db) == 1


# Tables


def test_a_dropped_table_can_be_created_again_and_is_empty(db: docstore.Connection) -> None:
    posts.index_create("author").run(db)
    r.table_drop("posts").run(db)
    r.table_create("posts").run(db)
    assert posts.count().run(db) == 0
    assert posts.index_list().run(db) == []


def test_tables_are_created_in_the_connections_default_database(db: docstore.Connection) -> None:
    r.db_create("blog").run(db)
    r.table_create("notes").run(db, db="blog")
    assert r.db("blog").table_list().run(db) == ["notes"]
    assert r.table_list().run(db) == ["posts"]
