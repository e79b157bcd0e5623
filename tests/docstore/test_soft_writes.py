"""Writes with soft durability: seen at once, on the disk within moments, lost as a whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import docstore
from docstore import faults
from docstore.check import check_store
from docstore.errors import BusyError, ReadOnlyError, SoftWritesLostError
from docstore.storage import soft
from docstore.storage.engine import Batch
from query import Query, r
from query.errors import ReqlQueryLogicError


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A store with a table of numbers."""
    where = str(tmp_path / "store")
    with docstore.connect(where) as db:
        r.table_create("numbers").run(db)
        r.table("numbers").index_create("square", r.row["id"] * r.row["id"]).run(db)
        r.table("numbers").insert([{"id": number, "n": 0} for number in range(10)]).run(db)
    return where


INTERRUPTS = 20


def group(db: docstore.Connection) -> Any:
    """The open group's transaction, or None."""
    return db.store.engine._store.soft.group  # type: ignore[attr-defined]


def add(db: docstore.Connection, number: int, **options: Any) -> Any:
    """One soft update."""
    return r.table("numbers").get(number).update({"n": r.row["n"] + 1}, durability="soft").run(db, **options)


def test_a_soft_write_leaves_its_group_open_and_a_read_closes_it(path: str) -> None:
    with docstore.connect(path) as db:
        assert add(db, 1)["replaced"] == 1
        assert group(db) is not None
        assert r.table("numbers").get(1)["n"].run(db) == 1
        assert group(db) is None


def test_a_group_is_committed_by_itself(path: str) -> None:
    with docstore.connect(path) as db:
        add(db, 1)
        deadline = time.monotonic() + 10
        while group(db) is not None and time.monotonic() < deadline:
            time.sleep(0.001)
        assert group(db) is None
        assert [row["n"] for row in r.table("numbers").get_all(1).run(db)] == [1]


def test_another_connection_of_the_process_sees_soft_writes_at_once(path: str) -> None:
    with docstore.connect(path) as db, docstore.connect(path) as other:
        for expected in range(1, 50):
            add(db, 2)
            assert r.table("numbers").get(2)["n"].run(other) == expected


def test_hard_writes_transactions_and_snapshots_come_after_the_soft_writes_before_them(path: str) -> None:
    with docstore.connect(path) as db:
        add(db, 1)
        r.table("numbers").get(1).update({"n": r.row["n"] * 10}).run(db)
        add(db, 1)
        with db.transaction():
            assert r.table("numbers").get(1)["n"].run(db) == 11
            add(db, 1)
        add(db, 1)
        with db.snapshot():
            assert r.table("numbers").get(1)["n"].run(db) == 13


def test_what_the_connection_says_holds_for_writes_that_do_not(path: str) -> None:
    with docstore.connect(path, durability="soft") as db:
        r.table("numbers").insert({"id": 100}).run(db)
        assert group(db) is not None
        r.table("numbers").insert({"id": 101}, durability="hard").run(db)
        assert group(db) is None
        r.table("numbers").insert({"id": 102}).run(db, durability="hard")
        assert group(db) is None
        assert r.table("numbers").count().run(db) == 13


@pytest.mark.parametrize("table", [r.table("light"), r.db("test").table("light")])
def test_what_the_table_says_holds_for_writes_that_do_not(path: str, table: Query) -> None:
    with docstore.connect(path) as db:
        r.table_create("light", durability="soft").run(db)
        for write in (table.insert({"id": 1}), table.get(1).update({"n": 1}), table.get(1).delete()):
            write.run(db)
            assert group(db) is not None
            table.insert({"id": 2}, durability="hard").run(db)
            assert group(db) is None
        table.insert({"id": 3}).run(db, durability="hard")
        assert group(db) is None
        table.config().update({"durability": "hard"}).run(db)
        table.insert({"id": 4}).run(db)
        assert group(db) is None
        r.table("numbers").config().update({"durability": "soft"}).run(db)
        r.table("numbers").insert({"id": 200}).run(db)
        assert group(db) is not None
    with docstore.connect(path, durability="hard") as db:
        r.table("numbers").insert({"id": 201}).run(db)
        assert group(db) is None


def test_errors_of_a_soft_write_harm_no_other(path: str) -> None:
    with docstore.connect(path) as db:
        add(db, 1)
        with pytest.raises(ReqlQueryLogicError):
            r.table("numbers").get(1).update({"n": r.row["n"] / 0}, durability="soft")["nothing"].run(db)
        assert r.table("numbers").insert({"id": 1}, durability="soft").run(db)["errors"] == 1
        with pytest.raises(ReqlQueryLogicError):
            r.table("numbers").get([None]).update({"n": 1}, durability="soft").run(db)
        add(db, 1)
        assert r.table("numbers").get(1)["n"].run(db) == 2


def test_closing_commits(path: str) -> None:
    db = docstore.connect(path)
    add(db, 3)
    db.close()
    with docstore.connect(path) as again:
        assert r.table("numbers").get(3)["n"].run(again) == 1


