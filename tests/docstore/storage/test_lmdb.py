"""What only the LMDB engine has to do: one environment per process, growth, reader slots, a full disk."""

from __future__ import annotations

import gc
import threading
import time
from pathlib import Path

import lmdb
import pytest

from docstore.errors import StoreError, StoreFullError, TransactionClosedError, TransactionError
from docstore.limits import MAX_READERS
from docstore.storage.engine import GrowNeeded
from docstore.storage.lmdb import LmdbEngine, open_lmdb
from docstore.storage.queue import WriteQueue
from tests.docstore.storage.processes import run

SMALL = 256 * 1024


def put_rows(engine: LmdbEngine, count: int, space: int = 17) -> None:
    """Rows of about 1 KB each."""
    with engine.begin_write() as writer:
        writer.put_many(space, [(b"%06d" % number, b"v" * 1000) for number in range(count)])


def count_rows(engine: LmdbEngine, space: int = 17) -> int:
    with engine.begin_read() as reader:
        return sum(1 for _ in reader.scan(space))


# Pages


def test_rows_behind_all_others_fill_their_pages(store_path: Path) -> None:
    engine = open_lmdb(store_path, sync=False)
    for start in range(0, 20_000, 1_000):
        with engine.begin_write() as writer:
            writer.put_many(17, [(b"%06d" % number, b"v" * 390) for number in range(start, start + 1_000)])
    assert engine.size_bytes() < 1.1 * 20_000 * 4096 / 9  # nine rows go into a page
    engine.close()


@pytest.mark.parametrize(
    "keys", [[b"b", b"c"], [b"c", b"b"], [b"b", b"b"], [b"a", b"b"], [b"b", b"a"], [b"c", b"d", b"b"], []]
)
def test_rows_behind_the_last_one_may_be_in_any_order(store_path: Path, keys: list[bytes]) -> None:
    engine = open_lmdb(store_path)
    with engine.begin_write() as writer:
        writer.put_many(17, [(b"a", b"first")])
        writer.put_many(17, [(key, b"%d" % number) for number, key in enumerate(keys)])
    with engine.begin_read() as reader:
        wanted = {b"a": b"first"} | {key: b"%d" % number for number, key in enumerate(keys)}
        assert list(reader.scan(17)) == sorted(wanted.items())
    engine.close()


# One environment


def test_a_path_is_opened_once_whatever_it_is_called(store_path: Path) -> None:
    first = open_lmdb(store_path)
    link = store_path.with_name("link")
    link.symlink_to(store_path)
    second = open_lmdb(link)
    put_rows(first, 3)
    assert count_rows(second) == 3
    first.close()
    assert count_rows(second) == 3
    second.close()


def test_a_store_can_be_opened_again_after_its_last_holder(store_path: Path) -> None:
    for _ in range(3):
        engine = open_lmdb(store_path)
        put_rows(engine, 3)
        engine.close()
    engine = open_lmdb(store_path)
    assert count_rows(engine) == 3
    engine.close()


def test_a_transaction_outlives_its_engine(store_path: Path) -> None:
    engine = open_lmdb(store_path)
    put_rows(engine, 3)
    reader = engine.begin_read()
    engine.close()
    assert reader.get(17, b"000001") is not None
    again = open_lmdb(store_path)
    assert count_rows(again) == 3
    reader.abort()
    again.close()
    with pytest.raises(TransactionClosedError):
        reader.get(17, b"000001")


def test_a_store_opened_for_reading_can_be_opened_for_writing_as_well(store_path: Path) -> None:
    open_lmdb(store_path).close()
    looking = open_lmdb(store_path, read_only=True)
    assert count_rows(looking) == 0
    writing = open_lmdb(store_path)
    put_rows(writing, 3)
    assert count_rows(looking) == 3
    writing.close()
    looking.close()


# Growth


