"""The first lists of an index that is built on a table that has documents already."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

import docstore
from docstore.indexes.vector import index as vector_index
from docstore.indexes.vector import kmeans, training
from query.builder import r
from tests.docstore.vector.oracle import recall
from tests.docstore.vector.stores import create, drawn, insert, status


@pytest.fixture(autouse=True)
def lists_for_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are trained for few documents."""
    monkeypatch.setattr(vector_index, "LEAST_DOCUMENTS", 1_000)


@pytest.mark.parametrize("method", ["ivfflat", "ivfsq8", "ivfrabitq"])
def test_a_build_begins_with_trained_lists(method: str) -> None:
    vectors = drawn(12_000, 8)
    with docstore.connect() as db:
        r.table_create("t").run(db)
        insert(db, vectors)
        create(db, dimensions=8, measure="l2", method=method)
        assert status(db)["lists"] >= 30
        assert status(db)["balance"] <= 2
        assert status(db)["vectors"] == 12_000
        found = r.table("t").get_nearest(vectors[5] + 1, index="v", max_results=10).run(db)
        assert recall(found, vectors, vectors[5] + 1, "l2", 10) >= 0.9
        assert docstore.check(db).problems == []


def test_the_sample_is_spread_over_the_table_and_bounded() -> None:
    assert training.sample_step(10_000, 256) == 4
    assert training.sample_step(1_000_000, 256) == 13
    assert training.sample_step(5, 256) == 5


def test_documents_without_vectors_need_no_lists() -> None:
    with docstore.connect() as db:
        r.table_create("t").run(db)
        r.table("t").insert([{"id": key} for key in range(2_000)]).run(db)
        create(db, dimensions=8)
        assert status(db)["lists"] == 1


def test_vectors_that_are_all_the_same_go_into_lists() -> None:
    with docstore.connect() as db:
        r.table_create("t").run(db)
        insert(db, dict.fromkeys(range(2_000), np.ones(8, np.float32)))
        create(db, dimensions=8, method="ivfflat")
        assert len(r.table("t").get_nearest([1] * 8, index="v", max_results=50).run(db)) == 50
        assert docstore.check(db).problems == []


def test_what_is_written_while_lists_are_trained_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, written = threading.Event(), threading.Event()

    def slowly(*arguments: object, **options: object) -> object:
        begun.set()
        assert written.wait(10)
        return kmeans.k_means(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "k_means", slowly)
    vectors = drawn(2_000, 8)
    with docstore.connect(tmp_path / "store") as db:
        r.table_create("t").run(db)
        insert(db, vectors)
        r.table("t").index_create("v", r.row["v"], vector={"dimensions": 8, "measure": "l2"}).run(db)
        assert begun.wait(10)
        r.table("t").get(5).delete().run(db)
        insert(db, {5_000: vectors[5]})
        written.set()
        r.table("t").index_wait("v").run(db)
        found = r.table("t").get_nearest(vectors[5], index="v", max_results=1).run(db)
        assert found[0]["doc"]["id"] == 5_000
        assert status(db)["vectors"] == 2_000
        assert docstore.check(db).problems == []


def test_closing_the_store_does_not_wait_for_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = []
    begun = threading.Event()

    def counted(*arguments: object) -> object:
        rounds.append(1)
        begun.set()
        return kmeans_nearest(*arguments)

    kmeans_nearest = kmeans.nearest
    monkeypatch.setattr(kmeans, "nearest", counted)
    monkeypatch.setattr(training, "_ROUNDS", 1_000_000)
    with docstore.connect(tmp_path / "store") as db:
        r.table_create("t").run(db)
        insert(db, drawn(2_000, 8))
        r.table("t").index_create("v", r.row["v"], vector={"dimensions": 8, "measure": "l2"}).run(db)
        assert begun.wait(10)
    assert len(rounds) < 100_000
    monkeypatch.undo()
    with docstore.connect(tmp_path / "store") as db:
        r.table("t").index_wait("v").run(db)
        assert status(db)["vectors"] == 2_000
        assert docstore.check(db).problems == []
