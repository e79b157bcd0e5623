"""Geospatial indexes on each engine: kept in step, built online, renamed, dropped, checked."""

from __future__ import annotations

import random
from typing import Any

import pytest

import docstore
from docstore.build import Job, step
from docstore.check import check_store
from docstore.store import OpenStore
from query import r
from query.errors import ReqlQueryLogicError
from query.geometries import Geometry
from query.geometry.geojson import point_object
from query.runtime import Change, Range, Run
from query.values import MAXVAL, MINVAL
from tests.docstore.stores import create_index, create_table, field, ids, insert, reading, write

WORLD = {"type": "Polygon", "coordinates": [[[-20, -20], [20, -20], [20, 20], [-20, 20], [-20, -20]]]}


@pytest.fixture
def indexed(store: OpenStore) -> OpenStore:
    """A table with a geospatial index, created while it is empty."""
    create_table(store)
    create_index(store, "at", field("at"), kind="geo")
    return store


def place(number: int) -> dict[str, Any]:
    rng = random.Random(number)
    return {"id": number, "at": point_object((rng.uniform(-10, 10), rng.uniform(-10, 10)))}


def within(store: OpenStore, geojson: dict[str, Any], index: str = "at") -> list[Any]:
    with reading(store) as (run, table):
        return sorted(ids(table.index(run, index).get_intersecting(run, Geometry(geojson), None, None)))


def test_what_is_no_geometry_is_left_out(indexed: OpenStore) -> None:
    faulty = Geometry({"type": "Point", "coordinates": [500, 0]})
    insert(indexed, place(1), {"id": 2}, {"id": 3, "at": None}, {"id": 4, "at": [0, 0]}, {"id": 5, "at": faulty})
    assert within(indexed, WORLD) == [1]
    assert check_store(indexed).entries == 1


def test_an_index_follows_updates_and_deletes(indexed: OpenStore) -> None:
    first, second = place(1), place(2)
    insert(indexed, first, second)
    moved = {**first, "at": point_object((100, 0))}
    write(indexed, Change(first, moved), Change(second, None))
    assert within(indexed, WORLD) == []
    assert within(indexed, {"type": "Point", "coordinates": [100, 0]}) == [1]
    assert check_store(indexed).ok


def test_an_ordered_term_is_refused(indexed: OpenStore) -> None:
    with reading(indexed) as (run, table):
        index = table.index(run, "at")
        for ask in (
            lambda: index.get_all(run, [1], None, None),
            lambda: index.between(run, Range(MINVAL, MAXVAL), None, None),
            lambda: index.count(run, [1]),
            lambda: index.count_between(run, Range(MINVAL, MAXVAL), 1),
            lambda: index.keys(run, Range(MINVAL, MAXVAL)),
        ):
            with pytest.raises(ReqlQueryLogicError, match="is a geospatial index"):
                ask()
        with pytest.raises(ReqlQueryLogicError, match="is not a geospatial index"):
            table.index(run, "id").get_intersecting(run, Geometry(WORLD), None, None)


def test_writes_during_a_build_are_in_the_index(store: OpenStore) -> None:
    create_table(store)
    documents = [place(number) for number in range(3_000)]
    for start in range(0, 3_000, 1_000):
        insert(store, *documents[start : start + 1_000])
    create_index(store, "at", field("at"), kind="geo")
    with reading(store) as (_, table):
        definition = table.definition
    job = Job(definition.index("at").space, definition.id)
    with store.begin_write() as transaction:
        step(transaction, job, lambda: True)
    write(store, Change(documents[0], None), Change(documents[2_999], None), Change(None, place(5_000)))
    for _ in range(100):
        with store.begin_write() as transaction:
            step(transaction, job, lambda: False)
    assert within(store, WORLD) == [*range(1, 2_999), 5_000]
    assert check_store(store).ok


def test_a_check_finds_missing_and_strange_entries(indexed: OpenStore) -> None:
    insert(indexed, place(1), place(2))
    with reading(indexed) as (_, table):
        space = table.definition.index("at").space
    with indexed.engine.begin_write() as writer:
        key, member = next(iter(writer.scan_entries(space)))
        writer.remove(space, key, member)
        writer.add(space, b"\0" * 8, member)
    problems = check_store(indexed).problems
    assert any("lacks the entry" in problem for problem in problems)
    assert any("orphan" in problem for problem in problems)
    with indexed.engine.begin_write() as writer:
        writer.remove(space, b"\0" * 8, member)
        writer.add(space, key, member)


def test_a_stream_goes_on_when_its_transaction_is_replaced(indexed: OpenStore) -> None:
    insert(indexed, *[place(number) for number in range(500)])
    with indexed.begin_read() as first, indexed.begin_read() as second:
        run = Run(indexed, first)
        rows = indexed.table(run, None, "t").index(run, "at").get_intersecting(run, Geometry(WORLD), None, None)
        found = [next(rows)["id"] for _ in range(100)]
        run.transaction = second
        found += ids(rows)
    assert sorted(found) == list(range(500))


def test_a_renamed_index_answers_and_a_dropped_one_leaves_nothing(db: docstore.Connection) -> None:
    r.table_create("places").run(db)
    places = r.table("places")
    places.insert([place(number) for number in range(50)]).run(db)
    places.index_create("at", geo=True).run(db)
    places.index_rename("at", "where").run(db)
    box = r.geojson(WORLD)
    assert places.get_intersecting(box, index="where").count().run(db) == 50
    places.index_create("at", r.row["at"], geo=True, multi=True).run(db)
    assert places.get_intersecting(box, index="at").count().run(db) == 50
    places.index_drop("where").run(db)
    assert docstore.check(db).entries == 50


def test_a_filter_above_is_tested_in_the_scan(db: docstore.Connection) -> None:
    r.table_create("places").run(db)
    places = r.table("places")
    places.index_create("at", geo=True).run(db)
    places.insert([{**place(number), "kind": number % 5} for number in range(100)]).run(db)
    found = places.get_intersecting(r.geojson(WORLD), index="at").filter({"kind": 2})["id"].run(db)
    assert sorted(found) == list(range(2, 100, 5))
