"""The rows that entries lead to, read from LMDB's pages, are those that py-lmdb's cursors lead to."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from docstore.errors import CorruptStoreError, TransactionClosedError
from docstore.keys import MAX_KEY_BYTES
from docstore.storage.engine import GrowNeeded
from docstore.storage.entries import Entry, EntryRows
from docstore.storage.lmdb import LmdbEngine, open_lmdb
from docstore.storage.lmdb_native import NativeRead
from docstore.storage.lmdb_read import LmdbRead

ENTRIES, ROWS = 8, 9
COUNTS = (1, 2, 9, 60, 130, 5_000)
"""Members of a key: one, some in a small page, more in a tree of their own, and in one of several levels."""


def row_id(number: int) -> bytes:
    """The key of a row."""
    return number.to_bytes(6, "big")


def drawn_entries(generator: random.Random, keys: int) -> list[Entry]:
    """Entries with keys of all lengths, some of the greatest."""
    found = set()
    for _ in range(keys):
        beginning = generator.choice([b"", b"a", b"section/", b"\xfe" * 40, b"L" * (MAX_KEY_BYTES - 1)])
        size = generator.choice([0, 1, 6, 12, 200, MAX_KEY_BYTES])
        key = (beginning + generator.randbytes(size))[:MAX_KEY_BYTES]
        count = generator.choice(COUNTS[:3] if generator.random() < 0.9 else COUNTS)
        found |= {(key, row_id(generator.randrange(20_000))) for _ in range(count)}
    return sorted(found)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[LmdbEngine]:
    """A store in a file."""
    opened = open_lmdb(tmp_path / "store", sync=False)
    yield opened
    opened.close()


def write(engine: LmdbEngine, come: list[Entry], gone: list[Entry]) -> None:
    """Add and remove entries, and have others in the spaces before and behind; each row is there, with its key as value."""
    while True:
        try:
            with engine.begin_write() as writer:
                for space in (ENTRIES - 1, ENTRIES + 1):
                    writer.add_many(space, [(b"a", b"not it"), (b"z", b"nor it")])
                writer.put_many(ROWS, [(row_id(number), row_id(number)) for number in range(20_000)])
                writer.remove_many(ENTRIES, gone)
                writer.add_many(ENTRIES, come)
                return
        except GrowNeeded:
            engine.grow()


def taken(rows: EntryRows, generator: random.Random) -> tuple[list[bytes], list[Entry | None], bytes]:
    """What there is of some rows, batch by batch; the last entry after each; the long key at the end."""
    found, lasts = [], []
    while batch := rows.next_rows(generator.choice([1, 2, 20, 128])):
        found += batch.present().read(bytes)
        lasts.append(rows.last)
    assert len(rows.next_rows(5)) == 0
    return found, lasts, rows.long


@pytest.mark.parametrize("seed", range(16))
def test_rows_of_entries_are_those_of_the_cursors(engine: LmdbEngine, seed: int) -> None:
    generator = random.Random(seed)
    kept: set[Entry] = set()
    for round_ in range(3):
        come = drawn_entries(generator, generator.choice([2, 30, 300]))
        gone = generator.sample(sorted(kept), len(kept) // 3)
        write(engine, come, gone)
        kept = (kept - set(gone)) | set(come)
        keys = [*sorted({key for key, _ in kept}), b"", b"a", b"\xff" * 9]
        some = [*generator.sample(sorted(kept), min(len(kept), 40)), (b"", row_id(0)), (b"zz", row_id(7))]
        some += [(key, row_id(generator.randrange(20_000))) for key, _ in some]
        with engine.begin_read() as reader:
            assert type(reader) is NativeRead
            for number in range(120):
                low, high = sorted([generator.choice(keys), generator.choice(keys)])
                bounds = (low, None if generator.random() < 0.2 else high)
                after = generator.choice(some) if generator.random() < 0.6 else None
                reverse = generator.random() < 0.5
                place = (seed, round_, number, bounds, after, reverse)
                same = random.Random(number), random.Random(number)
                native = taken(reader.entry_rows(ENTRIES, ROWS, *bounds, reverse=reverse, after=after), same[0])
                cursors = LmdbRead.entry_rows(reader, ENTRIES, ROWS, *bounds, reverse=reverse, after=after)
                assert native == taken(cursors, same[1]), place


def test_there_is_nothing_in_an_empty_store_or_space(engine: LmdbEngine) -> None:
    with engine.begin_read() as reader:
        for reverse in (False, True):
            rows = reader.entry_rows(ENTRIES, ROWS, reverse=reverse, after=(b"a", row_id(1)))
            assert taken(rows, random.Random(1)) == ([], [], b"")
            assert rows.last is None


def test_what_is_not_there_is_told_apart(engine: LmdbEngine) -> None:
    with engine.begin_write() as writer:
        writer.add_many(ENTRIES, [(b"a", row_id(number)) for number in range(5)])
        writer.put(ROWS, row_id(3), b"three")
    with engine.begin_read() as reader:
        rows = reader.entry_rows(ENTRIES, ROWS).next_rows(9)
        assert rows.read(bytes) == [None, None, None, b"three", None]
        assert len(rows.present()) == 1


def test_after_its_transaction_it_tells_where_it_was_and_gives_no_more(engine: LmdbEngine) -> None:
    write(engine, [(b"a", row_id(number)) for number in range(300)], [])
    reader = engine.begin_read()
    rows = reader.entry_rows(ENTRIES, ROWS)
    rows.next_rows(20)
    reader.abort()
    assert rows.last == (b"a", row_id(19))
    with pytest.raises(TransactionClosedError):
        rows.next_rows(20)


@pytest.mark.parametrize(
    ("place", "size", "message"), [(-2, 1_500, "a key of 1500 bytes"), (-8, 13, "a row id of 13 bytes, not 6")]
)
def test_a_key_or_a_member_of_a_wrong_length_is_an_error(
    engine: LmdbEngine, tmp_path: Path, place: int, size: int, message: str
) -> None:
    write(engine, [(b"%05d" % number, row_id(number)) for number in range(4_000)], [])
    engine.close()
    data = bytearray((tmp_path / "store").read_bytes())
    key = b"\0\0\0\x08" + b"%05d"
    places = [data.find(key % number) for number in range(4_000)]
    long = [at for at in places if 16 < at % 4096 < 2_500]  # as many bytes follow in its page
    assert long
    for at in long:
        data[at + place : at + place + 2] = size.to_bytes(2, "little")
    (tmp_path / "damaged").write_bytes(data)
    other = open_lmdb(tmp_path / "damaged", sync=False)
    with other.begin_read() as reader, pytest.raises(CorruptStoreError, match=message):
        taken(reader.entry_rows(ENTRIES, ROWS), random.Random(1))
    other.close()


def test_damaged_entries_are_an_error(engine: LmdbEngine, tmp_path: Path) -> None:
    write(engine, [(b"%05d" % (number // 7), row_id(number)) for number in range(4_000)], [])
    engine.close()
    whole = (tmp_path / "store").read_bytes()
    pages = [
        at
        for at in range(2 * 4096, len(whole), 4096)
        if b"\0\0\0\x08000" in whole[at : at + 4096] and b"multimaps" not in whole[at : at + 4096]
    ]
    refused = 0
    for seed in range(60):
        generator = random.Random(seed)
        damaged = bytearray(whole)
        for at in generator.sample(pages, 6):
            for _ in range(generator.choice([1, 8, 200])):
                damaged[at + generator.randrange(generator.choice([16, 60, 4096]))] = generator.randrange(256)
        (tmp_path / "damaged").write_bytes(damaged)
        other = open_lmdb(tmp_path / "damaged", sync=False)
        with other.begin_read() as reader:
            for reverse in (False, True):
                try:
                    taken(reader.entry_rows(ENTRIES, ROWS, reverse=reverse), generator)
                except CorruptStoreError:
                    refused += 1
        other.close()
    assert refused > 20
