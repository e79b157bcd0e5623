"""Vector indexes of so many vectors that not all are searched: lists, codes, graphs, and what drift does to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import docstore
from query.builder import r
from tests.docstore.vector.oracle import check_nearest, recall
from tests.docstore.vector.stores import create, drawn, graph_of, insert, status


@pytest.mark.parametrize(
    ("measure", "method"),
    [
        ("cosine", "auto"),
        ("l2", "ivfflat"),
        ("inner_product", "ivfsq8"),
        ("l2", "ivfrabitq"),
        ("inner_product", "ivfrabitq"),
    ],
)
def test_many_vectors_are_found_through_lists(measure: str, method: str) -> None:
    chance = np.random.default_rng(4)
    spread = chance.standard_normal((12, 40))
    rows = (chance.standard_normal((11_000, 12)) @ spread + 0.3 * chance.standard_normal((11_000, 40)) + 0.2).astype(
        "f4"
    )
    vectors = dict(enumerate(rows))
    with docstore.connect() as db:
        r.table_create("t").run(db)
        create(db, dimensions=40, measure=measure, method=method)
        insert(db, vectors)
        assert status(db)["lists"] > 25
        assert status(db)["balance"] <= 2
        assert 0.6 <= status(db)["recall"] <= 1
        shares, filtered = [], []
        for query in rows[:20] + np.float32(0.1):
            found = r.table("t").get_nearest(query, index="v", max_results=10).run(db)
            shares.append(recall(found, vectors, query, measure, 10))
            exact = r.table("t").get_nearest(query, index="v", max_results=10, exact=True).run(db)
            check_nearest(exact, vectors, query, measure, 10)
            few = r.table("t").get_nearest(query, index="v", max_results=10, filter=r.row["id"] % 50 == 7).run(db)
            filtered.append(recall(few, {key: vectors[key] for key in range(7, 11_000, 50)}, query, measure, 10))
        assert np.mean(shares) >= 0.9
        assert np.mean(filtered) >= 0.99
        assert len(r.table("t").get_nearest(rows[0], index="v", max_results=10, probes=1).run(db)) == 10
        assert docstore.check(db).problems == []


def test_bits_of_many_dimensions_are_enough() -> None:
    chance = np.random.default_rng(4)
    rows = (chance.standard_normal((10_500, 24)) @ chance.standard_normal((24, 256))).astype("f4")
    vectors = dict(enumerate(rows))
    with docstore.connect() as db:
        r.table_create("t").run(db)
        insert(db, vectors)
        create(db, dimensions=256)
        shares = []
        for query in rows[:20] + chance.standard_normal((20, 256)).astype("f4"):
            assert "codes of all 10,500" in str(r.table("t").get_nearest(query, index="v").explain(db))
            found = r.table("t").get_nearest(query, index="v", max_results=10).run(db)
            shares.append(recall(found, vectors, query, "cosine", 10))
            found = r.table("t").get_nearest(query, index="v", max_results=10, probes=20).run(db)
            assert len(found) == 10
            assert len(r.table("t").get_nearest(query, index="v", max_results=500).run(db)) == 500
        assert np.mean(shares) >= 0.9
        assert docstore.check(db).problems == []


@pytest.mark.parametrize(
    ("measure", "method", "dimensions"),
    [
        ("cosine", "ivfflat", 40),
        ("l2", "ivfsq8", 40),
        ("cosine", "ivfrabitq", 256),
        ("inner_product", "auto", 40),
        ("cosine", "auto", 256),
    ],
)
def test_a_filter_against_the_query_gives_all_and_the_nearest(
    measure: str, method: str, dimensions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docstore.indexes.vector.search.EXACT_NUMBERS", 0)  # as if there were a million vectors
    chance = np.random.default_rng(9)
    rows = (chance.standard_normal((11_000, 12)) @ chance.standard_normal((12, dimensions))).astype("f4")
    query = rows[17]
    side = (rows @ query).tolist()
    with docstore.connect() as db:
        r.table_create("t").run(db)
        r.table("t").insert({"id": key, "v": row, "side": side[key]} for key, row in enumerate(rows)).run(db)
        create(db, dimensions=dimensions, measure=measure, method=method)
        for share in (0.3, 0.05, 0.005, 0.0005):
            limit = float(np.quantile(side, share))
            passing = {key: row for key, row in enumerate(rows) if side[key] <= limit}
            shares = []
            for wanted in query + np.float32(0.3) * rows[:8]:
                near = r.table("t").get_nearest(wanted, index="v", max_results=10, filter=r.row["side"] <= limit)
                found = near.run(db)
                assert len(found) == min(10, len(passing))
                shares.append(recall(found, passing, wanted, measure, 10))
            assert np.mean(shares) >= 0.99


def test_recall_holds_while_everything_drifts_away() -> None:
    chance = np.random.default_rng(2)
    middles = chance.standard_normal((30, 16)) * 4
    with docstore.connect() as db:
        r.table_create("t").run(db)
        create(db, dimensions=16, measure="l2", method="ivfflat")
        vectors: dict[int, Any] = {}
        for turn in range(3):
            places = chance.integers(0, 30, 11_000)
            rows = (middles[places] + chance.standard_normal((11_000, 16)) + 3 * turn).astype("f4")
            for start in range(0, 11_000, 1_100):
                fresh = {key: rows[key] for key in range(start, start + 1_100)}
                documents = [{"id": key, "v": row} for key, row in fresh.items()]
                r.table("t").insert(documents, conflict="replace").run(db)
                vectors |= fresh
        shares = []
        for query in rows[:40] + np.float32(0.3):
            found = r.table("t").get_nearest(query, index="v", max_results=10).run(db)
            shares.append(recall(found, vectors, query, "l2", 10))

        assert np.mean(shares) >= 0.93
        assert status(db)["vectors"] == 11_000
        assert status(db)["balance"] <= 3
        assert docstore.check(db).problems == []


@pytest.mark.parametrize("measure", ["cosine", "inner_product", "l1", "l2"])
def test_a_graph_finds_what_came_later_and_nothing_that_went(measure: str) -> None:
    pytest.importorskip("faiss")
    vectors = drawn(11_000, 8)
    with docstore.connect() as db:
        r.table_create("t").run(db)
        insert(db, vectors)
        create(db, dimensions=8, measure=measure, method="hnsw", m=12)
        query = r.table("t").get_nearest(vectors[5] + 1, index="v", max_results=10)
        assert recall(query.run(db), vectors, vectors[5] + 1, measure, 10) > 0.5
        graph_of(db).wait_for_graph()
        assert "the graph of 11,000 vectors" in str(query.explain(db))
        assert recall(query.run(db), vectors, vectors[5] + 1, measure, 10) >= 0.8
        with db.snapshot():
            before = query.run(db)
            gone = [row["doc"]["id"] for row in before[:3]]
        r.table("t").get_all(*gone).delete().run(db)
        r.table("t").insert({"id": "new", "v": vectors[5] + 1}).run(db)
        found = query.run(db)
        assert not {row["doc"]["id"] for row in found} & set(gone)
        assert measure == "inner_product" or found[0]["doc"]["id"] == "new"
        assert len(found) == 10
        few = r.table("t").get_nearest(vectors[5], index="v", max_results=5, filter=r.row["id"] == "new").run(db)
        assert [row["doc"]["id"] for row in few] == ["new"]
        insert(db, {key + 20_000: one for key, one in drawn(1_500, 8, seed=8).items()})
        query.run(db)
        graph_of(db).wait_for_graph()
        assert "the graph of 12,498 vectors" in str(query.explain(db))


def test_without_the_library_hnsw_answers_from_its_lists_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    vectors = drawn(10_100, 4)
    with docstore.connect() as db:
        r.table_create("t").run(db)
        with pytest.warns(UserWarning, match=r"pip install 'docstore\[hnsw\]'"):
            create(db, dimensions=4, method="hnsw")
        insert(db, vectors)
        query = r.table("t").get_nearest(vectors[5], index="v", max_results=10)
        with pytest.warns(UserWarning, match=r"pip install 'docstore\[hnsw\]'"):
            found = query.run(db)
        assert recall(found, vectors, vectors[5], "cosine", 10) >= 0.8
        query.run(db)


@pytest.mark.parametrize("measure", ["cosine", "l1"])
def test_answers_are_the_same_with_and_without_the_library(measure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    vectors = drawn(10_400, 8)
    with docstore.connect() as db:
        r.table_create("t").run(db)
        insert(db, vectors)
        create(db, dimensions=8, measure=measure, method="hnsw")
        r.table("t").get_nearest(vectors[0], index="v").run(db)
        graph_of(db).wait_for_graph()
        r.table("t").get_all(*range(400)).delete().run(db)
        for key in range(400):
            del vectors[key]

        def answers(**options: Any) -> list[Any]:
            queries = [vectors[key] + 1 for key in range(400, 420)]
            return [r.table("t").get_nearest(one, index="v", max_results=10, **options).run(db) for one in queries]

        every = [{"exact": True}, {"filter": r.row["n"] == 3}, {"filter": r.row["id"] < 450}, {"max_dist": 1e-9}, {}]
        with_graph = [answers(**options) for options in every]
        assert "the graph of" in str(r.table("t").get_nearest(vectors[500], index="v").explain(db))
        monkeypatch.setattr(graph_of(db), "_graphs", None)
        without = [answers(**options) for options in every]
        names = [[[row["doc"]["id"] for row in found] for found in some] for some in (*with_graph[:4], *without[:4])]
        assert names[:4] == names[4:]
        for some in (with_graph[4], without[4]):
            shares = [recall(found, vectors, vectors[400 + place] + 1, measure, 10) for place, found in enumerate(some)]
            assert np.mean(shares) >= 0.9


def test_a_graph_holds_more_candidates_ready_where_vectors_are_hard_to_find() -> None:
    pytest.importorskip("faiss")
    vectors = drawn(10_200, 32)
    queries = [vectors.pop(key) for key in range(10_150, 10_200)]
    with docstore.connect() as db:
        r.table_create("t").run(db)
        insert(db, vectors)
        create(db, dimensions=32, method="hnsw", measure="l2", m=8)
        r.table("t").get_nearest(queries[0], index="v").run(db)
        graph_of(db).wait_for_graph()

        def found(**options: Any) -> float:
            rows = [r.table("t").get_nearest(one, index="v", max_results=10, **options).run(db) for one in queries]
            shares = [recall(some, vectors, one, "l2", 10) for some, one in zip(rows, queries, strict=True)]
            return float(np.mean(shares))

        assert found(ef_search=40) < 0.8
        assert found() >= 0.9


@pytest.mark.filterwarnings("error")
def test_a_graph_compares_very_long_and_very_short_vectors_by_their_angle() -> None:
    pytest.importorskip("faiss")
    vectors = {key: row * np.float32(10.0 ** (25 * (key % 3 - 1))) for key, row in drawn(10_200, 8).items()}
    with docstore.connect() as db:
        r.table_create("t").run(db)
        insert(db, vectors)
        create(db, dimensions=8, method="hnsw")
        r.table("t").get_nearest(vectors[0], index="v").run(db)
        graph_of(db).wait_for_graph()
        shares = []
        for key in range(30):
            found = r.table("t").get_nearest(vectors[key], index="v", max_results=10).run(db)
            shares.append(recall(found, vectors, vectors[key], "cosine", 10))
        assert np.mean(shares) >= 0.9
