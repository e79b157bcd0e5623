"""A disk that is full: a clear error, nothing lost, nothing half done, and everything goes on when there is room again.

The disk of another process is made full by a limit on the size of its files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import docstore
from docstore import Connection
from query import r
from tests.docstore.other import Other, OtherError

t = r.table("t")
ROOM_BYTES = 200_000
NO_LIMIT = -1


@pytest.fixture
def filled(db: Connection) -> Connection:
    r.table_create("t").run(db)
    t.index_create("a").run(db)
    t.insert([{"id": number, "a": number % 7, "text": "x" * 300} for number in range(2_000)]).run(db)
    return db


@pytest.fixture
def other(filled: Connection) -> Iterator[Other]:
    """A process whose disk has little room left."""
    with Other(path_of(filled)) as other:
        other("r.table('t').get(0).run(db)")
        other(f"limit_files({filled.store.engine.size_bytes() + ROOM_BYTES})")
        yield other


def path_of(db: Connection) -> str:
    assert db.path is not None
    return db.path


WRITES = [
    "r.table('t').insert([{'text': 'y' * 1000} for _ in range(2000)]).run(db)",
    "r.table('t').insert({'text': 'y' * 1000} for _ in range(2000)).run(db)",
    "r.table('t').update({'text': 'y' * 600}).run(db)",
    "[r.table('t').insert({'id': f'k{n}', 'text': 'y' * 1000}).run(db) for n in range(2000)]",
    "r.table('t').index_create('b', [r.row['text'], r.row['id']]).run(db) and r.table('t').index_wait().run(db)",
]


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_does_not_fit_is_an_error_and_nothing_else(filled: Connection, other: Other, write: str) -> None:
    with pytest.raises(OtherError) as caught:
        other(write)
    assert caught.value.kind == "StoreFullError"
    assert t.get_all(*range(2_000)).count().run(filled) == 2_000
    written = t.count().run(filled) - 2_000
    assert written == t.filter(r.row["text"] == "y" * 1000).count().run(filled)
    assert (written > 0) == ("for n in" in write), "each of the single inserts before the last was acknowledged"
    assert docstore.check(filled).problems == []
    assert other("r.table('t').get(1)['a'].run(db)") == 1
    other(f"limit_files({NO_LIMIT})")
    other("r.table('t').insert({'id': 'new', 'a': 100}).run(db)")
    assert t.get_all(100, index="a")["id"].run(filled).next() == "new"
    other("r.table('t').index_wait().run(db)")


def test_a_transaction_that_does_not_fit_is_rolled_back(filled: Connection, other: Other) -> None:
    other("stack.enter_context(db.transaction())")
    other("r.table_create('u').run(db)")
    other("r.table('t').get(0).delete().run(db)")
    with pytest.raises(OtherError, match="StoreFullError"):
        other("r.table('u').insert({'text': 'y' * 1000} for _ in range(2000)).run(db) and stack.close()")
    other("stack.close()")
    assert t.count().run(filled) == 2_000
    assert r.table_list().run(filled) == ["t"]
    other(f"limit_files({NO_LIMIT})")
    other("stack.enter_context(db.transaction()) and r.table('t').get(0).delete().run(db)")
    other("stack.close()")
    assert t.count().run(filled) == 1_999


def test_others_go_on_beside_a_process_without_room(filled: Connection, other: Other) -> None:
    for number in range(5):
        with pytest.raises(OtherError, match="StoreFullError"):
            other("r.table('t').insert([{'text': 'y' * 1000} for _ in range(2000)]).run(db)")
        t.insert([{"id": f"{number}-{n}", "text": "z" * 1000} for n in range(200)]).run(filled)
    assert t.count().run(filled) == 3_000
    assert other("r.table('t').count().run(db)") == 3_000


@pytest.mark.parametrize("room_bytes", [0, 4_096, 8_192, 12_288, 20_000])
def test_a_store_that_cannot_be_made_can_be_made_later(tmp_path: Path, room_bytes: int) -> None:
    with Other(tmp_path / "some.db") as other:
        other(f"limit_files({room_bytes})")
        path = str(tmp_path / "app.db")
        with pytest.raises(OtherError) as caught:
            other(f"docstore.connect({path!r})")
        assert issubclass(getattr(docstore, caught.value.kind), docstore.StoreError)
        other(f"limit_files({NO_LIMIT})")
        assert other(f"r.table_list().run(docstore.connect({path!r}))") == []
    with docstore.connect(path) as db:
        r.table_create("t").run(db)
        assert docstore.check(db).problems == []


def test_a_copy_that_does_not_fit_is_an_error_and_leaves_nothing(
    filled: Connection, other: Other, tmp_path: Path
) -> None:
    other("limit_files(100_000)")
    with pytest.raises(OtherError, match="cannot be copied to") as caught:
        other(f"db.backup({str(tmp_path / 'copy')!r})")
    assert caught.value.kind == "StoreError"
    assert not list(tmp_path.glob("copy*"))
    filled.backup(tmp_path / "copy")
    with docstore.connect(tmp_path / "copy") as copied:
        assert t.count().run(copied) == 2_000
