"""Vector indexes: what they find, what they leave out, how they are made, kept in step, told of and refused."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import docstore
from docstore import Connection
from query.builder import r
from query.errors import ReqlError, ReqlOpFailedError, ReqlQueryLogicError, ReqlResourceLimitError
from tests.docstore.vector.oracle import check_nearest
from tests.docstore.vector.stores import create, drawn, insert, status


@pytest.fixture(params=["memory", "file"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """A store with an empty table; whole at the end."""
    with docstore.connect(tmp_path / "store" if request.param == "file" else None) as connection:
        r.table_create("t").run(connection)
        yield connection
        assert docstore.check(connection).problems == []


@pytest.mark.parametrize("built", ["before", "after"])
@pytest.mark.parametrize(
    ("measure", "kind"),
    [(m, k) for m in ("cosine", "l2", "l1", "inner_product") for k in ("float32", "float16", "int8")]
    + [("hamming", "bits"), ("jaccard", "bits")],
)
@pytest.mark.parametrize("method", ["auto", "flat", "ivfflat", "ivfsq8", "ivfrabitq"])
def test_the_nearest_of_every_measure_and_type(
    db: Connection, measure: str, kind: str, method: str, built: str
) -> None:
    if kind == "bits" and method.startswith("ivf"):
        pytest.skip("bits have no lists")
    vectors = drawn(700, 20, kind)
    if built == "before":
        create(db, dimensions=20, measure=measure, type=kind, method=method)
    insert(db, vectors)
    if built == "after":
        create(db, dimensions=20, measure=measure, type=kind, method=method)
    for key in (3, 4):
        query = drawn(5, 20, kind, seed=9)[key]
        found = r.table("t").get_nearest(query, index="v", max_results=7).run(db)
        check_nearest(found, vectors, query, measure, 7)
    assert status(db)["vectors"] == 700


def test_an_index_follows_its_documents(db: Connection) -> None:
    create(db, dimensions=8, measure="l2")
    vectors = drawn(1500, 8)
    insert(db, vectors)
    r.table("t").get_all(*range(0, 900, 3)).delete().run(db)
    for key in range(0, 900, 3):
        del vectors[key]
    for key, one in drawn(700, 8, seed=5).items():
        if key in vectors:
            vectors[key] = one
            r.table("t").get(key).update({"v": one}).run(db)
    r.table("t").get(1).replace(r.row.without("v")).run(db)
    del vectors[1]
    for query in drawn(3, 8, seed=7).values():
        check_nearest(r.table("t").get_nearest(query, index="v").run(db), vectors, query, "l2", 100)
    assert status(db)["skipped"] == {"missing": 1}
    r.table("t").delete().run(db)
    assert r.table("t").get_nearest([0] * 8, index="v").run(db) == []
    assert status(db)["vectors"] == 0
    assert status(db)["lists"] < 5


def test_a_transaction_sees_its_own_vectors_and_nobody_else_does(db: Connection) -> None:
    create(db, dimensions=2, measure="l2")
    insert(db, {1: [0, 0], 2: [5, 5]})
    query = r.table("t").get_nearest([4, 4], index="v", max_results=1)["doc"]["id"]
    with pytest.raises(RuntimeError), db.transaction():
        r.table("t").insert({"id": 3, "v": [4, 4]}).run(db)
        r.table("t").get(2).delete().run(db)
        assert query.run(db) == [3]
        raise RuntimeError
    assert query.run(db) == [2]
    with db.snapshot():
        assert query.run(db) == [2]


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize(
    "predicate",
    [
        r.row["n"] == 3,
        {"n": 3},
        lambda row: row["n"].eq(3) & (row["id"] > 100),
        r.row["missing"] == 1,
        (r.row["n"] == 3) & (r.row["v"].count() == 12),
        r.row["id"] < 5,
    ],
)
def test_a_filtered_answer_is_never_short(db: Connection, predicate: Any, indexed: bool) -> None:
    vectors = drawn(3000, 12)
    insert(db, vectors)
    create(db, dimensions=12)
    if indexed:
        r.table("t").index_create("n").run(db)
        r.table("t").index_wait().run(db)
    passing = {row["id"] for row in r.table("t").filter(predicate).run(db)}
    left = {key: one for key, one in vectors.items() if key in passing}
    for query in drawn(3, 12, seed=3).values():
        found = r.table("t").get_nearest(query, index="v", max_results=20, filter=predicate).run(db)
        check_nearest(found, left, query, "cosine", 20)


def test_explain_says_which_way_is_taken(db: Connection) -> None:
    insert(db, drawn(400, 4))
    create(db, dimensions=4)
    r.table("t").index_create("id2", r.row["id"]).run(db)
    r.table("t").index_wait().run(db)
    nearest = r.table("t").get_nearest([1, 2, 3, 4], index="v", filter=r.row["id"] == 3)
    text = str(nearest.explain(db))
    assert "rewritten by: nearest_by_index" in text
    assert "searches: the vectors of the rows below, exactly" in text
    assert "within" not in text
    assert "searches: all 400 vectors, exactly" in str(r.table("t").get_nearest([1, 2, 3, 4], index="v").explain(db))


def test_explain_says_how_a_filter_was_tested(db: Connection) -> None:
    insert(db, drawn(3000, 4))
    create(db, dimensions=4)
    often = r.table("t").get_nearest([1, 2, 3, 4], index="v", max_results=5, filter=r.row["n"] < 5)
    assert "filter: the nearest tested one by one, or all tested by a scan where that" in str(often.explain(db))
    run = str(often.explain(db, run=True))
    tested = re.findall(r"filter: the nearest tested one by one: (\d+) documents\n", run + "\n")
    assert 5 <= int(*tested) <= 128
    never = r.table("t").get_nearest([1, 2, 3, 4], index="v", max_results=5, filter=r.row["id"] < 0)
    scanned = r"one by one: (\d+) documents; all tested by a scan: 3,000 documents"
    assert 128 <= int(*re.findall(scanned, str(never.explain(db, run=True)))) < 500
    assert "filter: known from an earlier search of the same commit" in str(never.explain(db, run=True))
    each = r.expr([1, 2]).map(
        lambda n: r.table("t").get_nearest([n, 2, 3, 4], index="v", filter=lambda row: row["id"] > 0).count()
    )
    assert "filter: the nearest tested one by one: " in str(each.explain(db, run=True))


def test_explain_says_that_without_an_index_all_are_tested(db: Connection) -> None:
    insert(db, drawn(30, 4))
    nearest = r.table("t").get_nearest([1, 2, 3, 4], field="v", filter=r.row["n"] < 5)
    assert "filter: all tested by a scan\n" in f"{nearest.explain(db)}\n"
    with pytest.warns(UserWarning, match="has no index"):
        assert "filter: all tested by a scan: 30 documents" in str(nearest.explain(db, run=True))


def test_a_document_is_found_by_each_vector_of_an_array_and_comes_once(db: Connection) -> None:
    r.table("t").insert([{"id": n, "chunks": [[n, 0], [n, 100], "no"]} for n in range(50)]).run(db)
    r.table("t").index_create("chunks", multi=True, vector={"dimensions": 2, "measure": "l2"}).run(db)
    r.table("t").index_wait().run(db)
    for height in (0, 100):
        found = r.table("t").get_nearest([7, height], index="chunks", max_results=3).run(db)
        assert [row["doc"]["id"] for row in found] in ([7, 6, 8], [7, 8, 6])
        assert found[0]["dist"] == 0
    assert len(r.table("t").get_nearest([7, 50], index="chunks", max_results=50).run(db)) == 50
    assert status(db, "chunks")["vectors"] == 100
    assert status(db, "chunks")["skipped"] == {"not a vector": 50}
    r.table("t").get(7).update({"chunks": [[7, 0]]}).run(db)
    assert r.table("t").get_nearest([7, 100], index="chunks", max_results=1).run(db)[0]["doc"]["id"] in (6, 8)


def test_an_index_on_a_function_and_on_a_nested_field(db: Connection) -> None:
    r.table("t").insert([{"id": n, "a": {"b": [n, 1]}, "x": n, "y": 2} for n in range(20)]).run(db)
    for name, function in (("nested", r.row["a"]["b"]), ("made", lambda row: [row["x"], row["y"]])):
        r.table("t").index_create(name, function, vector={"dimensions": 2, "measure": "l2"}).run(db)
        r.table("t").index_wait().run(db)
        found = r.table("t").get_nearest([4, 1], index=name, max_results=1).run(db)
        assert found[0]["doc"]["id"] == 4


@pytest.mark.parametrize(
    ("value", "reason", "found"),
    [
        ([1, 2, 3], "wrong dimensions", "expected 2 numbers but found 3"),
        ("text", "not a vector", "expected a vector or an array of numbers but found STRING"),
        (
            ["a", "b"],
            "not a vector",
            "expected a vector or an array of numbers but found an array with STRING at place 0",
        ),
        ([1, [2]], "not a vector", "expected a vector or an array of numbers but found an array with ARRAY at place 1"),
        ([1, True], "not a vector", "expected a vector or an array of numbers but found an array with BOOL at place 1"),
        (
            [[1], [2]],
            "not a vector",
            "expected a vector or an array of numbers but found an array with ARRAY at place 0",
        ),
        (np.array([1, np.nan]), "not finite", "expected finite numbers but found nan"),
        (np.array([np.inf, 1]), "not finite", "expected finite numbers but found infinity"),
        ([0, 0], "zero vector", "expected a vector that is not zero for the measure `cosine` but found zeros"),
        (np.array([True, False]), "wrong type", "expected a vector of float32 but found one of bits"),
    ],
)
def test_what_does_not_fit_is_stored_left_out_counted_and_told(
    db: Connection, value: Any, reason: str, found: str
) -> None:
    create(db, dimensions=2)
    create(db, "s", dimensions=2, strict=True)
    refused = r.table("t").insert({"id": 1, "v": value}).run(db)
    assert refused["first_error"] == f"Index `s` refuses the document, {reason}: {found}."
    r.table("t").index_drop("s").run(db)
    written = r.table("t").insert([{"id": 1, "v": value}, {"id": 2, "v": [1, 1]}]).run(db)
    assert written["inserted"] == 2
    assert written["warnings"] == [f"Index `v` left a vector out, {reason}: {found}."]
    assert status(db)["skipped"] == {reason: 1}
    many = r.table("t").insert({"id": key, "v": value} for key in range(3, 3003)).run(db)
    assert many["warnings"] == [f"Index `v` left 3,000 vectors out, {reason}; the first: {found}."]
    r.table("t").between(3, r.maxval).delete().run(db)
    assert [row["doc"]["id"] for row in r.table("t").get_nearest([1, 0], index="v").run(db)] == [2]
    with pytest.raises(ReqlQueryLogicError, match=r"searched for|array of numbers|Expected numbers"):
        r.table("t").get_nearest(value, index="v").run(db)
    r.table("t").get(1).update({"v": [0, 1]}).run(db)
    assert status(db)["skipped"] == {}


@pytest.mark.parametrize("measure", ["cosine", "l2", "l1", "inner_product"])
def test_vectors_too_long_for_scores_of_float32_are_left_out(db: Connection, measure: str) -> None:
    create(db, dimensions=2, measure=measure)
    written = (
        r.table("t")
        .insert([{"id": 1, "v": [2e18, 2e18]}, {"id": 2, "v": [3e18, 1e18]}, {"id": 3, "v": [1, 3e20]}])
        .run(db)
    )
    if measure == "cosine":
        assert status(db)["vectors"] == 3
        return
    found = f"expected squares that sum up to at most 1e+37 for the measure `{measure}` but found 9e+40"
    assert written["warnings"] == [f"Index `v` left a vector out, out of range: {found}."]
    assert [row["doc"]["id"] for row in r.table("t").get_nearest([3e18, 1e18], index="v").run(db)] == [2, 1]
    with pytest.raises(ReqlQueryLogicError, match=r"squares that sum up to at most 1e\+37 .* but found 9e\+40"):
        r.table("t").get_nearest([1, 3e20], index="v").run(db)
    assert docstore.check(db).problems == []


def test_without_an_index_all_is_searched_and_a_warning_says_what_to_create(db: Connection) -> None:
    vectors = drawn(300, 5)
    insert(db, vectors)
    query = drawn(1, 5, seed=4)[0]
    for field in ("v", r.row["v"], lambda row: row["v"]):
        with pytest.warns(UserWarning, match=r"no index of the table `test.t` for the measure `l2`.*index_create"):
            found = r.table("t").get_nearest(query, field=field, measure="l2", max_results=9).run(db)
        check_nearest(found, vectors, query, "l2", 9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = r.table("t").get_nearest(query, field="v", filter=r.row["n"] == 1, max_dist=1).run(db)
    assert found
    assert all(row["doc"]["n"] == 1 and row["dist"] <= 1 for row in found)


def test_max_dist_bounds_the_answer(db: Connection) -> None:
    insert(db, {n: [n, 0] for n in range(50)})
    create(db, dimensions=2, measure="l2")
    found = r.table("t").get_nearest([10, 0], index="v", max_dist=2).run(db)
    assert sorted(row["doc"]["id"] for row in found) == [8, 9, 10, 11, 12]


def test_answers_go_on_through_the_chain(db: Connection) -> None:
    insert(db, {n: [n, 1] for n in range(20)})
    create(db, dimensions=2, measure="l2")
    found = r.table("t").get_nearest([3, 1], index="v", max_results=5).filter(r.row["doc"]["id"] > 3)["doc"]["id"]
    assert sorted(found.run(db)) == [4, 5]
    beside = (
        r.table("t")
        .get_all(7)
        .merge(lambda row: {"near": r.table("t").get_nearest(row["v"], index="v", max_results=2)["doc"]["id"]})
    )
    assert next(beside.run(db))["near"][0] == 7
    joined = r.table("t").get_nearest([3, 1], index="v", max_results=1)["doc"].eq_join("id", r.table("t")).zip()
    assert joined.run(db)[0]["id"] == 3


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_results": 0}, ReqlQueryLogicError, "max_results must be positive."),
        ({"max_results": 100_001}, ReqlResourceLimitError, "Array over size limit `100000`."),
        ({"max_results": 1.5}, ReqlQueryLogicError, "Number not an integer: 1.5"),
        ({"measure": "l2"}, ReqlQueryLogicError, "Index `v` is for the measure `cosine`, not for `l2`"),
        (
            {"measure": "foo"},
            ReqlQueryLogicError,
            "Expected a measure (cosine, l2, l1, inner_product, hamming, jaccard)",
        ),
        ({"probes": 0}, ReqlQueryLogicError, "probes must be positive."),
        (
            {"index": "n"},
            ReqlQueryLogicError,
            "Index `n` is not a vector index, in which a vector could be searched for.  The vector indexes of the table "
            "`test.t`: `v`.",
        ),
        ({"index": "gone"}, ReqlOpFailedError, "Index `gone` was not found on table `test.t`."),
        ({"field": "v"}, ReqlQueryLogicError, "Expected either `index` or `field` but found both."),
    ],
)
def test_a_search_that_cannot_be_is_refused(db: Connection, options: Any, error: type[ReqlError], message: str) -> None:
    create(db, dimensions=2)
    r.table("t").index_create("n").run(db)
    r.table("t").index_wait().run(db)
    with pytest.raises(error) as caught:
        r.table("t").get_nearest([1, 2], **{"index": "v", **options}).run(db)
    assert message.rstrip(".") in str(caught.value)


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        ({}, "A vector index needs `dimensions`"),
        ({"dimensions": 0}, "Expected `dimensions` from 1 to 65,536 but found int 0."),
        ({"dimensions": 2, "measure": "far"}, "Expected a measure"),
        ({"dimensions": 2, "measure": "TANIMOTO"}, "There is no measure `TANIMOTO`; the nearest is `jaccard`."),
        ({"dimensions": 2, "method": "RNSG"}, "There is no method `RNSG`; the nearest is `hnsw`."),
        ({"dimensions": 2, "method": "ANNOY"}, "There is no method `ANNOY`; the nearest is `hnsw`."),
        ({"dimensions": 2, "method": "tree"}, "Expected a method (auto, flat, ivfflat, ivfsq8, ivfrabitq, hnsw)"),
        ({"dimensions": 2, "n_lists": 4}, "The argument `n_lists` does not go with the method `auto`"),
        (
            {"dimensions": 2, "method": "hnsw", "n_lists": 4},
            "The argument `n_lists` is not for the method `hnsw`; it is for",
        ),
        (
            {"dimensions": 2, "method": "ivfflat", "m": 4},
            "The argument `m` is not for the method `ivfflat`; it is for hnsw.",
        ),
        ({"dimensions": 2, "method": "hnsw", "m": 64}, "`ef_construction` must be at least 2 * `m`"),
        ({"dimensions": 2, "measure": "hamming", "type": "int8"}, "The measure `hamming` is not for vectors of int8"),
        ({"dimensions": 2, "measure": "l2", "type": "bits"}, "The measure `l2` is not for vectors of bits"),
        ({"dimensions": 2, "type": "bits", "method": "hnsw"}, "The method `hnsw` is not for vectors of bits"),
        ({"dimensions": 2, "size": 3}, "Unrecognized argument `size` of a vector index."),
        ({"dimensions": 2, "dim": 2}, "The argument `dimensions` of a vector index is given twice."),
        ({"dimensions": 2, "strict": 1}, "Expected True or False for `strict`"),
    ],
)
def test_an_index_that_cannot_be_is_refused(db: Connection, vector: Any, message: str) -> None:
    with pytest.raises(ReqlQueryLogicError) as caught:
        r.table("t").index_create("v", vector=vector).run(db)
    assert message.rstrip(".") in str(caught.value)


@pytest.mark.parametrize("other", ["geo", "unique"])
def test_a_vector_index_is_of_no_other_kind(db: Connection, other: str) -> None:
    with pytest.raises(ReqlQueryLogicError, match=f"A vector index cannot be `{other}`"):
        r.table("t").index_create("v", vector={"dimensions": 2}, **{other: True}).run(db)


def test_n_lists_says_how_many_lists_the_documents_make(db: Connection) -> None:
    insert(db, drawn(2000, 4))
    for number in (4, 40):
        create(db, f"v{number}", dimensions=4, method="ivfflat", n_lists=number)
        assert number / 2.5 <= status(db, f"v{number}")["lists"] <= 2.5 * number


def test_names_of_milvus_and_vecs_are_understood(db: Connection) -> None:
    milvus = {"dim": 4, "index_type": "IVF_FLAT", "metric_type": "L2", "params": {"nlist": 64}}
    create(db, "a", **milvus)
    assert {name: status(db, "a")[name] for name in ("method", "measure", "arguments")} == {
        "method": "ivfflat",
        "measure": "l2",
        "arguments": {"n_lists": 64},
    }
    create(db, "b", dimensions=4, measure="max_inner_product", method="hnsw", index_arguments={"m": 8})
    assert status(db, "b")["arguments"] == {"m": 8, "ef_construction": 64}


def test_an_index_is_made_again_from_its_status_renamed_and_dropped(db: Connection) -> None:
    insert(db, drawn(50, 3))
    create(db, dimensions=3, measure="l1", type="float16")
    found = r.table("t").index_status("v").run(db)[0]
    r.table("t").index_create("w", found["function"]).run(db)
    r.table("t").index_wait("w").run(db)
    again = r.table("t").index_status("w").run(db)[0]
    assert again["vector"] == found["vector"]
    assert "vector={'dimensions': 3, 'measure': 'l1'" in again["query"]
    eval("r.table('t')." + again["query"].replace("'w'", "'x'"), {"r": r}).run(db)
    assert status(db, "x") == found["vector"]
    r.table("t").index_rename("w", "v", overwrite=True).run(db)
    assert len(r.table("t").get_nearest([1, 2, 3], index="v", max_results=5).run(db)) == 5
    r.table("t").index_drop("v").run(db)
    assert r.table("t").index_list().run(db) == ["x"]


@pytest.mark.parametrize("query", [r.table("t").get_all([1, 2], index="v"), r.table("t").order_by(index="v")])
def test_other_terms_refuse_a_vector_index(db: Connection, query: Any) -> None:
    insert(db, drawn(5, 2))
    create(db, dimensions=2)
    with pytest.raises(ReqlQueryLogicError, match="Only get_nearest can use a vector index"):
        list(query.run(db))
