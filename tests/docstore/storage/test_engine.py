"""What the protocol of engines promises, on every engine."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence

import pytest

from docstore.errors import BusyError, ClosedError, TransactionClosedError, TransactionError
from docstore.storage.engine import CATALOG_SPACE, MAX_KEY_BYTES, MAX_SPACE, MEMBER_BYTES, Engine

MAP, MULTIMAP = 17, 18
KEYS = [b"", b"\0", b"a", b"aa", b"b", b"b\xff", b"c", b"\xff\xff"]


def nth(number: int) -> bytes:
    """Something that can be a member."""
    return number.to_bytes(MEMBER_BYTES, "big")


ENTRIES = [
    (b"a", nth(1)),
    (b"a", nth(2)),
    (b"b", nth(1)),
    (b"d", nth(0)),
    (b"d", nth(5)),
    (b"d", nth(9)),
]


def fill_map(engine: Engine, keys: Sequence[bytes] = KEYS, space: int = MAP) -> None:
    """Each key with itself as value, and rows in the spaces before and behind, which no scan may meet."""
    with engine.begin_write() as writer:
        for near in (space - 1, space + 1):
            if 0 <= near <= MAX_SPACE:
                writer.put(near, b"a", b"not this")
        writer.put_many(space, [(key, b"=" + key) for key in keys])


def fill_multimap(engine: Engine) -> None:
    """All `ENTRIES`, and some in the spaces before and behind."""
    with engine.begin_write() as writer:
        writer.add(MULTIMAP - 1, b"a", b"not it")
        writer.add(MULTIMAP + 1, b"a", b"not it")
        assert writer.add_many(MULTIMAP, ENTRIES) == len(ENTRIES)


def test_a_value_is_read_by_its_key(engine: Engine) -> None:
    fill_map(engine)
    with engine.begin_read() as reader:
        assert reader.get(MAP, b"aa") == b"=aa"
        assert reader.get(MAP, b"") == b"="
        assert reader.get(MAP, b"none") is None
        assert reader.get(99, b"aa") is None
        assert reader.get_many(MAP, [b"b", b"none", b"a"]) == [b"=b", None, b"=a"]


def test_what_is_borrowed_is_what_the_transaction_sees(engine: Engine) -> None:
    large = bytes(range(256)) * 100
    with engine.begin_write() as writer:
        writer.put(MAP, b"large", large)
    keys = [b"large", b"none"]
    before = engine.begin_read()
    with before.borrowed(MAP, keys) as found:
        assert [None if one is None else bytes(one) for one in found] == [large, None]
    with engine.begin_write() as writer:
        writer.put(MAP, b"large", b"other")
        with writer.borrowed(MAP, keys) as found:
            assert found == [b"other", None]
    with before.borrowed(MAP, keys) as found:
        assert found == [large, None]
    before.abort()
    with pytest.raises(TransactionClosedError), before.borrowed(MAP, keys):
        pass


def test_put_new_leaves_what_is_there(engine: Engine) -> None:
    with engine.begin_write() as writer:
        assert writer.put_new(MAP, b"k", b"1")
        assert not writer.put_new(MAP, b"k", b"2")
        assert writer.get(MAP, b"k") == b"1"
        writer.put(MAP, b"k", b"")
        assert writer.get(MAP, b"k") == b""


def test_delete_tells_whether_the_key_was_there(engine: Engine) -> None:
    fill_map(engine)
    with engine.begin_write() as writer:
        assert writer.delete(MAP, b"a")
        assert not writer.delete(MAP, b"a")
        assert [key for key, _ in writer.scan(MAP)] == [key for key in KEYS if key != b"a"]


@pytest.mark.parametrize("space", [CATALOG_SPACE, 1, 255, 256, MAX_SPACE])
def test_a_scan_gives_one_space_in_order(engine: Engine, space: int) -> None:
    fill_map(engine, space=space)
    with engine.begin_read() as reader:
        assert list(reader.scan(space)) == [(key, b"=" + key) for key in KEYS]
        assert list(reader.scan(space, reverse=True)) == [(key, b"=" + key) for key in reversed(KEYS)]


@pytest.mark.parametrize("low", [*KEYS, b"ab", b"\xff\xff\xff"])
@pytest.mark.parametrize("high", [*KEYS, b"ab", None, b"z" * 600])
def test_a_scan_keeps_to_its_bounds(engine: Engine, low: bytes, high: bytes | None) -> None:
    fill_map(engine)
    expected = [key for key in KEYS if low <= key and (high is None or key < high)]
    with engine.begin_read() as reader:
        assert [key for key, _ in reader.scan(MAP, low, high)] == expected
        assert [key for key, _ in reader.scan(MAP, low, high, reverse=True)] == expected[::-1]


def test_a_scan_of_nothing_is_empty(engine: Engine) -> None:
    with engine.begin_read() as reader:
        assert list(reader.scan(MAP)) == list(reader.scan(MAP, reverse=True)) == []
        assert list(reader.scan_entries(MULTIMAP)) == list(reader.scan_entries(MULTIMAP, reverse=True)) == []
        assert list(reader.members(MULTIMAP, b"a")) == []
        assert reader.count_members(MULTIMAP, b"a") == 0


def test_members_of_a_key_come_in_order_and_are_counted(engine: Engine) -> None:
    fill_multimap(engine)
    with engine.begin_read() as reader:
        assert list(reader.members(MULTIMAP, b"d")) == [nth(0), nth(5), nth(9)]
        assert list(reader.members(MULTIMAP, b"c")) == []
        assert [reader.count_members(MULTIMAP, key) for key in (b"a", b"b", b"c", b"d")] == [2, 1, 0, 3]


def test_an_entry_is_in_a_multimap_once(engine: Engine) -> None:
    fill_multimap(engine)
    with engine.begin_write() as writer:
        assert not writer.add(MULTIMAP, b"a", nth(1))
        assert writer.add(MULTIMAP, b"a", nth(3))
        assert writer.add_many(MULTIMAP, [(b"a", nth(3)), (b"a", nth(4)), (b"a", nth(4)), (b"e", nth(1))]) == 2
        assert writer.count_members(MULTIMAP, b"a") == 4


def test_removing_tells_what_was_there(engine: Engine) -> None:
    fill_multimap(engine)
    with engine.begin_write() as writer:
        assert writer.remove(MULTIMAP, b"d", nth(5))
        assert not writer.remove(MULTIMAP, b"d", nth(5))
        assert not writer.remove(MULTIMAP, b"x", nth(5))
        assert writer.remove_many(MULTIMAP, iter([(b"d", nth(9)), (b"d", nth(9)), (b"d", nth(0)), (b"a", nth(1))])) == 3
        assert list(writer.scan_entries(MULTIMAP)) == [(b"a", nth(2)), (b"b", nth(1))]
        assert writer.count_members(MULTIMAP, b"d") == 0


@pytest.mark.parametrize(
    "low, high", [(b"", None), (b"a", b"d"), (b"b", None), (b"c", b"c"), (b"d", b"b"), (b"a\0", b"e")]
)
@pytest.mark.parametrize(
    "after",
    [None, *ENTRIES, (b"a", nth(0)), (b"a", nth(7)), (b"c", nth(1)), (b"d", nth(6)), (b"z", nth(1))],
)
def test_entries_go_on_after_one_that_may_be_gone(
    engine: Engine, low: bytes, high: bytes | None, after: tuple[bytes, bytes] | None
) -> None:
    fill_multimap(engine)
    inside = [entry for entry in ENTRIES if low <= entry[0] and (high is None or entry[0] < high)]
    with engine.begin_read() as reader:
        expected = [entry for entry in inside if after is None or entry > after]
        assert list(reader.scan_entries(MULTIMAP, low, high, after=after)) == expected
        expected = [entry for entry in reversed(inside) if after is None or entry < after]
        assert list(reader.scan_entries(MULTIMAP, low, high, after=after, reverse=True)) == expected


LONG = b"b" * MAX_KEY_BYTES
ROW_ENTRIES = [
    (key, b"row-%02d" % number) for key, count in ((b"a", 2), (LONG, 2), (b"c", 30)) for number in range(count)
]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("after", [None, *ROW_ENTRIES[:5], (b"b", b"row-99"), (LONG, b"row-99"), (b"c", b"row-2~")])
@pytest.mark.parametrize("most", [1, 4, 100])
def test_entries_lead_to_rows_up_to_a_key_that_may_be_cut(
    engine: Engine, after: tuple[bytes, bytes] | None, reverse: bool, most: int
) -> None:
    with engine.begin_write() as writer:
        writer.add_many(MULTIMAP, ROW_ENTRIES)
        writer.put_many(MAP, [(b"row-%02d" % number, b"%d" % number) for number in range(29)])
    left = [entry for entry in ROW_ENTRIES if after is None or (entry < after if reverse else entry > after)]
    left = left[::-1] if reverse else left
    plain = next((place for place, (key, _) in enumerate(left) if key == LONG), len(left))
    with engine.begin_read() as reader, engine.begin_write() as writer:
        for transaction in (reader, writer):
            rows = transaction.entry_rows(MULTIMAP, MAP, reverse=reverse, after=after)
            found: list[bytes | None] = []
            while batch := rows.next_rows(most):
                found += batch.read(bytes)
                assert len(found) <= plain
                assert rows.last == left[len(found) - 1]
            assert found == [b"%d" % number if (number := int(row[4:])) < 29 else None for _, row in left[:plain]]
            assert rows.long == (LONG if plain < len(left) else b"")


@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_lets_its_transaction_write_behind_it(engine: Engine, reverse: bool) -> None:
    chance = random.Random(1)
    for _ in range(12):
        rows = sorted({(b"%03d" % chance.randrange(40), b"%06d" % chance.randrange(10**5)) for _ in range(800)})
        keys = sorted({b"%05d" % chance.randrange(10**5) for _ in range(300)})
        frequency = chance.random()
        writer = engine.begin_write()
        writer.add_many(MULTIMAP, rows)
        writer.put_many(MAP, [(key, b"v") for key in keys])
        seen: list[tuple[bytes, bytes]] = []
        for entry in writer.scan_entries(MULTIMAP, reverse=reverse):
            seen.append(entry)
            if chance.random() < frequency:
                writer.remove(MULTIMAP, *chance.choice([entry, chance.choice(seen)]))
        assert seen == (rows[::-1] if reverse else rows)
        passed: list[bytes] = []
        for key, _ in writer.scan(MAP, reverse=reverse):
            passed.append(key)
            if chance.random() < frequency:
                change = chance.choice([key, chance.choice(passed)])
                if chance.random() < 0.5:
                    writer.delete(MAP, change)
                else:
                    writer.put(MAP, change, b"w" * chance.choice([1, 300, 5000]))
        assert passed == (keys[::-1] if reverse else keys)
        writer.abort()


def test_a_reader_keeps_its_snapshot_while_writers_commit(engine: Engine) -> None:
    fill_map(engine)
    fill_multimap(engine)
    before = engine.begin_read()
    scan = before.scan(MAP)
    assert next(scan)[0] == KEYS[0]
    with engine.begin_write() as writer:
        for key in KEYS:
            writer.delete(MAP, key)
        writer.put(MAP, b"new", b"1")
        writer.remove_many(MULTIMAP, ENTRIES)
    assert [key for key, _ in scan] == KEYS[1:]
    assert before.get(MAP, b"new") is None
    assert list(before.scan_entries(MULTIMAP)) == ENTRIES
    assert before.count_members(MULTIMAP, b"d") == 3
    before.abort()
    with engine.begin_read() as after:
        assert list(after.scan(MAP)) == [(b"new", b"1")]
        assert list(after.scan_entries(MULTIMAP)) == []


def test_a_writer_sees_its_writes_and_nobody_else_does_before_the_commit(engine: Engine) -> None:
    with engine.begin_write() as writer:
        writer.put(MAP, b"k", b"1")
        assert writer.get(MAP, b"k") == b"1"
        with engine.begin_read() as reader:
            assert reader.get(MAP, b"k") is None
    with engine.begin_read() as reader:
        assert reader.get(MAP, b"k") == b"1"


def test_an_error_in_the_block_undoes_the_transaction(engine: Engine) -> None:
    fill_map(engine)
    with pytest.raises(ZeroDivisionError), engine.begin_write() as writer:
        writer.delete(MAP, b"a")
        writer.put(MAP, b"b", b"other")
        writer.add(MULTIMAP, b"k", nth(1))
        raise ZeroDivisionError
    assert not writer.committed
    with engine.begin_read() as reader:
        assert list(reader.scan(MAP)) == [(key, b"=" + key) for key in KEYS]
        assert list(reader.scan_entries(MULTIMAP)) == []


def last_commit(engine: Engine) -> int:
    """The number of the last commit."""
    with engine.begin_read() as reader:
        return reader.id


def test_readers_of_one_commit_have_one_id_and_writers_ids_never_come_again(engine: Engine) -> None:
    fill_map(engine)
    before = last_commit(engine)
    writers = []
    for _ in range(3):
        writer = engine.begin_write()
        writer.put(MAP, b"k", b"1")
        writers.append(writer.id)
        with writer.savepoint() as nested:
            writers.append(nested.id)
        writer.abort()
    assert len(set(writers)) == 6
    assert max(writers) < 0
    assert last_commit(engine) == before
    with engine.begin_write() as writer:
        writer.put(MAP, b"k", b"1")
    assert writer.committed
    assert last_commit(engine) > before


def test_an_empty_commit_changes_nothing(engine: Engine) -> None:
    fill_map(engine)
    before = last_commit(engine)
    with engine.begin_write() as writer:
        writer.get(MAP, b"a")
    assert not writer.committed
    assert last_commit(engine) == before


def test_a_savepoint_is_kept_or_undone_alone(engine: Engine) -> None:
    with engine.begin_write() as writer:
        writer.put(MAP, b"outer", b"1")
        with writer.savepoint() as kept:
            kept.put(MAP, b"kept", b"1")
            assert kept.get(MAP, b"outer") == b"1"
        with pytest.raises(ZeroDivisionError), writer.savepoint() as undone:
            undone.put(MAP, b"undone", b"1")
            undone.put(MAP, b"outer", b"2")
            undone.add(MULTIMAP, b"k", nth(1))
            with undone.savepoint() as inner:
                inner.put(MAP, b"inner", b"1")
            raise ZeroDivisionError
        assert list(writer.scan(MAP)) == [(b"kept", b"1"), (b"outer", b"1")]
        assert writer.write_count > 0
    with engine.begin_read() as reader:
        assert list(reader.scan(MAP)) == [(b"kept", b"1"), (b"outer", b"1")]
        assert list(reader.scan_entries(MULTIMAP)) == []


def test_a_transaction_rests_while_its_savepoint_is_open(engine: Engine) -> None:
    with engine.begin_write() as writer:
        writer.put(MAP, b"a", b"1")
        nested = writer.savepoint()
        with pytest.raises(TransactionError):
            writer.put(MAP, b"b", b"1")
        with pytest.raises(TransactionError):
            writer.commit()
        nested.abort()
        writer.put(MAP, b"c", b"1")
    with engine.begin_read() as reader:
        assert [key for key, _ in reader.scan(MAP)] == [b"a", b"c"]


def test_aborting_a_transaction_ends_its_savepoints(engine: Engine) -> None:
    writer = engine.begin_write()
    nested = writer.savepoint()
    nested.put(MAP, b"a", b"1")
    writer.abort()
    assert nested.closed
    with pytest.raises(TransactionClosedError):
        nested.put(MAP, b"b", b"1")
    with engine.begin_write() as again:
        assert again.get(MAP, b"a") is None


def test_an_ended_transaction_refuses_everything(engine: Engine) -> None:
    fill_map(engine)
    fill_multimap(engine)
    reader = engine.begin_read()
    scans = [reader.scan(MAP), reader.scan_entries(MULTIMAP), reader.members(MULTIMAP, b"d")]
    for scan in scans:
        next(scan)
    reader.abort()
    reader.abort()
    assert reader.closed
    for scan in scans:
        with pytest.raises(TransactionClosedError):
            next(scan)
    writer = engine.begin_write()
    writer.commit()
    for use in (
        lambda: reader.get(MAP, b"a"),
        lambda: reader.get_many(MAP, [b"a"]),
        lambda: list(reader.scan(MAP)),
        lambda: list(reader.scan_entries(MULTIMAP)),
        lambda: list(reader.members(MULTIMAP, b"d")),
        lambda: reader.count_members(MULTIMAP, b"d"),
        lambda: writer.put(MAP, b"a", b"1"),
        lambda: writer.put_new(MAP, b"a", b"1"),
        lambda: writer.put_many(MAP, [(b"a", b"1")]),
        lambda: writer.delete(MAP, b"a"),
        lambda: writer.add(MULTIMAP, b"a", nth(1)),
        lambda: writer.add_many(MULTIMAP, [(b"a", nth(1))]),
        lambda: writer.remove(MULTIMAP, b"a", nth(1)),
        lambda: writer.remove_many(MULTIMAP, [(b"a", nth(1))]),
        writer.savepoint,
        writer.commit,
    ):
        with pytest.raises(TransactionClosedError):
            use()


def test_lengths_have_limits(engine: Engine) -> None:
    with engine.begin_write() as writer:
        writer.put(MAP, b"k" * MAX_KEY_BYTES, b"1")
        assert writer.get(MAP, b"k" * MAX_KEY_BYTES) == b"1"
        assert writer.get(MAP, b"k" * 600) is None
        writer.add(MULTIMAP, b"k" * MAX_KEY_BYTES, b"m" * MEMBER_BYTES)
        for use in (
            lambda: writer.put(MAP, b"k" * (MAX_KEY_BYTES + 1), b"1"),
            lambda: writer.add(MULTIMAP, b"k" * (MAX_KEY_BYTES + 1), nth(1)),
            lambda: writer.add(MULTIMAP, b"k", b"m" * (MEMBER_BYTES + 1)),
            lambda: writer.add_many(MULTIMAP, [(b"k", b"m" * (MEMBER_BYTES + 1))]),
            lambda: writer.add(MULTIMAP, b"k", b""),
            lambda: writer.remove(MULTIMAP, b"k", b""),
        ):
            with pytest.raises(ValueError, match="bytes"):
                use()


def test_a_second_write_transaction_of_a_thread_is_an_error(engine: Engine) -> None:
    assert not engine.is_writing_here
    with engine.begin_write() as writer:
        assert engine.is_writing_here
        with pytest.raises(TransactionError):
            engine.begin_write()
        writer.put(MAP, b"a", b"1")
    assert not engine.is_writing_here
    with engine.begin_read() as reader:
        assert reader.get(MAP, b"a") == b"1"


def test_a_writer_that_waits_too_long_is_told_who_is_writing(engine: Engine) -> None:
    outcome: list[str] = []

    def wait() -> None:
        try:
            engine.begin_write(timeout_seconds=0.05)
        except BusyError as error:
            outcome.append(str(error))

    with engine.begin_write():
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
        assert not engine.has_waiters
    assert "0.05 s" in outcome[0]
    assert "thread" in outcome[0]
    engine.begin_write(0).abort()


def test_writers_are_served_in_the_order_of_their_arrival(engine: Engine) -> None:
    order: list[int] = []

    def write(number: int) -> None:
        with engine.begin_write():
            order.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    with engine.begin_write():
        for thread in threads:
            thread.start()
            time.sleep(0.01)
        assert engine.has_waiters
    for thread in threads:
        thread.join()
    assert order == list(range(8))


def test_threads_that_read_and_write_at_once_see_whole_commits_only(engine: Engine) -> None:
    stop = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not stop.is_set():
            with engine.begin_read() as reader:
                rows = list(reader.scan(MAP))
                if rows and (len(rows) != 200 or len({value for _, value in rows}) != 1):
                    wrong.append(rows)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(60):
        with engine.begin_write() as writer:
            writer.put_many(MAP, [(b"%03d" % key, b"%d" % number) for key in range(200)])
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_closed_engine_refuses_to_begin_and_lets_transactions_end(engine: Engine) -> None:
    fill_map(engine)
    reader = engine.begin_read()
    engine.close()
    engine.close()
    with pytest.raises(ClosedError):
        engine.begin_read()
    with pytest.raises(ClosedError):
        engine.begin_write()
    assert reader.get(MAP, b"a") == b"=a"
    reader.abort()


def test_a_store_has_a_size(engine: Engine) -> None:
    fill_map(engine)
    engine.sync()
    engine.grow()
    assert engine.size_bytes() > 0
