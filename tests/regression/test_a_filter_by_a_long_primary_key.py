"""A filter for a primary key that no document can have finds nothing, as a scan would: the index refused the key."""

from __future__ import annotations

from docstore import Connection
from query import r


def test_a_filter_for_a_key_that_is_too_long_finds_nothing(db: Connection) -> None:
    r.table_create("t").run(db)
    r.table("t").insert([{"id": "a"}, {"id": b"a"}, {"id": 1}]).run(db)
    for key in ("a", "x" * 600, "a", b"x" * 600, b"a", 1):
        found = r.table("t").filter(r.row["id"] == key).run(db)
        wanted = [] if len(str(key)) > 500 else [{"id": key}]
        assert list(found) == wanted
        assert r.table("t").filter({"id": key}).count().run(db) == len(wanted)
        assert r.table("t").filter({"id": key, "a": 1}).count().run(db) == 0
