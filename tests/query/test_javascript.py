"""`r.js`: values in and out, functions in the places of the query's, errors, limits, where it is allowed."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

import docstore
from docstore import Connection
from query import Query, ReqlError, ReqlOpFailedError, ReqlPermissionsError, ReqlQueryLogicError, r
from query.javascript import Script

pytest.importorskip("quickjs")

ROWS = [{"id": 1, "a": 3}, {"id": 2, "a": 1}, {"id": 3, "a": 2}]


@pytest.fixture(scope="module")
def db() -> Iterator[Connection]:
    with docstore.connect(allow_js=True) as connection:
        r.table_create("t").run(connection)
        r.table("t").insert(ROWS).run(connection)
        yield connection


def given(query: Query, db: Connection) -> Any:
    found = query.run(db)
    return list(found) if isinstance(found, docstore.Cursor) else found


# What a script gives


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("1 + 1", 2),
        ("0.5", 0.5),
        ("-0", -0.0),
        ("1e300", 1e300),
        ("'a' + \"b\"", "ab"),
        ("'é😀'", "é😀"),
        ("'\\u0000x'", "\0x"),
        ("true", True),
        ("null", None),
        ("[1, [2], 'x']", [1, [2], "x"]),
        ("({a: 1, b: {c: null}})", {"a": 1, "b": {"c": None}}),
        ("var x = 1; x + 1", 2),
        ("(function () { return 5; })()", 5),
        ("JSON.parse('[1]')", [1]),
        ("'abc'.replace(/b/, 'x')", "axc"),
        ("new Date(1500)", datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=UTC)),
        ("[new Date(0)]", [datetime(1970, 1, 1, tzinfo=UTC)]),
    ],
)
def test_a_script_gives_a_value(db: Connection, source: str, wanted: Any) -> None:
    found = r.js(source).run(db)
    assert found == wanted


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("undefined", "Cannot convert javascript `undefined` to ql::datum_t."),
        ("[undefined]", "Cannot convert javascript `undefined` to ql::datum_t."),
        ("/a/", "Cannot convert RegExp to ql::datum_t."),
        ("({f: function () {}})", "Cannot convert function to ql::datum_t."),
        ("NaN", "Number return value is not finite."),
        ("1 / 0", "Number return value is not finite."),
        ("new Date(NaN)", "Number return value is not finite."),
        ("var a = []; a[0] = a; a", "Recursion limit exceeded in js_to_json (circular reference?)."),
        ("Symbol('x')", "Unrecognized value type when converting to ql::datum_t."),
        ("x.y", "ReferenceError: 'x' is not defined"),
        ("throw new Error('no')", "Error: no"),
        ("throw 'no'", "no"),
        ("a b", "SyntaxError: "),
        ("null.a", "TypeError: "),
        ("(function f() { f(); })()", "stack overflow"),
        ("'\\ud800'", "The surrogate pair in string is invalid."),
    ],
)
def test_a_script_that_gives_no_value(db: Connection, source: str, message: str) -> None:
    with pytest.raises(ReqlQueryLogicError) as caught:
        r.js(source).run(db)
    assert type(caught.value) is ReqlQueryLogicError
    assert message in caught.value.message
    assert "r.js(" in str(caught.value)


def test_a_function_is_no_result(db: Connection) -> None:
    with pytest.raises(ReqlQueryLogicError, match="Query result must be of type DATUM"):
        r.js("(function () { return 1; })").run(db)
    assert r.js("(function () {})").type_of().run(db) == "FUNCTION"


def test_a_script_knows_nothing_of_another(db: Connection) -> None:
    assert r.expr([r.js("x = 1"), r.js("typeof x")]).run(db) == [1, "undefined"]
    assert r.js("typeof require + typeof process + typeof std").run(db) == "undefined" * 3


def test_the_script_may_be_reckoned(db: Connection) -> None:
    assert r.js(r.expr("1 + ") + "2").run(db) == 3
    assert r.expr(["1", "'x'"]).map(lambda source: r.js(source)).run(db) == [1, "x"]


# Functions


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (r.expr([1, 2]).map(r.js("(function (x) { return x * 2; })")), [2, 4]),
        (r.expr([1, 2]).map(r.js("x => x * 2")), [2, 4]),
        (r.expr([1, 2]).map([3, 4], r.js("(x, y) => x + y")), [4, 6]),
        (r.map([1], [2], [3], r.js("(x, y, z) => x + y + z")), [6]),
        (r.expr([1, 2, 3]).filter(r.js("x => x > 1")), [2, 3]),
        (r.expr([1, 2, 3]).reduce(r.js("(x, y) => x + y")), 6),
        (r.expr([1, 2, 3]).fold(10, r.js("(total, x) => total + x")), 16),
        (
            r.expr([1, 2]).fold(0, r.js("(a, x) => a + x"), emit=r.js("(a, x, b) => [b]"), final_emit=r.js("a => [a]")),
            [1, 3, 3],
        ),
        (r.expr([1, 2]).concat_map(r.js("x => [x, x]")), [1, 1, 2, 2]),
        (r.expr([1, 2, 3]).group(r.js("x => x % 2")).count(), {0: 1, 1: 2}),
        (r.expr([1, 2, 3]).count(r.js("x => x > 1")), 2),
        (r.expr([1, 2, 3]).contains(r.js("x => x > 2")), True),
        (r.expr([1, 2, 3]).sum(r.js("x => x * 10")), 60),
        (r.expr([1, 3, 2]).max(r.js("x => x")), 3),
        (r.expr([1, 2]).offsets_of(r.js("x => x === 2")), [1]),
        (r.expr([1]).inner_join([1, 2], r.js("(x, y) => x < y")), [{"left": 1, "right": 2}]),
        (r.do(1, 2, r.js("(x, y) => x + y")), 3),
        (r.expr(5).do(r.js("x => x + 1")), 6),
        (r.expr(5).do(r.js("'constant'")), "constant"),
        (r.expr({"a": 1}).merge(r.js("row => ({b: row.a + 1})")), {"a": 1, "b": 2}),
        (r.table("t").filter(r.js("row => row.a > 1"))["id"], [1, 3]),
        (r.table("t").map(r.js("row => row.a + row.id")), [4, 3, 5]),
        (r.expr([[1, 2], [3]]).map(lambda xs: xs.map(r.js("x => x + 1"))), [[2, 3], [4]]),
        (r.expr([1, 2]).map(lambda x: r.do(x, 10, r.js("(x, y) => x + y"))), [11, 12]),
    ],
)
def test_a_script_may_stand_in_the_place_of_a_function(db: Connection, query: Query, wanted: Any) -> None:
    assert given(query, db) == wanted


@pytest.mark.parametrize(
    ("value", "source", "wanted"),
    [
        (None, "x => x === null", True),
        ("é", "x => x.length", 1),
        ("\0a", "x => x.length", 2),
        ([1, {"a": [True]}], "x => x[1].a[0]", True),
        ({"__proto__": 1}, "x => Object.keys(x).length", 1),
        (2**53, "x => x", 2**53),
        (datetime(2024, 5, 1, tzinfo=UTC), "x => x.getUTCFullYear()", 2024),
        (
            {"at": datetime(2024, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))},
            "x => x.at",
            datetime(2024, 5, 1, 10, tzinfo=UTC),
        ),
    ],
)
def test_values_pass_into_a_function(db: Connection, value: Any, source: str, wanted: Any) -> None:
    assert r.do(r.expr(value), r.js(source)).run(db) == wanted


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (r.do(b"x", r.js("x => 1")), "`r.binary` data cannot be used in `r.js`."),
        (r.do({"a": [b"x"]}, r.js("x => 1")), "`r.binary` data cannot be used in `r.js`."),
        (r.do(1, r.js("x => (y => y)")), "Returning functions from within `r.js` is unsupported."),
        (r.do(1, r.js("x => undefined")), "Cannot convert javascript `undefined` to ql::datum_t."),
        (r.expr([1]).map(r.js("x => x.a.b")), "TypeError: "),
        (r.do(1, r.js("x => { throw 'no'; }")), "no"),
    ],
)
def test_a_call_that_fails(db: Connection, query: Query, message: str) -> None:
    with pytest.raises(ReqlQueryLogicError) as caught:
        query.run(db)
    assert message in caught.value.message


def test_a_function_is_made_once_for_all_rows(db: Connection) -> None:
    counting = "(function () { var n = 0; return function (x) { n += 1; return n; }; })()"
    assert r.expr([7, 7, 7]).map(r.js(counting)).run(db) == [1, 2, 3]
    assert r.expr([7]).map(r.js(counting)).run(db) == [1]


def test_a_cursor_may_be_read_in_another_thread(db: Connection) -> None:
    cursor = r.range(5_000).map(r.js("x => x + 1")).run(db)
    found: list[Any] = [next(cursor)]
    thread = threading.Thread(target=lambda: found.extend(cursor))
    thread.start()
    thread.join()
    assert found == list(range(1, 5_001))


# Limits


def test_time_is_limited(db: Connection) -> None:
    started = time.monotonic()
    source = "while (true) {}"
    with pytest.raises(ReqlQueryLogicError) as caught:
        r.js(source, timeout=0.2).run(db)
    assert caught.value.message == f"JavaScript query `{source}` timed out after 0.200 seconds."
    with pytest.raises(ReqlQueryLogicError, match=r"timed out after 0\.100 seconds"):
        r.expr([1]).map(r.js("x => { while (true) { try { while (true) {} } catch (e) {} } }", timeout=0.1)).run(db)
    assert time.monotonic() - started < 5
    assert r.js("1", timeout=1e300).run(db) == 1


def test_memory_is_limited(db: Connection) -> None:
    with pytest.raises(ReqlQueryLogicError):
        r.js("var a = []; while (true) a.push(new Array(1000).fill(1))", timeout=60).run(db)
    assert r.js("1").run(db) == 1


def test_what_does_not_look_at_the_clock_is_ended(db: Connection) -> None:
    with pytest.raises(ReqlQueryLogicError, match=r"timed out after 0\.100 seconds"):
        r.js("/^(a+)+$/.test('" + "a" * 40 + "b')", timeout=0.1).run(db)
    assert r.js("1").run(db) == 1


def test_a_process_that_dies_is_an_error_of_its_script_alone(db: Connection) -> None:
    script = Script("x => x", 5_000)
    assert script.call(1) == 1
    assert script._worker is not None
    script._worker._process.kill()
    for _ in range(2):
        with pytest.raises(ReqlQueryLogicError, match="caused a crash in a worker process"):
            script.call(1)
    other = Script("1", 5_000)
    assert other._worker is not None
    other._worker._process.kill()
    other._worker._process.wait()
    assert r.js("2").run(db) == 2


def test_large_values_pass(db: Connection) -> None:
    text = "é" * 300_000
    assert r.do(text, r.js("x => [x, x]")).run(db) == [text, text]


# Where it is allowed


def test_it_is_off_unless_the_connection_allows_it() -> None:
    with docstore.connect() as db:
        with pytest.raises(ReqlPermissionsError, match=r"docstore\.connect\(path, allow_js=True\)"):
            r.js("1").run(db)
        with pytest.raises(ReqlError, match="Unrecognized global optional argument"):
            r.js("1").run(db, allow_js=True)
    with pytest.raises(ReqlError, match="allow_js"):
        docstore.connect(allow_js=1)  # type: ignore[arg-type]


def test_it_is_no_order(db: Connection) -> None:
    with pytest.raises(ReqlQueryLogicError, match="Sorting by a non-deterministic function is not supported"):
        r.table("t").order_by(r.js("row => row.a")).run(db)


def test_it_is_never_in_what_is_stored(db: Connection) -> None:
    for function in (r.js("x => x.a"), lambda row: r.js("1")):
        with pytest.raises(ReqlQueryLogicError, match="Could not prove function deterministic"):
            r.table("t").index_create("i", function).run(db)
    with pytest.raises(ReqlQueryLogicError, match="Could not prove argument deterministic"):
        r.table("t").update(r.js("row => ({b: row.a})")).run(db)
    with pytest.raises(ReqlQueryLogicError, match="must be deterministic"):
        r.table("t").insert({"id": 1}, conflict=r.js("(id, old, new) => old")).run(db)
    changed = r.table("t").get(1).update(r.js("row => ({b: row.a + 1})"), non_atomic=True, return_changes=True).run(db)
    assert changed["changes"][0]["new_val"]["b"] == 4


def test_without_the_library_the_error_says_what_to_install(db: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "quickjs", None)
    with pytest.raises(ReqlOpFailedError, match=r"pip install 'docstore\[js\]'"):
        r.js("1").run(db)
