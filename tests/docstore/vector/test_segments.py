"""Codes side by side: what writes leave of them, how much each of them writes, and what an index without them does."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

import docstore
from docstore.errors import CorruptStoreError
from docstore.indexes.vector import codes, rotation, search, segments
from docstore.indexes.vector.records import ROTATION_KEY, read_head, segment_key, write_head
from query.builder import r
from tests.docstore.vector.oracle import check_nearest
from tests.docstore.vector.stores import create, drawn, insert, status


@pytest.fixture(autouse=True)
def codes_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """All codes are scored, of however few vectors."""
    monkeypatch.setattr(search, "EXACT_VECTORS", 0)


def sizes(db: docstore.Connection) -> list[tuple[int, int]]:
    """The vectors of each segment, and how many are gone."""
    with db.store.begin_read() as transaction:
        space = transaction.catalog.table("test", "t").index("v").space
        return [(one.vectors, one.gone) for one in segments.segments_of(read_head(transaction.engine, space))]


def table_of(db: docstore.Connection, count: int) -> dict[int, Any]:
    """A table with vectors by chance, and an index of bits on them."""
    vectors = drawn(count, 8)
    r.table_create("t").run(db)
    create(db, dimensions=8, method="ivfrabitq", measure="l2")
    insert(db, vectors)
    return vectors


def test_small_segments_become_large_ones() -> None:
    with docstore.connect() as db:
        table_of(db, 0)
        for start in range(0, 950, 50):
            insert(db, {start + key: one for key, one in drawn(50, 8).items()})
        assert sizes(db) == [(250, 0), (250, 0), (250, 0), (200, 0)]
        for start in range(950, 2_950, 50):
            insert(db, {start + key: one for key, one in drawn(50, 8).items()})
        assert sizes(db) == [(2_500, 0), (250, 0), (200, 0)]
        assert docstore.check(db).problems == []


def test_what_is_gone_is_noted_and_then_cut_out() -> None:
    with docstore.connect() as db:
        vectors = table_of(db, 400)
        r.table("t").get_all(*range(60)).delete().run(db)
        assert sizes(db) == [(400, 60)]
        assert status(db)["dead_share"] == 0.15
        left = {key: one for key, one in vectors.items() if key >= 60}
        found = r.table("t").get_nearest(vectors[3], index="v", max_results=340).run(db)
        check_nearest(found, left, vectors[3], "l2", 340)
        r.table("t").get_all(*range(60, 120)).delete().run(db)
        assert sizes(db) == [(280, 0)]
        r.table("t").delete().run(db)
        assert sizes(db) == []
        assert docstore.check(db).problems == []


def test_neighbours_of_which_little_is_left_become_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "LARGEST", 300)
    with docstore.connect() as db:
        table_of(db, 900)
        assert sizes(db) == [(300, 0)] * 3
        for third in range(0, 900, 300):
            r.table("t").get_all(*range(third, third + 250)).delete().run(db)
        assert len(sizes(db)) == 1
        assert sum([vectors - gone for vectors, gone in sizes(db)]) == 150
        assert docstore.check(db).problems == []


def test_neighbours_may_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "LARGEST", 10)
    with docstore.connect() as db:
        table_of(db, 100)
        r.table("t").get_all(*range(40), *range(45, 60), *range(70, 100)).delete().run(db)
        assert sum([vectors - gone for vectors, gone in sizes(db)]) == 15
        assert docstore.check(db).problems == []


def test_a_reader_that_another_commit_has_overtaken_sees_its_own_codes(tmp_path: Path) -> None:
    with docstore.connect(tmp_path / "store") as db, docstore.connect(tmp_path / "store") as other:
        vectors = table_of(db, 3_000)
        query = r.table("t").get_nearest(vectors[3], index="v", max_results=10)["doc"]["id"]
        with db.snapshot():
            before = query.run(db)
            r.table("t").delete().run(other)
            assert query.run(db) == before
        assert query.run(db) == []


def test_an_index_with_other_codes_says_so_and_can_be_dropped() -> None:
    with docstore.connect() as db:
        vectors = table_of(db, 400)
        with db.store.begin_write() as transaction:
            space = transaction.catalog.table("test", "t").index("v").space
            head = read_head(transaction.writer, space)
            head.bits = 64
            write_head(transaction.writer, space, head)
        for query in (
            r.table("t").get_nearest(vectors[3], index="v", max_results=10),
            r.table("t").get(3).delete(),
        ):
            with pytest.raises(CorruptStoreError, match=r"256 bits but found one with 64.*earlier version.*drop it"):
                query.run(db)
        r.table("t").index_drop("v").run(db)
        create(db, dimensions=8, method="ivfrabitq", measure="l2")
        assert r.table("t").get_nearest(vectors[3], index="v", max_results=1).run(db)[0]["doc"]["id"] == 3


def change_rotation(path: Path, data: bytes | None) -> bytes:
    """Replace the record of the rotation, or take it away; the one that was there."""
    with docstore.connect(path) as db, db.store.begin_write() as transaction:
        space = transaction.catalog.table("test", "t").index("v").space
        before = transaction.writer.get(space, ROTATION_KEY)
        transaction.writer.delete(space, ROTATION_KEY)
        if data is not None:
            transaction.writer.put(space, ROTATION_KEY, data)
        return cast(bytes, before)


def test_codes_are_made_and_read_by_the_rotation_of_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by what is drawn from the seed: another version of NumPy may draw something else."""
    with docstore.connect(tmp_path / "store") as db:
        vectors = table_of(db, 400)
        query = r.table("t").get_nearest(vectors[3], index="v", max_results=10)["doc"]["id"]
        wanted = query.run(db)
    monkeypatch.setattr(codes, "drawn", lambda dimensions, seed: rotation.drawn(dimensions, seed + 1))
    with docstore.connect(tmp_path / "store") as db:
        assert query.run(db) == wanted
        r.table("t").insert({"id": 400, "v": r.vector(vectors[3])}).run(db)
        assert set(query.limit(2).run(db)) == {3, 400}
        assert docstore.check(db).problems == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda data: None, "found no such record"),
        (lambda data: data[:-4], "found 2044 bytes"),
        (lambda data: data[4:8] + data[4:], "found 2048 bytes: [0-9a-f]{32}"),
        (lambda data: data[:-4] + b"\0\2\0\0", "found 2048 bytes"),
    ],
)
def test_a_rotation_that_is_none_is_told(tmp_path: Path, change: Callable[[bytes], bytes | None], found: str) -> None:
    with docstore.connect(tmp_path / "store") as db:
        query = r.table("t").get_nearest(table_of(db, 400)[3], index="v", max_results=10)["doc"]["id"]
        wanted = query.run(db)
    before = change_rotation(tmp_path / "store", b"")
    change_rotation(tmp_path / "store", change(before))
    with docstore.connect(tmp_path / "store") as db:
        for failing in (query, r.table("t").get(3).delete()):
            with pytest.raises(CorruptStoreError, match=f"Expected a rotation.* but {found}"):
                failing.run(db)
        assert any(re.search(f"Expected a rotation.* but {found}", one) for one in docstore.check(db).problems)
    change_rotation(tmp_path / "store", before)
    with docstore.connect(tmp_path / "store") as db:
        assert query.run(db) == wanted
    change_rotation(tmp_path / "store", rotation.drawn(8, 1).moves)
    with docstore.connect(tmp_path / "store") as db:
        assert any("is not the one of its record" in one for one in docstore.check(db).problems)


def test_the_check_tells_of_a_code_that_is_not_its_vectors() -> None:
    with docstore.connect() as db:
        table_of(db, 400)
        with db.store.begin_write() as transaction:
            space = transaction.catalog.table("test", "t").index("v").space
            data = bytearray(transaction.writer.get(space, segment_key(0)) or b"")
            for at in range(8 + 8 * 400, 8 + 8 * 400 + 8):
                data[at] ^= 255
            transaction.writer.put(space, segment_key(0), bytes(data))
        problems = docstore.check(db).problems
        assert any("in the segment 0 is not the one of its record" in str(one) for one in problems)
