"""A `get` that is run again reads without a transaction of its own making, and sees what any other would."""

from __future__ import annotations

import copy
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest

import docstore
from docstore import native
from docstore.connection import Connection
from docstore.points import MISSED
from query import r
from query.errors import ReqlError, ReqlOpFailedError
from tests.docstore.other import Other


@pytest.fixture
def db(tmp_path: Path) -> Any:
    """A store in a file with a table, and a `get` that has been run."""
    with docstore.connect(tmp_path / "store") as connection:
        r.table_create("posts").run(connection)
        r.table("posts").insert([{"id": 1, "title": "one"}, {"id": "a", "title": "two"}]).run(connection)
        warm(connection)
        yield connection


def get(connection: Connection, key: Any) -> Any:
    """Run a `get`."""
    return r.table("posts").get(key).run(connection)


def warm(connection: Connection) -> None:
    """Have the plans made, and the last commit seen."""
    for key in (1, "a", 1.0, True):
        get(connection, key)
        get(connection, key)


def point_read(connection: Connection, key: Any) -> Any:
    """What the point of a `get` gives."""
    return connection.points.read(r.table("posts").term.shape, key)


@pytest.mark.skipif(not native.AVAILABLE, reason="without compiled code there are no points")
def test_a_get_that_is_run_again_is_a_point(db: Connection) -> None:
    assert point_read(db, 1) == {"id": 1, "title": "one"}
    assert point_read(db, "b") is None
    assert point_read(db, "x" * 1_000) is MISSED
    r.table("posts").insert({"id": 3}).run(db)
    assert point_read(db, 1) is MISSED, "another commit, whose catalog nobody has seen"
    get(db, 3)
    assert point_read(db, 3) == {"id": 3}


KEYS = [
    "",
    "a",
    "ü",
    "a\0b",
    "a\1",
    "x" * 505,
    0,
    -1,
    1.5,
    2**53 - 1,
    -(2**53) + 1,
    2**53,
    -(2**53),
    2**63,
    -(2**63),
    True,
]
"""Keys whose forms are made in several ways."""


def test_all_kinds_of_keys_are_found_again(db: Connection) -> None:
    r.table("posts").delete().run(db)
    r.table("posts").insert([{"id": key, "of": repr(key)} for key in KEYS]).run(db)
    query = db.prepare(lambda key: r.table("posts").get(key))
    for _ in range(3):
        assert [get(db, key)["of"] for key in KEYS] == list(map(repr, KEYS))
        assert [query(key)["of"] for key in KEYS] == list(map(repr, KEYS))
    assert get(db, -0.0)["of"] == "0"
    assert get(db, "x" * 504) is None
    assert get(db, 2**53 - 2) is None


@pytest.mark.parametrize("size", [10, 4_000, 4_090, 5_000, 100_000])
def test_documents_of_all_sizes_are_read(db: Connection, size: int) -> None:
    r.table("posts").insert({"id": "sized", "text": "x" * size}).run(db)
    get(db, 1)
    assert get(db, "sized") == {"id": "sized", "text": "x" * size}
    if native.AVAILABLE:
        assert point_read(db, "sized") == {"id": "sized", "text": "x" * size}


@pytest.mark.skipif(not native.AVAILABLE, reason="without compiled code there are no points")
def test_what_is_in_the_way_sends_a_get_the_general_way(db: Connection) -> None:
    engine: Any = db.store.engine
    file = engine._store
    assert point_read(db, 1) is not MISSED
    with db.snapshot():
        assert point_read(db, 1) is MISSED, "a block reads what it has seen"
    for owner, name, value in [
        (file, "forked", True),
        (file, "snapshot", None),
        (file.gate, "remapping", True),
        (file.soft, "group", object()),
        (engine, "closed", True),
        (db.store, "seen", (db.store.seen[0] - 1, db.store.seen[1])),
        (db.store, "seen", (db.store.seen[0], object())),
    ]:
        before = getattr(owner, name)
        setattr(owner, name, value)
        try:
            assert point_read(db, 1) is MISSED, name
        finally:
            setattr(owner, name, before)
        assert point_read(db, 1) == {"id": 1, "title": "one"}
    for key in ("ü", "a\0", 2**53, 1.0, True, None, ["a"]):
        assert point_read(db, key) is MISSED


