"""Soft writes of single documents go on while the group before is being committed, and nobody can tell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import docstore
from docstore import faults
from docstore.check import check_store
from docstore.connection import Connection
from docstore.errors import SoftWritesLostError
from docstore.storage import overlay, soft
from query import r

NUMBERS = 10


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    """A store with a table of numbers and an index of what changes."""
    with docstore.connect(tmp_path / "store") as connection:
        r.table_create("numbers").run(connection)
        r.table("numbers").index_create("n").run(connection)
        r.table("numbers").index_wait().run(connection)
        r.table("numbers").insert([{"id": number, "n": 0} for number in range(NUMBERS)]).run(connection)
        r.table("numbers").get(0).update({"n": r.row["n"] + 0}, durability="soft").run(connection)
        r.table("numbers").get(0).update({"n": 0}, durability="soft").run(connection)
        r.table("numbers").get(0).replace({"id": 0, "n": 0}, durability="soft").run(connection)  # the plans are made
        yield connection
        report = check_store(connection.store)
        assert not report.problems


class Gate:
    """Holds commits up, once, and lets them go on when it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()
        self._error = error
        faults.install(self)

    def __call__(self, point: str) -> None:
        if point == "before_commit" and not self.reached.is_set():
            self.reached.set()
            assert self.opened.wait(30)
            if self._error is not None:
                raise self._error


