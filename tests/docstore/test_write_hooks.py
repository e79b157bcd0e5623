"""Write hooks: for every process, after reopening, in transactions; what the cases of tests/language cannot say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import docstore
from query import r
from query.errors import ReqlOpFailedError
from tests.docstore.other import Other

posts = r.table("posts")


def stamp(context: Any, old: Any, new: Any) -> Any:
    return r.branch(new == None, None, new.merge({"at": context["timestamp"], "key": context["primary_key"]}))  # noqa: E711


@pytest.fixture
def path(tmp_path: Path) -> str:
    found = str(tmp_path / "app.db")
    with docstore.connect(found) as db:
        r.table_create("posts").run(db)
        posts.set_write_hook(stamp).run(db)
    return found


def test_a_hook_is_there_after_reopening(path: str) -> None:
    with docstore.connect(path) as db:
        posts.insert({"id": 1}).run(db)
        assert posts.get(1)["key"].run(db) == 1
        assert docstore.check(db).ok


def test_a_hook_holds_for_other_processes(path: str) -> None:
    with docstore.connect(path) as db, Other(path) as other:
        other("r.table('posts').insert({'id': 7}).run(db)")
        assert posts.get(7)["key"].run(db) == 7
        posts.set_write_hook(None).run(db)
        other("r.table('posts').insert({'id': 8}).run(db)")
        assert posts.get(8).run(db) == {"id": 8}


def test_a_hook_set_in_a_transaction_that_fails_is_gone(path: str) -> None:
    with docstore.connect(path) as db:
        with pytest.raises(ZeroDivisionError), db.transaction():
            posts.set_write_hook(None).run(db)
            assert posts.get_write_hook().run(db) is None
            raise ZeroDivisionError
        posts.insert({"id": 1}).run(db)
        assert posts.get(1)["key"].run(db) == 1


def test_the_timestamp_is_one_moment_for_a_query(path: str) -> None:
    with docstore.connect(path) as db:
        posts.insert([{"id": number} for number in range(3)]).run(db)
        (moment,) = posts["at"].distinct().run(db)
        assert timedelta() <= datetime.now(UTC) - moment < timedelta(minutes=1)


def test_a_large_insert_goes_through_the_hook(path: str) -> None:
    with docstore.connect(path) as db:
        posts.insert({"id": number} for number in range(3_000)).run(db)
        assert posts.filter(r.row["key"] == r.row["id"]).count().run(db) == 3_000


def test_an_index_is_of_what_the_hook_gave(path: str) -> None:
    with docstore.connect(path) as db:
        posts.index_create("key").run(db)
        posts.insert([{"id": 1}, {"id": 2}]).run(db)
        assert posts.get_all(2, index="key").count().run(db) == 1
        assert docstore.check(db).ok


def test_an_error_of_a_hook_is_raised_where_errors_are(path: str) -> None:
    with docstore.connect(path, on_error="raise") as db:
        posts.set_write_hook(lambda context, old, new: r.expr(None)).run(db)
        with pytest.raises(ReqlOpFailedError, match="must not turn a replace/insert into a deletion"):
            posts.insert({"id": 1}).run(db)
        assert posts.count().run(db) == 0


def test_the_binary_of_a_hook_makes_it_in_another_store(path: str) -> None:
    with docstore.connect(path) as db, docstore.connect() as second:
        r.table_create("posts").run(second)
        posts.set_write_hook(posts.get_write_hook()["function"].run(db)).run(second)
        assert posts.get_write_hook().run(second) == posts.get_write_hook().run(db)
