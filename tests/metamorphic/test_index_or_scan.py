"""The same query gives the same answer through an index and through a scan, whatever the documents hold.

Two tables have the same documents, one of them every kind of index and the field `id` as its primary key; the planner
rewrites filters over this one only, and here whenever it can, however few rows there are. Half of the indexes are made
before the documents, half after.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import docstore
from docstore import Connection
from query import planner, r
from query.errors import ReqlError
from query.values import sort_key

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.0, 1.0, 1.5, -2.0, 2.0**53, 2.0**60]),
    st.sampled_from(["", "a", "b", "ab", "a\x00", "x" * 600, "x" * 600 + "y", "ä", "\U0001f600"]),
    st.sampled_from([b"", b"a", b"\x00\xff"]),
    st.sampled_from([2**53, 2**53 + 1, 2**64 - 1, -(2**63)]),
)
VALUES = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.sampled_from(["a", "b"]), SCALARS, max_size=2)
)
DOCUMENTS = st.lists(
    st.fixed_dictionaries(
        {}, optional={"a": VALUES, "b": VALUES, "n": st.fixed_dictionaries({}, optional={"x": VALUES})}
    ),
    max_size=12,
)
CONSTANTS = SCALARS.filter(lambda value: value is not None)

BEFORE = [
    ("a", None, {}),
    ("a_b", [r.row["a"], r.row["b"]], {}),
    ("a_multi", r.row["a"], {"multi": True}),
]
AFTER = [
    ("n_x", r.row["n"]["x"], {}),
    ("b_multi", r.row["b"], {"multi": True}),
    ("either", lambda row: r.branch(row.has_fields("a"), row["a"], row["b"]), {}),
]


@pytest.fixture(autouse=True)
def indexes_win(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an index win against a scan however many of the rows it gives."""
    monkeypatch.setattr(planner, "SCAN_ADVANTAGE", 1)


@pytest.fixture(scope="module")
def db() -> Iterator[Connection]:
    with docstore.connect() as connection:
        yield connection


def fill(db: Connection, documents: list[dict[str, Any]]) -> None:
    for name in ("plain", "indexed"):
        if name in r.table_list().run(db):
            r.table_drop(name).run(db)
        r.table_create(name, primary_key="key" if name == "plain" else "id").run(db)
    _index(db, BEFORE)
    for number, document in enumerate(documents):
        for name in ("plain", "indexed"):
            summary = r.table(name).insert({**document, "id": number, "key": number}).run(db)
            assert summary["errors"] == 0, summary
    _index(db, AFTER)


def _index(db: Connection, definitions: list[Any]) -> None:
    for name, function, options in definitions:
        arguments = (name,) if function is None else (name, function)
        r.table("indexed").index_create(*arguments, **options).run(db)
    r.table("indexed").index_wait().run(db)


def answer(query: Any, db: Connection) -> Any:
    """The rows in an order of their own, or the class of the error."""
    try:
        found = query.run(db)
        return sorted([sort_key(row) for row in found]) if not isinstance(found, int | bool | dict) else found
    except ReqlError as error:
        return type(error)


PATHS = {
    "a": lambda row: row["a"],
    "b": lambda row: row["b"],
    "n.x": lambda row: row["n"]["x"],
    "id": lambda row: row["id"],
}
OPERATORS = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
}


ONE_TYPE = st.one_of(
    st.tuples(st.integers(-3, 3), st.floats(-3, 3)),
    st.tuples(st.integers(-3, 3), st.sampled_from([2**53, 2.0**60, 2**64 - 1])),
    st.tuples(*[st.sampled_from(["", "a", "ab", "b", "x" * 600])] * 2),
    st.tuples(*[st.sampled_from([b"", b"a", b"\x00\xff"])] * 2),
)
"""Pairs of bounds that an index may take over: both of one type, in any order."""

comparisons = st.tuples(st.sampled_from(sorted(PATHS)), st.sampled_from(sorted(OPERATORS)), CONSTANTS).map(
    lambda one: [one]
)
equalities = st.lists(st.tuples(st.sampled_from(sorted(PATHS)), st.just("eq"), CONSTANTS), min_size=1, max_size=3)
ranges = st.builds(
    lambda path, bounds, low, high: [(path, low, bounds[0]), (path, high, bounds[1])],
    st.sampled_from(sorted(PATHS)),
    ONE_TYPE,
    st.sampled_from(["gt", "ge"]),
    st.sampled_from(["lt", "le"]),
)


@st.composite
def predicates(draw: st.DrawFn) -> Any:
    groups = draw(st.lists(st.one_of(comparisons, equalities, ranges), min_size=1, max_size=3))
    conditions = draw(st.permutations([condition for group in groups for condition in group]))
    mirrored = draw(st.booleans())

    def condition(row: Any, path: str, operator: str, constant: Any) -> Any:
        value = PATHS[path](row)
        compare = getattr(value, operator)
        return getattr(r.expr(constant), MIRRORED[operator])(value) if mirrored else compare(constant)

    def predicate(row: Any) -> Any:
        return r.and_(*[condition(row, *one) for one in conditions])

    return predicate


