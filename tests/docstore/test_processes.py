"""Several processes on one store: each sees what the others commit, and none harms another."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

import docstore
from docstore import BusyError, Connection, ForkedError
from query import r
from query.errors import ReqlOpFailedError
from tests.docstore.other import Other, OtherError

t = r.table("t")


@pytest.fixture
def other(db: Connection) -> Iterator[Other]:
    """Another process on the store of `db`, which has the empty table `t`."""
    r.table_create("t").run(db)
    with Other(path_of(db)) as other:
        yield other


def path_of(db: Connection) -> str:
    assert db.path is not None
    return db.path


# What others do is seen


def test_documents_are_seen_as_soon_as_they_are_committed(db: Connection, other: Other) -> None:
    for number in range(20):
        t.insert({"id": number}).run(db)
        assert other(f"r.table('t').get({number}).run(db)") == {"id": number}
        other(f"r.table('t').get({number}).update({{'seen': True}}).run(db)")
        assert t.get(number)["seen"].run(db) is True


def test_tables_and_databases_are_seen_as_soon_as_they_are_committed(db: Connection, other: Other) -> None:
    for number in range(5):
        other(f"r.table_create('u{number}').run(db)")
        assert r.table(f"u{number}").count().run(db) == 0
        r.table_drop(f"u{number}").run(db)
        with pytest.raises(OtherError, match=f"Table `test.u{number}` does not exist"):
            other(f"r.table('u{number}').count().run(db)")
    other("r.db_create('blog').run(db)")
    r.db("blog").table_create("posts").run(db)
    assert other("r.db('blog').table_list().run(db)") == ["posts"]


def test_indexes_are_seen_as_soon_as_they_are_committed(db: Connection, other: Other) -> None:
    t.insert([{"id": number, "a": number % 3} for number in range(30)]).run(db)
    other("r.table('t').index_create('a').run(db)")
    assert t.get_all(1, index="a").count().run(db) == 10
    t.index_rename("a", "b").run(db)
    assert other("r.table('t').get_all(1, index='b').count().run(db)") == 10
    with pytest.raises(OtherError, match="Index `a` was not found"):
        other("r.table('t').get_all(1, index='a').count().run(db)")
    t.insert({"id": "new", "a": 1}).run(db)
    assert other("r.table('t').get_all(1, index='b').count().run(db)") == 11
    other("r.table('t').index_drop('b').run(db)")
    with pytest.raises(ReqlOpFailedError, match="Index `b` was not found"):
        t.get_all(1, index="b").count().run(db)


def test_a_transaction_of_another_process_is_seen_whole_or_not_at_all(db: Connection, other: Other) -> None:
    other("stack.enter_context(db.transaction())")
    other("r.table('t').insert([{'id': 1}, {'id': 2}]).run(db)")
    other("r.table_create('u').run(db)")
    assert t.count().run(db) == 0
    assert r.table_list().run(db) == ["t"]
    other("stack.close()")
    assert t.count().run(db) == 2
    assert r.table_list().run(db) == ["t", "u"]


def test_a_table_dropped_under_a_cursor_of_another_process_is_an_error_there(db: Connection, other: Other) -> None:
    t.insert([{"id": number} for number in range(3_000)]).run(db)
    other("kept.update(cursor=r.table('t').run(db))")
    assert other("next(kept['cursor'])") == {"id": 0}
    r.table_drop("t").run(db)
    r.table_create("t").run(db)
    t.insert({"id": 2_000, "of": "another table"}).run(db)
    with pytest.raises(OtherError, match=r"Table `test\.t` does not exist"):
        other("list(kept['cursor'])")


# Writing at once


def test_two_processes_that_write_lose_nothing(db: Connection, other: Other) -> None:
    t.insert({"id": "sum", "n": 0}).run(db)
    add = "r.table('t').get('sum').update({'n': r.row['n'] + 1}).run(db)"
    other.start(f"[({add}, r.table('t').insert({{}}).run(db)) and None for _ in range(150)]")
    for _ in range(150):
        with db.transaction():
            found = t.get("sum")["n"].run(db)
            t.get("sum").update({"n": found + 1}).run(db)
        t.insert({}).run(db)
    other.answer()
    assert t.get("sum")["n"].run(db) == 300
    assert t.count().run(db) == 301


def test_one_process_builds_while_another_writes_and_a_third_reads(db: Connection, other: Other) -> None:
    t.insert([{"id": number, "a": number % 10} for number in range(20_000)]).run(db)
    with Other(path_of(db)) as reader:
        other.start(
            "[(r.table('t').index_create(f'a{n}', [r.row['a'], n]).run(db), r.table('t').index_wait().run(db)) and None"
            " for n in range(5)]"
        )
        reader.start("[r.table('t').filter(r.row['a'] == 3).count().run(db) for _ in range(40)]")
        for number in range(300):
            t.get(number * 50).update({"a": 10}).run(db)
            t.insert({"a": 3}).run(db)
        counts = reader.answer()
        other.answer()
    assert all(1_900 <= count <= 2_300 for count in counts)
    for number in range(5):
        assert t.get_all([10, number], index=f"a{number}").count().run(db) == 300


def test_a_build_whose_process_was_killed_goes_on_in_another(db: Connection, other: Other) -> None:
    t.insert([{"id": number, "a": number} for number in range(5_000)]).run(db)
    other("build.__dict__.update(LARGEST_STEP=20, CHUNK=20)")
    other("r.table('t').index_create('a').run(db)")
    other.kill()
    assert not t.index_status("a")[0]["ready"].run(db)
    deadline = time.monotonic() + 10
    while not t.index_status("a")[0]["ready"].run(db):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert t.get_all(7, index="a").count().run(db) == 1


def test_a_writer_waits_at_most_busy_timeout_for_another_process(db: Connection, other: Other) -> None:
    other("stack.enter_context(db.transaction())")
    other("r.table('t').insert({'id': 1}).run(db)")
    with docstore.connect(path_of(db), busy_timeout=0.3) as impatient:
        began = time.monotonic()
        with pytest.raises(BusyError, match=r"0\.3 s .* another process"):
            t.insert({"id": 2}).run(impatient)
        with pytest.raises(BusyError), impatient.transaction():
            pass
        with pytest.raises(BusyError), impatient.transaction(timeout=0.05):
            pass
        assert 0.6 < time.monotonic() - began < 5
        assert t.count().run(impatient) == 0
        other("stack.close()")
        t.insert({"id": 2}).run(impatient)
        assert t.count().run(impatient) == 2


def test_a_writer_gets_the_lock_as_soon_as_its_holder_is_killed(db: Connection, other: Other) -> None:
    other("stack.enter_context(db.transaction())")
    other("r.table('t').insert({'id': 1}).run(db)")
    timer = threading.Timer(0.2, other.kill)
    timer.start()
    began = time.monotonic()
    t.insert({"id": 2}).run(db)
    assert time.monotonic() - began < 5
    timer.join()
    assert list(t.run(db)) == [{"id": 2}]


# Readers


def test_a_killed_reader_does_not_make_the_file_grow(db: Connection, other: Other) -> None:
    t.insert([{"id": number, "text": "x" * 1_000} for number in range(500)]).run(db)
    other("stack.enter_context(db.snapshot())")
    other("r.table('t').count().run(db)")
    other.kill()
    deadline, sizes = time.monotonic() + 3, []
    while time.monotonic() < deadline:
        t.update({"n": len(sizes)}).run(db)
        sizes.append(db.store.engine.size_bytes())
    assert sizes[-1] == sizes[2 * len(sizes) // 3], "the file still grows"


def test_a_reader_reads_beside_a_writer(db: Connection, other: Other) -> None:
    with Other(path_of(db), read_only=True) as reader:
        t.insert([{"id": number} for number in range(10)]).run(db)
        assert reader("r.table('t').count().run(db)") == 10
        for write in ("r.table('t').insert({}).run(db)", "r.table_create('u').run(db)", "db.transaction().__enter__()"):
            with pytest.raises(OtherError) as caught:
                reader(write)
            assert caught.value.kind == "ReadOnlyError"
        r.table_create("u").run(db)
        assert reader("r.table_list().run(db)") == ["t", "u"]
        with db.transaction():
            t.delete().run(db)
            assert reader("r.table('t').count().run(db)") == 10
        assert reader("r.table('t').count().run(db)") == 0


def test_a_reader_waits_for_an_index_that_others_build(db: Connection, other: Other) -> None:
    t.insert([{"id": number, "a": number} for number in range(5_000)]).run(db)
    with Other(path_of(db), read_only=True) as reader:
        assert reader("r.table('t').count().run(db)") == 5_000
        with db.transaction():
            t.index_create("a").run(db)
        reader.start("r.table('t').index_wait('a').run(db)[0]['ready']")
        assert reader.answer() is True
        assert reader("r.table('t').get_all(7, index='a').count().run(db)") == 1


# Fork


def in_child(work: Callable[[], object]) -> str:
    """What a forked child gets from some work: the name of the error, or the result's text."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = str(work())
        except BaseException as error:  # noqa: BLE001 - told to the parent
            answer = type(error).__name__
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


