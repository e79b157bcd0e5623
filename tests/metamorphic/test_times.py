"""A filter by times that are reckoned in the query gives the same with an index and without one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

import docstore
from query import Query, ReqlError, r

ZONES = [timezone(timedelta(hours=hours)) for hours in (-7, 0, 2)]
START = datetime(2013, 1, 1, tzinfo=UTC)
ROWS: list[dict[str, Any]] = [
    {
        "id": number,
        "at": (START + timedelta(hours=number * 7 % 300)).astimezone(ZONES[number % 3]),
        "who": "xyz"[number % 3],
    }
    for number in range(1200)
]
ODD: list[dict[str, Any]] = [
    {"id": 5000 + place, "at": at} for place, at in enumerate([None, 1, "2013", [1], {"a": 1}])
]

DAY = r.time(2013, 1, 2, "Z")
FILTERS: list[Any] = [
    r.row["at"] == DAY,
    r.row["at"] == r.iso8601("2013-01-02T02:00+02:00"),
    r.row["at"] == r.epoch_time(1357084800),
    (r.row["at"] >= DAY) & (r.row["at"] < DAY + 5 * 3600),
    (r.row["at"] > DAY - 7200) & (r.row["at"] <= DAY + 7200),
    {"at": DAY},
    {"at": DAY, "who": "x"},
    (r.row["who"] == "x") & (r.row["at"] > DAY) & (r.row["at"] < r.now()),
    r.row["at"] == r.expr(5) + DAY,
    r.row["at"] == r.time(2013, 13, 2, "Z"),
    r.row["at"] == r.time(2013, 1, 2, None),
    r.row["at"] == DAY + "x",
    (r.row["at"] > DAY) & (r.row["at"] < DAY - DAY),
    r.row["at"].default(r.epoch_time(0)).type_of() == "PTYPE<TIME>",
]


def answer(query: Query, db: docstore.Connection) -> Any:
    try:
        found = query.run(db)
        return found if isinstance(found, int) else sorted(row["id"] for row in found)
    except ReqlError as error:
        return (type(error), error.message)


@pytest.mark.parametrize("predicate", FILTERS, ids=str)
def test_times_of_the_query_are_found_in_an_index_as_by_a_scan(predicate: Any) -> None:
    with docstore.connect() as db:
        for name in ("scanned", "indexed"):
            r.table_create(name).run(db)
            r.table(name).insert([*ROWS, *ODD]).run(db)
        r.table("indexed").index_create("at").run(db)
        r.table("indexed").index_create("who_at", [r.row["who"], r.row["at"]]).run(db)
        r.table("indexed").index_wait().run(db)
        shapes: list[Callable[[Query], Query]] = [lambda rows: rows, lambda rows: rows.count()]
        for shape in shapes:
            filtered = [shape(r.table(name).filter(predicate)) for name in ("scanned", "indexed")]
            assert answer(filtered[0], db) == answer(filtered[1], db)


@pytest.mark.parametrize("predicate", [FILTERS[0], FILTERS[1], FILTERS[3]], ids=str)
def test_an_index_is_used_for_times_of_the_query(predicate: Any) -> None:
    with docstore.connect() as db:
        r.table_create("events").run(db)
        r.table("events").insert(ROWS).run(db)
        r.table("events").index_create("at").run(db)
        r.table("events").index_wait().run(db)
        assert "index `at`" in str(r.table("events").filter(predicate).explain(db))
