"""`Connection.backup`: a compact copy of a store, made while others read and write."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import docstore
from docstore.cli import main
from docstore.errors import ClosedError, NotAStoreError, StoreError
from query import r

t = r.table("t")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with an index and much free room."""
    where = tmp_path / "store"
    with docstore.connect(where) as db:
        r.table_create("t").run(db)
        t.index_create("n").run(db)
        t.insert([{"id": number, "n": number % 5, "text": "x" * 500} for number in range(3_000)]).run(db)
        t.filter(r.row["id"] >= 500).delete().run(db)
    return where


def test_a_copy_has_everything_and_is_compact(path: Path, tmp_path: Path) -> None:
    with docstore.connect(path) as db:
        db.backup(tmp_path / "copy")
        expected = list(t.run(db))
    with docstore.connect(tmp_path / "copy", create=False) as copied:
        assert list(t.run(copied)) == expected
        assert t.get_all(3, index="n").count().run(copied) == 100
        assert docstore.check(copied).problems == []
        assert t.insert({"id": -1}).run(copied)["inserted"] == 1
    assert (tmp_path / "copy").stat().st_size < path.stat().st_size / 2
    assert not (tmp_path / "copy-unfinished").exists()


def test_a_copy_is_one_snapshot_while_others_write(path: Path, tmp_path: Path) -> None:
    with docstore.connect(path) as db:
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                with db.transaction():
                    t.get(1).update({"n": r.row["n"] + 1}).run(db)
                    t.get(2).update({"n": r.row["n"] + 1}).run(db)

        thread = threading.Thread(target=write)
        thread.start()
        try:
            for number in range(5):
                db.backup(tmp_path / f"copy{number}")
        finally:
            stop.set()
            thread.join()
    for number in range(5):
        with docstore.connect(tmp_path / f"copy{number}") as copied:
            first, second = t.get(1)["n"].run(copied), t.get(2)["n"].run(copied)
            assert second == first + 1
            assert docstore.check(copied).problems == []


def test_soft_writes_before_a_copy_are_in_it(path: Path, tmp_path: Path) -> None:
    with docstore.connect(path, durability="soft") as db:
        t.get(1).update({"n": 77}).run(db)
        db.backup(tmp_path / "copy")
    with docstore.connect(tmp_path / "copy") as copied:
        assert t.get(1)["n"].run(copied) == 77


def test_what_is_there_is_never_overwritten(path: Path, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("mine")
    with docstore.connect(path) as db:
        for taken in (path, tmp_path / "other", tmp_path):
            with pytest.raises(StoreError, match="exists already"):
                db.backup(taken)
        with pytest.raises(NotAStoreError, match="there is no folder"):
            db.backup(tmp_path / "nowhere" / "copy")
    assert (tmp_path / "other").read_text() == "mine"


def test_what_a_killed_copy_has_left_is_no_part_of_another_one(path: Path, tmp_path: Path) -> None:
    with docstore.connect(path) as db:
        db.backup(tmp_path / "copy-unfinished")
        t.get(1).update({"n": 77}).run(db)
        with pytest.raises(StoreError, match="File exists"):
            db.backup(tmp_path / "copy")
        db.backup(tmp_path / "copy")  # what was left is gone
    with docstore.connect(tmp_path / "copy") as copied:
        assert t.get(1)["n"].run(copied) == 77
        assert docstore.check(copied).problems == []


def test_no_copy_of_a_store_in_memory_or_closed(path: Path, tmp_path: Path) -> None:
    with docstore.connect() as db, pytest.raises(StoreError, match="in memory"):
        db.backup(tmp_path / "copy")
    db = docstore.connect(path)
    db.close()
    with pytest.raises(ClosedError):
        db.backup(tmp_path / "copy")


def test_the_command(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", str(path), str(tmp_path / "copy")]) == 0
    assert "bytes, of" in capsys.readouterr().out
    assert main(["backup", str(path), str(tmp_path / "copy")]) == 1
    assert "exists already" in capsys.readouterr().err