@pytest.fixture
def filled(db: Connection) -> Connection:
    r.table_create("t").run(db)
    t.insert([{"id": number} for number in range(3_000)]).run(db)
    return db


def test_a_child_cannot_use_its_parents_connection(filled: Connection) -> None:
    cursor = t.run(filled)
    next(cursor)
    uses: list[Callable[[], object]] = [
        lambda: t.count().run(filled),
        lambda: t.insert({}).run(filled),
        lambda: t.update({"a": 1}).run(filled),
        lambda: t.index_create("a").run(filled),
        lambda: filled.transaction().__enter__(),
        lambda: filled.snapshot().__enter__(),
        lambda: list(cursor),
        lambda: docstore.check(filled),
    ]
    for use in uses:
        assert in_child(use) == ForkedError.__name__
        t.insert({}).run(filled)
    assert len(list(cursor)) == 2_999 + len(uses)
    assert in_child(filled.close) == "None"
    assert t.count().run(filled) == 3_000 + len(uses)


def test_a_child_can_open_the_store_itself(filled: Connection) -> None:
    def work() -> int:
        with docstore.connect(path_of(filled)) as own:
            t.insert({"id": "child"}).run(own)
            return int(t.count().run(own))

    assert in_child(work) == "3001"
    assert t.get("child").run(filled) == {"id": "child"}


def test_a_fork_inside_a_transaction_leaves_it_to_the_parent(filled: Connection) -> None:
    with filled.transaction():
        t.get(0).delete().run(filled)
        assert in_child(lambda: t.count().run(filled)) == ForkedError.__name__
        assert in_child(lambda: t.get(1).delete().run(filled)) == ForkedError.__name__
        t.get(2).delete().run(filled)
    assert t.count().run(filled) == 2_998


def test_a_fork_beside_a_writing_thread_leaves_the_lock_with_it(filled: Connection) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            t.get(0).update({"n": r.row["n"].default(0) + 1}).run(filled)
            t.index_create("n").run(filled)
            t.index_drop("n").run(filled)

    def work() -> str:
        with docstore.connect(path_of(filled)) as own:
            t.insert({}).run(own)
        filled.close()
        return "done"

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert [in_child(work) for _ in range(10)] == ["done"] * 10
    finally:
        stop.set()
        thread.join()
    assert t.count().run(filled) == 3_010
