"""A document that a query made is refused beyond the levels that one from Python may have: the check took it for damage."""

from __future__ import annotations

from docstore import Connection
from query import r


def test_a_document_is_nested_too_deeply_by_a_query(db: Connection) -> None:
    r.table_create("t").run(db)
    nested = r.range(150).fold(r.expr([]), lambda inner, _: [inner])
    summary = r.table("t").insert({"id": 1, "nested": nested}).run(db)
    assert summary["errors"] == 1
    assert summary["first_error"] == "Document nested too deeply for disk writes (limit 100 levels)."


def test_a_document_grows_until_it_is_nested_too_deeply(db: Connection) -> None:
    r.table_create("t").run(db)
    r.table("t").insert({"id": 1, "a": []}).run(db)
    deeper = r.table("t").get(1).update({"a": [r.row["a"]]})
    replaced = [deeper.run(db)["replaced"] for _ in range(110)]
    assert replaced == [1] * 98 + [0] * 12


def test_beyond_what_can_be_encoded_at_all(db: Connection) -> None:
    r.table_create("t").run(db)
    nested = r.range(5_000).fold(r.expr([]), lambda inner, _: [inner])
    assert r.table("t").insert({"id": 1, "nested": nested}).run(db)["errors"] == 1


def test_flat_documents_with_many_arrays_are_written(db: Connection) -> None:
    r.table_create("t").run(db)
    assert r.table("t").insert({"id": 1, "a": [[n] for n in range(500)], "b": "\u0097" * 500}).run(db)["inserted"] == 1