def test_a_full_map_grows_when_the_work_is_done_again(store_path: Path) -> None:
    engine = open_lmdb(store_path, initial_map_bytes=SMALL, sync=False)
    with pytest.raises(GrowNeeded):
        put_rows(engine, 5000)
    assert count_rows(engine) == 0
    for _ in range(10):
        try:
            put_rows(engine, 5000)
            break
        except GrowNeeded:
            engine.grow()
    assert count_rows(engine) == 5000
    engine.close()


def test_a_transaction_that_met_the_full_map_stays_spoiled(store_path: Path) -> None:
    engine = open_lmdb(store_path, initial_map_bytes=SMALL, sync=False)
    writer = engine.begin_write()
    with pytest.raises(GrowNeeded):
        writer.put_many(17, [(b"%06d" % number, b"v" * 1000) for number in range(5000)])
    with pytest.raises(GrowNeeded):
        writer.put(17, b"k", b"v")
    with pytest.raises(GrowNeeded):
        writer.commit()
    assert writer.closed
    assert count_rows(engine) == 0
    engine.close()


def test_growth_waits_for_the_transactions_of_other_threads(store_path: Path) -> None:
    engine = open_lmdb(store_path, initial_map_bytes=SMALL, sync=False, busy_timeout=10)
    put_rows(engine, 50)
    queue = WriteQueue(engine)
    stop = threading.Event()
    wrong: list[BaseException] = []

    def read() -> None:
        try:
            while not stop.is_set():
                with engine.begin_read() as outer, engine.begin_read() as inner:
                    assert len(list(outer.scan(17))) == len(list(inner.scan(17))) == 50
                time.sleep(0.001)  # LMDB's calls give up the GIL, and three such loops could starve the writer
        except BaseException as error:
            wrong.append(error)
            raise

    readers = [threading.Thread(target=read) for _ in range(3)]
    for thread in readers:
        thread.start()
    for number in range(8):
        rows = [(b"%06d" % row, b"v" * 1000) for row in range(number * 100, number * 100 + 100)]
        queue.run(lambda writer, rows=rows: writer.put_many(18, rows))  # type: ignore[misc]
    stop.set()
    for thread in readers:
        thread.join()
    assert wrong == []
    assert count_rows(engine, 18) == 800
    engine.close()


def test_a_thread_with_a_snapshot_cannot_grow_the_map(store_path: Path) -> None:
    engine = open_lmdb(store_path, initial_map_bytes=SMALL, sync=False)
    with engine.begin_read():
        with pytest.raises(GrowNeeded):
            put_rows(engine, 5000)
        with pytest.raises(StoreFullError, match="snapshot open"):
            engine.begin_write()
    engine.begin_write().abort()
    engine.close()


def test_the_growth_of_another_process_is_taken_over(store_path: Path) -> None:
    engine = open_lmdb(store_path, initial_map_bytes=SMALL, sync=False)
    put_rows(engine, 10)
    code = """
engine = open_lmdb(path, sync=False)
with engine.begin_write() as writer:
    writer.put_many(18, [(b"%06d" % number, b"v" * 1000) for number in range(5000)])
"""
    run(code, store_path)
    assert count_rows(engine, 18) == 5000
    put_rows(engine, 10)
    run(code.replace("18", "19"), store_path)
    put_rows(engine, 20)
    assert count_rows(engine, 19) == 5000
    assert count_rows(engine) == 20
    engine.close()


def test_little_address_space_makes_a_small_map(store_path: Path) -> None:
    code = """
resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28))
engine = open_lmdb(path, sync=False)
print(engine._store.environment.info()["map_size"])
count = 0
try:
    while True:
        with engine.begin_write() as writer:
            writer.put_many(17, [(b"%06d-%d" % (number, count), b"v" * 4000) for number in range(20000)])
        count += 1
except GrowNeeded:
    try:
        engine.begin_write()
    except StoreFullError as error:
        assert "address space" in str(error), error
with engine.begin_read() as reader:
    print(sum(1 for _ in reader.scan(17)) == 20000 * count)
""".replace("GrowNeeded", "StoreFullError")
    size, complete = run(code, store_path).split()
    assert 2**26 <= int(size) < 2**28
    assert complete == "True"


