"""A write to one document by its key does the same by its own way as by the way of all others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import docstore
from docstore import conduct
from docstore.check import check_store
from docstore.connection import Connection
from docstore.single import MISSED, SingleWrite
from query import r
from query.errors import ReqlError

INDEXES: dict[str, dict[str, Any]] = {"a": {}, "tags": {"multi": True}, "a_b": {}, "count": {}}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each write that was tried by its own way, whether it went it."""
    found: list[bool] = []
    run = SingleWrite.run

    def listening(self: SingleWrite, *args: Any, **options: Any) -> Any:
        result = run(self, *args, **options)
        found.append(result is not MISSED)
        return result

    monkeypatch.setattr(SingleWrite, "run", listening)
    return found


def filled(path: Path | None, documents: list[Any]) -> Connection:
    """A store with a table that has indexes of all kinds that are kept in step by the way of single writes."""
    db = docstore.connect(path)
    r.table_create("t").run(db)
    r.table("t").index_create("a").run(db)
    r.table("t").index_create("tags", multi=True).run(db)
    r.table("t").index_create("a_b", [r.row["a"], r.row["b"]["c"]]).run(db)
    r.table("t").index_create("count", lambda row: row["tags"].count()).run(db)
    r.table("t").index_wait().run(db)
    r.table("t").insert(documents).run(db)
    return db


DOCUMENTS: list[Any] = [
    {"id": 1, "a": 1, "b": {"c": 2, "d": 3}, "tags": ["x", "y"]},
    {"id": "two", "a": "1", "b": 5, "tags": []},
    {"id": [3], "a": None, "x": True},
]

UPDATES: dict[str, Any] = {
    "a field without an index": {"x": 2},
    "a field with an index": {"a": 7},
    "a field that is as it was": {"a": 1},
    "a number that is equal, but of another type": {"a": 1.0},
    "true, which is not 1": {"a": True},
    "an object inside": {"b": {"c": 9}},
    "an object that is as it was": {"b": {"c": 2}},
    "an array": {"tags": ["y", "z"]},
    "an array with one more": {"tags": ["x", "y", "z"]},
    "an array with one twice": {"tags": ["x", "x", "y"]},
    "nothing": {},
    "the key as it is": {"id": 1, "x": 4},
    "the key as a float": {"id": 1.0, "x": 4},
    "another key": {"id": 2},
    "a field that goes": {"a": r.literal()},
    "an object that is replaced": {"b": r.literal({"c": 1})},
    "what is computed": {"a": r.row["a"] + 1},
    "what cannot be computed": {"a": r.row["nowhere"] + 1},
    "a function": lambda row: {"n": row["tags"].count(), "a": row["x"].default(3)},
    "null": r.expr(None),
    "no object": r.expr(5),
    "the time": {"at": r.now().to_epoch_time() > 0},  # the number itself is whole once in a thousand times
    "a bound": {"a": r.minval},
    "the document": r.row,
}

REPLACEMENTS: dict[str, Any] = {
    "by the same": {"id": 1, "a": 1, "b": {"c": 2, "d": 3}, "tags": ["x", "y"]},
    "by another": {"id": 1, "a": 2, "b": {"c": 3}, "tags": ["u", "v"]},
    "by less": {"id": 1},
    "by another key": {"id": 9},
    "by none": None,
    "without a key": {"a": 1},
    "by a function": r.row.without("x").merge({"a": "z"}),
    "by a function that fails": lambda row: row["nowhere"],
    "by no object": r.expr([1]),
}


def outcome(db: Connection, query: Any, **options: Any) -> Any:
    """What a query gives, or its error."""
    try:
        return query.run(db, **options)
    except ReqlError as error:
        return type(error), error.message


def contents(db: Connection) -> Any:
    """All documents, and what all indexes give."""
    table = r.table("t")
    return [
        list(table.order_by(index="id").run(db)),
        *[list(table.order_by(index=name).map(lambda row: row["id"]).run(db)) for name in INDEXES],
        table.info()["doc_count_estimates"].run(db),
        table.index_status().pluck("index", "entries").run(db),
    ]


def both_ways(
    paths: tuple[Path | None, Path | None], work: Callable[[Connection], Any], monkeypatch: pytest.MonkeyPatch
) -> list[Any]:
    """What some work gives, and leaves, by the way of single writes and by that of all others."""
    found = []
    for path, is_general in zip(paths, (False, True), strict=True):
        with monkeypatch.context() as patch:
            if is_general:
                patch.setattr(conduct, "single_write_of", lambda *_: None)
            with filled(path, DOCUMENTS) as db:
                found.append((work(db), contents(db)))
                assert not check_store(db.store).problems
    return found


def each_key(query: Callable[[Any], Any]) -> Callable[[Connection], Any]:
    """A query run on each document, and on one that is not there, twice: the first makes the plan."""
    return lambda db: [
        outcome(db, query(r.table("t").get(key)), **({"durability": "soft"} if key == 1 else {}))
        for key in (1, "two", [3], "nobody", None, 1, "two", [3])
    ]


