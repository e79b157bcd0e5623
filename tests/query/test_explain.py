"""`explain`: where the plan says that rows come from."""

from __future__ import annotations

import pytest

import docstore
from query import Query, r

posts = r.table("posts")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (posts.count(), "scan of test.posts"),
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
