"""Sharing commits: leaders and followers."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docstore.errors import BusyError, StoreFullError, TransactionError
from docstore.storage.engine import Engine, WriteTransaction
from docstore.storage.lmdb import open_lmdb
from docstore.storage.queue import WriteQueue
from tests.docstore.storage.processes import run

MAP = 17


@pytest.fixture
def queue(engine: Engine) -> WriteQueue:
    """A queue on each engine in turn."""
    return WriteQueue(engine, busy_timeout=5)


def value_of(engine: Engine, key: bytes) -> bytes | None:
    with engine.begin_read() as reader:
        return reader.get(MAP, key)


def keys_of(engine: Engine) -> list[bytes]:
    with engine.begin_read() as reader:
        return [key for key, _ in reader.scan(MAP)]


def run_together(engine: Engine, works: list[Callable[[], Any]]) -> list[Any]:
    """Start works in threads while somebody writes, so that they queue in this order; what each returns or raises."""
    outcomes: list[Any] = [None] * len(works)

    def do(number: int) -> None:
        try:
            outcomes[number] = works[number]()
        except Exception as error:  # noqa: BLE001 - an outcome like others
            outcomes[number] = error

    threads = [threading.Thread(target=do, args=(number,)) for number in range(len(works))]
    with engine.begin_write():
        for thread in threads:
            thread.start()
            time.sleep(0.02)
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    return outcomes


def putter(key: bytes) -> Callable[[WriteTransaction], bytes]:
    def put(writer: WriteTransaction) -> bytes:
        writer.put(MAP, key, b"v")
        return key

    return put


def test_a_closure_is_run_and_committed(engine: Engine, queue: WriteQueue) -> None:
    assert queue.run(putter(b"a")) == b"a"
    assert value_of(engine, b"a") == b"v"


def test_those_who_wait_together_share_a_commit(engine: Engine, queue: WriteQueue) -> None:
    queue.run(putter(b"before"))
    with engine.begin_read() as reader:
        before = reader.id
    works = [lambda key=b"%d" % number: queue.run(putter(key)) for number in range(6)]
    assert run_together(engine, works) == [b"0", b"1", b"2", b"3", b"4", b"5"]
    with engine.begin_read() as reader:
        assert reader.id == before + 1
        assert len(list(reader.scan(MAP))) == 7


def test_a_closure_that_fails_before_it_writes_harms_nobody(engine: Engine, queue: WriteQueue) -> None:
    def fail(writer: WriteTransaction) -> None:
        raise ZeroDivisionError

    works = [lambda: queue.run(putter(b"1")), lambda: queue.run(fail), lambda: queue.run(putter(b"2"))]
    first, failed, second = run_together(engine, works)
    assert (first, second) == (b"1", b"2")
    assert isinstance(failed, ZeroDivisionError)
    assert keys_of(engine) == [b"1", b"2"]


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("savepoint", [False, True])
def test_what_a_closure_wrote_before_it_failed_is_undone(
    engine: Engine, queue: WriteQueue, position: int, savepoint: bool
) -> None:
    def fail(writer: WriteTransaction) -> None:
        writer.put(MAP, b"bad", b"v")
        raise ZeroDivisionError

    works: list[Callable[[], Any]] = [lambda: queue.run(putter(b"1")), lambda: queue.run(putter(b"2"))]
    works.insert(position, lambda: queue.run(fail, savepoint=savepoint))
    outcomes = run_together(engine, works)
    assert isinstance(outcomes.pop(position), ZeroDivisionError)
    assert outcomes == [b"1", b"2"]
    assert keys_of(engine) == [b"1", b"2"]


def test_closures_see_what_those_before_them_wrote(engine: Engine, queue: WriteQueue) -> None:
    def count(writer: WriteTransaction) -> int:
        number = int(writer.get(MAP, b"n") or b"0") + 1
        writer.put(MAP, b"n", b"%d" % number)
        return number

    def count_often() -> None:
        for _ in range(50):
            queue.run(count)

    threads = [threading.Thread(target=count_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value_of(engine, b"n") == b"400"


def test_a_closure_runs_in_the_context_of_its_caller(engine: Engine, queue: WriteQueue) -> None:
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user")

    def write_as(name: str) -> str:
        user.set(name)
        return queue.run(lambda writer: user.get())

    assert run_together(engine, [lambda name=name: write_as(name) for name in ("ann", "bob", "cy")]) == [
        "ann",
        "bob",
        "cy",
    ]


def test_a_leader_commits_after_a_few_milliseconds(engine: Engine, queue: WriteQueue) -> None:
    def work(writer: WriteTransaction) -> None:
        writer.put(MAP, b"%d" % threading.get_ident(), b"v")
        time.sleep(0.004)

    with engine.begin_read() as reader:
        before = reader.id
    run_together(engine, [lambda: queue.run(work) for _ in range(6)])
    with engine.begin_read() as reader:
        assert reader.id >= before + 3


def test_who_waits_too_long_gets_an_error_and_is_not_run(engine: Engine, queue: WriteQueue) -> None:
    outcomes: list[Any] = []

    def wait(key: bytes, seconds: float) -> None:
        try:
            outcomes.append(queue.run(putter(key), timeout_seconds=seconds))
        except BusyError as error:
            outcomes.append(error)

    leader, follower = (threading.Thread(target=wait, args=(b"%d" % number, 0.05)) for number in range(2))
    patient = threading.Thread(target=wait, args=(b"patient", 5))
    with queue.begin_write():
        for thread in (leader, follower, patient):
            thread.start()
        leader.join()
        follower.join()
        assert [type(outcome) for outcome in outcomes] == [BusyError, BusyError]
    patient.join()
    assert keys_of(engine) == [b"patient"]


def test_a_thread_that_writes_already_is_refused(engine: Engine, queue: WriteQueue) -> None:
    with queue.begin_write(), pytest.raises(TransactionError):
        queue.run(putter(b"a"))
    with pytest.raises(TransactionError):
        queue.run(lambda writer: queue.run(putter(b"a")))
    assert keys_of(engine) == []


def test_a_commit_that_fails_fails_the_whole_group_and_nobody_else(store_path: Path) -> None:
    code = """
engine = open_lmdb(path)
queue = WriteQueue(engine)
queue.run(lambda writer: writer.put(17, b"k", b"v"))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
outcomes = []
def work(number):
    try:
        outcomes.append(queue.run(lambda writer: writer.put(17, b"%d" % number, b"v" * 100_000)))
    except StoreFullError:
        outcomes.append("full")
threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
with engine.begin_write():
    for thread in threads:
        thread.start()
        time.sleep(0.02)
for thread in threads:
    thread.join()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
queue.run(lambda writer: writer.put(17, b"z", b"v"))
with engine.begin_read() as reader:
    print(outcomes, [key for key, _ in reader.scan(17)])
"""
    assert run(code, store_path) == "['full', 'full', 'full', 'full'] [b'k', b'z']"


def test_a_group_that_finds_the_map_full_is_run_again(store_path: Path) -> None:
    engine = open_lmdb(store_path, initial_map_bytes=256 * 1024, sync=False)
    queue = WriteQueue(engine)
    works = [
        lambda key=b"%d" % number: queue.run(lambda writer: writer.put(MAP, key, b"v" * 100_000)) for number in range(8)
    ]
    assert run_together(engine, works) == [None] * 8
    assert len(keys_of(engine)) == 8
    with engine.begin_read(), pytest.raises(StoreFullError):
        queue.run(lambda writer: writer.put(MAP, b"big", b"v" * 10_000_000))
    assert queue.run(putter(b"small")) == b"small"
    engine.close()
