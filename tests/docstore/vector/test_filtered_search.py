"""Searches with a filter: the nearest that pass, all of them, whichever way they are found; nothing outlives its commit."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import docstore
from docstore import Connection
from docstore.indexes.vector import filtering, search
from query.builder import r
from tests.docstore.vector.oracle import check_nearest, recall
from tests.docstore.vector.stores import create, graph_of

COUNT = 3_000


@pytest.fixture(params=["as it is", "scans at once", "tests one by one"], autouse=True)
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Filters applied as is cheapest, always in a scan, never in one."""
    if request.param == "scans at once":
        monkeypatch.setattr(search, "LEAST_TESTED", 0)
        monkeypatch.setattr(filtering, "LEAST_TESTED", -1)
        monkeypatch.setattr(filtering, "TEST_ROWS", 1e9)
    elif request.param == "tests one by one":
        monkeypatch.setattr(search, "LEAST_TESTED", 1e9)
        monkeypatch.setattr(filtering, "LEAST_TESTED", 1e9)


@pytest.fixture(params=["few are gathered", "lists are masked"])
def gathering(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What passes is read by key, or picked out of the lists."""
    if request.param == "lists are masked":
        monkeypatch.setattr(filtering, "GATHERED_LEAST", 0)
        monkeypatch.setattr(filtering, "GATHERED_NUMBERS", 1e9)


def filled(db: Connection, dimensions: int = 12) -> dict[int, Any]:
    """A table of vectors with the number, and how near to the vector 17 each is."""
    chance = np.random.default_rng(9)
    rows = (chance.standard_normal((COUNT, 6)) @ chance.standard_normal((6, dimensions))).astype("f4")
    side = (rows @ rows[17]).tolist()
    r.table_create("t").run(db)
    r.table("t").insert({"id": key, "v": row, "side": side[key], "n": key} for key, row in enumerate(rows)).run(db)
    return dict(enumerate(rows))


@pytest.mark.usefixtures("gathering")
@pytest.mark.parametrize("method", ["auto", "ivfsq8", "ivfrabitq"])
@pytest.mark.parametrize("exact_numbers", [0, 40_000_000])
def test_filters_of_every_share_give_the_nearest_that_pass(
    method: str, exact_numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "EXACT_NUMBERS", exact_numbers)
    monkeypatch.setattr(search, "EXACT_VECTORS", 100)
    dimensions = 256 if method == "ivfrabitq" else 12
    with docstore.connect() as db:
        vectors = filled(db, dimensions)
        create(db, dimensions=dimensions, method=method)
        sides = [row["side"] for row in r.table("t").order_by("id").pluck("side").run(db)]
        for share in (0.5, 0.1, 0.02, 0.005, 0.001, 0.0):
            limit = float(np.quantile(sides, share)) if share else -1e9
            passing = {key: row for key, row in vectors.items() if sides[key] <= limit}
            queries = [vectors[17] + np.float32(0.1) * vectors[key] for key in range(6)]
            shares = []
            for query in queries:
                found = (
                    r.table("t").get_nearest(query, index="v", max_results=10, filter=r.row["side"] <= limit).run(db)
                )
                assert len(found) == min(10, len(passing))
                if exact_numbers:
                    check_nearest(found, passing, query, "cosine", 10)
                elif passing:
                    shares.append(recall(found, passing, query, "cosine", 10))
            assert exact_numbers or not passing or np.mean(shares) >= 0.95


def ids(db: Connection, predicate: Any, **options: Any) -> list[Any]:
    """The nearest to the vector 17 that pass."""
    query = r.table("t").get(17)["v"]
    near = r.table("t").get_nearest(query, index="v", max_results=4, filter=predicate, **options)
    return [row["doc"]["id"] for row in near.run(db)]


@pytest.mark.usefixtures("gathering")
def test_filters_that_differ_in_a_constant_alone_give_what_is_theirs() -> None:
    with docstore.connect() as db:
        filled(db)
        create(db, dimensions=12)
        for _ in range(2):
            for number in (40, 41, 17):
                assert ids(db, {"n": number}) == [number]
                assert ids(db, r.row["n"] == number) == [number]
                assert ids(db, lambda row: row["n"] == number) == [number]
            assert ids(db, {"n": "40"}) == []
        near = lambda number: r.table("t").get_nearest(  # noqa: E731
            r.table("t").get(17)["v"], index="v", filter=lambda row: row["n"] == number
        )
        assert r.expr([3, 4]).map(lambda number: near(number)["doc"]["id"]).run(db) == [[3], [4]]


@pytest.mark.usefixtures("gathering")
def test_what_a_filter_lets_through_changes_with_every_write() -> None:
    with docstore.connect() as db:
        filled(db)
        create(db, dimensions=12)
        passing = r.row["n"] >= COUNT - 2
        assert set(ids(db, passing)) == {COUNT - 2, COUNT - 1}
        r.table("t").get(5).update({"n": COUNT}).run(db)
        assert set(ids(db, passing)) == {5, COUNT - 2, COUNT - 1}
        with db.snapshot():
            assert set(ids(db, passing)) == {5, COUNT - 2, COUNT - 1}
        with pytest.raises(RuntimeError), db.transaction():
            r.table("t").get(6).update({"n": COUNT}).run(db)
            r.table("t").get(5).delete().run(db)
            assert set(ids(db, passing)) == {6, COUNT - 2, COUNT - 1}
            assert set(ids(db, passing)) == {6, COUNT - 2, COUNT - 1}
            raise RuntimeError
        assert set(ids(db, passing)) == {5, COUNT - 2, COUNT - 1}


@pytest.mark.usefixtures("gathering")
def test_a_bound_and_a_filter_hold_together() -> None:
    with docstore.connect() as db:
        vectors = filled(db)
        create(db, dimensions=12, measure="l2")
        dists = {key: float(np.linalg.norm(row - vectors[17])) for key, row in vectors.items()}
        bound = sorted(dists.values())[40]
        expected = sorted([key for key in dists if key % 7 == 3 and dists[key] <= bound], key=lambda key: dists[key])
        for _ in range(2):
            assert ids(db, r.row["n"] % 7 == 3, max_dist=bound) == expected[:4]
            assert ids(db, r.row["n"] < 0, max_dist=bound) == []


@pytest.mark.usefixtures("gathering")
def test_a_document_with_several_vectors_passes_with_all_of_them() -> None:
    with docstore.connect() as db:
        r.table_create("t").run(db)
        r.table("t").insert([{"id": n, "chunks": [[n, 0], [n, 100]], "n": n} for n in range(1_000)]).run(db)
        r.table("t").index_create("c", r.row["chunks"], multi=True, vector={"dimensions": 2, "measure": "l2"}).run(db)
        r.table("t").index_wait().run(db)
        for height in (0, 100, 0):
            near = r.table("t").get_nearest([7, height], index="c", max_results=3, filter=r.row["n"] >= 700)
            assert near["doc"]["id"].run(db) == [700, 701, 702]


def test_a_filter_that_is_asked_often_gives_the_same_when_what_passes_was_gathered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(filtering, "GATHERED_LEAST", 0)
    monkeypatch.setattr(filtering, "GATHERED_NUMBERS", 1_000)
    with docstore.connect() as db:
        filled(db)
        create(db, dimensions=12)
        first = ids(db, r.row["n"] % 10 == 3)
        assert all(ids(db, r.row["n"] % 10 == 3) == first for _ in range(20))
        r.table("t").get(first[0]).delete().run(db)
        assert ids(db, r.row["n"] % 10 == 3)[:3] == first[1:]


def test_what_is_kept_of_filters_stays_within_its_bounds() -> None:
    with docstore.connect() as db:
        filled(db)
        create(db, dimensions=12)
        for number in range(3 * filtering.KEPT):
            assert ids(db, r.row["n"] == number) == [number]
        _, kept = graph_of(db)._kept._found
        assert 0 < len(kept) <= filtering.KEPT
        assert sum(size for _, size in kept.values()) <= filtering.KEPT_BYTES


def test_threads_that_search_beside_a_writer_find_what_their_snapshots_let_through() -> None:
    with docstore.connect() as db:
        filled(db)
        create(db, dimensions=12)
        passing = r.row["n"] >= COUNT - 2  # of four documents at most, which is what `ids` asks for
        failures: list[Any] = []
        stop = threading.Event()

        def look() -> None:
            while not stop.is_set():
                with db.snapshot():
                    wanted = set(r.table("t").filter(passing)["id"].run(db))
                    found = [set(ids(db, passing)) for _ in range(3)]
                    failures.extend([(wanted, one) for one in found if one != wanted])

        threads = [threading.Thread(target=look) for _ in range(3)]
        for thread in threads:
            thread.start()
        for turn in range(60):
            r.table("t").get(turn % 2).update({"n": COUNT if turn % 3 else 0}).run(db)
        stop.set()
        for thread in threads:
            thread.join()
        assert not failures
