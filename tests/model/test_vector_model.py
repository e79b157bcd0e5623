"""The model with vector indexes: whatever is written, rolled back, built, renamed or dropped, they find what the oracle finds.

Lists have some four vectors, so that they split, merge and are made anew all the time.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from docstore.indexes.vector import arguments, lists, search, segments
from query import r
from query.errors import ReqlQueryLogicError
from tests.model.test_model import KEYS, Document, Model, run, text

NUMBERS = st.integers(-4, 4)
POINTS = st.lists(NUMBERS, min_size=2, max_size=2)
WRONG = st.sampled_from([None, "text", [], [1], [1, 2, 3], [1, "a"], {"x": 1}])
VECTORS = st.one_of(POINTS, POINTS, WRONG, st.lists(st.one_of(POINTS, WRONG), max_size=3))
METHODS = st.sampled_from(["auto", "flat", "ivfflat", "ivfsq8", "ivfrabitq", "hnsw"])
NAMES = st.sampled_from(["u", "v", "w"])


def is_point(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(number) in (int, float) for number in value)


def points(row: Document, *, multi: bool) -> list[list[float]]:
    """The vectors that a document has in an index."""
    value = row.get("v")
    if multi and isinstance(value, list) and not (value and type(value[0]) in (int, float)):
        return [one for one in value if is_point(one)]
    return [value] if is_point(value) else []


class VectorModel(Model):
    """Two stores and the oracle, with vectors."""

    @rule(
        keys=st.lists(KEYS, min_size=1, max_size=9, unique_by=text), vectors=st.lists(VECTORS, min_size=9, max_size=9)
    )
    def put_vectors(self, keys: list[Any], vectors: list[Any]) -> None:
        documents = [{"id": key, "v": vector} for key, vector in zip(keys, vectors, strict=False)]
        for db in self.stores:
            self.t.insert(documents, conflict="replace").run(db)
        for document in documents:
            self.put(document)

    @rule(first=st.integers(0, 3), vectors=st.lists(POINTS, min_size=20, max_size=40))
    def put_many_vectors(self, first: int, vectors: list[Any]) -> None:
        documents = [{"id": f"m{first * 20 + place}", "v": vector} for place, vector in enumerate(vectors)]
        for db in self.stores:
            self.t.insert(documents, conflict="replace").run(db)
        for document in documents:
            self.put(document)

    @rule(first=st.integers(0, 80), count=st.integers(1, 60))
    def delete_many_vectors(self, first: int, count: int) -> None:
        keys = [f"m{number}" for number in range(first, first + count)]
        for db in self.stores:
            self.t.get_all(*keys).delete().run(db)
        for key in keys:
            self.rows.pop(text(key), None)

    @rule(name=NAMES, method=METHODS, multi=st.booleans())
    def create_vector_index(self, name: str, method: str, multi: bool) -> None:
        if name not in self.vector_indexes:
            vector = {"dimensions": 2, "measure": "l2", "method": method}
            self.both(self.t.index_create(name, r.row["v"], multi=multi, vector=vector))
            self.vector_indexes[name] = multi

    @precondition(lambda self: self.vector_indexes)
    @rule(data=st.data())
    def drop_vector_index(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.vector_indexes)))
        self.both(self.t.index_drop(name))
        del self.vector_indexes[name]

    @precondition(lambda self: self.vector_indexes)
    @rule(data=st.data(), new=NAMES)
    def rename_vector_index(self, data: st.DataObject, new: str) -> None:
        old = data.draw(st.sampled_from(sorted(self.vector_indexes)))
        self.both(self.t.index_rename(old, new, overwrite=True))
        self.vector_indexes[new] = self.vector_indexes.pop(old)

    @precondition(lambda self: self.vector_indexes)
    @rule(data=st.data(), query=POINTS, results=st.integers(1, 30), exact=st.booleans(), filtered=st.booleans())
    def nearest(self, data: st.DataObject, query: list[int], results: int, exact: bool, filtered: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.vector_indexes)))
        dists: dict[str, float] = {}
        for key, row in self.rows.items():
            found = points(row, multi=self.vector_indexes[name])
            if found:
                dists[key] = min(math.dist(one, query) for one in found)
        options: dict[str, Any] = {"exact": True} if exact else {}
        if filtered:
            options["filter"] = lambda row: row["v"].count() == 2
        passing = {key: dist for key, dist in dists.items() if not filtered or len(self.rows[key]["v"]) == 2}
        for db in self.stores:
            near = self.t.get_nearest(query, index=name, max_results=results, **options)
            try:
                answer = near.run(db)
            except ReqlQueryLogicError as error:
                assert not dists and "holds no vectors" in error.message
                continue
            assert len(answer) == min(results, len(passing))
            for one in answer:
                assert one["dist"] == pytest.approx(passing[text(one["doc"]["id"])])
                assert text(one["doc"]) == text(self.rows[text(one["doc"]["id"])])
            if exact or filtered:
                wanted = sorted(passing.values())[:results]
                assert [one["dist"] for one in answer] == pytest.approx(wanted)


@pytest.fixture(autouse=True)
def small_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of some four vectors, and none that is searched for being few, but with a filter."""
    monkeypatch.setattr(arguments, "TARGET_VECTORS", 4)
    monkeypatch.setattr(search, "EXACT_VECTORS", 0)
    monkeypatch.setattr(segments, "SMALL", 4)
    monkeypatch.setattr(segments, "FAN", 2)
    monkeypatch.setattr(segments, "LARGEST", 20)
    monkeypatch.setattr(lists, "SHORT", 6)


@pytest.mark.filterwarnings("ignore:Index .* holds no vectors")
def test_vector_indexes_do_what_the_model_does() -> None:
    run(VectorModel, examples=60, steps=40)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Index .* holds no vectors")
def test_vector_indexes_do_what_the_model_does_for_longer() -> None:
    run(VectorModel, examples=1_500, steps=80)
