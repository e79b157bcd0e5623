"""An error that shows a document shows all of it, though the scan decoded only the fields that the query looks at."""

from __future__ import annotations

import pytest

from docstore import Connection
from query import Query, ReqlNonExistenceError, r

posts = r.table("posts")

WHOLE = 'No attribute `likes` in object:\n{\n\t"id":\t2,\n\t"title":\t"b"\n}'


@pytest.fixture
def filled(memory_db: Connection) -> Connection:
    r.table_create("posts").run(memory_db)
    posts.insert([{"id": 1, "title": "a", "likes": 1}, {"id": 2, "title": "b"}]).run(memory_db)
    return memory_db


@pytest.mark.parametrize(
    "asked",
    [
        posts.map(lambda post: post["likes"]),
        posts.map(lambda post: post["likes"]).sum(),
        posts.concat_map(lambda post: [post["likes"]]),
        posts.filter(lambda post: post["likes"] > 5, default=r.error()),
        posts.filter(lambda post: post["likes"] > 5, default=r.error()).count(),
        posts.between(1, 9).map(lambda post: post["likes"]).coerce_to("array"),
        posts.filter({"title": "b"}).map(lambda post: post["likes"]),
    ],
    ids=str,
)
def test_a_document_is_shown_whole(filled: Connection, asked: Query) -> None:
    with pytest.raises(ReqlNonExistenceError) as caught:
        list(asked.run(filled))
    assert caught.value.message.rstrip(".") == WHOLE
    assert "^" in str(caught.value)
    with filled.transaction(), pytest.raises(ReqlNonExistenceError) as caught:
        list(asked.run(filled))
    assert caught.value.message.rstrip(".") == WHOLE


def test_in_a_later_batch_too(filled: Connection) -> None:
    posts.delete().run(filled)
    posts.insert({"id": number, "likes": 1} for number in range(-1_500, 0)).run(filled)
    posts.insert({"id": 2, "title": "b"}).run(filled)
    cursor = posts.map(lambda post: post["likes"]).run(filled)
    with pytest.raises(ReqlNonExistenceError) as caught:
        list(cursor)
    assert caught.value.message.rstrip(".") == WHOLE


def test_in_the_summary_of_a_for_each(filled: Connection) -> None:
    asked = posts.for_each(lambda post: posts.get(1).update({"sum": post["likes"]}))
    assert asked.run(filled)["first_error"].rstrip(".") == WHOLE
