"""Rows read from LMDB's pages are those that py-lmdb gives; damaged pages are an error."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from docstore.errors import CorruptStoreError, TransactionClosedError
from docstore.storage.engine import GrowNeeded
from docstore.storage.lmdb import LmdbEngine, open_lmdb
from docstore.storage.lmdb_native import NativeRead
from docstore.storage.lmdb_read import LmdbRead
from docstore.storage.rows import LARGEST_CHUNK

SPACE = 7
SIZES = (0, 1, 30, 400, 2_010, 2_030, 4_080, 9_000, 70_000)
"""Bytes of values: small ones, and those around where LMDB gives them pages of their own."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[LmdbEngine]:
    """A store in a file."""
    opened = open_lmdb(tmp_path / "store", sync=False)
    yield opened
    opened.close()


@pytest.fixture
def growing_engine(tmp_path: Path) -> Iterator[LmdbEngine]:
    """A store in a file whose memory map soon has to be another."""
    opened = open_lmdb(tmp_path / "store", sync=False, initial_map_bytes=2**20)
    yield opened
    opened.close()


def keys_and_values(generator: random.Random, count: int) -> dict[bytes, bytes]:
    """Rows with keys of all lengths, many with a common beginning."""
    rows = {}
    for _ in range(count):
        beginning = generator.choice([b"", b"a", b"package/", b"\xff" * 40])
        key = (beginning + generator.randbytes(generator.choice([0, 1, 4, 12, 200])))[:507]
        rows[key] = generator.randbytes(1) * generator.choice(SIZES[:4] if generator.random() < 0.9 else SIZES)
    return rows


def write(engine: LmdbEngine, rows: dict[bytes, bytes], *, delete: list[bytes] | None = None) -> None:
    """Set rows, delete others, and have rows in the spaces before and behind, which no scan may meet."""
    while True:
        try:
            with engine.begin_write() as writer:
                writer.put(SPACE - 1, b"z", b"not this")
                writer.put(SPACE + 1, b"", b"not this")
                writer.put_many(SPACE, sorted(rows.items()))
                for key in delete or ():
                    writer.delete(SPACE, key)
                return
        except GrowNeeded:
            engine.grow()


def scanned(reader: LmdbRead, low: bytes = b"", high: bytes | None = None) -> list[tuple[bytes, bytes]]:
    """All rows of a scan in chunks."""
    return [
        (rows.key(place), value)
        for rows in reader.scan_rows(SPACE, low, high)
        for place, value in enumerate(rows.read(bytes))
    ]