@pytest.fixture(params=["file", "memory"])
def paths(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path | None, Path | None]:
    """Where two stores are."""
    return (tmp_path / "one", tmp_path / "other") if request.param == "file" else (None, None)


@pytest.mark.parametrize("name", UPDATES)
def test_an_update_does_the_same_by_both_ways(
    name: str, paths: tuple[Path | None, Path | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = both_ways(paths, each_key(lambda row: row.update(UPDATES[name])), monkeypatch)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", REPLACEMENTS)
def test_a_replacement_does_the_same_by_both_ways(
    name: str, paths: tuple[Path | None, Path | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = both_ways(paths, each_key(lambda row: row.replace(REPLACEMENTS[name])), monkeypatch)
    assert repr(ours) == repr(theirs)


fields = st.fixed_dictionaries(
    {},
    optional={
        "a": st.sampled_from([0, 1, 1.0, True, None, "x", [1, "y"], {"k": 1}, "z" * 600]),
        "b": st.sampled_from([0, {"c": 1}, {"c": None}, {"c": "x", "d": 2}]),
        "tags": st.lists(st.sampled_from(["x", "y", 1, 1.0, None, {}]), max_size=4),
        "n": st.integers(0, 2),
    },
)
steps = st.lists(
    st.tuples(st.sampled_from(["update", "replace"]), st.sampled_from([1, "two", [3]]), fields, st.booleans()),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_any_writes_do_the_same_by_both_ways(writes: list[tuple[str, Any, dict[str, Any], bool]]) -> None:
    def work(db: Connection) -> Any:
        found = []
        for name, key, document, is_soft in writes:
            row = r.table("t").get(key)
            query = row.update(document) if name == "update" else row.replace({"id": key, **document})
            found.append(outcome(db, query, durability="soft" if is_soft else "hard"))
        return found

    with pytest.MonkeyPatch.context() as patch:
        ours, theirs = both_ways((None, None), work, patch)
    assert repr(ours) == repr(theirs)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    """A store in a file."""
    with filled(tmp_path / "store", DOCUMENTS) as connection:
        yield connection


def add(db: Connection, **options: Any) -> Any:
    """An update by an expression."""
    return r.table("t").get(1).update({"a": r.row["a"] + 1}, **options).run(db)


def test_a_write_that_is_run_again_goes_its_own_way(db: Connection, told: list[bool]) -> None:
    for _ in range(3):
        assert add(db)["replaced"] == 1
        assert add(db, durability="soft")["replaced"] == 1
    assert told == [True] * 4
    assert r.table("t").get(1)["a"].run(db) == 7


def test_whoever_listens_is_served_by_the_general_way(db: Connection, told: list[bool]) -> None:
    for _ in range(2):
        assert add(db, return_changes=True)["changes"][0]["new_val"]["a"] > 1
    with db.transaction():
        add(db)
        add(db)
    for _ in range(2):
        r.table("t").get(1).update({"a": 1}).run(db, on_error="raise")
    assert told == []


def test_a_catalog_that_has_changed_is_noticed(db: Connection, told: list[bool]) -> None:
    add(db, durability="soft")
    r.table("t").index_create("n", r.row["a"], multi=True).run(db)
    r.table("t").index_wait().run(db)
    add(db, durability="soft")
    r.table("t").index_create("unique", r.row["a"].add(1000), unique=True).run(db)
    r.table("t").index_wait().run(db)
    add(db, durability="soft")
    add(db, durability="soft")
    assert told == [False, False, False], "other catalogs twice, and a unique index"
    r.table("t").index_drop("unique").run(db)
    r.table("t").set_write_hook(lambda context, old, new: new.merge({"hooked": True})).run(db)
    add(db)
    assert r.table("t").get(1)["hooked"].run(db)
    r.table_drop("t").run(db)
    with pytest.raises(ReqlError, match="does not exist"):
        add(db)


def test_a_catalog_that_changes_within_a_group_of_soft_writes_is_noticed(db: Connection, told: list[bool]) -> None:
    add(db, durability="soft")
    add(db, durability="soft")
    settings = r.db("rethinkdb").table("table_config").filter({"name": "t"})[0]["id"].run(db)
    for durability in ("soft", "hard"):
        add(db, durability="soft")
        config = r.db("rethinkdb").table("table_config").get(settings)
        config.update({"durability": durability}, durability="soft").run(db)
        add(db, durability="soft")
    assert told[-1] is False
    assert r.table("t").get(1)["a"].run(db) == 7


def test_an_index_of_another_kind_is_left_to_others_where_its_fields_change(db: Connection, told: list[bool]) -> None:
    r.table("t").index_create("place", geo=True).run(db)
    r.table("t").index_wait().run(db)
    for number in range(3):
        r.table("t").get(1).update({"n": number}).run(db)
        r.table("t").get(1).update({"place": r.point(number, 1)}).run(db)
    assert told == [True, False, True, False]
    near = r.table("t").get_intersecting(r.circle([2, 1], 10), index="place")
    assert near.count().run(db) == 1
