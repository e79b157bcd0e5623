"""Connections, transactions, snapshots and cursors, on both engines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import docstore
from docstore import Connection
from docstore.errors import ClosedError, NotAStoreError, ReadOnlyError, TransactionClosedError, TransactionError
from query import Query, r
from query.errors import (
    ReqlCursorEmpty,
    ReqlDriverCompileError,
    ReqlDriverError,
    ReqlNonExistenceError,
    ReqlOpFailedError,
    ReqlQueryLogicError,
)

posts = r.table("posts")


@pytest.fixture(params=["file", "memory"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with docstore.connect(str(tmp_path / "app.db") if request.param == "file" else None) as connection:
        r.table_create("posts").run(connection)
        posts.insert([{"id": number, "likes": 0} for number in range(10)]).run(connection)
        yield connection
        assert docstore.check(connection).problems == []


def ids(found: Any) -> list[Any]:
    return sorted(row["id"] for row in found)


# Opening


def test_a_new_store_has_the_database_test(db: Connection) -> None:
    assert r.db_list().run(db) == ["rethinkdb", "test"]


def test_a_second_connect_in_the_process_shares_the_store(tmp_path: Path) -> None:
    with docstore.connect(str(tmp_path / "a")) as first, docstore.connect(str(tmp_path / "a")) as second:
        r.table_create("t").run(first)
        assert r.table_list().run(second) == ["t"]


def test_a_store_keeps_its_documents_when_it_is_opened_again(tmp_path: Path) -> None:
    with docstore.connect(str(tmp_path / "a")) as db:
        r.table_create("t").run(db)
        r.table("t").insert({"id": 1}).run(db)
    with docstore.connect(str(tmp_path / "a")) as db:
        assert r.table("t").get(1).run(db) == {"id": 1}


def test_stores_in_memory_are_apart(db: Connection) -> None:
    with docstore.connect() as other:
        assert r.table_list().run(other) == []


def test_a_missing_store_is_not_created_with_create_false(tmp_path: Path) -> None:
    with pytest.raises(NotAStoreError, match="nowhere"):
        docstore.connect(str(tmp_path / "nowhere"), create=False)
    assert not (tmp_path / "nowhere").exists()


def test_a_read_only_connection_reads_and_refuses_to_write(tmp_path: Path) -> None:
    path = str(tmp_path / "a")
    with docstore.connect(path) as db:
        r.table_create("t").run(db)
    with docstore.connect(path, read_only=True) as db:
        assert r.table("t").count().run(db) == 0
        with pytest.raises(ReadOnlyError, match="read_only=True"):
            r.table("t").insert({}).run(db)
        with pytest.raises(ReadOnlyError), db.transaction():
            pass


def test_a_path_object_opens_a_store(tmp_path: Path) -> None:
    with docstore.connect(tmp_path / "a") as db:
        assert str(tmp_path / "a") in repr(db)


def test_a_closed_connection_says_so(tmp_path: Path) -> None:
    db = docstore.connect(str(tmp_path / "a"))
    db.close()
    db.close()
    with pytest.raises(ClosedError, match="closed"):
        r.db_list().run(db)


def test_use_changes_the_default_database(db: Connection) -> None:
    r.db_create("blog").run(db)
    r.db("blog").table_create("drafts").run(db)
    db.use("blog")
    assert r.table("drafts").count().run(db) == 0
    with pytest.raises(ReqlOpFailedError, match=r"Table `blog\.posts` does not exist"):
        posts.count().run(db)
    assert posts.count().run(db, db="test") == 10


def test_repl_lets_run_go_without_an_argument(db: Connection) -> None:
    db.repl()
    assert posts.count().run() == 10


def test_run_needs_a_connection() -> None:
    outcome: list[BaseException] = []

    def run() -> None:
        try:
            posts.count().run()
        except ReqlDriverError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert "db.repl()" in str(outcome[0])


def test_unknown_run_options_are_refused(db: Connection) -> None:
    with pytest.raises(ReqlDriverCompileError, match="Unrecognized global optional argument `nope`"):
        posts.run(db, nope=1)


def test_run_options_of_the_wrong_type_are_refused(db: Connection) -> None:
    with pytest.raises(ReqlQueryLogicError, match="Illegal array size limit `0`"):
        posts.run(db, array_limit=0)


# Transactions


def test_a_transaction_is_seen_whole_after_its_end(db: Connection) -> None:
    with db.transaction():
        posts.get(0).delete().run(db)
        posts.insert({"id": "new"}).run(db)
        assert posts.get("new").run(db) == {"id": "new"}
        seen: list[int] = []
        thread = threading.Thread(target=lambda: seen.append(posts.get_all("new", 0).count().run(db)))
        thread.start()
        thread.join()
        assert seen == [1]
    assert posts.get(0).run(db) is None


def test_a_transaction_that_raises_leaves_nothing(db: Connection) -> None:
    with pytest.raises(ZeroDivisionError), db.transaction():
        posts.delete().run(db)
        r.table_create("other").run(db)
        raise ZeroDivisionError
    assert posts.count().run(db) == 10
    assert r.table_list().run(db) == ["posts"]


def test_a_nested_transaction_is_a_savepoint(db: Connection) -> None:
    with db.transaction():
        posts.get(0).delete().run(db)
        with pytest.raises(ZeroDivisionError), db.transaction():
            posts.get(1).delete().run(db)
            r.table_create("other").run(db)
            assert posts.count().run(db) == 8
            raise ZeroDivisionError
        assert posts.count().run(db) == 9
        with db.transaction():
            posts.get(2).delete().run(db)
    assert ids(posts.run(db)) == [1, 3, 4, 5, 6, 7, 8, 9]
    assert r.table_list().run(db) == ["posts"]


def test_a_failing_query_inside_a_transaction_undoes_only_itself(db: Connection) -> None:
    with db.transaction():
        posts.get(0).delete().run(db)
        with pytest.raises(ReqlNonExistenceError):
            r.expr([1, 2]).for_each(
                lambda n: r.branch(
                    n == 1, posts.get(1).delete(), posts.get(2).update({"x": r.expr({})["nope"]}, non_atomic=True)
                )
            ).run(db, on_error="raise")
    assert ids(posts.run(db)) == list(range(1, 10))


def test_transactions_of_threads_follow_each_other(db: Connection) -> None:
    def add() -> None:
        for _ in range(20):
            with db.transaction():
                likes = posts.get(0)["likes"].run(db)
                posts.get(0).update({"likes": likes + 1}).run(db)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert posts.get(0)["likes"].run(db) == 80


def test_single_writes_of_threads_are_all_done(db: Connection) -> None:
    def add() -> None:
        for _ in range(25):
            posts.get(0).update({"likes": r.row["likes"] + 1}).run(db)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert posts.get(0)["likes"].run(db) == 200


def test_another_task_of_the_thread_gets_an_error_and_not_a_deadlock(db: Connection) -> None:
    async def other() -> None:
        with pytest.raises(TransactionError):
            posts.get(1).delete().run(db)
        assert posts.count().run(db) == 10

    async def main() -> None:
        with db.transaction():
            posts.get(0).delete().run(db)
            await asyncio.create_task(other())

    asyncio.run(main())
    assert posts.count().run(db) == 9


def test_a_task_reads_what_is_committed_while_another_task_has_a_transaction(db: Connection) -> None:
    async def main() -> None:
        with db.transaction():
            posts.delete().run(db)
            assert await asyncio.to_thread(lambda: posts.count().run(db)) == 10

    asyncio.run(main())


def test_a_writer_waits_at_most_busy_timeout(tmp_path: Path) -> None:
    with docstore.connect(str(tmp_path / "a"), busy_timeout=0.1) as db:
        r.table_create("t").run(db)
        failed: list[BaseException] = []

        def write() -> None:
            try:
                r.table("t").insert({}).run(db)
            except docstore.BusyError as error:
                failed.append(error)

        with db.transaction():
            thread = threading.Thread(target=write)
            thread.start()
            thread.join()
        assert "0.1" in str(failed[0])
        r.table("t").insert({}).run(db)


# Snapshots


def test_a_snapshot_does_not_see_later_writes(db: Connection) -> None:
    with db.snapshot():
        assert posts.count().run(db) == 10
        thread = threading.Thread(target=lambda: posts.delete().run(db))
        thread.start()
        thread.join()
        assert posts.count().run(db) == 10
        assert ids(posts.run(db)) == list(range(10))
    assert posts.count().run(db) == 0


def test_a_snapshot_refuses_to_write(db: Connection) -> None:
    with db.snapshot(), pytest.raises(ReadOnlyError, match="snapshot"):
        posts.delete().run(db)
    with pytest.raises(TransactionError), db.snapshot(), db.transaction():
        pass


def test_a_snapshot_inside_a_transaction_sees_its_writes(db: Connection) -> None:
    with db.transaction():
        posts.get(0).delete().run(db)
        with db.snapshot():
            assert posts.count().run(db) == 9


# Cursors


def test_a_cursor_gives_what_is_left_of_it_as_a_list(db: Connection) -> None:
    cursor = r.range(4).run(db)
    assert cursor.next() == 0
    assert cursor.list() == [1, 2, 3]
    assert cursor.list() == []


@pytest.mark.parametrize(
    "query",
    [
        r.expr({"a": [1, {"b": 2}]}),
        r.expr([{"a": [1]}]).nth(0),
        posts.get(1).merge({"a": [1]}),
        posts.insert({"id": 1, "a": [1]}, conflict="replace", return_changes="always")["changes"][0]["new_val"],
        posts.get(1).update({"a": [1, 2]}, return_changes="always")["changes"][0]["new_val"],
        posts.map(lambda post: {"a": [1]}).nth(0),
        r.do([1], lambda numbers: {"a": numbers}),
        posts.get(1).merge({"a": r.literal([1])}),
        posts.get(1).pluck("none").merge({"a": r.row["a"].default([1])}),
    ],
)
def test_what_a_user_changes_in_a_result_does_not_change_the_query(db: Connection, query: Query) -> None:
    before = query.run(db)
    before["a"].append("more")
    assert "more" not in query.run(db)["a"]


def test_rows_of_a_result_share_nothing_that_a_user_may_change(db: Connection) -> None:
    for query in (
        posts.merge({"tags": ["new"]}),
        posts.merge({"tags": r.literal(["new"])}),
        posts.map(lambda post: {"tags": r.expr(["new", "old"]).difference(["old"])}),
        posts.map(lambda post: {"tags": r.expr({"a": ["new"]}).values()[0]}),
    ):
        first, second, *_ = query.run(db)
        first["tags"].append("more")
        assert second["tags"] == ["new"]


def test_a_stream_gives_a_cursor_and_an_array_a_list(db: Connection) -> None:
    cursor = posts.run(db)
    assert isinstance(cursor, docstore.Cursor)
    assert cursor.next() == {"id": 0, "likes": 0}
    assert isinstance(posts.coerce_to("array").run(db), list)
    assert isinstance(posts.order_by("likes").run(db), list)


def test_the_end_of_a_cursor_is_reql_cursor_empty(db: Connection) -> None:
    cursor = posts.limit(1).run(db)
    cursor.next()
    with pytest.raises(ReqlCursorEmpty):
        cursor.next()
    assert list(cursor) == []


def test_a_closed_cursor_refuses_to_go_on(db: Connection) -> None:
    with posts.run(db) as cursor:
        pass
    with pytest.raises(ClosedError):
        next(cursor)


@pytest.mark.parametrize(
    "chosen",
    [
        posts,
        posts.get_all(1, index="parity"),
        posts.order_by(index="parity"),
        posts.between(1, 2, index="parity").filter(lambda row: row["n"] >= 0),
        posts.filter(r.row["n"] >= 0),
        posts.filter(lambda row: row["stored"]),
        posts.filter(lambda row: row.has_fields("n")),
        posts.filter(lambda row: row.keys().contains("n")),
        posts.filter({"parity": 1}).filter(r.row["stored"]),
    ],
)
def test_rows_are_the_same_whether_they_are_kept_or_not(db: Connection, chosen: Query) -> None:
    posts.delete().run(db)
    when = datetime(2024, 2, 29, 12, tzinfo=UTC)
    documents = [{"id": number, "n": number, "parity": 1, "at": when, "stored": b"x"} for number in range(3_500)]
    posts.insert(documents).run(db)
    posts.index_create("parity").run(db)
    posts.index_wait("parity").run(db)
    kept = list(chosen.run(db))
    seen = [(row["n"], row["at"], row["stored"], len(row)) for row in chosen.run(db)]
    cursor = chosen.run(db)
    by_next = [cursor.next() for _ in range(10)]
    assert kept == documents
    assert seen == [(row["n"], row["at"], row["stored"], 5) for row in documents]
    assert by_next + list(cursor) == documents
    raw = chosen.run(db, time_format="raw").next()
    assert raw["at"]["$reql_type$"] == "TIME"


def test_vectors_come_out_of_a_cursor_as_arrays(db: Connection) -> None:
    posts.insert([{"id": 100 + number, "v": r.vector([number, 1])} for number in range(3)]).run(db)
    found = [row["v"].tolist() for row in posts.filter(r.row["id"] >= 100).run(db)]
    assert found == [[0, 1], [1, 1], [2, 1]]


def test_a_long_cursor_goes_on_after_writes_between_its_batches(db: Connection) -> None:
    posts.insert([{"id": number} for number in range(10, 5000)]).run(db)
    cursor = posts.run(db)
    seen = [next(cursor)["id"] for _ in range(1500)]
    posts.get_all(*range(1000, 3000)).delete().run(db)
    posts.insert({"id": 2500}).run(db)
    seen += [row["id"] for row in cursor]
    assert seen == [*range(2000), *range(3000, 5000), 2500]


def test_a_long_cursor_over_an_index_gives_each_entry_once(db: Connection) -> None:
    posts.insert([{"id": number, "group": number % 3} for number in range(10, 4000)]).run(db)
    posts.index_create("group").run(db)
    posts.index_wait("group").run(db)
    cursor = posts.order_by(index="group").run(db)
    seen = [next(cursor)["id"] for _ in range(1200)]
    posts.insert({"id": "late", "group": -1}).run(db)
    seen += [row["id"] for row in cursor]
    assert sorted(seen) == list(range(10, 4000))


def test_an_open_cursor_of_a_dropped_table_raises(db: Connection) -> None:
    posts.insert([{"id": number} for number in range(10, 3000)]).run(db)
    cursor = posts.run(db)
    next(cursor)
    r.table_drop("posts").run(db)
    with pytest.raises(ReqlOpFailedError, match=r"Table `test\.posts` does not exist"):
        list(cursor)
    r.table_create("posts").run(db)


def test_a_cursor_of_an_ended_transaction_raises(db: Connection) -> None:
    posts.insert([{"id": number} for number in range(10, 3000)]).run(db)
    with db.snapshot():
        cursor = posts.run(db)
        next(cursor)
    with pytest.raises(TransactionClosedError):
        list(cursor)


@pytest.mark.parametrize("block", ["transaction", "snapshot"])
def test_a_cursor_of_an_ended_transaction_raises_for_rows_at_hand_too(db: Connection, block: str) -> None:
    with getattr(db, block)():
        cursor = posts.run(db)
        assert next(cursor)["id"] == 0
    with pytest.raises(TransactionClosedError):
        next(cursor)


def test_a_cursor_of_an_ended_savepoint_raises_in_the_transaction_around_it(db: Connection) -> None:
    with db.transaction():
        with db.transaction():
            cursor = posts.run(db)
        with pytest.raises(TransactionClosedError):
            next(cursor)


def test_cursors_and_connections_print_well(db: Connection) -> None:
    assert "r.table('posts')" in repr(posts.run(db)).replace('"', "'")
    assert "docstore.Connection" in repr(db)


# Errors


def test_an_error_shows_the_query_and_underlines_the_part_that_failed(db: Connection) -> None:
    with pytest.raises(ReqlNonExistenceError) as caught:
        posts.get(0)["nope"].run(db)
    assert "No attribute `nope` in object" in caught.value.message
    assert "r.table" in str(caught.value)
    assert "^" in str(caught.value)


def test_errors_of_a_cached_plan_show_the_query_that_failed(db: Connection) -> None:
    for number in (3, 4):
        with pytest.raises(ReqlNonExistenceError) as caught:
            posts.get(number)["nope"].run(db)
        assert f"get({number})" in str(caught.value)


def test_grouped_data_is_a_dict(db: Connection) -> None:
    assert posts.group(r.row["id"] % 2).count().run(db) == {0: 5, 1: 5}
    assert posts.group("likes", r.row["id"] % 2).count().run(db) == {(0, 0): 5, (0, 1): 5}


# Errors


@pytest.mark.parametrize("rows", [10, 5_000])
def test_an_error_shows_the_part_of_the_query_that_failed_when_ever_it_comes(db: Connection, rows: int) -> None:
    posts.insert([{"id": number, "likes": 0} for number in range(10, rows)]).run(db)
    posts.get(rows - 1).update({"likes": "none"}).run(db)
    with pytest.raises(ReqlQueryLogicError) as caught:
        list(posts.map(lambda post: post["likes"] - 1).run(db))
    assert str(caught.value).splitlines() == [
        "Expected type NUMBER but found STRING in:",
        "r.table('posts').map(lambda var_1: (var_1['likes'] - 1))",
        "                                   ^^^^^^^^^^^^^^^^^^^^",
    ]
