"""The options of `run`: checked in RethinkDB's words, and honoured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import docstore
import query
from docstore import Connection, Cursor
from query import r
from query.errors import ReqlDriverError, ReqlError, ReqlNonExistenceError, ReqlQueryLogicError

posts = r.table("posts")


@pytest.fixture
def db() -> Iterator[Connection]:
    with docstore.connect() as connection:
        r.table_create("posts").run(connection)
        posts.insert([{"id": number, "a": number % 7} for number in range(2_500)]).run(connection)
        yield connection


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"durability": "fast"}, 'Durability option `fast` unrecognized (options are "hard" and "soft").'),
        ({"durability": 1}, "Expected type STRING but found NUMBER."),
        ({"read_mode": "x"}, 'Read mode `x` unrecognized (options are "majority", "single", and "outdated").'),
        ({"identifier_format": "x"}, 'Identifier format `x` unrecognized (options are "name" and "uuid").'),
        ({"array_limit": 0}, "Illegal array size limit `0`.  (Must be >= 1.)"),
        ({"array_limit": -5}, "Illegal array size limit `-5`.  (Must be >= 1.)"),
        ({"array_limit": "many"}, "Expected type NUMBER but found STRING."),
        ({"array_limit": 1.5}, "Number not an integer: 1.5"),
        ({"changefeed_queue_size": 0}, "Illegal changefeed queue size `0`.  (Must be >= 1.)"),
        ({"profile": 1}, "Expected type BOOL but found NUMBER."),
        ({"noreply": "yes"}, "Expected type BOOL but found STRING."),
        ({"max_batch_rows": "a"}, "Expected type NUMBER but found STRING."),
    ],
)
def test_what_the_server_refuses(db: Connection, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ReqlQueryLogicError) as caught:
        r.expr(1).run(db, **options)
    assert caught.value.message == message


@pytest.mark.parametrize("name", ["time_format", "binary_format", "group_format"])
def test_what_the_driver_refuses(db: Connection, name: str) -> None:
    with pytest.raises(ReqlDriverError, match=f'Unknown {name} run option "x".'):
        r.now().run(db, **{name: "x"})


def test_group_format_raw(db: Connection) -> None:
    found = posts.limit(8).group("a").count().run(db, group_format="raw")
    assert found["$reql_type$"] == "GROUPED_DATA"
    assert found["data"][0] == [0, 2]


def test_array_limit(db: Connection) -> None:
    with pytest.raises(ReqlError, match="Array over size limit `10`"):
        posts.coerce_to("array").run(db, array_limit=10)


# Batches


@pytest.mark.parametrize(
    ("options", "first", "second"),
    [
        ({}, 1_000, 1_000),
        ({"max_batch_rows": 10}, 10, 10),
        ({"max_batch_rows": 100, "first_batch_scaledown_factor": 4}, 25, 100),
        ({"max_batch_bytes": 1, "min_batch_rows": 3}, 3, 3),
        ({"max_batch_bytes": 1}, 1, 1),
        ({"max_batch_seconds": 0.000_000_1, "min_batch_rows": 5}, 5, 5),
    ],
)
def test_batches_have_the_size_asked_for(db: Connection, options: dict[str, Any], first: int, second: int) -> None:
    cursor = posts.run(db, **options)
    assert len(cursor._rows) == first
    for _ in range(first + 1):
        next(cursor)
    assert len(cursor._rows) == second - 1
    assert len(list(cursor)) == 2_500 - first - 1


# Profiles


def all_tasks(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        yield task
        yield from all_tasks(task["sub_tasks"])


def test_a_profile_tells_the_steps_and_their_times(db: Connection) -> None:
    found = posts.filter(lambda post: post["a"] > 3).map(lambda post: post["id"]).sum().run(db, profile=True)
    assert found["value"] == posts.filter(r.row["a"] > 3)["id"].sum().run(db)
    tasks = {task["description"]: task for task in all_tasks(found["profile"])}
    assert {"Evaluating sum.", "Evaluating map.", "Evaluating filter.", "Evaluating table."} <= tasks.keys()
    whole, table = tasks["Evaluating sum."], tasks["Evaluating table."]
    assert whole["duration(ms)"] >= table["duration(ms)"] > 0
    assert [task["description"] for task in whole["sub_tasks"]] == ["Evaluating map."]


def test_what_is_done_for_each_row_is_told_with_its_mean(db: Connection) -> None:
    found = posts.filter(lambda post: post["a"] + 1 > 3).count().run(db, profile=True)
    (task,) = [one for one in all_tasks(found["profile"]) if one["description"] == "Evaluating add."]
    assert task["n_samples"] == 2_500
    assert task["mean_duration(ms)"] > 0


def test_a_profile_of_a_write_and_of_a_value(db: Connection) -> None:
    found = posts.insert({"id": "new"}).run(db, profile=True)
    assert found["value"]["inserted"] == 1
    assert found["profile"][-1]["description"] == "End the transaction."
    assert r.expr(1).run(db, profile=True) == {"value": 1, "profile": []}


def test_a_profiled_query_in_a_transaction_is_part_of_it(db: Connection) -> None:
    with pytest.raises(ZeroDivisionError), db.transaction():
        assert posts.get(1).delete().run(db, profile=True)["value"]["deleted"] == 1
        raise ZeroDivisionError
    assert posts.get(1).run(db) == {"id": 1, "a": 1}


def test_an_error_of_a_profiled_query_shows_the_query(db: Connection) -> None:
    with pytest.raises(ReqlNonExistenceError, match=r"No attribute `b` in object") as caught:
        posts.get(1)["b"].run(db, profile=True)
    assert "^" in str(caught.value)


# The driver's surface


def test_errors_are_reached_through_r() -> None:
    assert r.errors.ReqlPermissionError is query.ReqlPermissionsError
    assert r.errors.RqlRuntimeError is query.ReqlRuntimeError
    assert issubclass(r.errors.ReqlTimeoutError, TimeoutError)


def test_a_cursor_at_its_end_stops_an_iteration(db: Connection) -> None:
    cursor: Cursor = posts.limit(1).run(db)
    cursor.next(wait=False)
    with pytest.raises(query.ReqlCursorEmpty, match="Cursor is empty"):
        cursor.next()
    assert issubclass(query.ReqlCursorEmpty, StopIteration)


def test_a_connection_tells_whether_it_is_open_and_can_be_opened_again(tmp_path: Path) -> None:
    db = docstore.connect(tmp_path / "app.db")
    r.table_create("posts").run(db)
    assert db.reconnect() is db
    db.close(noreply_wait=False)
    assert not db.is_open()
    db.reconnect(noreply_wait=False)
    assert db.is_open()
    assert r.table_list().run(db) == ["posts"]
    assert db.server()["name"] == "docstore"
    db.noreply_wait()
    db.close()


def test_a_store_in_memory_is_gone_when_it_is_closed() -> None:
    db = docstore.connect()
    db.close()
    with pytest.raises(docstore.ClosedError, match="gone"):
        db.reconnect()
