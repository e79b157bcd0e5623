"""Tables: rows by key, scans, writes; without indexes."""

from __future__ import annotations

from typing import Any

import pytest

from docstore.errors import ReadOnlyError
from docstore.store import OpenStore
from query.errors import ReqlNonExistenceError, ReqlOpFailedError, ReqlQueryLogicError
from query.runtime import Change, Keep, Range, Run
from query.values import MAXVAL, MINVAL
from tests.docstore.stores import create_table, ids, insert, reading, write

KEYS: list[Any] = [[1, "a"], [2], False, True, -3, 1, 2.5, 10, b"\x00", "", "a", "a\x00", "b"]
"""In the order of primary keys."""


@pytest.fixture
def filled(store: OpenStore) -> OpenStore:
    create_table(store)
    insert(store, *[{"id": key, "n": n, "even": n % 2 == 0, "x": [n] * 3} for n, key in enumerate(KEYS)])
    return store


def test_a_document_is_found_by_its_key(filled: OpenStore) -> None:
    with reading(filled) as (run, table):
        assert table.get(run, "a") == {"id": "a", "n": 10, "even": True, "x": [10, 10, 10]}
        assert table.get(run, "zzz") is None
        assert [row and row["n"] for row in table.get_many(run, [1.0, "zzz", [1, "a"], 1])] == [5, None, 0, 5]


def test_a_key_that_cannot_be_one_is_an_error(filled: OpenStore) -> None:
    with reading(filled) as (run, table):
        for key in ({}, [{}]):
            with pytest.raises(ReqlQueryLogicError):
                table.get(run, key)
        with pytest.raises(ReqlQueryLogicError, match="Primary key too long"):
            table.get(run, "x" * 600)


def test_a_scan_goes_by_primary_key(filled: OpenStore) -> None:
    with reading(filled) as (run, table):
        assert ids(table.scan(run, None, None)) == KEYS


def test_a_scan_decodes_only_what_is_asked_for(filled: OpenStore) -> None:
    with reading(filled) as (run, table):
        assert next(table.scan(run, frozenset({"n", "y"}), None)) == {"n": 0}
        assert next(table.scan(run, frozenset(), None)) == {}


def test_a_scan_tests_before_it_decodes_the_rest(filled: OpenStore) -> None:
    seen: list[Any] = []

    def test(row: Any) -> bool:
        seen.append(row)
        return bool(row["even"])

    keep = Keep(frozenset({"even"}), test)
    with reading(filled) as (run, table):
        rows = list(table.scan(run, frozenset({"n", "id"}), keep))
        assert [row["n"] for row in rows] == list(range(0, len(KEYS), 2))
        assert rows[0].keys() == {"id", "n"}
        assert seen[0] == {"even": True}
        assert [row["n"] for row in table.scan(run, None, keep)] == list(range(0, len(KEYS), 2))
        assert len(list(table.scan(run, frozenset(), keep))) == len(rows)
        assert len(list(table.scan(run, frozenset({"n"}), Keep(None, test)))) == len(rows)


@pytest.mark.parametrize("keep", [None, Keep(frozenset({"n"}), lambda row: True)])
def test_a_scan_goes_on_in_another_transaction(filled: OpenStore, keep: Keep | None) -> None:
    with filled.begin_read() as first:
        run = Run(filled, first)
        rows = filled.table(run, None, "t").scan(run, None, keep)
        begun = [next(rows)["id"] for _ in range(3)]
    write(filled, Change({"id": True}, None), Change(None, {"id": "c", "n": 0}), Change(None, {"id": [0], "n": 0}))
    run.transaction = filled.begin_read()
    assert begun + ids(rows) == [key for key in KEYS if key is not True] + ["c", [0]]
    run.transaction.abort()


def test_a_scan_whose_table_is_dropped_between_two_batches_is_an_error(filled: OpenStore) -> None:
    with filled.begin_read() as first:
        run = Run(filled, first)
        rows = filled.table(run, None, "t").scan(run, None, None)
        next(rows)
    with filled.begin_write() as transaction:
        transaction.catalog = transaction.catalog.drop_table("test", "t")
    with filled.begin_read() as second:
        run.transaction = second
        with pytest.raises(ReqlOpFailedError, match=r"Table `test\.t` does not exist"):
            next(rows)


