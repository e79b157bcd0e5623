"""Several processes on one store, and forks."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from docstore.errors import BusyError, ForkedError
from docstore.storage.lmdb import LmdbEngine, open_lmdb
from tests.docstore.storage.processes import hear, run, start, tell

HOLD = """
engine = open_lmdb(path)
with engine.begin_write() as writer:
    writer.put(17, b"held", b"1")
    print("held", flush=True)
    sys.stdin.readline()
print("done", flush=True)
"""

COUNT = """
engine = open_lmdb(path, sync=False)
waits = []
for _ in range(200):
    began = time.monotonic()
    with engine.begin_write() as writer:
        waits.append(time.monotonic() - began)
        number = int(writer.get(17, b"n") or b"0")
        writer.put(17, b"n", b"%d" % (number + 1))
print(max(waits))
"""


def test_no_write_of_any_process_is_lost(lmdb_engine: LmdbEngine, store_path: Path) -> None:
    processes = [start(COUNT, store_path) for _ in range(3)]
    for process in processes:
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 0, output
    with lmdb_engine.begin_read() as reader:
        assert reader.get(17, b"n") == b"600"


def test_a_writer_waits_for_another_process_and_then_gives_up(lmdb_engine: LmdbEngine, store_path: Path) -> None:
    process = start(HOLD, store_path)
    assert hear(process) == "held"
    with pytest.raises(BusyError, match="another process"):
        lmdb_engine.begin_write(timeout_seconds=0.1)
    with lmdb_engine.begin_read() as reader:
        assert reader.get(17, b"held") is None
    tell(process)
    with lmdb_engine.begin_write(timeout_seconds=5) as writer:
        assert writer.get(17, b"held") == b"1"
    process.communicate()


def test_a_killed_writer_leaves_the_lock_free_and_nothing_written(lmdb_engine: LmdbEngine, store_path: Path) -> None:
    process = start(HOLD, store_path)
    assert hear(process) == "held"
    process.kill()
    with lmdb_engine.begin_write(timeout_seconds=5) as writer:
        assert writer.get(17, b"held") is None
        writer.put(17, b"k", b"v")
    process.communicate()


def test_opening_a_store_waits_no_longer_than_its_timeout(store_path: Path) -> None:
    process = start(HOLD, store_path)
    assert hear(process) == "held"
    with pytest.raises(BusyError):
        open_lmdb(store_path, busy_timeout=0.1)
    looking = open_lmdb(store_path, read_only=True)
    with looking.begin_read() as reader:
        assert reader.get(17, b"held") is None
    looking.close()
    tell(process)
    process.communicate()


def test_a_process_that_writes_in_a_loop_lets_others_write(lmdb_engine: LmdbEngine, store_path: Path) -> None:
    process = start(
        """
engine = open_lmdb(path, sync=False)
print("ready", flush=True)
end = time.monotonic() + 1.5
while time.monotonic() < end:
    with engine.begin_write():
        time.sleep(0.002)
""",
        store_path,
    )
    assert hear(process) == "ready"
    waits = []
    for _ in range(20):
        began = time.monotonic()
        with lmdb_engine.begin_write():
            waits.append(time.monotonic() - began)
    process.communicate()
    assert max(waits) < 0.5


def test_closing_a_second_engine_leaves_the_locks_of_the_first(lmdb_engine: LmdbEngine, store_path: Path) -> None:
    with lmdb_engine.begin_write() as writer:
        writer.put(17, b"k", b"v")
        open_lmdb(store_path, read_only=True).close()
        code = """
try:
    open_lmdb(path, read_only=True)
    open_lmdb(path, busy_timeout=0.1).begin_write()
except BusyError:
    print("busy")
"""
        assert run(code, store_path) == "busy"


def test_the_snapshot_of_a_living_reader_survives_other_processes(lmdb_engine: LmdbEngine, store_path: Path) -> None:
    with lmdb_engine.begin_write() as writer:
        writer.put_many(17, [(b"%04d" % number, b"old") for number in range(2000)])
    reader = lmdb_engine.begin_read()
    open_lmdb(store_path).close()  # a descriptor of the lock file that is closed would free the reader's lock
    run(
        """
for round in range(5):
    engine = open_lmdb(path, sync=False)
    engine._store.environment.reader_check()
    for _ in range(5):
        with engine.begin_write() as writer:
            writer.put_many(17, [(b"%04d" % number, b"new") for number in range(2000)])
    engine.close()
""",
        store_path,
    )
    assert {value for _, value in reader.scan(17)} == {b"old"}
    reader.abort()


FORK = """
engine = open_lmdb(path, sync=False)
with engine.begin_write() as writer:
    writer.put(17, b"k", b"1")
reader = engine.begin_read()
"""

IN_CHILD = """
def refused(use):
    try:
        use()
    except ForkedError:
        return True
    return False
"""


def test_a_child_of_a_fork_must_open_the_store_itself(store_path: Path) -> None:
    code = (
        FORK
        + IN_CHILD
        + """
writer = engine.begin_write()
writer.put(17, b"k", b"2")
child = os.fork()
if child == 0:
    ok = refused(engine.begin_read) and refused(engine.begin_write) and refused(engine.sync)
    ok = ok and refused(lambda: reader.get(17, b"k")) and refused(lambda: list(reader.scan(17)))
    ok = ok and refused(lambda: writer.put(17, b"k", b"3")) and refused(writer.commit)
    reader.abort()
    writer.abort()
    engine.close()
    del reader, writer, engine
    own = open_lmdb(path, read_only=True)
    with own.begin_read() as mine:
        ok = ok and mine.get(17, b"k") == b"1"
    own.close()
    os._exit(0 if ok else 1)
assert os.waitpid(child, 0)[1] == 0
assert reader.get(17, b"k") == b"1"
writer.commit()
with engine.begin_read() as later:
    print(later.get(17, b"k").decode())
child = os.fork()
if child == 0:
    own = open_lmdb(path)
    with own.begin_write() as mine:
        mine.put(17, b"k", b"4")
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
with engine.begin_write(timeout_seconds=1) as again:
    print(again.get(17, b"k").decode())
"""
    )
    assert run(code, store_path).split() == ["2", "4"]


def test_a_child_that_outlives_its_parent_does_not_keep_the_write_lock(store_path: Path) -> None:
    code = (
        FORK
        + """
writer = engine.begin_write()
if os.fork() == 0:
    os.close(0); os.close(1); os.close(2)
    time.sleep(3)
    os._exit(0)
os._exit(0)
"""
    )
    run(code, store_path)
    engine = open_lmdb(store_path, busy_timeout=1)
    engine.begin_write().abort()
    engine.close()


def test_a_forked_engine_in_this_process_is_untouched(lmdb_engine: LmdbEngine) -> None:
    with lmdb_engine.begin_read() as reader:
        child = os.fork()
        if child == 0:
            try:
                lmdb_engine.begin_read()
            except ForkedError:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert reader.get(17, b"k") is None
