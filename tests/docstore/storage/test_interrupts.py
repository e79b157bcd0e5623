"""KeyboardInterrupt, wherever a writer waits or works."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from docstore.storage import registry
from docstore.storage.engine import Engine, WriteTransaction
from docstore.storage.lmdb import LmdbEngine, open_lmdb
from docstore.storage.lock import WriteLock
from docstore.storage.queue import WriteQueue
from docstore.storage.registry import SharedStore
from tests.docstore.storage.processes import hear, start, tell

MAP = 17


@contextmanager
def interrupt_after(seconds: float) -> Iterator[None]:
    """Ctrl-C, some time from now."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


@contextmanager
def writing_thread(engine: Engine) -> Iterator[None]:
    """Another thread holds the write lock during the block."""
    begun, end = threading.Event(), threading.Event()

    def hold() -> None:
        with engine.begin_write():
            begun.set()
            end.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        end.set()
        thread.join()


def put(writer: WriteTransaction) -> None:
    writer.put(MAP, b"k", b"v")


def test_who_is_interrupted_waiting_for_a_thread_leaves_the_lock_free(engine: Engine) -> None:
    with writing_thread(engine), interrupt_after(0.05), pytest.raises(KeyboardInterrupt):
        engine.begin_write()
    assert not engine.has_waiters
    engine.begin_write(timeout_seconds=1).abort()


def test_who_is_interrupted_waiting_for_a_process_leaves_the_lock_free(
    lmdb_engine: LmdbEngine, store_path: Path
) -> None:
    process = start(
        """
engine = open_lmdb(path)
with engine.begin_write():
    print("held", flush=True)
    sys.stdin.readline()
""",
        store_path,
    )
    assert hear(process) == "held"
    with interrupt_after(0.05), pytest.raises(KeyboardInterrupt):
        lmdb_engine.begin_write()
    tell(process)
    process.communicate()
    lmdb_engine.begin_write(timeout_seconds=1).abort()


def test_an_interrupted_follower_takes_its_closure_back(engine: Engine) -> None:
    queue = WriteQueue(engine)
    with writing_thread(engine):
        leader = threading.Thread(target=queue.run, args=(lambda writer: writer.put(MAP, b"leader", b"v"),))
        leader.start()
        time.sleep(0.05)
        with interrupt_after(0.05), pytest.raises(KeyboardInterrupt):
            queue.run(put)
    leader.join()
    with engine.begin_read() as reader:
        assert [key for key, _ in reader.scan(MAP)] == [b"leader"]
    queue.run(put, timeout_seconds=1)


def test_an_interrupted_leader_undoes_its_own_and_harms_no_follower(engine: Engine) -> None:
    queue = WriteQueue(engine)
    followers: list[threading.Thread] = []
    outcomes: list[Any] = []

    def lead(writer: WriteTransaction) -> None:
        writer.put(MAP, b"leader", b"v")
        for number in range(3):
            key = b"%d" % number
            work = lambda key=key: outcomes.append(queue.run(lambda writer: writer.put_new(MAP, key, b"v")))  # noqa: E731
            followers.append(threading.Thread(target=work))
            followers[-1].start()
        time.sleep(5)

    with interrupt_after(0.1), pytest.raises(KeyboardInterrupt):
        queue.run(lead)
    for thread in followers:
        thread.join(5)
        assert not thread.is_alive()
    assert outcomes == [True, True, True]
    with engine.begin_read() as reader:
        assert [key for key, _ in reader.scan(MAP)] == [b"0", b"1", b"2"]


def test_a_leader_interrupted_in_a_followers_closure_lets_another_run_it(engine: Engine) -> None:
    queue = WriteQueue(engine)

    def follow(writer: WriteTransaction) -> str:
        writer.put(MAP, b"follower", b"v")
        if threading.current_thread() is threading.main_thread():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        return "done"

    outcomes: list[str] = []
    interrupted = False
    for attempt in range(1, 200):
        follower = threading.Thread(target=lambda: outcomes.append(queue.run(follow)))

        def lead(writer: WriteTransaction, follower: threading.Thread = follower) -> None:
            follower.start()
            time.sleep(0.002)

        try:
            queue.run(lead)
        except KeyboardInterrupt:
            interrupted = True
        follower.join(10)
        assert outcomes == ["done"] * attempt
        if interrupted:
            break  # else the follower came too late for the group
    assert interrupted
    with engine.begin_read() as reader:
        assert reader.get(MAP, b"follower") == b"v"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
def test_interrupts_at_any_moment_lose_no_lock_and_no_write_of_others(engine: Engine) -> None:
    queue = WriteQueue(engine)
    chance = random.Random(3)
    stop = threading.Event()
    counts = [0, 0]

    def count(writer: WriteTransaction, name: bytes) -> None:
        writer.put(MAP, name, b"%d" % (int(writer.get(MAP, name) or b"0") + 1))

    def write(number: int) -> None:
        while not stop.is_set():
            queue.run(lambda writer: count(writer, b"thread %d" % number), timeout_seconds=5)
            counts[number] += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    returned = interrupted = 0
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0002, 0.003))
            again = time.monotonic() + 0.05  # Python drops an exception that is raised in a `__del__`
            while time.monotonic() < again:
                queue.run(lambda writer: count(writer, b"main"), timeout_seconds=5)
                returned += 1
        except KeyboardInterrupt:
            interrupted += 1
    stop.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    with engine.begin_read() as reader:
        assert [int(reader.get(MAP, b"thread %d" % number) or b"0") for number in range(2)] == counts
        # An interrupt may come after the commit, or after the return.
        assert returned <= int(reader.get(MAP, b"main") or b"0") <= returned + interrupted
    engine.begin_write(timeout_seconds=1).abort()


@pytest.fixture(autouse=True)
def alarm_interrupts() -> Iterator[None]:
    """A timer's signal acts as Ctrl-C."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("place", ["_check_names", "open_databases", "_find_map", "release"])
@pytest.mark.parametrize("is_after", [False, True])
def test_an_interrupt_while_a_store_is_opened_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, is_after: bool
) -> None:
    owners: dict[str, Any] = {"_find_map": SharedStore, "release": WriteLock}
    owner = owners.get(place, registry)
    real = getattr(owner, place)
    calls: list[Any] = []

    def interrupted(*given: Any, **named: Any) -> Any:
        calls.append(given)
        if is_after:
            real(*given, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(owner, place, interrupted)
        with pytest.raises(KeyboardInterrupt) as kept:
            open_lmdb(tmp_path / "store")
    assert calls
    assert kept.value.__traceback__ is not None  # which refers to all that was under way
    engine = open_lmdb(tmp_path / "store", busy_timeout=1.0)
    with engine.begin_write() as writer:
        put(writer)
    engine.close()
