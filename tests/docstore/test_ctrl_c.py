"""Ctrl-C, at any moment: what was under way is undone or done, whole; nothing stays locked, and the store goes on working.

The interrupts come at random moments, and each is kept: its traceback refers to all that was under way.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import docstore
from docstore import Connection, native
from docstore.scopes import Block
from query import r
from tests.conftest import checked
from tests.docstore.other import Other

t = r.table("t")
MANY = 1_500


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    with docstore.connect(tmp_path / "app.db", busy_timeout=5.0) as connection, checked(connection):
        r.table_create("t").run(connection)
        t.insert([{"id": number, "n": 0, "text": "x" * 50} for number in range(MANY)]).run(connection)
        yield connection


class Interrupts:
    """Ctrl-C after some time, kept with all that its traceback refers to."""

    def __init__(self) -> None:
        self.kept: list[KeyboardInterrupt] = []

    def during(self, work: Callable[[], object], seconds: float) -> bool:
        """Do some work, interrupted after so long; whether it was."""
        count = len(self.kept)
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, seconds)
                work()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt as error:
            self.kept.append(error)
        return len(self.kept) > count


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    before = signal.signal(signal.SIGALRM, lambda *given: signal.getsignal(signal.SIGINT)(*given))  # type: ignore[operator]
    yield Interrupts()
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def moments(count: int, longest_seconds: float) -> Iterator[float]:
    rng = random.Random(count)
    for _ in range(count):
        yield rng.uniform(0.00005, longest_seconds)


def works(db: Connection) -> None:
    """This thread and others can read and write at once."""
    t.insert({"id": "probe"}, conflict="replace").run(db)
    thread = threading.Thread(target=lambda: t.get("probe").delete().run(db))
    thread.start()
    thread.join()
    assert t.get("probe").run(db) is None


def duration(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@pytest.mark.slow
def test_a_read_ends_at_once(db: Connection, interrupts: Interrupts) -> None:
    endless = t.concat_map(lambda row: t.concat_map(lambda other: [row["n"] + other["n"]])).sum()
    for seconds in moments(10, 0.05):
        took = duration(lambda seconds=seconds: interrupts.during(lambda: endless.run(db), seconds))  # type: ignore[misc]
        assert took < 2
    assert len(interrupts.kept) == 10
    works(db)


@pytest.mark.slow
def test_a_cursor_says_that_it_was_interrupted_or_goes_on(db: Connection, interrupts: Interrupts) -> None:
    for seconds in moments(50, 0.004):
        cursor = t.run(db)
        interrupts.during(lambda cursor=cursor: list(cursor), seconds)  # type: ignore[misc]
        rest: list[dict[str, int]] = []
        with suppress(docstore.ClosedError):
            rest.extend(cursor)
            assert not rest or rest[-1]["id"] == MANY - 1
    works(db)


@pytest.mark.slow
def test_a_write_is_done_or_not_done(db: Connection, interrupts: Interrupts) -> None:
    longest = duration(lambda: t.update({"n": r.row["n"] + 1}).run(db)) * 1.2
    for seconds in moments(60, longest):
        interrupts.during(lambda: t.update({"n": r.row["n"] + 1}).run(db), seconds)
        assert len(t["n"].distinct().run(db)) == 1
        works(db)
    assert interrupts.kept


@pytest.mark.slow
def test_a_transaction_is_done_or_not_done(db: Connection, interrupts: Interrupts) -> None:
    r.table_create("log").run(db)

    def work() -> None:
        with db.transaction():
            number = r.table("log").count().run(db)
            t.get_all(1, 2, 3).update({"n": number + 1}).run(db)
            with db.transaction():
                r.table("log").insert({"number": number}).run(db)
            r.table_create(f"t{number}").run(db)

    for seconds in moments(200, duration(work) * 1.3):
        interrupts.during(work, seconds)
        count = r.table("log").count().run(db)
        assert list(t.get_all(1, 2, 3)["n"].run(db)) == [count] * 3
        assert len(r.table_list().run(db)) == count + 2
        works(db)
    assert interrupts.kept


@pytest.mark.skipif(not native.AVAILABLE, reason="without compiled code")
def test_an_interrupt_before_the_end_of_a_block_undoes_it(db: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    end, calls = Block.end, []

    def interrupted(self: Block[Connection], *given: Any) -> None:
        calls.append(given[0])
        if len(calls) <= 2:
            raise KeyboardInterrupt
        end(self, *given)

    kept = []
    with monkeypatch.context() as patched:
        patched.setattr(Block, "end", interrupted)
        try:
            with db.transaction():
                t.get(1).update({"n": 5}).run(db)
        except KeyboardInterrupt as error:
            kept.append(error)
    assert calls == [None, KeyboardInterrupt, KeyboardInterrupt]
    assert len(kept) == 1
    works(db)
    assert t.get(1)["n"].run(db) == 0


@pytest.mark.slow
def test_single_writes_of_other_threads_are_not_lost(db: Connection, interrupts: Interrupts) -> None:
    stop, done = threading.Event(), [0, 0]

    def add(place: int) -> None:
        while not stop.is_set():
            t.get(place).update({"n": r.row["n"] + 1}).run(db)
            done[place] += 1

    threads = [threading.Thread(target=add, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    certain = 0
    try:
        for seconds in moments(200, 0.003):
            certain += not interrupts.during(lambda: t.get(9).update({"n": r.row["n"] + 1}).run(db), seconds)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert list(t.get_all(0, 1).order_by("id")["n"].run(db)) == done
    assert certain <= t.get(9)["n"].run(db) <= 200
    works(db)


@pytest.mark.slow
def test_a_build_goes_on_after_an_interrupted_wait(db: Connection, interrupts: Interrupts) -> None:
    for seconds in moments(25, 0.03):
        t.index_create("n", [r.row["n"], r.row["text"], r.row["id"]]).run(db)
        interrupts.during(lambda: t.index_wait("n").run(db), seconds)
        works(db)
        assert t.index_wait("n").run(db)[0]["entries"] == MANY
        t.index_drop("n").run(db)


@contextmanager
def writing_thread(db: Connection) -> Iterator[None]:
    """A thread has the write lock during the block."""
    began, end = threading.Event(), threading.Event()

    def work() -> None:
        with db.transaction():
            t.get(0).update({"n": r.row["n"] + 1}).run(db)
            began.set()
            end.wait()

    thread = threading.Thread(target=work)
    thread.start()
    began.wait()
    yield
    end.set()
    thread.join()


def blocks(db: Connection) -> list[Callable[[], object]]:
    """All that waits for the write lock."""

    def transaction() -> None:
        with db.transaction():
            raise AssertionError("another has the lock")

    return [
        transaction,
        lambda: t.get(1).delete().run(db),
        lambda: t.delete().run(db),
        lambda: t.index_create("x").run(db),
    ]


def test_waiting_for_the_lock_of_another_thread_ends_at_once(db: Connection, interrupts: Interrupts) -> None:
    for work in blocks(db):
        with writing_thread(db):
            assert duration(lambda work=work: interrupts.during(work, 0.05)) < 1  # type: ignore[misc]
        works(db)
    assert len(interrupts.kept) == 4
    assert (t.get(0)["n"].run(db), t.count().run(db)) == (4, MANY)


def test_waiting_for_the_lock_of_another_process_ends_at_once(db: Connection, interrupts: Interrupts) -> None:
    assert db.path is not None
    with Other(db.path) as other:
        for work in blocks(db):
            other("stack.enter_context(db.transaction())")
            assert duration(lambda work=work: interrupts.during(work, 0.05)) < 1  # type: ignore[misc]
            other("r.table('t').get(0).update({'n': r.row['n'] + 1}).run(db)")
            other("stack.close()")
            works(db)
    assert len(interrupts.kept) == 4
    assert (t.get(0)["n"].run(db), t.count().run(db)) == (4, MANY)


@pytest.mark.slow
def test_opening_and_closing_can_be_interrupted(db: Connection, interrupts: Interrupts, tmp_path: Path) -> None:
    def work() -> None:
        with docstore.connect(tmp_path / "other.db") as other:
            if "t" not in r.table_list().run(other):
                r.table_create("t").run(other)
            t.insert({}).run(other)

    for seconds in moments(100, duration(work) * 1.2):
        interrupts.during(work, seconds)
    work()
    with docstore.connect(tmp_path / "other.db") as other:
        works(other)
        assert docstore.check(other).problems == []
