"""An update comes to the same whether new values are put into documents as they are stored, or documents are merged and written.

Two stores have the same documents and indexes; in one of them nothing is ever patched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import docstore
from docstore import Connection
from docstore.documents import encode_document
from docstore.indexes.base import LARGEST_BATCH
from docstore.table import StoredTable
from query import patches, r
from query.errors import ReqlError
from tests.metamorphic.test_index_or_scan import VALUES

FIELDS = st.fixed_dictionaries(
    {}, optional={"a": VALUES, "b": VALUES, "n": st.fixed_dictionaries({}, optional={"x": VALUES})}
)
DOCUMENTS = st.lists(FIELDS, max_size=12)

INDEXES: list[Any] = [
    ("a", r.row["a"], {}),
    ("a_b", [r.row["a"], r.row["b"]], {}),
    ("b_multi", r.row["b"], {"multi": True}),
    ("n_x", r.row["n"]["x"], {}),
    ("either", lambda row: r.branch(row.has_fields("a"), row["a"], row["b"]), {}),
    ("u", r.row["u"], {"unique": True}),
]

CHANGES: list[Any] = [
    {"a": 1},
    {"a": None, "b": True},
    {"new": "x" * 300, "newer": -1.5},
    {"a": r.row["a"] + 1},
    {"a": r.row["b"]},
    {"a": r.row["b"], "b": r.row["a"]},
    {"c": r.row["a"].default("none")},
    {"a": r.row["n"]["x"]},
    {"a": r.row["a"].type_of(), "n": 0},
    {"n": {"x": r.row["a"]}},
    {"n": r.literal({"y": 1})},
    {"b": r.literal()},
    {"b": [1, r.row["a"]]},
    {"a": r.branch(r.row["id"] < 3, r.row["id"], {"deep": True})},
    {"a": r.branch(r.row["id"] < 3, r.row["id"], r.error("no"))},
    {"a": r.minval},
    {"u": 3},
    {"u": r.row["id"] + 100},
    {"id": r.row["id"], "a": 2},
    {"id": 1, "a": 2},
    {"a": 2.0**53, "b": 2**64 - 1},
    {"a": "\x00", "b": b"\xff"},
    {},
    None,
    lambda row: {"a": row.keys().count()},
    lambda row: {"a": row["b"].default(row["id"])},
    lambda row: r.branch(row["id"] == 2, None, {"a": 5}),
    {f"n{number}": r.row["id"] for number in range(20)},
]

SELECTIONS: list[Callable[[Any], Any]] = [
    lambda table: table,
    lambda table: table.filter(r.row["id"] > 1),
    lambda table: table.get_all(1, 0, 1, 5),
    lambda table: table.get_all(1, "a", index="b_multi"),
    lambda table: table.between(r.minval, r.maxval, index="a"),
    lambda table: table.order_by(index="a").limit(4),
    lambda table: table.order_by(r.desc("id")),
    lambda table: table.get(1),
]


@pytest.fixture(scope="module", params=["in memory", "in a file"])
def stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Connection]]:
    folder: Path = tmp_path_factory.mktemp("stores")
    paths = [folder / name if request.param == "in a file" else None for name in ("patched", "written")]
    with docstore.connect(paths[0]) as patched, docstore.connect(paths[1]) as written:
        for db in (patched, written):
            r.table_create("t").run(db)
            for name, function, options in INDEXES:
                r.table("t").index_create(name, function, **options).run(db)
            r.table("t").index_wait().run(db)
        yield [patched, written]


def told(db: Connection, query: Any, **options: Any) -> Any:
    try:
        return query.run(db, **options)
    except ReqlError as error:
        return type(error), error.message


def state(db: Connection) -> Any:
    table = r.table("t")
    documents = [encode_document(document) for document in table.run(db)]
    rows = {name: [row["id"] for row in table.order_by(index=name).run(db)] for name, *_ in INDEXES}
    return documents, rows, table.get_all(1, index="b_multi").count().run(db)


@pytest.mark.parametrize("on_error", ["count", "raise"])
@settings(max_examples=150, deadline=None)
@given(DOCUMENTS, st.sampled_from(CHANGES), st.sampled_from(SELECTIONS), st.sampled_from(CHANGES))
def test_an_update_comes_to_the_same(
    stores: list[Connection],
    on_error: str,
    documents: list[dict[str, Any]],
    change: Any,
    select: Callable[[Any], Any],
    second: Any,
) -> None:
    patching = StoredTable.patching
    found = []
    for db in stores:
        r.table("t").delete().run(db)
        r.table("t").insert([{**document, "id": at, "u": at} for at, document in enumerate(documents)]).run(db)
        with pytest.MonkeyPatch.context() as patch:
            if db is stores[1]:
                patch.setattr(StoredTable, "patching", lambda *_: None)
            else:
                assert StoredTable.patching is patching
            results = [told(db, select(r.table("t")).update(one), on_error=on_error) for one in (change, second)]
        found.append((results, state(db)))
    assert found[0] == found[1]


def test_most_updates_are_patched(stores: list[Connection], monkeypatch: pytest.MonkeyPatch) -> None:
    db, _ = stores
    r.table("t").delete().run(db)
    r.table("t").insert([{"id": at, "a": at, "u": at} for at in range(300)]).run(db)
    written: list[int] = []
    write = StoredTable.write
    monkeypatch.setattr(
        StoredTable, "write", lambda self, run, changes: written.append(len(changes)) or write(self, run, changes)
    )
    monkeypatch.setattr(patches, "BATCH_DOCUMENTS", 100)
    summary = r.table("t").update({"a": r.row["a"] + 1, "c": "x"}).run(db)
    assert (summary["replaced"], written) == (300, [])
    assert list(r.table("t").order_by(index="a")["a"].run(db)) == list(range(1, 301))
    summary = r.table("t").filter(r.row["a"] > 100).update({"a": r.branch(r.row["id"] < 250, 0, [1])}).run(db)
    assert (summary["replaced"], sum(written)) == (200, 200 - LARGEST_BATCH)