@pytest.fixture(autouse=True)
def _no_faults() -> Iterator[None]:
    yield
    faults.install(None)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Overlays take writes for as long as a test needs."""
    monkeypatch.setattr(overlay, "SOFT_SECONDS", 60)


def add(db: Connection, number: int) -> Any:
    """One soft update."""
    return r.table("numbers").get(number).update({"n": r.row["n"] + 1}, durability="soft").run(db)


def numbers(db: Connection) -> list[int]:
    """What all documents hold, and the index too."""
    with db.snapshot():
        found: list[int] = list(r.table("numbers").order_by(index="id")["n"].run(db))
        assert sorted(found) == list(r.table("numbers").order_by(index="n")["n"].run(db))
    return found


def begin_commit(db: Connection, error: Exception | None = None) -> Gate:
    """Have a group with writes held up in its commit."""
    numbers(db)
    gate = Gate(error)
    add(db, 1)
    add(db, 2)
    assert gate.reached.wait(30)
    assert of(db)._overlay is not None
    return gate


def of(db: Connection) -> Any:
    """The groups of a store."""
    return db.store.engine._store.soft  # type: ignore[attr-defined]


@pytest.mark.usefixtures("patience")
def test_writes_during_a_commit_see_those_before_them_and_come_after_them(db: Connection) -> None:
    gate = begin_commit(db)
    for number in (1, 1, 3, 3, 1):
        assert add(db, number)["replaced"] == 1
    assert r.table("numbers").get(4).replace({"id": 4, "n": 7}, durability="soft").run(db)["replaced"] == 1
    assert r.table("numbers").get(4).replace({"id": 4, "n": 8}, durability="soft").run(db)["replaced"] == 1
    assert r.table("numbers").get(5).update({"n": 0}, durability="soft").run(db)["unchanged"] == 1
    gate.opened.set()
    assert numbers(db) == [0, 4, 1, 2, 8, 0, 0, 0, 0, 0]


@pytest.mark.usefixtures("patience")
def test_the_group_after_is_committed_by_itself(db: Connection) -> None:
    gate = begin_commit(db)
    add(db, 1)
    gate.opened.set()
    deadline = time.monotonic() + 30
    while of(db).group is not None and time.monotonic() < deadline:
        time.sleep(0.001)
    assert of(db).group is None
    assert numbers(db)[1] == 2


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("kind", ["read", "hard", "list", "transaction", "sync"])
def test_whoever_wants_more_waits_for_both_groups(db: Connection, kind: str) -> None:
    gate = begin_commit(db)
    add(db, 1)
    found: list[Any] = []

    def work() -> None:
        if kind == "read":
            found.append(r.table("numbers").get(1)["n"].run(db))
        elif kind == "hard":
            found.append(r.table("numbers").get(1).update({"n": r.row["n"] * 10}).run(db)["replaced"])
        elif kind == "list":
            found.append(r.table("numbers").insert([{"id": 100, "n": 5}], durability="soft").run(db)["inserted"])
        elif kind == "transaction":
            with db.transaction():
                found.append(r.table("numbers").get(1)["n"].run(db))
        else:
            found.append(r.table("numbers").sync().run(db)["synced"])

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.05)
    assert not found
    gate.opened.set()
    thread.join(30)
    assert found == [2 if kind in ("read", "transaction") else 1]
    assert numbers(db)[1] == (20 if kind == "hard" else 2)


@pytest.mark.usefixtures("patience")
def test_no_write_is_answered_any_more_when_a_reader_waits(db: Connection) -> None:
    gate = begin_commit(db)
    reader = threading.Thread(target=numbers, args=(db,))
    reader.start()
    while not of(db)._hurried:
        time.sleep(0.001)
    writer = threading.Thread(target=add, args=(db, 6))
    writer.start()
    writer.join(0.05)
    assert writer.is_alive()
    gate.opened.set()
    writer.join(30)
    reader.join(30)
    assert numbers(db)[6] == 1


def test_no_write_is_answered_any_more_when_the_first_has_waited_long(db: Connection) -> None:
    gate = begin_commit(db)
    add(db, 1)
    time.sleep(2 * soft.SOFT_SECONDS)
    writer = threading.Thread(target=add, args=(db, 1))
    writer.start()
    writer.join(0.05)
    assert writer.is_alive()
    gate.opened.set()
    writer.join(30)
    assert numbers(db)[1] == 3


@pytest.mark.usefixtures("patience")
def test_what_was_written_upon_a_group_is_lost_with_it_and_that_is_told_once(db: Connection) -> None:
    gate = begin_commit(db, OSError("no disk"))
    add(db, 1)
    add(db, 7)
    gate.opened.set()
    with pytest.raises(SoftWritesLostError, match="no disk"):
        numbers(db)
    assert numbers(db) == [0] * NUMBERS
    add(db, 1)
    assert numbers(db)[1] == 1


@pytest.mark.usefixtures("patience")
def test_a_group_that_cannot_begin_is_told(db: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = begin_commit(db)
    add(db, 1)

    def fail(self: Any) -> Any:
        raise OSError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(type(db.store.engine), "begin_next", fail)
        gate.opened.set()
        with pytest.raises(SoftWritesLostError, match="no memory"):
            numbers(db)
    assert numbers(db)[:3] == [0, 1, 1]
    add(db, 1)
    assert numbers(db)[1] == 2


def test_a_group_with_other_writes_in_it_is_waited_for(db: Connection) -> None:
    numbers(db)
    gate = Gate()
    add(db, 1)
    r.table("numbers").insert({"id": 100, "n": 0}, durability="soft").run(db)
    assert gate.reached.wait(30)
    assert of(db)._overlay is None
    gate.opened.set()
    assert numbers(db)[1] == 1


def test_threads_that_write_and_read_agree(db: Connection) -> None:
    def work(number: int) -> None:
        for turn in range(1, 300):
            add(db, number)
            if turn % 37 == number:
                assert r.table("numbers").get(number)["n"].run(db) == turn
            if turn % 53 == number:
                r.table("numbers").get(9).update({"n": r.row["n"] + 1}).run(db)
            if turn % 41 == number:
                r.table("numbers").get(8).update({"n": r.row["n"] + 1}, return_changes=True, durability="soft").run(db)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = numbers(db)
    assert found[1:5] == [299] * 4
    assert found[8] + found[9] == sum(
        len(range(number, 300, 41)) + len(range(number, 300, 53)) for number in range(1, 5)
    )


def test_another_process_gets_its_turn(db: Connection) -> None:
    script = """
        import sys, docstore
        from query import r
        with docstore.connect(sys.argv[1]) as db:
            for _ in range(20):
                r.table("numbers").get(6).update({"n": r.row["n"] + 1}).run(db)
    """
    other = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script), str(db.path)])
    answered = 0
    deadline = time.monotonic() + 60
    while other.poll() is None and time.monotonic() < deadline:
        add(db, 5)
        answered += 1
    assert other.wait(1) == 0
    assert numbers(db)[5:7] == [answered, 20]


def test_ctrl_c_loses_none_that_was_answered(db: Connection) -> None:
    def interrupt() -> None:
        for _ in range(60):
            time.sleep(0.004)
            os.kill(os.getpid(), signal.SIGINT)

    is_welcome = False

    def handle(number: int, frame: Any) -> None:
        nonlocal is_welcome
        if is_welcome:
            is_welcome = False
            raise KeyboardInterrupt

    answered = interrupts = 0
    before = signal.signal(signal.SIGINT, handle)
    thread = threading.Thread(target=interrupt)
    thread.start()
    while thread.is_alive():
        try:
            is_welcome = True
            add(db, 7)
            answered += 1
            is_welcome = False
        except KeyboardInterrupt:
            interrupts += 1
    thread.join()
    signal.signal(signal.SIGINT, before)
    assert interrupts
    assert answered <= numbers(db)[7] <= answered + interrupts


def test_a_kill_loses_the_last_moments_only(tmp_path: Path) -> None:
    script = """
        import sys, docstore, time
        from query import r
        db = docstore.connect(sys.argv[1])
        number = 0
        while True:
            number += 1
            for key in (1, 2):
                r.table("numbers").get(key).update({"n": number}, durability="soft").run(db)
            print(number, time.time(), flush=True)
    """
    path = str(tmp_path / "store")
    with docstore.connect(path) as db:
        r.table_create("numbers").run(db)
        r.table("numbers").index_create("n").run(db)
        r.table("numbers").index_wait().run(db)
        r.table("numbers").insert([{"id": 1, "n": 0}, {"id": 2, "n": 0}]).run(db)
    for after in (50, 500, 2000):
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
            one, two = numbers(db)
            assert two in (one, one - 1), "in the order in which they were written"
            durable = [int(number) for number, when in whole if float(whole[-1][1]) - float(when) > 1]
            assert two >= max(durable, default=0)
            assert not check_store(db.store).problems
            r.table("numbers").update({"n": 0}).run(db)
