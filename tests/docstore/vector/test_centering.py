"""Codes of bits of vectors that signs alone tell nothing of: all on one side of zero, in narrow clusters, by chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import docstore
from docstore.errors import CorruptStoreError
from docstore.indexes.vector import centering, index, search
from docstore.indexes.vector.records import MIDDLE_KEY, read_head
from query.builder import r
from tests.docstore.vector.oracle import check_nearest, recall
from tests.docstore.vector.stores import create, insert


@pytest.fixture(autouse=True)
def codes_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """All codes are scored, of however few vectors."""
    monkeypatch.setattr(search, "EXACT_VECTORS", 0)


def by_chance(kind: str, count: int, dimensions: int = 64) -> dict[int, Any]:
    """Vectors of some dozen independent numbers each, with some noise."""
    chance = np.random.default_rng(11)
    few = chance.standard_normal((count, 16)) @ chance.standard_normal((16, dimensions))
    rows = few / 4 + 0.1 * chance.standard_normal((count, dimensions))
    if kind == "beside zero":
        rows += 10
    elif kind == "of one sign":
        rows = np.abs(rows)
    elif kind == "in clusters":
        rows = chance.standard_normal((count // 50, dimensions))[np.arange(count) % (count // 50)]
        rows = rows + 0.1 * chance.standard_normal((count, dimensions))
    elif kind == "independent":
        rows = chance.standard_normal((count, dimensions))
    return dict(enumerate(rows.astype(np.float32)))


def middle_of(db: docstore.Connection) -> Any:
    """The middle that stands in the store; None where there is none."""
    with db.store.begin_read() as transaction:
        space = transaction.catalog.table("test", "t").index("v").space
        data = transaction.engine.get(space, MIDDLE_KEY)
        assert bool(read_head(transaction.engine, space).middle) == (data is not None)
        return None if data is None else np.frombuffer(data, "<f4")


@pytest.mark.parametrize("measure", ["cosine", "l2", "inner_product"])
@pytest.mark.parametrize("kind", ["beside zero", "of one sign", "in clusters", "independent"])
@pytest.mark.parametrize("is_built", [True, False])
def test_the_nearest_are_found_wherever_vectors_lie(
    kind: str, measure: str, is_built: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "LEAST_DOCUMENTS", 2_000)
    vectors = by_chance(kind, 3_000)
    queries = [vectors.pop(key) for key in range(2_950, 3_000)]
    with docstore.connect() as db:
        r.table_create("t").run(db)
        if is_built:
            insert(db, vectors)
            create(db, dimensions=64, method="ivfrabitq", measure=measure)
        else:
            create(db, dimensions=64, method="ivfrabitq", measure=measure)
            for start in range(0, len(vectors), 300):
                insert(db, {key: vectors[key] for key in range(start, min(start + 300, len(vectors)))})
        assert middle_of(db) is not None
        assert docstore.check(db).problems == []
        found = [r.table("t").get_nearest(query, index="v", max_results=10).run(db) for query in queries]
    shares = [recall(one, vectors, query, measure, 10) for one, query in zip(found, queries, strict=True)]
    assert np.mean(shares) >= 0.95


@pytest.mark.parametrize("measure", ["cosine", "l2", "l1", "inner_product"])
@pytest.mark.parametrize("method", ["ivfflat", "ivfsq8", "ivfrabitq"])
@pytest.mark.parametrize("results", [1, 10])
def test_random_vectors_are_found_by_every_method(
    method: str, measure: str, results: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearest of a random vector lie in many lists, and are hardly nearer than others."""
    monkeypatch.setattr(index, "LEAST_DOCUMENTS", 2_000)
    monkeypatch.setattr(search, "DEFAULT_PROBES", 3)
    vectors = by_chance("independent", 3_000, 24)
    queries = [vectors.pop(key) for key in range(2_900, 3_000)]
    with docstore.connect() as db:
        r.table_create("t").run(db)
        insert(db, vectors)
        create(db, dimensions=24, method=method, measure=measure)
        found = [r.table("t").get_nearest(query, index="v", max_results=results).run(db) for query in queries]
    shares = [recall(one, vectors, query, measure, results) for one, query in zip(found, queries, strict=True)]
    assert np.mean(shares) >= 0.9


