"""Which updates an index is told of: those that may change its entries."""

from __future__ import annotations

import docstore
from docstore.indexes.base import Update, changing
from query import r

FIELDS = frozenset({"a"})


def test_an_update_that_leaves_the_fields_of_an_index_alone_changes_nothing_in_it() -> None:
    old = {"id": 1, "a": ["x"], "b": 1}
    kept: Update = (b"1", old, {**old, "b": 2})
    changed: Update = (b"2", old, {**old, "a": ["y"]})
    assert changing(FIELDS, [kept, changed]) == [changed]


def test_null_is_another_value_than_a_missing_field() -> None:
    update: Update = (b"1", {"id": 1, "a": None}, {"id": 1})
    assert changing(FIELDS, [update]) == [update]


def test_inserts_deletes_and_indexes_on_whole_documents_are_always_told() -> None:
    old = {"id": 1, "a": 1}
    updates: list[Update] = [(b"1", old, None), (b"2", None, old)]
    assert changing(FIELDS, updates) == updates
    assert changing(None, [(b"1", old, dict(old))]) == [(b"1", old, old)]


def test_an_index_finds_a_document_by_what_an_update_made_of_it(memory_db: docstore.Connection) -> None:
    r.table_create("posts").run(memory_db)
    posts = r.table("posts")
    posts.index_create("empty", lambda post: post["a"].type_of()).run(memory_db)
    posts.insert([{"id": 1, "a": None}, {"id": 2, "a": 1, "b": 1}]).run(memory_db)
    posts.get(1).replace({"id": 1}).run(memory_db)
    posts.get(2).update({"b": 2}).run(memory_db)
    assert posts.get_all("NULL", index="empty").count().run(memory_db) == 0
    assert posts.get_all("NUMBER", index="empty")["b"].run(memory_db).next() == 2
