"""Who waits for an index holds no snapshot meanwhile: it kept the file's pages in use, and the map from growing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import docstore
from docstore import Connection
from docstore.storage.lmdb import open_lmdb
from docstore.worker import Worker
from query import r
from tests.conftest import checked


def fill(db: Connection) -> Any:
    table = r.table("t")
    r.table_create("t").run(db)
    table.insert([{"id": number, "text": "x" * 500} for number in range(2_000)]).run(db)
    return table


def test_the_map_grows_while_somebody_waits_for_an_index(tmp_path: Path) -> None:
    path = str(tmp_path / "app.db")
    holder = open_lmdb(path, initial_map_bytes=2**16, busy_timeout=2.0)
    with docstore.connect(path) as db, checked(db):
        table = fill(db)
        for name in "abcde":
            table.index_create(name, [r.row["text"], r.row["id"], name]).run(db)
            table.index_wait(name).run(db)
        assert [one["ready"] for one in table.index_status().run(db)] == [True] * 5
    holder.close()


def test_no_transaction_is_open_during_a_wait(db: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    table = fill(db)
    do: Callable[..., None] = Worker.do
    open_here: list[int] = []

    def counted(self: Worker, job: Any) -> None:
        guests = db.store.engine._store.gate._open_guests()  # type: ignore[attr-defined]
        open_here.append(sum(guest.thread == threading.get_ident() for guest in guests))
        do(self, job)

    monkeypatch.setattr(Worker, "wake", lambda self, own=(): None)
    monkeypatch.setattr(Worker, "do", counted)
    table.index_create("a").run(db)
    waited = table.index_wait().run(db)
    assert waited == table.index_status().run(db)
    assert open_here and not any(open_here)


def test_a_query_goes_on_in_a_new_snapshot_after_a_wait(db: Connection) -> None:
    table = fill(db)
    table.index_create("a").run(db)
    assert r.expr([table.index_wait().count(), table.count()]).run(db) == [1, 2_000]


def test_waiting_inside_a_snapshot_is_an_error(db: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    table = fill(db)
    monkeypatch.setattr(Worker, "wake", lambda self, own=(): None)
    table.index_create("a").run(db)
    with db.snapshot(), pytest.raises(docstore.TransactionError, match="inside a transaction or snapshot"):
        table.index_wait().run(db)
    table.index_wait().run(db)
    with db.snapshot():
        assert table.index_wait().run(db)[0]["ready"]
