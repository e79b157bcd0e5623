"""What `index_status` advises the owner of a vector index."""

from __future__ import annotations

from typing import Any

import pytest

import docstore
from docstore.indexes.vector import status as vector_status
from query.builder import r
from tests.docstore.vector.stores import create, drawn, insert, status


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"method": "flat"}, "So many vectors are searched one by one: the method `auto` would keep them in lists."),
        ({"method": "auto"}, ""),
        ({"type": "bits"}, "Bits have no lists: so many vectors are all compared in every search"),
        ({"type": "bits", "method": "flat"}, "Bits have no lists"),
    ],
)
def test_many_vectors_that_are_all_compared_are_told_of(
    options: dict[str, Any], advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_status, "EXACT_VECTORS", 2)
    monkeypatch.setattr(vector_status, "_MANY_OF_BITS", 40)
    with docstore.connect() as db:
        r.table_create("t").run(db)
        insert(db, drawn(50, 8, options.get("type", "float32")))
        create(db, dimensions=8, **options)
        found = status(db)["advice"]
        assert found.startswith(advice)
        assert bool(found) == bool(advice)


def test_an_index_says_of_what_it_is_made_and_what_it_leaves_out() -> None:
    with docstore.connect() as db:
        r.table_create("t").run(db)
        insert(db, drawn(50, 8))
        r.table("t").insert([{"id": "a", "v": [1]}, {"id": "b"}]).run(db)
        create(db, dimensions=8, measure="l2", method="hnsw", m=8)
        found = status(db)
        assert found | {"bytes": 0} == {
            "advice": "1 vector is left out, as `wrong dimensions`: look at what writes them.",
            "arguments": {"ef_construction": 64, "m": 8},
            "balance": 0.195,
            "bytes": 0,
            "dead_share": 0.0,
            "dimensions": 8,
            "lists": 1,
            "measure": "l2",
            "method": "hnsw",
            "recall": 1.0,
            "skipped": {"missing": 1, "wrong dimensions": 1},
            "type": "float32",
            "vectors": 50,
        }


def test_a_graph_without_its_library_and_little_recall_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    with docstore.connect() as db:
        r.table_create("t").run(db)
        insert(db, drawn(50, 8))
        create(db, dimensions=8, method="hnsw")
        monkeypatch.setattr(vector_status, "has_graphs", lambda: False)
        assert status(db)["advice"] == "A graph needs faiss-cpu, which is not installed: pip install 'docstore[hnsw]'."
        monkeypatch.setattr(vector_status, "_LITTLE", 1.1)
        create(db, "w", dimensions=8)
        assert status(db, "w")["advice"].startswith("A search finds 100% of the nearest: with more `probes`")
