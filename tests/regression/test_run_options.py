"""Run options that once were accepted and did nothing, and a stream without an end that was once counted for ever."""

from __future__ import annotations

import pytest

from docstore import Connection
from query import r
from query.errors import ReqlQueryLogicError


def test_profile_gives_the_value_and_the_time_it_took(memory_db: Connection) -> None:
    found = r.expr([1, 2]).count().run(memory_db, profile=True)
    assert found["value"] == 2
    assert found["profile"][0]["duration(ms)"] > 0
    assert "Evaluating count." in [task["description"] for task in found["profile"]]


def test_profile_of_a_stream_has_its_rows(memory_db: Connection) -> None:
    assert r.range(3).run(memory_db, profile=True)["value"] == [0, 1, 2]


def test_noreply_gives_nothing_and_runs_the_query(memory_db: Connection) -> None:
    assert r.table_create("posts").run(memory_db, noreply=True) is None
    assert r.table_list().run(memory_db) == ["posts"]


@pytest.mark.parametrize(
    "query",
    [
        r.range().count(),
        r.range().map(lambda n: n * 2).sum(),
        r.range().filter(lambda n: n > 3).coerce_to("array"),
        r.range().order_by(lambda n: n),
    ],
)
def test_what_needs_the_end_of_an_endless_stream_is_refused(memory_db: Connection, query: object) -> None:
    with pytest.raises(ReqlQueryLogicError, match="Cannot use an infinite stream"):
        query.run(memory_db)  # type: ignore[attr-defined]


def test_an_endless_stream_can_be_read_in_part(memory_db: Connection) -> None:
    assert list(r.range().map(lambda n: n * 2).limit(3).run(memory_db)) == [0, 2, 4]
    numbered = r.map(r.range(), r.expr(["a", "b"]), lambda n, text: [n, text])
    assert list(numbered.run(memory_db)) == [[0, "a"], [1, "b"]]