def test_the_middle_is_taken_when_there_are_enough_vectors_to_tell_it() -> None:
    vectors = by_chance("beside zero", 1_200)
    rows = np.array([vectors[key] for key in range(1_000)])
    with docstore.connect() as db:
        r.table_create("t").run(db)
        create(db, dimensions=64, method="ivfrabitq", measure="l2")
        insert(db, {key: vectors[key] for key in range(centering.CENTERED_FROM - 1)})
        assert middle_of(db) is None
        r.table("t").get(5).delete().run(db)
        insert(db, {key: vectors[key] for key in (5, 999)})
        assert middle_of(db) == pytest.approx(rows.mean(axis=0), rel=1e-5)
        before = middle_of(db)
        insert(db, {key: vectors[key] for key in range(1_000, 1_200)})
        assert (middle_of(db) == before).all()
        r.table("t").get_all(*range(100)).delete().run(db)
        assert docstore.check(db).problems == []
        left = {key: one for key, one in vectors.items() if key >= 100}
        check_nearest(
            r.table("t").get_nearest(vectors[7], index="v", max_results=1_100).run(db), left, vectors[7], "l2", 1_100
        )


def test_an_older_snapshot_keeps_its_codes(tmp_path: Path) -> None:
    vectors = by_chance("beside zero", 1_100)
    with docstore.connect(tmp_path / "store") as db, docstore.connect(tmp_path / "store") as other:
        r.table_create("t").run(db)
        create(db, dimensions=64, method="ivfrabitq", measure="l2")
        insert(db, {key: vectors[key] for key in range(900)})
        query = r.table("t").get_nearest(vectors[3], index="v", max_results=900)["doc"]["id"]
        with other.snapshot() as before:
            wanted = query.run(before)
            insert(db, {key: vectors[key] for key in range(900, 1_100)})
            assert middle_of(db) is not None
            assert len(query.run(db)) == 900
            assert query.run(before) == wanted


def test_vectors_as_long_as_floats_can_be_have_a_middle() -> None:
    rows = by_chance("independent", 1_100)
    vectors = {key: (row * 1e17 + 3.4e38).astype(np.float32) for key, row in rows.items()}
    with docstore.connect() as db:
        r.table_create("t").run(db)
        create(db, dimensions=64, method="ivfrabitq", measure="cosine")
        insert(db, vectors)
        assert np.isfinite(middle_of(db)).all()
        assert docstore.check(db).problems == []
        found = r.table("t").get_nearest(vectors[3], index="v", max_results=3)["doc"]["id"].run(db)
        assert len(found) == 3


@pytest.mark.parametrize(
    ("data", "found"),
    [(None, "no such record"), (b"\0" * 255, "255 bytes: 0{32}"), (b"\xff" * 256, "256 bytes: f{32}")],
)
def test_a_middle_that_is_none_is_told(tmp_path: Path, data: bytes | None, found: str) -> None:
    vectors = by_chance("beside zero", 1_100)
    query = r.table("t").get_nearest(vectors[3], index="v", max_results=10)["doc"]["id"]
    with docstore.connect(tmp_path / "store") as db:
        r.table_create("t").run(db)
        create(db, dimensions=64, method="ivfrabitq", measure="l2")
        insert(db, vectors)
        with db.store.begin_write() as transaction:
            space = transaction.catalog.table("test", "t").index("v").space
            transaction.writer.delete(space, MIDDLE_KEY)
            if data is not None:
                transaction.writer.put(space, MIDDLE_KEY, data)
    with docstore.connect(tmp_path / "store") as db:
        for failing in (query, r.table("t").get(3).delete()):
            with pytest.raises(CorruptStoreError, match=f"Expected 64 finite numbers.* but found {found}"):
                failing.run(db)
        assert any("Expected 64 finite numbers" in one for one in docstore.check(db).problems)
        r.table("t").index_drop("v").run(db)
        create(db, dimensions=64, method="ivfrabitq", measure="l2")
        assert query.run(db)[0] == 3