MIRRORED = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}


@pytest.mark.parametrize(
    "predicate",
    [
        lambda row: row["a"] == 1,
        lambda row: (row["a"] > 1) & (row["a"] <= 2),
        lambda row: (row["b"] < 5) & (row["a"] == 1) & (row["b"] > 2),
        lambda row: row["n"]["x"] == "a",
        lambda row: row["a"].contains(1),
        lambda row: row["id"] == 5,
        {"n": {"x": 1}, "b": 2},
    ],
)
def test_these_filters_are_answered_by_an_index(db: Connection, predicate: Any) -> None:
    fill(db, [{"a": [1, 2]}, {"a": 1, "b": 3}])
    assert "filter_by_index" in r.table("indexed").filter(predicate).explain(db).rules
    assert "filter_by_index" not in r.table("plain").filter(predicate).explain(db).rules


@settings(max_examples=60, deadline=None)
@given(documents=DOCUMENTS, asked=st.lists(predicates(), min_size=1, max_size=6))
def test_filters_answer_the_same_with_and_without_indexes(
    db: Connection, documents: list[dict[str, Any]], asked: list[Any]
) -> None:
    fill(db, documents)
    for predicate in asked:
        scan = answer(r.table("plain").filter(predicate), db)
        assert answer(r.table("indexed").filter(predicate), db) == scan
        counted = answer(r.table("plain").filter(predicate).count(), db)
        assert answer(r.table("indexed").filter(predicate).count(), db) == counted


LISTS = st.lists(SCALARS, max_size=3)


@settings(max_examples=40, deadline=None)
@given(documents=st.lists(st.fixed_dictionaries({"a": LISTS}, optional={"b": VALUES}), max_size=12), element=CONSTANTS)
def test_contains_answers_the_same_with_and_without_indexes(
    db: Connection, documents: list[dict[str, Any]], element: Any
) -> None:
    fill(db, documents)
    for predicate in (
        lambda row: row["a"].contains(element),
        lambda row: row["a"].contains(element) & (row["b"] == element),
    ):
        assert answer(r.table("indexed").filter(predicate), db) == answer(r.table("plain").filter(predicate), db)


@settings(max_examples=40, deadline=None)
@given(documents=DOCUMENTS, asked=predicates(), change=SCALARS)
def test_writes_change_the_same_rows_with_and_without_indexes(
    db: Connection, documents: list[dict[str, Any]], asked: Any, change: Any
) -> None:
    fill(db, documents)
    for write in (
        lambda rows: rows.update({"a": change}),
        lambda rows: rows.replace(lambda row: row.merge({"b": change, "n": {"x": change}})),
        lambda rows: rows.delete(),
    ):
        assert answer(write(r.table("indexed").filter(asked)), db) == answer(write(r.table("plain").filter(asked)), db)
        assert answer(r.table("indexed"), db) == answer(r.table("plain"), db)
    assert docstore.check(db).problems == []


@settings(max_examples=40, deadline=None)
@given(documents=DOCUMENTS, pattern=st.fixed_dictionaries({}, optional={"a": CONSTANTS, "b": CONSTANTS}))
def test_patterns_answer_the_same_with_and_without_indexes(
    db: Connection, documents: list[dict[str, Any]], pattern: dict[str, Any]
) -> None:
    fill(db, documents)
    scan = answer(r.table("plain").filter(pattern), db)
    assert answer(r.table("indexed").filter(pattern), db) == scan


@settings(max_examples=60, deadline=None)
@given(documents=DOCUMENTS, low=CONSTANTS, high=CONSTANTS, left=st.booleans(), right=st.booleans())
def test_index_reads_are_what_a_scan_with_the_same_test_gives(
    db: Connection, documents: list[dict[str, Any]], low: Any, high: Any, left: bool, right: bool
) -> None:
    fill(db, documents)
    bounds = {"left_bound": "open" if left else "closed", "right_bound": "open" if right else "closed"}
    for index, value in (("a", PATHS["a"]), ("n_x", PATHS["n.x"])):
        indexed = answer(r.table("indexed").get_all(low, index=index), db)
        assert indexed == answer(r.table("plain").filter(lambda row: value(row) == low), db)
        ranged = answer(r.table("indexed").between(low, high, index=index, **bounds), db)
        lower, upper = OPERATORS["gt" if left else "ge"], OPERATORS["lt" if right else "le"]
        wanted = r.table("plain").filter(
            lambda row: lower(value(row), low) & upper(value(row), high) & _indexable(value(row))
        )
        assert ranged == answer(wanted, db)


def _indexable(value: Any) -> Any:
    """Whether a value is in an index: not null, no object, and no array with either in it."""
    return r.expr(["NULL", "OBJECT"]).contains(value.type_of()).not_() & r.branch(
        value.type_of() == "ARRAY",
        value.filter(lambda item: r.expr(["NULL", "OBJECT"]).contains(item.type_of())).is_empty(),
        True,
    )