@pytest.mark.skipif(not native.AVAILABLE, reason="without compiled code there are no points")
def test_nothing_is_read_where_the_map_was_lost(db: Connection) -> None:
    gate = db.store.engine._store.gate  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError), gate.alone():
        raise RuntimeError("the map could not be made again")
    assert point_read(db, 1) is MISSED
    assert get(db, 1) == {"id": 1, "title": "one"}
    assert point_read(db, 1) == {"id": 1, "title": "one"}


@pytest.mark.skipif(not native.AVAILABLE, reason="without compiled code there are no points")
def test_a_commit_of_another_process_is_seen_at_once(db: Connection) -> None:
    assert db.path is not None
    with Other(db.path) as other:
        for number in range(20):
            assert point_read(db, 1) is not MISSED
            other(f"r.table('posts').get(1).update({{'n': {number}}}).run(db)")
            assert point_read(db, 1) is MISSED
            assert get(db, 1)["n"] == number


def test_documents_are_whole_while_another_process_writes_without_a_pause(db: Connection) -> None:
    assert db.path is not None
    r.table("posts").insert([{"id": number, "n": 0, "all": [0] * 300} for number in range(2, 40)]).run(db)
    changes = "{'n': r.row['n'] + 1, 'all': r.row['all'].map(lambda y: y + 1)}"
    turn = f"r.table('posts').filter(r.row.has_fields('all')).update({changes}).run(db)"
    with Other(db.path) as other:
        other.start(f"[None for _ in range(60) if not {turn}]")
        last = 0
        while last < 60:
            for key in range(2, 40):
                found = get(db, key)
                assert found["all"] == [found["n"]] * 300
                assert last <= found["n"], "older than what was read before"
                last = found["n"]
        assert other.answer() == []


def test_vectors_come_as_a_query_gives_them(db: Connection) -> None:
    r.table("posts").get(1).update({"v": r.vector([1, 0.5])}).run(db)
    found = [get(db, 1)["v"] for _ in range(3)]
    assert {type(vector).__module__ for vector in found} == {"numpy"}
    assert found[2].tolist() == [1, 0.5]


def test_each_write_is_seen_at_once(db: Connection) -> None:
    for number in range(20):
        durability = "soft" if number % 2 else "hard"
        r.table("posts").get(1).update({"n": number}).run(db, durability=durability)
        assert get(db, 1)["n"] == number
        assert get(db, 1)["n"] == number
    r.table("posts").get(1).delete().run(db)
    assert get(db, 1) is None


def test_a_transaction_sees_its_own_writes_and_a_snapshot_its_own_state(db: Connection) -> None:
    with db.transaction():
        r.table("posts").get(1).update({"n": 1}).run(db)
        assert get(db, 1)["n"] == 1
    with db.snapshot():
        assert get(db, 1)["n"] == 1
        thread = threading.Thread(target=lambda: r.table("posts").get(1).update({"n": 2}).run(db))
        thread.start()
        thread.join()
        assert get(db, 1)["n"] == 1
    assert get(db, 1)["n"] == 2


def test_a_table_that_is_dropped_or_renamed_is_gone(db: Connection) -> None:
    r.table("posts").config().update({"name": "articles"}).run(db)
    with pytest.raises(ReqlOpFailedError, match=r"Table `test\.posts` does not exist"):
        get(db, 1)
    r.table_create("posts").run(db)
    assert get(db, 1) is None
    assert get(db, 1) is None
    r.table_drop("posts").run(db)
    with pytest.raises(ReqlOpFailedError):
        get(db, 1)


def test_another_default_database_has_another_table(db: Connection) -> None:
    r.db_create("other").run(db)
    r.db("other").table_create("posts").run(db)
    assert get(db, 1)["title"] == "one"
    db.use("other")
    assert get(db, 1) is None
    assert get(db, 1) is None