def test_leaving_the_program_commits(path: str) -> None:
    script = """
        import sys, docstore
        from query import r
        db = docstore.connect(sys.argv[1])
        for _ in range(3):
            r.table("numbers").get(4).update({"n": r.row["n"] + 1}, durability="soft").run(db)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script), path], check=True, timeout=60)
    with docstore.connect(path) as db:
        assert r.table("numbers").get(4)["n"].run(db) == 3


def test_another_process_sees_soft_writes_soon_and_can_write(path: str) -> None:
    script = """
        import sys, docstore
        from query import r
        db = docstore.connect(sys.argv[1])
        for _ in range(2000):
            r.table("numbers").get(5).update({"n": r.row["n"] + 1}, durability="soft").run(db)
        print("done", flush=True)
        sys.stdin.readline()
    """
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with writer, docstore.connect(path) as db:
        while writer.poll() is None and r.table("numbers").get(5)["n"].run(db) == 0:
            time.sleep(0.001)
        for _ in range(20):
            r.table("numbers").get(6).update({"n": r.row["n"] + 1}).run(db)
        assert writer.stdout is not None and writer.stdin is not None
        assert writer.stdout.readline() == "done\n"
        deadline = time.monotonic() + 10
        while r.table("numbers").get(5)["n"].run(db) != 2000 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert r.table("numbers").get(5)["n"].run(db) == 2000
        assert r.table("numbers").get(6)["n"].run(db) == 20
        writer.stdin.write("\n")


def test_a_kill_loses_the_last_moments_only_and_whole_writes(path: str) -> None:
    script = """
        import sys, docstore, time
        from query import r
        db = docstore.connect(sys.argv[1])
        number = 1000
        while True:
            number += 1
            r.table("numbers").insert([{"id": number}, {"id": -number}], durability="soft").run(db)
            print(number, time.time(), flush=True)
    """
    for after in (50, 333, 1000):
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), path], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        answered = [writer.stdout.readline() for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        answered += writer.stdout.read().splitlines(keepends=True)
        writer.wait()
        whole = [line.split() for line in answered if line.endswith("\n")]
        with docstore.connect(path) as db:
            found = {row["id"] for row in r.table("numbers").filter(r.row["id"] > 1000).run(db)}
            assert found == set(range(1001, max(found, default=1000) + 1))  # no gap
            assert {-number for number in found} == set(
                r.table("numbers").filter(r.row["id"] < 0)["id"].coerce_to("array").run(db)
            )
            died = float(whole[-1][1])
            durable = [number for number, when in whole if died - float(when) > 1]
            assert not durable or int(durable[-1]) in found
            assert not check_store(db.store).problems
            r.table("numbers").filter((r.row["id"] > 1000) | (r.row["id"] < 0)).delete().run(db)


def test_a_commit_that_fails_is_told_once_and_the_store_goes_on(path: str) -> None:
    def fail(point: str) -> None:
        if point == "before_commit":
            raise OSError("no disk")

    with docstore.connect(path) as db:
        add(db, 1)
        faults.install(fail)
        try:
            with pytest.raises(SoftWritesLostError, match="no disk"):
                r.table("numbers").get(1).run(db)
        finally:
            faults.install(None)
        assert r.table("numbers").get(1)["n"].run(db) == 0
        add(db, 1)
        assert r.table("numbers").get(1)["n"].run(db) == 1


def test_a_write_that_is_broken_off_spoils_its_group_and_that_is_told(path: str) -> None:
    with docstore.connect(path) as db:
        add(db, 1)
        engine = db.store.engine

        def break_off(transaction: Any) -> None:
            transaction.put(4_000_000_000, b"key", b"value")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            engine.run_soft(break_off)
        with pytest.raises(SoftWritesLostError, match="broken off"):
            add(db, 1)
        add(db, 1)
        assert r.table("numbers").get(1)["n"].run(db) == 1


def test_threads_share_groups_and_lose_nothing(path: str) -> None:
    with docstore.connect(path) as db:

        def work(number: int) -> None:
            for turn in range(100):
                if turn % 17 == 5:
                    r.table("numbers").get(number).update({"n": r.row["n"] + 1}).run(db)
                else:
                    add(db, number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [row["n"] for row in r.table("numbers").order_by(index="id").limit(6).run(db)] == [100] * 6
        assert not check_store(db.store).problems


def test_a_write_waits_no_longer_than_busy_timeout_for_another_thread(path: str) -> None:
    with docstore.connect(path, busy_timeout=0.2) as db:
        begun, end = threading.Event(), threading.Event()

        def hold() -> None:
            with db.transaction():
                begun.set()
                end.wait(30)

        thread = threading.Thread(target=hold)
        thread.start()
        begun.wait(30)
        with pytest.raises(BusyError):
            add(db, 1)
        end.set()
        thread.join()
        add(db, 1)
        assert r.table("numbers").get(1)["n"].run(db) == 1


def test_a_batch_that_is_broken_off_spoils_its_group(path: str) -> None:
    with docstore.connect(path) as db:
        engine = db.store.engine
        batch = Batch([(9, b"good", b"row"), (9, b"long" * 1000, b"row")], (), ())
        add(db, 1)
        with pytest.raises(ValueError, match="A key has at most"):
            engine.run_soft(lambda transaction: transaction.apply(batch), at_once=True)
        with pytest.raises(SoftWritesLostError, match="a write was broken off"):
            r.table("numbers").get(1).run(db)
        assert r.table("numbers").get(1)["n"].run(db) == 0
        with engine.begin_read() as transaction:
            assert transaction.get(9, b"good") is None


def test_a_batch_that_was_not_begun_spoils_nothing(path: str) -> None:
    with docstore.connect(path) as db:
        add(db, 1)
        with pytest.raises(ZeroDivisionError):
            db.store.engine.run_soft(lambda transaction: transaction.apply(1 // 0), at_once=True)
        assert r.table("numbers").get(1)["n"].run(db) == 1


def test_a_reader_cannot_write_softly(path: str) -> None:
    with docstore.connect(path, read_only=True) as db, pytest.raises(ReadOnlyError):
        add(db, 1)


def test_ctrl_c_during_soft_writes_loses_none_that_was_answered(path: str) -> None:
    wanted = threading.Event()  # so that no interrupt comes while nobody is there to catch it
    threading.Thread(target=_interrupt_when_wanted, args=(wanted,), daemon=True).start()
    with docstore.connect(path) as db:
        answered = interrupts = 0
        for _ in range(INTERRUPTS):
            try:
                wanted.set()
                until = time.monotonic() + 5
                while time.monotonic() < until:
                    add(db, 7)
                    answered += 1
            except KeyboardInterrupt:
                interrupts += 1
        written = r.table("numbers").get(7)["n"].run(db)
        assert interrupts
        assert answered <= written <= answered + interrupts


def _interrupt_when_wanted(wanted: threading.Event) -> None:
    for _ in range(INTERRUPTS):
        wanted.wait()
        wanted.clear()
        time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)


def test_a_child_of_a_fork_neither_commits_nor_waits(path: str) -> None:
    with docstore.connect(path) as db:
        add(db, 8)
        child = os.fork()
        if child == 0:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert r.table("numbers").get(8)["n"].run(db) == 1


def test_large_soft_writes_put_off_the_commit(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soft, "SOFT_SECONDS", 0.1)
    monkeypatch.setattr(soft, "SOFT_LARGE_SECONDS", 60)

    def write_slowly(transaction: Any) -> None:
        transaction.put(4_000_000_000, b"key", b"value")
        time.sleep(0.05)

    with docstore.connect(path) as db:
        groups = set()
        for _ in range(6):
            db.store.engine.run_soft(write_slowly)
            groups.add(id(group(db)))
        assert len(groups) == 1
        assert id(None) not in groups


@pytest.mark.parametrize(
    ("has_entries", "is_wanted", "most_pages", "groups"),
    [(True, False, 100, 1), (False, False, 100, 6), (True, True, 100, 6), (True, False, 1, 6)],
)
def test_large_soft_writes_of_entries_put_off_the_commit_for_longer(
    path: str, monkeypatch: pytest.MonkeyPatch, has_entries: bool, is_wanted: bool, most_pages: int, groups: int
) -> None:
    """Unless another process waits, or too much would be in memory."""
    monkeypatch.setattr(soft, "SOFT_SECONDS", 0.1)
    monkeypatch.setattr(soft, "SOFT_LARGE_SECONDS", 0.03)
    monkeypatch.setattr(soft, "SOFT_SCATTERED_SECONDS", 60)
    monkeypatch.setattr(soft, "SOFT_SCATTERED_PAGES", most_pages)
    found = []

    def write_slowly(transaction: Any) -> None:
        found.append(transaction)
        transaction.put(4_000_000_000, b"key", b"value")
        if has_entries:
            transaction.add_many(4_000_000_001, [(b"key", b"member")])
        time.sleep(0.05)

    with docstore.connect(path) as db:
        monkeypatch.setattr(db.store.engine, "lock_is_wanted", lambda: is_wanted)
        for _ in range(6):
            db.store.engine.run_soft(write_slowly)
        assert len(set(map(id, found))) == groups


def test_inserts_of_many_documents_can_be_soft(path: str) -> None:
    with docstore.connect(path) as db:
        for start in range(1_000, 11_000, 1_000):
            documents = [{"id": number, "text": "x" * 100} for number in range(start, start + 1_000)]
            r.table("numbers").insert(documents, durability="soft").run(db)
            assert r.table("numbers").get(start)["text"].count().run(db) == 100
        r.table("numbers").sync().run(db)
        assert r.table("numbers").count().run(db) == 10_010
        assert not check_store(db.store).problems
