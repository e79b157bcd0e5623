"""Writes: what the cases of tests/language/writing.yaml cannot say."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import docstore
from query import r
from query.errors import ReqlError, ReqlOpFailedError, ReqlQueryLogicError, ReqlUserError
from query.summary import Summary
from query.writes import BATCH_BYTES, BATCH_DOCUMENTS, batches


@pytest.fixture(params=["in memory", "in a file"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[docstore.Connection]:
    with docstore.connect(tmp_path / "store.db" if request.param == "in a file" else None) as connection:
        r.table_create("posts").run(connection)
        yield connection


def ids(db: docstore.Connection, table: str = "posts") -> list[Any]:
    return [row["id"] for row in r.table(table).run(db)]


# Sources


def test_a_generator_is_read_in_batches_while_it_is_written(db: docstore.Connection) -> None:
    count = 2 * BATCH_DOCUMENTS + 10
    summary = r.table("posts").insert({"id": number} for number in range(count)).run(db)
    assert summary["inserted"] == count
    assert r.table("posts").count().run(db) == count


def test_a_generator_is_not_bound_by_array_limit(db: docstore.Connection) -> None:
    documents = ({"id": number} for number in range(20))
    assert r.table("posts").insert(documents).run(db, array_limit=10)["inserted"] == 20


def test_large_documents_make_small_batches() -> None:
    documents = ({"id": number, "text": "x" * (BATCH_BYTES // 10)} for number in range(40))
    assert max(len(batch) for batch in batches(documents)) <= 20


def test_small_documents_make_batches_of_the_largest_size() -> None:
    sizes = [len(batch) for batch in batches({"id": number} for number in range(BATCH_DOCUMENTS + 1))]
    assert sizes == [BATCH_DOCUMENTS, 1]


def test_a_generator_that_fails_leaves_nothing_written(db: docstore.Connection) -> None:
    def documents() -> Iterator[dict[str, Any]]:
        for number in range(BATCH_DOCUMENTS + 5):
            yield {"id": number}
        raise OSError("the file ends here")

    with pytest.raises(OSError, match="ends here"):
        r.table("posts").insert(documents()).run(db)
    assert r.table("posts").is_empty().run(db)


def test_a_document_that_is_none_in_a_generator_leaves_nothing_written(db: docstore.Connection) -> None:
    with pytest.raises(ReqlError, match="Document 1 of the iterable"):
        r.table("posts").insert(iter([{"id": 1}, {"id": 2, "bad": object()}])).run(db)
    assert ids(db) == []


def test_sets_dict_views_and_cursors_are_iterables_too(db: docstore.Connection) -> None:
    r.table("posts").insert({"a": {"id": 1}, "b": {"id": 2}}.values()).run(db)
    r.table_create("copy").run(db)
    assert r.table("copy").insert(r.table("posts").run(db)).run(db)["inserted"] == 2


def test_a_table_can_be_copied_into_itself(db: docstore.Connection) -> None:
    r.table("posts").insert([{"id": number, "n": number} for number in range(100)]).run(db)
    copied = r.table("posts").map(lambda row: {"id": row["id"] + 100, "n": row["n"]})
    assert r.table("posts").insert(copied).run(db)["inserted"] == 100
    same = r.expr("posts").do(lambda name: r.table("posts").insert(r.table(name).without("id")))
    assert same.run(db)["inserted"] == 200


# Keys


def test_generated_keys_are_uuids_in_the_order_of_the_documents(db: docstore.Connection) -> None:
    keys = r.table("posts").insert([{"n": 0}, {"n": 1}, {"n": 2}]).run(db)["generated_keys"]
    assert [uuid.UUID(key).version for key in keys] == [4, 4, 4]
    assert [r.table("posts").get(key)["n"].run(db) for key in keys] == [0, 1, 2]


def test_the_primary_key_may_have_any_name(db: docstore.Connection) -> None:
    r.table_create("people", primary_key="name").run(db)
    people = r.table("people")
    assert people.insert([{"name": "ann"}, {"name": "bob"}, {"id": 1}]).run(db)["inserted"] == 3
    assert people.filter({"name": "ann"}).update({"age": 5}).run(db)["replaced"] == 1
    assert people.get("bob").update({"name": "eve"}).run(db)["errors"] == 1
    assert people.delete().run(db)["deleted"] == 3


def test_a_summary_lists_so_many_keys_and_changes_and_warns_of_the_rest() -> None:
    summary = Summary(True, 2)
    for number in range(3):
        summary.count(None, {"id": number}, False)
        summary.add_key(number)
    result = summary.result()
    assert len(result["changes"]) == 2
    assert len(result["generated_keys"]) == 2
    assert result["warnings"] == [
        "Too many changes, array truncated to 2.",
        "Too many generated keys (3), array truncated to 2.",
    ]


# Documents of one batch


def test_equal_keys_of_one_insert_are_written_one_after_the_other(db: docstore.Connection) -> None:
    documents = [{"id": "a", "n": 1}, {"id": "b"}, {"id": "a", "n": 2}, {"id": "a", "n": 3}]

    def added(_: Any, old: Any, new: Any) -> Any:
        return {"id": "a", "n": old["n"] + new["n"]}

    summary = r.table("posts").insert(documents, conflict=added, return_changes=True).run(db)
    assert (summary["inserted"], summary["replaced"]) == (2, 2)
    assert [change["new_val"].get("n") for change in summary["changes"]] == [1, None, 3, 6]
    assert r.table("posts").get("a")["n"].run(db) == 6


def test_errors_of_documents_are_counted_and_the_others_are_written(db: docstore.Connection) -> None:
    r.table("posts").insert({"id": 1}).run(db)
    documents = [{"id": 0}, {"id": 1, "n": 1}, {"id": None}, {"id": "x" * 600}, {"id": 2}]
    summary = r.table("posts").insert(documents, return_changes="always").run(db)
    assert (summary["inserted"], summary["errors"]) == (2, 3)
    # What can be no document of the table is told before what meets one that is there.
    assert summary["first_error"].startswith("Primary keys must be")
    assert [change.get("error", "")[:11] for change in summary["changes"]] == [
        "",
        "Duplicate p",
        "Primary key",
        "Primary key",
        "",
    ]
    assert ids(db) == [1, 0, 2]


def test_a_unique_index_refuses_documents_one_by_one(db: docstore.Connection) -> None:
    r.table("posts").index_create("slug", unique=True).run(db)
    summary = r.table("posts").insert([{"id": 1, "slug": "a"}, {"id": 2, "slug": "a"}, {"id": 3}]).run(db)
    assert (summary["inserted"], summary["errors"]) == (2, 1)
    assert r.table("posts").update({"slug": "b"}).run(db)["errors"] == 1


# on_error


def test_on_error_raise_raises_the_first_error_and_undoes_the_query(db: docstore.Connection) -> None:
    with pytest.raises(ReqlQueryLogicError, match="Duplicate primary key"):
        r.table("posts").insert([{"id": 1}, {"id": 1}, {"id": 2}]).run(db, on_error="raise")
    assert ids(db) == []


def test_on_error_raise_inside_a_transaction_undoes_the_query_alone(db: docstore.Connection) -> None:
    with db.transaction():
        r.table("posts").insert({"id": 0}).run(db)
        with pytest.raises(ReqlQueryLogicError):
            r.table("posts").insert([{"id": 1}, {"id": 1}]).run(db, on_error="raise")
    assert ids(db) == [0]
    assert r.table("posts").count().run(db) == 1


def test_a_write_of_several_batches_inside_a_transaction_is_counted(db: docstore.Connection) -> None:
    with db.transaction():
        r.table("posts").insert({"id": number} for number in range(10)).run(db)
        with db.transaction():
            r.table("posts").insert({"id": number} for number in range(10, 15)).run(db)
        assert r.table("posts").count().run(db) == 15
    assert r.table("posts").count().run(db) == 15


def test_on_error_raise_keeps_the_class_of_the_error(db: docstore.Connection) -> None:
    r.table("posts").insert([{"id": 1}, {"id": 2}]).run(db)
    with pytest.raises(ReqlUserError, match="stop"):
        r.table("posts").update(lambda row: r.branch(row["id"] == 2, r.error("stop"), {"n": 1})).run(
            db, on_error="raise"
        )
    assert not r.table("posts").has_fields("n").count().run(db)


def test_on_error_raise_raises_what_a_unique_index_refuses(db: docstore.Connection) -> None:
    r.table("posts").index_create("slug", unique=True).run(db)
    with pytest.raises(ReqlOpFailedError):
        r.table("posts").insert([{"id": 1, "slug": "a"}, {"id": 2, "slug": "a"}]).run(db, on_error="raise")
    assert ids(db) == []


# Selections


def test_an_update_that_moves_rows_in_the_index_it_scans_sees_each_once(db: docstore.Connection) -> None:
    posts = r.table("posts")
    posts.insert([{"id": number, "rank": number} for number in range(300)]).run(db)
    posts.index_create("rank").run(db)
    moved = posts.between(0, 10_000, index="rank").update({"rank": r.row["rank"] + 150})
    assert moved.run(db)["replaced"] == 300
    assert posts["rank"].max().run(db) == 449
    assert posts.order_by(index="rank")["id"].run(db).next() == 0


def test_a_row_found_by_several_keys_of_a_multi_index_is_changed_once(db: docstore.Connection) -> None:
    posts = r.table("posts")
    posts.insert({"id": 1, "tags": ["a", "b", "c"], "n": 0}).run(db)
    posts.index_create("tags", multi=True).run(db)
    summary = posts.get_all("a", "b", "c", index="tags").update({"n": r.row["n"] + 1}).run(db)
    assert summary["replaced"] == 1
    assert posts.get(1)["n"].run(db) == 1


def test_changes_come_in_the_order_of_the_selection(db: docstore.Connection) -> None:
    posts = r.table("posts")
    posts.insert([{"id": number} for number in range(50)]).run(db)
    changes = posts.order_by(index=r.desc("id")).delete(return_changes=True).run(db)["changes"]
    assert [change["old_val"]["id"] for change in changes] == list(range(49, -1, -1))


def test_a_selection_that_fails_halfway_leaves_nothing_written(db: docstore.Connection) -> None:
    posts = r.table("posts")
    posts.insert([{"id": number} for number in range(50)]).run(db)
    bad = posts.filter(lambda row: r.branch(row["id"] == 40, r.error("stop"), True))
    with pytest.raises(ReqlUserError, match="stop"):
        bad.delete().run(db)
    assert len(ids(db)) == 50


def test_only_keys_are_read_before_rows_are_changed(db: docstore.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    posts = r.table("posts")
    posts.insert([{"id": number, "text": "x" * 100} for number in range(50)]).run(db)
    from docstore.table import StoredTable

    seen: list[Any] = []
    scan = StoredTable.scan

    def watched(self: StoredTable, run: Any, fields: Any, keep: Any) -> Any:
        seen.append(fields)
        return scan(self, run, fields, keep)

    monkeypatch.setattr(StoredTable, "scan", watched)
    posts.filter(r.row["id"] >= 0).update({"text": "y"}).run(db)
    assert seen == [frozenset({"id"})]
    posts.delete().run(db)
    assert seen == [frozenset({"id"})]  # of a whole table the column of the keys is read
    assert ids(db) == []


def test_a_selection_may_write_itself(db: docstore.Connection) -> None:
    posts = r.table("posts")
    new = posts.insert({"n": 1})["generated_keys"]
    assert posts.get_all(r.args(new)).update({"n": 2}).run(db)["replaced"] == 1
    assert list(posts["n"].run(db)) == [2]


def test_a_selection_and_what_becomes_of_it_see_one_moment(db: docstore.Connection) -> None:
    posts = r.table("posts")
    posts.insert([{"id": number} for number in range(3)]).run(db)
    posts.filter(r.now() > 0, default=True).update({"at": r.now()}).run(db)
    seen = posts.filter(lambda post: post["at"] <= r.now()).update({"same": r.row["at"] == r.now(), "at": r.now()})
    assert seen.run(db)["replaced"] == 3
    assert len(set(posts["at"].run(db))) == 1


def test_several_writes_of_one_query_see_each_other(db: docstore.Connection) -> None:
    posts = r.table("posts")
    posts.insert([{"id": number, "n": 0} for number in range(3)]).run(db)
    r.expr([1, 2, 3]).for_each(lambda more: posts.update(lambda post: {"n": post["n"] + more})).run(db)
    assert list(posts["n"].run(db)) == [6, 6, 6]
    with db.transaction():
        posts.update({"n": 1}).run(db)
        posts.filter({"n": 1}).update({"n": r.row["n"] + 1}).run(db)
        posts.delete().run(db)
        posts.insert({"id": 9, "n": 9}).run(db)
        posts.update({"n": r.row["n"] + 1}).run(db)
    assert list(posts.run(db)) == [{"id": 9, "n": 10}]


def test_large_selections_are_changed_in_batches_of_the_state_before(db: docstore.Connection) -> None:
    posts = r.table("posts")
    posts.insert([{"id": number, "n": number} for number in range(500)]).run(db)
    posts.index_create("n").run(db)
    posts.index_wait().run(db)
    posts.between(0, 400, index="n").update({"n": r.row["n"] + 300}).run(db)
    assert sorted(posts["n"].run(db)) == sorted([*range(300, 700), *range(400, 500)])
    posts.get_all(450, 460, index="n").delete().run(db)
    assert posts.count().run(db) == 496
