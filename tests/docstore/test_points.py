"""A `get` that is run again reads without a transaction of its own making, and sees what any other would."""

from __future__ import annotations

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
    return connection.read_point(r.table("posts").get(key).term.shape, key)


@pytest.mark.skipif(not native.AVAILABLE, reason="without compiled code there are no points")
def test_a_get_that_is_run_again_is_a_point(db: Connection) -> None:
    assert point_read(db, 1) == {"id": 1, "title": "one"}
    assert point_read(db, "b") is None
    assert point_read(db, "x" * 1_000) is MISSED
    r.table("posts").insert({"id": 3}).run(db)
    assert point_read(db, 1) is MISSED, "another commit, whose catalog nobody has seen"
    get(db, 3)
    assert point_read(db, 3) == {"id": 3}


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