def test_ranges_of_the_primary_key(filled: OpenStore) -> None:
    with reading(filled) as (run, table):
        index = table.index(run, "id")
        between = lambda *bounds, **how: ids(index.between(run, Range(*bounds, **how), None, None))  # noqa: E731
        assert between(1, "a") == [1, 2.5, 10, b"\x00", ""]
        assert between(1, "a", low_open=True, high_open=False) == [2.5, 10, b"\x00", "", "a"]
        assert between(MINVAL, MAXVAL) == KEYS
        assert between([1, MINVAL], [1, MAXVAL]) == [[1, "a"]]
        assert between("a", "a") == []
        assert between("x" * 600, MAXVAL) == []
        assert between(MINVAL, "a" + "\x01" * 600) == [*KEYS[:-2], "a\x00"]
        assert ids(index.between(run, Range(MINVAL, 1), None, None, reverse=True)) == [-3, True, False, [2], [1, "a"]]
        assert list(index.keys(run, Range(1, 3))) == [1, 2.5]
        assert index.count_between(run, Range(MINVAL, MAXVAL), 5) == 5
        assert between("b", {}) == []
        with pytest.raises(ReqlQueryLogicError, match="Primary keys must be"):
            between(None, 1)


def test_get_all_by_primary_key_gives_repeats_twice(filled: OpenStore) -> None:
    with reading(filled) as (run, table):
        index = table.index(run, "id")
        assert ids(index.get_all(run, ["a", 1, "zzz", "a"], None, None)) == ["a", 1, "a"]
        assert index.count(run, ["a", 1, "zzz", "a"]) == 3
        with pytest.raises(ReqlNonExistenceError, match="Keys cannot be NULL"):
            index.get_all(run, [None], None, None)


def test_the_count_follows_writes(filled: OpenStore) -> None:
    write(filled, Change({"id": True}, None), Change({"id": 1}, {"id": 1, "new": 1}), Change(None, {"id": "new"}))
    with reading(filled) as (run, table):
        assert table.count(run) == len(KEYS) == sum(1 for _ in table.scan(run, frozenset(), None))
        assert table.get(run, 1) == {"id": 1, "new": 1}
        assert table.get(run, True) is None


def test_a_document_that_cannot_be_written_leaves_the_others(filled: OpenStore) -> None:
    errors = insert(filled, {"id": "k"}, {"id": "x" * 600}, {"id": "l"})
    assert errors[0] is errors[2] is None
    assert "Primary key too long" in errors[1]
    with reading(filled) as (run, table):
        assert table.get(run, "l") == {"id": "l"}


def test_a_snapshot_cannot_be_written_to(filled: OpenStore) -> None:
    with reading(filled) as (run, table), pytest.raises(ReadOnlyError):
        table.write(run, [Change(None, {"id": 1})])


def test_the_primary_key_may_have_any_name(store: OpenStore) -> None:
    create_table(store, primary_key="key")
    insert(store, {"key": 1, "id": 7})
    with reading(store) as (run, table):
        assert table.get(run, 1) == {"key": 1, "id": 7}
        assert table.index(run, "key").name == "key"
        with pytest.raises(ReqlQueryLogicError):
            table.check_key({"id": 1})


def test_info(filled: OpenStore) -> None:
    with reading(filled) as (run, table):
        info = table.info(run)
    assert info["name"] == "t"
    assert info["doc_count_estimates"] == [len(KEYS)]
    assert info["db"]["name"] == "test"  # type: ignore[index, call-overload]


def test_an_unknown_index_is_an_error(filled: OpenStore) -> None:
    with reading(filled) as (run, table), pytest.raises(ReqlOpFailedError) as caught:
        table.index(run, "x")
    assert caught.value.message == "Index `x` was not found on table `test.t`."
