"""Exact searches of an index with many lists: all of them are scored as one matrix, wherever they lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import docstore
from docstore import Connection, native
from docstore.indexes.vector import lists
from docstore.indexes.vector.scoring import Prepared, Scattered, scattered
from query.builder import r
from tests.docstore.vector.oracle import check_nearest
from tests.docstore.vector.stores import create, drawn, insert, status


@pytest.fixture
def db() -> Iterator[Connection]:
    with docstore.connect() as connection:
        r.table_create("t").run(connection)
        yield connection


@pytest.fixture(params=["compiled", "numpy"])
def _by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "AVAILABLE", native.AVAILABLE and request.param == "compiled")


def nearest(db: Connection, query: Any, results: int = 9, **options: Any) -> list[Any]:
    found: list[Any] = r.table("t").get_nearest(query, index="v", max_results=results, exact=True, **options).run(db)
    return found


@pytest.mark.usefixtures("_by")
@pytest.mark.parametrize("measure", ["cosine", "l2", "l1", "inner_product"])
@pytest.mark.parametrize("method", ["ivfflat", "ivfsq8", "ivfrabitq"])
@pytest.mark.parametrize("kind", ["float32", "float16", "int8"])
def test_the_nearest_of_many_lists_are_those_of_all(db: Connection, measure: str, method: str, kind: str) -> None:
    vectors = drawn(1500, 35, kind)
    insert(db, vectors)
    create(db, dimensions=35, measure=measure, method=method, type=kind, n_lists=15)
    assert status(db)["lists"] > 5
    for query in drawn(3, 35, kind, seed=4).values():
        check_nearest(nearest(db, query), vectors, query, measure, 9)
        odd = {key: one for key, one in vectors.items() if key % 2}
        check_nearest(nearest(db, query, filter=r.row["id"] % 2 == 1), odd, query, measure, 9)


@pytest.mark.usefixtures("_by")
def test_what_was_put_together_is_so_anew_after_a_write(db: Connection) -> None:
    vectors = drawn(1000, 20)
    insert(db, vectors)
    create(db, dimensions=20, method="ivfflat", n_lists=10)
    query = vectors[500]
    check_nearest(nearest(db, query), vectors, query, "cosine", 9)
    r.table("t").filter(r.row["id"] >= 500).delete().run(db)
    vectors = {key: one for key, one in vectors.items() if key < 500}
    check_nearest(nearest(db, query), vectors, query, "cosine", 9)
    more = {key + 5000: one for key, one in drawn(300, 20, seed=8).items()}
    insert(db, more)
    check_nearest(nearest(db, query), {**vectors, **more}, query, "cosine", 9)
    r.table("t").delete().run(db)
    assert nearest(db, query) == []


@pytest.mark.usefixtures("_by")
def test_a_document_with_many_vectors_comes_once(db: Connection) -> None:
    rows = drawn(1200, 8)
    documents = [{"id": n, "v": [rows[place] for place in range(n, 1200, 40)]} for n in range(40)]
    r.table("t").insert(documents).run(db)
    r.table("t").index_create(
        "v", multi=True, vector={"dimensions": 8, "measure": "l2", "method": "ivfflat", "n_lists": 9}
    ).run(db)
    r.table("t").index_wait().run(db)
    query = drawn(1, 8, seed=5)[0]
    gaps = [min(float(np.linalg.norm(one.astype(float) - query)) for one in document["v"]) for document in documents]
    for results in (5, 40):
        found = nearest(db, query, results)
        assert [row["doc"]["id"] for row in found] == np.argsort(gaps).tolist()[:results]
        np.testing.assert_allclose([row["dist"] for row in found], sorted(gaps)[:results], rtol=1e-6)


def test_more_than_should_be_held_is_looked_at_list_by_list(db: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = drawn(1500, 20)
    insert(db, vectors)
    create(db, dimensions=20, measure="l2", method="ivfflat", n_lists=15)
    check_nearest(nearest(db, vectors[3]), vectors, vectors[3], "l2", 9)
    monkeypatch.setattr(lists, "CACHE_BYTES", 50_000)
    generation = lists.cache.generation
    check_nearest(nearest(db, vectors[3]), vectors, vectors[3], "l2", 9)
    r.table("t").get(1).update({"v": vectors[2]}).run(db)
    vectors[1] = vectors[2]
    check_nearest(nearest(db, vectors[3]), vectors, vectors[3], "l2", 9)
    assert lists.cache.generation > generation


@pytest.mark.usefixtures("_by")
def test_scattered_rows_give_what_one_matrix_gives() -> None:
    rows = np.random.default_rng(3).standard_normal((700, 77)).astype(np.float32)
    query = rows[5] * np.float32(0.7)
    parts = [Prepared(rows[:1], None), Prepared(rows[1:13], None), Prepared(rows[13:], None)]
    found: Scattered = scattered(parts).rows
    np.testing.assert_allclose(found @ query, rows @ query, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.gaps(query), np.abs(rows - query).sum(axis=1), rtol=1e-5)
    assert found.nbytes == rows.nbytes
