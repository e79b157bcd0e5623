"""Several keys that come twice in one insert: the second of them was inserted beside the first, and counted twice."""

from __future__ import annotations

from docstore import Connection
from query import r


def test_two_keys_that_come_twice_conflict_twice(db: Connection) -> None:
    r.table_create("t").run(db)
    documents = [{"id": key, "a": number} for number in range(3) for key in ("x", "y")]
    summary = r.table("t").insert(documents).run(db)
    assert (summary["inserted"], summary["errors"]) == (2, 4)
    assert r.table("t").count().run(db) == 2


def test_the_last_of_several_with_one_key_replaces_the_others(db: Connection) -> None:
    r.table_create("t").run(db)
    r.table("t").index_create("a").run(db)
    documents = [{"id": key, "a": number} for number in range(3) for key in ("x", "y")]
    summary = r.table("t").insert(documents, conflict="replace").run(db)
    assert (summary["inserted"], summary["replaced"]) == (2, 4)
    assert list(r.table("t").get_all(0, 1, 2, index="a").run(db)) == [{"id": "x", "a": 2}, {"id": "y", "a": 2}]
