"""A prepared query gives what the built one gives: results, errors, plans; it is built no more often than it must be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

import docstore
from docstore import Connection
from docstore.errors import ClosedError
from query import r
from query.errors import ReqlDriverCompileError, ReqlError

posts = r.table("posts")
LIMITS = {1: "one", 2: "two"}


@pytest.fixture
def db() -> Iterator[Connection]:
    with docstore.connect() as connection:
        r.table_create("posts").run(connection)
        r.table_create("others").run(connection)
        posts.index_create("likes").run(connection)
        posts.index_create("author_likes", [r.row["author"], r.row["likes"]]).run(connection)
        posts.index_wait().run(connection)
        documents = [
            {"id": f"k{number}", "likes": number, "author": "ann" if number % 3 else "bob", "tags": ["a", f"t{number}"]}
            for number in range(60)
        ]
        posts.insert(documents).run(connection)
        yield connection


def outcome(ask: Callable[[], Any]) -> Any:
    """What a query gives, as text; or its error with all that is shown of it."""
    try:
        found = ask()
        return list(found) if isinstance(found, docstore.Cursor) else found
    except (ReqlError, TypeError, KeyError) as error:
        return type(error), str(error)


KEYS = [("k1",), ("k2",), ("none",), (5,), (None,), (1.5,), (True,), ([1],), (b"x",), ("ü",), ("\ud800",), (2**70,)]
NUMBERS = [(3,), (40,), (0,), (-1,), (2.0,), (2.5,), (3.5,), ("three",), (None,), (True,), (float("nan"),), ({},)]
PAIRS = [(3, 9), (10, 12), (0, 59), (1, "x"), (1.5, 7), (None, 3), (9, 3)]

CASES: list[tuple[str, Callable[..., Any], list[tuple[Any, ...]]]] = [
    ("get", lambda key: posts.get(key), KEYS),
    ("field", lambda key: posts.get(key)["likes"] + 1, KEYS),
    ("arithmetic", lambda number: number + posts.count(), NUMBERS),
    ("reflected", lambda number: (number < r.expr(3)) | (number == r.expr(5)), NUMBERS),
    ("python_arithmetic", lambda number: r.expr(number * 2 + 1) + 1, NUMBERS),
    ("branch", lambda number: posts.get("k1") if number > 2 else posts.count(), NUMBERS),
    ("truth", lambda number: posts.count() if number else r.expr(1) + 1, NUMBERS),
    ("type", lambda number: posts.count() + (1 if type(number) is int else 2), NUMBERS),
    ("isinstance", lambda number: posts.count() + (1 if isinstance(number, int) else 2), NUMBERS),
    ("is_none", lambda number: posts.count() if number is None else posts.nth(number)["id"].count(), NUMBERS),
    ("clamped", lambda number: posts.order_by("likes").limit(max(number, 1)), NUMBERS),
    ("limit", lambda number: posts.order_by("likes").limit(number), NUMBERS),
    ("slice", lambda number: posts.order_by("likes")[number:], NUMBERS),
    ("formatted", lambda number: posts.get(f"k{number}"), NUMBERS),
    ("looked_up", lambda number: r.expr("x") + LIMITS[number], NUMBERS),
    ("swallowed", lambda number: r.expr(1) + (1 if looked_at(number) else 2), NUMBERS),
    ("row", lambda number: posts.filter(r.row["likes"] > number).order_by("id"), NUMBERS),
    ("function", lambda number: posts.filter(lambda post: post["likes"] >= number).count(), NUMBERS),
    ("pattern", lambda number: posts.filter({"likes": number, "author": "ann"}).order_by("id"), NUMBERS),
    ("merged", lambda number: posts.get("k1").merge({"deep": {"n": number, "list": [number, 1]}}), NUMBERS),
    ("range", lambda low, high: posts.filter((r.row["likes"] >= low) & (r.row["likes"] < high)).order_by("id"), PAIRS),
    ("between", lambda low, high: posts.between(low, high, index="likes").order_by("likes"), PAIRS),
    ("compound", lambda low, high: posts.between(["ann", low], ["ann", high], index="author_likes").count(), PAIRS),
    ("get_all", lambda low, high: posts.get_all(low, high, index="likes").order_by("likes"), PAIRS),
    ("same", lambda low, high: r.expr(1) + (low is high), PAIRS),
    ("table", lambda name: r.table(name).count(), [("posts",), ("others",), ("none",), (1,)]),
    ("index", lambda name: posts.max(index=name)["likes"], [("likes",), ("author_likes",), ("none",)]),
    ("bracket", lambda name: posts.get("k1")[name], [("likes",), ("author",), ("none",), (0,)]),
    ("pluck", lambda name: posts.get("k1").pluck(name), [("likes",), ("author",), ("none",)]),
    ("constant", lambda value: value, [(1,), ("x",), (None,), ([1],)]),
    ("update", lambda key, by: posts.get(key).update({"likes": r.row["likes"] + by}), [("k1", 1), ("k2", 2), ("z", 1)]),
    ("insert", lambda key: r.table("others").insert({"id": key}), [("a",), ("b",), (1,), ("a",), (None,)]),
    ("document", lambda document: r.table("others").insert(document), [({"id": 7},), ({"id": 8, "x": 1},), ([],)]),
    ("time", lambda time: r.expr(time).year(), [(datetime(2020, 1, 1, tzinfo=UTC),), (datetime(1999, 1, 1),)]),
    ("script", lambda number: r.expr([1, 2]).map(lambda one: one / number), NUMBERS),
    ("count", lambda: posts.count(), [()]),
    ("no_values", lambda key: posts.get(key), [(), ("a", "b")]),
]


def looked_at(value: Any) -> bool:
    try:
        return bool(value > 2)
    except Exception:  # noqa: BLE001 - as careless programs do
        return False


@pytest.mark.parametrize(("build", "asked"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_prepared_query_gives_what_the_built_one_gives(
    db: Connection, build: Callable[..., Any], asked: list[tuple[Any, ...]], backwards: bool
) -> None:
    prepared = db.prepare(build)
    for values in list(reversed(asked)) * 2 if backwards else asked * 2:
        with pytest.raises(UndoneError), db.transaction():
            expected = outcome(lambda: r.expr(build(*values)).run(db))
            raise UndoneError
        with pytest.raises(UndoneError), db.transaction():
            found = outcome(lambda: prepared(*values))
            raise UndoneError
        assert found == expected


class UndoneError(Exception):
    pass


@pytest.mark.parametrize("low", [3, 50])
def test_its_plan_is_that_of_the_built_query(db: Connection, low: int) -> None:
    def build(low: int, high: int) -> Any:
        return posts.filter((r.row["likes"] >= low) & (r.row["likes"] < high))

    prepared = db.prepare(build)
    list(prepared(0, 60))
    assert str(prepared.explain(low, low + 2)) == str(build(low, low + 2).explain(db))
    assert "likes" in str(prepared.explain(low, low + 2))
    assert str(prepared.query(low, 9)) == str(build(low, 9))


def calls(build: Callable[..., Any]) -> tuple[Callable[..., Any], list[Any]]:
    """The function, and a list that grows by each of its calls."""
    seen: list[Any] = []

    def counted(*values: Any) -> Any:
        seen.append(values)
        return build(*values)

    return counted, seen


@pytest.mark.parametrize("name", ["get", "row", "function", "pattern", "range", "update", "get_all", "insert", "limit"])
def test_it_is_built_once_for_the_types_of_its_values(db: Connection, name: str) -> None:
    build, asked = next((build, asked) for case, build, asked in CASES if case == name)
    values = asked[0]
    counted, seen = calls(build)
    prepared = db.prepare(counted)
    prepared(*values)
    made = len(seen)
    for _ in range(5):
        outcome(lambda: prepared(*values))
    prepared.explain(*values)
    # An inserted document is one constant, and its key inside it.
    assert len(seen) == (made if name != "insert" else made + 6)


def test_its_options_are_those_of_run(db: Connection) -> None:
    stamped = db.prepare(lambda key: posts.get(key).update({"at": r.now()}, return_changes=True), durability="soft")
    assert stamped("k1")["replaced"] == 1
    raw = db.prepare(lambda key: posts.get(key)["at"], time_format="raw")
    assert raw("k1")["$reql_type$"] == "TIME"
    with pytest.raises(ReqlDriverCompileError, match="Unrecognized global optional argument `nope`"):
        db.prepare(lambda key: posts.get(key), nope=1)


def test_only_a_function_can_be_prepared(db: Connection) -> None:
    with pytest.raises(ReqlDriverCompileError, match="Expected a function that gives a query"):
        db.prepare(posts.get("k1"))  # type: ignore[arg-type]


def test_it_follows_the_catalog(db: Connection) -> None:
    found = db.prepare(lambda likes: posts.filter(r.row["likes"] == likes)["id"])
    assert list(found(3)) == ["k3"]
    posts.index_drop("likes").run(db)
    assert list(found(3)) == ["k3"]
    r.table_drop("posts").run(db)
    with pytest.raises(ReqlError, match="does not exist"):
        found(3)


def test_it_joins_the_transaction_of_its_thread(db: Connection) -> None:
    likes = db.prepare(lambda key: posts.get(key)["likes"])
    add = db.prepare(lambda key, by: posts.get(key).update({"likes": r.row["likes"] + by}))
    with pytest.raises(UndoneError), db.transaction():
        add("k1", 10)
        assert likes("k1") == 11
        raise UndoneError
    assert likes("k1") == 1


def test_several_threads_call_it_at_once(db: Connection) -> None:
    add = db.prepare(lambda key, by: posts.get(key).update({"likes": r.row["likes"] + by}))
    likes = db.prepare(lambda key: posts.get(key)["likes"])
    wrong: list[Any] = []

    def work(number: int) -> None:
        for _ in range(20):
            add(f"k{number}", number)
            add("k0", 1.0 if number % 2 else 1)
        if likes(f"k{number}") != number + 20 * number:
            wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert likes("k0") == 120


def test_an_error_shows_the_values_of_its_call(db: Connection) -> None:
    number = db.prepare(lambda text: r.expr(1) + text)
    for text in ("first", "second"):
        with pytest.raises(ReqlError) as raised:
            number(text)
        assert f"{text}" in str(raised.value)


def test_a_closed_connection_refuses_it() -> None:
    with docstore.connect() as connection:
        prepared = connection.prepare(lambda number: r.expr(number) + 1)
        assert prepared(1) == 2
    with pytest.raises(ClosedError):
        prepared(1)
