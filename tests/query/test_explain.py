"""`explain`: where the plan says that rows come from."""

from __future__ import annotations

import pytest

import docstore
from query import Query, r

posts = r.table("posts")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (posts, "scan of test.posts"),
        (posts.filter({"title": "a"}).count(), "scan of test.posts"),
        (posts.count(), "stored count of test.posts"),
        (posts.insert({}), "table test.posts"),
        (posts.index_status(), "table test.posts"),
        (posts.get(1), "primary key `id` of test.posts, key 1"),
        (posts.get_all("ann", index="author"), "index `author` of test.posts, key 'ann'"),
        (posts.between(1, 2, index="author"), "index `author` of test.posts, from 1 (closed) to 2 (open)"),
        (posts.order_by(index="author"), "index `author` of test.posts"),
        (posts.order_by(index=r.desc("author")), "index `author`, backwards, of test.posts"),
        (posts.group(index="author").count(), "index `author` of test.posts"),
        (posts.distinct(index="author"), "index `author` of test.posts"),
        (posts.filter({"author": "ann"}), "index `author` of test.posts, key 'ann'"),
    ],
)
def test_a_plan_names_the_source_of_its_rows(memory_db: docstore.Connection, query: Query, told: str) -> None:
    r.table_create("posts").run(memory_db)
    posts.index_create("author").run(memory_db)
    part = query.explain(memory_db).part
    while part.parts:
        part = part.parts[0]
    assert part.title == told


def test_a_range_that_is_read_in_its_order_is_counted(memory_db: docstore.Connection) -> None:
    r.table_create("posts").run(memory_db)
    posts.index_create("author").run(memory_db)
    posts.insert([{"id": 1, "author": "ann"}, {"id": 2, "author": "bob"}]).run(memory_db)
    ordered = posts.between("a", "b", index="author").order_by(index="author").explain(memory_db)
    assert dict(ordered.part.parts[0].details)["rows"] == "1, counted"


@pytest.mark.parametrize(
    "query",
    [
        posts.filter(r.row["likes"] > 3),
        posts.filter(r.row["likes"] > 3).limit(2),
        posts.between(1, 9).filter({"likes": 3}),
    ],
)
def test_a_filter_whose_documents_leave_the_query_is_tested_before_they_are_decoded(
    memory_db: docstore.Connection, query: Query
) -> None:
    r.table_create("posts").run(memory_db)
    assert "tests while it scans: likes" in str(query.explain(memory_db))


def test_a_join_by_keys_reads_no_table_from_end_to_end(memory_db: docstore.Connection) -> None:
    r.table_create("posts").run(memory_db)
    posts.index_create("author").run(memory_db)
    joined = posts.eq_join("author", posts).explain(memory_db).part
    assert [part.title for part in joined.parts] == ["scan of test.posts", "key by key, primary key of test.posts"]
    joined = posts.eq_join("author", posts, index="author").explain(memory_db).part
    assert joined.parts[1].title == "key by key, index `author` of test.posts"


def test_a_plan_that_was_run_tells_what_it_expected_and_what_it_gave(memory_db: docstore.Connection) -> None:
    r.table_create("posts").run(memory_db)
    posts.insert([{"id": number} for number in range(10)]).run(memory_db)
    got = posts.get_all(1, 2, 99).explain(memory_db, run=True)
    assert got.rows == 2
    assert "ms, and gave 2 rows" in str(got)
    gone = posts.filter(r.row["id"] % 2 == 0).delete().explain(memory_db, run=True).part.parts[0]
    assert dict(gone.parts[0].details)["rows"] == "10, counted"
    assert "gave: 5 rows, of 10 tested" in "\n".join(gone.lines())
    assert posts.count().run(memory_db) == 5


@pytest.mark.parametrize(
    ("predicate", "index", "reason"),
    [
        (r.row["likes"] > 3, "likes", "two bounds of one type"),
        (r.row["author"] == "ann", "author_likes", "says nothing of its field `likes`"),
        (r.row["tags"] == "a", "tags", "answers `contains` alone"),
        (r.row["id"] > 3, "id", "two bounds of one type"),
    ],
)
def test_a_plan_tells_why_an_index_cannot_answer_a_filter(
    memory_db: docstore.Connection, predicate: Query, index: str, reason: str
) -> None:
    r.table_create("posts").run(memory_db)
    posts.index_create("likes").run(memory_db)
    posts.index_create("tags", multi=True).run(memory_db)
    posts.index_create("author_likes", [r.row["author"], r.row["likes"]]).run(memory_db)
    details = posts.filter(predicate).explain(memory_db).part.parts[0].details
    assert ("chosen", "scan: no index can answer the filter") in details
    assert any(name == "lost" and text.startswith(f"{index}: ") and reason in text for name, text in details)