@pytest.mark.parametrize("key", [None, {"a": 1}, "x" * 1_000, [[None]]], ids=lambda key: repr(key)[:20])
def test_a_key_that_is_none_is_the_same_error_each_time(db: Connection, key: Any) -> None:
    texts = []
    for _ in range(3):
        with pytest.raises(ReqlError) as caught:
            get(db, key)
        texts.append(str(caught.value))
    assert len(set(texts)) == 1


def test_a_get_is_a_query_like_any_other(db: Connection) -> None:
    query = r.table("posts").get(1)
    assert query.run(db) == {"id": 1, "title": "one"}
    assert str(query) == "r.table('posts').get(1)"
    assert query.build() == [16, [[15, ["posts"]], 1]]
    assert query.term == r.table("posts").get(1).term
    for other in (copy.copy(query), copy.deepcopy(query), pickle.loads(pickle.dumps(query))):
        assert other.run(db) == {"id": 1, "title": "one"}
    assert query["title"].run(db) == "one"
    assert r.expr([query, query["title"]]).run(db) == [{"id": 1, "title": "one"}, "one"]
    assert r.do(query, lambda post: post["title"]).run(db) == "one"
    assert query.run(db, time_format="raw") == {"id": 1, "title": "one"}
    with pytest.raises(AttributeError, match="A query has no method `updat`: did you mean `update`"):
        query.updat  # noqa: B018
    with pytest.raises(ReqlError, match="Expected 2 arguments but found 3"):
        r.table("posts").get(1, 2)


def test_what_hands_queries_on_needs_no_points(db: Connection) -> None:
    class Relay:
        def run_query(self, argument: Any, options: dict[str, Any]) -> Any:
            return db.run_query(argument, options)

    relay: Any = Relay()
    assert [r.table("posts").get(1).run(relay)["title"] for _ in range(3)] == ["one"] * 3


def test_a_prepared_function_may_give_another_query_for_another_type(db: Connection) -> None:
    r.table_create("others").run(db)
    r.table("others").insert([{"id": "a", "of": "others"}, {"id": 1, "of": "others"}]).run(db)
    query = db.prepare(lambda key: r.table("posts" if type(key) is int else "others").get(key))
    assert [[query(1)["title"], query("a")["of"]] for _ in range(3)] == [["one", "others"]] * 3
    fields = db.prepare(lambda key: r.table("posts").get("a")[key])
    assert [fields("title") for _ in range(3)] == ["two"] * 3
    with_options = db.prepare(lambda key: r.table("posts").get(key), db="other")
    with pytest.raises(ReqlOpFailedError, match="Database `other` does not exist"):
        with_options(1)


def test_a_closed_connection_stays_closed(db: Connection) -> None:
    query = db.prepare(lambda key: r.table("posts").get(key))
    assert query(1) == query(1)
    db.close()
    for attempt in (lambda: get(db, 1), lambda: query(1)):
        with pytest.raises(docstore.errors.ClosedError):
            attempt()


def test_what_is_given_is_the_callers_own(db: Connection) -> None:
    get(db, 1)["title"] = "changed"
    assert get(db, 1)["title"] == "one"


def test_many_threads_read_while_one_writes_and_the_map_grows(tmp_path: Path) -> None:
    with docstore.connect(tmp_path / "growing") as db:
        r.table_create("posts").run(db)
        r.table("posts").insert([{"id": number, "n": 0} for number in range(100)]).run(db)
        stop, errors = threading.Event(), []

        def read() -> None:
            try:
                last = 0
                while not stop.is_set():
                    for key in range(100):
                        found = get(db, key)["n"]
                        if key == 0:
                            assert found >= last
                            last = found
            except (AssertionError, KeyError, docstore.errors.StoreError) as error:
                errors.append(error)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for number in range(1, 40):
            r.table("posts").update({"n": number, "text": "x" * 1_000}).run(db)
            db.store.engine._store.gate._remap(0)  # type: ignore[attr-defined]
        stop.set()
        for reader in readers:
            reader.join()
        assert errors == []