# Reader slots


def test_the_slots_of_killed_readers_are_used_again(store_path: Path) -> None:
    engine = open_lmdb(store_path, sync=False)
    put_rows(engine, 1)
    held = MAX_READERS * 3 // 4
    code = f"""
engine = open_lmdb(path, sync=False)
readers = [engine.begin_read() for _ in range({held})]
os.kill(os.getpid(), signal.SIGKILL)
"""
    with pytest.raises(AssertionError):
        run(code, store_path)
    readers = [engine.begin_read() for _ in range(held)]
    for reader in readers:
        reader.abort()
    engine.close()


def test_too_many_readers_are_a_clear_error(store_path: Path) -> None:
    engine = open_lmdb(store_path, sync=False)
    readers = []
    with pytest.raises(StoreError, match=str(MAX_READERS)):
        for _ in range(MAX_READERS + 1):
            readers.append(engine.begin_read())  # noqa: PERF401 - those before the error count
    for reader in readers:
        reader.abort()
    assert count_rows(engine) == 0
    engine.close()


def test_a_lost_reader_gives_its_slot_back(store_path: Path) -> None:
    engine = open_lmdb(store_path, sync=False)
    for _ in range(MAX_READERS * 2):
        engine.begin_read().get(17, b"k")
    gc.collect()
    engine.close()
    open_lmdb(store_path).close()


def test_a_lost_writer_gives_its_lock_back(lmdb_engine: LmdbEngine) -> None:
    lmdb_engine.begin_write().put(17, b"k", b"v")
    with lmdb_engine.begin_write() as writer:
        assert writer.get(17, b"k") is None


def test_a_write_transaction_is_ended_by_its_own_thread(lmdb_engine: LmdbEngine) -> None:
    writer = lmdb_engine.begin_write()
    wrong: list[BaseException] = []

    def end() -> None:
        try:
            writer.abort()
        except TransactionError as error:
            wrong.append(error)

    thread = threading.Thread(target=end)
    thread.start()
    thread.join()
    assert len(wrong) == 1
    writer.abort()


# The disk


def test_a_full_disk_is_told_and_the_store_goes_on(store_path: Path) -> None:
    code = """
engine = open_lmdb(path)
with engine.begin_write() as writer:
    writer.put(17, b"k", b"v")
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
for attempt in range(3):
    try:
        with engine.begin_write() as writer:
            writer.put_many(18, [(b"%06d" % number, b"v" * 1000) for number in range(3000)])
    except StoreFullError as error:
        assert "full" in str(error), error
    else:
        raise AssertionError("it was written")
    with engine.begin_read() as reader:
        assert reader.get(17, b"k") == b"v"
        assert list(reader.scan(18)) == []
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with engine.begin_write() as writer:
    writer.put_many(18, [(b"%06d" % number, b"v" * 1000) for number in range(3000)])
engine.close()
engine = open_lmdb(path)
with engine.begin_read() as reader:
    print(sum(1 for _ in reader.scan(18)))
"""
    assert run(code, store_path) == "3000"


def test_a_borrowed_value_is_not_copied(lmdb_engine: LmdbEngine) -> None:
    with lmdb_engine.begin_write() as writer:
        writer.put(17, b"k", b"v" * 5_000)
    with lmdb_engine.begin_read() as reader, reader.borrowed(17, [b"k"]) as found:
        assert type(found[0]) is memoryview


def test_a_file_that_the_process_has_open_with_lmdb_itself_is_an_error_that_says_so(tmp_path: Path) -> None:
    open_lmdb(tmp_path / "store").close()
    with (
        lmdb.open(str(tmp_path / "store"), subdir=False, lib_version=0),
        pytest.raises(StoreError, match=r"cannot be opened: .* is already open in this process"),
    ):
        open_lmdb(tmp_path / "store")