@pytest.mark.parametrize("seed", range(12))
def test_rows_are_those_that_the_cursors_find(growing_engine: LmdbEngine, seed: int) -> None:
    engine = growing_engine
    generator = random.Random(seed)
    kept: dict[bytes, bytes] = {}
    for _ in range(4):
        more = keys_and_values(generator, generator.choice([3, 60, 1_500]))
        gone = generator.sample(sorted(kept), len(kept) // 3)
        write(engine, more, delete=[key for key in gone if key not in more])
        kept = {key: value for key, value in {**kept, **more}.items() if key not in gone or key in more}
        wanted = sorted(kept.items())
        some = generator.sample(sorted(kept), min(len(kept), 300)) + [generator.randbytes(5) for _ in range(20)]
        with engine.begin_read() as reader:
            assert type(reader) is NativeRead
            assert scanned(reader) == wanted
            assert [reader.read(SPACE, key, bytes) for key in some] == [kept.get(key) for key in some]
            rows = reader.rows(SPACE, some)
            assert rows.read(bytes) == [kept.get(key) for key in some]
            assert len(reader.rows(SPACE, [])) == 0
            assert rows.present().read(bytes) == [kept[key] for key in some if key in kept]
            assert rows.read_some(len, [0, len(some) - 1]) == [
                None if (value := kept.get(some[place])) is None else len(value) for place in (0, -1)
            ]
            for low, high in pairwise(sorted([b"", *some[:6]])):
                assert scanned(reader, low, high) == [row for row in wanted if low <= row[0] < high]


def row_ids(generator: random.Random, count: int) -> list[bytes]:
    """Some row ids: in a row, with gaps, far apart, and at both ends of what there can be."""
    numbers = {0, 1, 2**48 - 1, *(2**47 + 2**16 * number for number in range(count // 8))}
    numbers |= {number for number in range(70_000, 70_000 + 2 * count) if generator.random() < 0.4}
    numbers |= {generator.randrange(2**48) for _ in range(count // 8)}
    return [number.to_bytes(6, "big") for number in sorted(numbers)]


@pytest.mark.parametrize("count", [8, 400, 20_000])
def test_rows_of_row_ids_are_found_however_their_numbers_lie(engine: LmdbEngine, count: int) -> None:
    generator = random.Random(count)
    stored = row_ids(generator, count)
    with engine.begin_write() as writer:
        for space in (SPACE - 1, SPACE, 2**16 + SPACE, 2**32 - 1):  # the same keys before and behind
            sizes = generator.choices(SIZES[:4], [1, 10, 10, 1], k=len(stored))
            writer.put_many(
                space, [(key, bytes([space % 251]) * size) for key, size in zip(stored, sizes, strict=True)]
            )
    near = {
        (max(0, min(2**48 - 1, int.from_bytes(key, "big") + step))).to_bytes(6, "big")
        for key in stored
        for step in (-1, 0, 1)
    }
    asked = [*generator.sample(sorted(near), len(near)), b"short", b"seven bytes", b""]
    with engine.begin_read() as reader:
        kept = dict(reader.scan(SPACE))
        assert list(kept) == stored
        assert reader.rows(SPACE, asked).read(bytes) == [kept.get(key) for key in asked]
        assert [reader.read(SPACE, key, bytes) for key in asked] == [kept.get(key) for key in asked]
        for low, high in pairwise(sorted(asked[:20])):
            assert [key for key, _ in scanned(reader, low, high)] == [key for key in stored if low <= key < high]


def test_an_old_snapshot_keeps_its_rows_while_others_are_written(engine: LmdbEngine) -> None:
    rows = {b"%05d" % number: b"old" * 50 for number in range(3_000)}
    write(engine, rows)
    with engine.begin_read() as old:
        chunks = old.scan_rows(SPACE)
        found = next(chunks).read(bytes)
        for _ in range(5):
            write(engine, dict.fromkeys(rows, b"new" * 60), delete=[b"00000"])
        for chunk in chunks:
            found += chunk.read(bytes)
        assert found == [b"old" * 50] * 3_000
    with engine.begin_read() as young:
        first = next(young.scan_rows(SPACE))
        assert first.added(len, 2) == [(b"00001", None, 180), (b"00002", None, 180)]
        assert scanned(young) == [(key, b"new" * 60) for key in sorted(rows)[1:]]


def test_rows_of_a_transaction_that_has_ended_are_an_error(engine: LmdbEngine) -> None:
    write(engine, {b"a": b"1", b"b": b"2"})
    reader = engine.begin_read()
    rows, scan = reader.rows(SPACE, [b"a"]), reader.scan_rows(SPACE)
    chunk = next(scan)
    reader.abort()
    assert chunk.key(1) == b"b"
    for attempt in (
        lambda: rows.read(bytes),
        lambda: chunk.read(bytes),
        lambda: chunk.read_some(bytes, [0]),
        lambda: chunk.candidates(()),
        lambda: next(scan),
        lambda: reader.read(SPACE, b"a", bytes),
        lambda: reader.rows(SPACE, [b"a"]),
    ):
        with pytest.raises(TransactionClosedError):
            attempt()


def test_a_transaction_that_is_ended_by_what_decodes_is_an_error(engine: LmdbEngine) -> None:
    write(engine, {b"a": b"1", b"b": b"2"})
    reader = engine.begin_read()

    def decode(data: bytes) -> bytes:
        reader.abort()
        return data

    with pytest.raises(TransactionClosedError):
        next(reader.scan_rows(SPACE)).read(decode)


def test_places_and_keys_that_there_are_not_are_errors(engine: LmdbEngine) -> None:
    write(engine, {b"a": b"1"})
    with engine.begin_read() as reader:
        rows = next(reader.scan_rows(SPACE))
        for place in (-1, 1):
            with pytest.raises(IndexError):
                rows.key(place)
            with pytest.raises(IndexError):
                rows.read_some(bytes, [place])
        with pytest.raises(ValueError, match="at most 508 bytes"):
            reader.rows(SPACE, [b"x" * 509])


def test_the_first_chunks_have_what_a_cursor_reads_at_once(engine: LmdbEngine) -> None:
    write(engine, {b"%05d" % number: b"" for number in range(1_200)})
    with engine.begin_read() as reader:
        sizes = [len(rows) for rows in reader.scan_rows(SPACE)]
    assert sum(sizes[:7]) == 1_000
    assert max(sizes) == LARGEST_CHUNK


DAMAGE = """
import random, re, sys
from pathlib import Path
from docstore.errors import CorruptStoreError
from docstore.storage.lmdb import open_lmdb

path, seeds = Path(sys.argv[1]), range(int(sys.argv[2]), int(sys.argv[3]))
whole = path.read_bytes()
refused = 0
for seed in seeds:
    generator = random.Random(seed)
    damaged = bytearray(whole)
    pages = [
        at
        for at in range(2 * 4096, len(whole), 4096)
        if re.search(rb"\\0\\0\\0\\x07\\d{5}", whole[at : at + 4096]) and b"multimaps" not in whole[at : at + 4096]
    ]
    for at in generator.sample(pages, 12):
        for _ in range(generator.choice([1, 8, 200])):
            damaged[at + generator.randrange(generator.choice([16, 60, 4096]))] = generator.randrange(256)
    other = path.with_name("damaged")
    other.write_bytes(damaged)
    engine = open_lmdb(other, sync=False)
    with engine.begin_read() as reader:
        for attempt in (
            lambda: [rows.read(bytes) for rows in reader.scan_rows(7)],
            lambda: reader.rows(7, [b"%05d" % number for number in range(0, 4_000, 7)]).read(bytes),
        ):
            try:
                attempt()
            except CorruptStoreError:
                refused += 1
    engine.close()
print(refused)
"""


def test_damaged_pages_are_an_error_and_end_no_process(engine: LmdbEngine, tmp_path: Path) -> None:
    write(engine, {b"%05d" % number: b"x" * (number % 900) for number in range(4_000)})
    engine.close()
    command = [sys.executable, "-c", DAMAGE, str(tmp_path / "store"), "0", "25"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 10


def test_a_page_with_another_number_is_an_error_that_names_it(engine: LmdbEngine, tmp_path: Path) -> None:
    write(engine, {b"%05d" % number: b"x" * 100 for number in range(1_000)})
    engine.close()
    data = bytearray((tmp_path / "store").read_bytes())
    for at in range(2 * 4096, len(data), 4096):
        if b"\0\0\0\x07" + b"00500" in data[at : at + 4096]:
            data[at : at + 8] = b"\xaa" * 8
    (tmp_path / "other").write_bytes(data)
    other = open_lmdb(tmp_path / "other", sync=False)
    with other.begin_read() as reader, pytest.raises(CorruptStoreError, match="says that it is page 1229782938"):
        scanned(reader)
    other.close()
