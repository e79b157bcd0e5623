"""Ordered indexes: what is in them, what they answer, and that writes keep them in step."""

from __future__ import annotations

import random
from typing import Any

import pytest

from docstore.store import OpenStore
from query.errors import ReqlNonExistenceError, ReqlOpFailedError, ReqlQueryLogicError
from query.runtime import Change, Keep, Range, Run
from query.values import MAXVAL, MINVAL, Time, sort_key
from tests.docstore.stores import create_index, create_table, field, ids, insert, reading, wire, write, write_in

EVERYTHING = Range(MINVAL, MAXVAL)
LONG = "x" * 600


@pytest.fixture
def indexed(store: OpenStore) -> OpenStore:
    """A table with an index of each sort, created while it is empty."""
    create_table(store)
    create_index(store, "a", field("a"))
    create_index(store, "ab", wire(lambda row: [row["a"], row["b"]]))
    create_index(store, "tags", field("tags"), multi=True)
    create_index(store, "deep", wire(lambda row: row["deep"]["er"]))
    create_index(store, "sum", wire(lambda row: row["a"] + row["b"]))
    create_index(store, "pairs", field("pairs"), multi=True)
    return store


def get_all(store: OpenStore, index: str, *keys: Any) -> list[Any]:
    with reading(store) as (run, table):
        return ids(table.index(run, index).get_all(run, keys, None, None))


def between(store: OpenStore, index: str, bounds: Range = EVERYTHING, *, reverse: bool = False) -> list[Any]:
    with reading(store) as (run, table):
        return ids(table.index(run, index).between(run, bounds, None, None, reverse=reverse))


def keys(store: OpenStore, index: str, bounds: Range = EVERYTHING, *, reverse: bool = False) -> list[Any]:
    with reading(store) as (run, table):
        return list(table.index(run, index).keys(run, bounds, reverse=reverse))


def count(store: OpenStore, index: str, *wanted: Any) -> int:
    with reading(store) as (run, table):
        return table.index(run, index).count(run, wanted)


# What is in an index


def test_what_cannot_be_indexed_is_left_out(indexed: OpenStore) -> None:
    insert(indexed, {"id": 1}, {"id": 2, "a": None}, {"id": 3, "a": {}}, {"id": 4, "a": [None]}, {"id": 5, "a": [{}]})
    insert(indexed, {"id": 6, "a": False}, {"id": 7, "a": [1, "x"]}, {"id": 8, "a": b""}, {"id": 9, "a": [[]]})
    assert between(indexed, "a") == [9, 7, 6, 8]


def test_a_compound_key_with_a_part_that_cannot_be_indexed_is_left_out(indexed: OpenStore) -> None:
    insert(indexed, {"id": 1, "a": 1}, {"id": 2, "a": 1, "b": None}, {"id": 3, "a": 1, "b": 2}, {"id": 4, "b": 2})
    assert between(indexed, "ab") == [3]


def test_a_document_for_which_the_function_fails_is_left_out(indexed: OpenStore) -> None:
    insert(indexed, {"id": 1, "a": "x", "b": 1}, {"id": 2, "a": 1, "b": 2}, {"id": 3, "deep": 7}, {"id": 4, "a": 1})
    assert between(indexed, "sum") == [2]
    assert between(indexed, "deep") == []


def test_a_multi_index_has_an_entry_for_each_distinct_element(indexed: OpenStore) -> None:
    insert(
        indexed,
        {"id": 1, "tags": ["b", "a", "b", None, {}]},
        {"id": 2, "tags": "a"},
        {"id": 3, "tags": []},
        {"id": 4, "tags": [["a"], 1, 1.0]},
        {"id": 5, "tags": None},
    )
    assert between(indexed, "tags") == [4, 4, 1, 2, 1]
    assert get_all(indexed, "tags", "a", "b") == [1, 2, 1]
    assert keys(indexed, "tags") == [["a"], 1, "a", "b"]


def test_a_compound_multi_index(indexed: OpenStore) -> None:
    insert(indexed, {"id": 1, "pairs": [["a", 1], ["a", 2], ["b", 1]]}, {"id": 2, "pairs": [["a", 1], ["a"]]})
    assert get_all(indexed, "pairs", ["a", 1]) == [1, 2]
    assert between(indexed, "pairs", Range(["a", MINVAL], ["a", MAXVAL])) == [1, 2, 1]


# What it answers


def test_get_all_goes_key_by_key_and_repeats(indexed: OpenStore) -> None:
    insert(indexed, *[{"id": n, "a": n % 3} for n in range(9)])
    assert get_all(indexed, "a", 2, 0, 2) == [2, 5, 8, 0, 3, 6, 2, 5, 8]
    assert get_all(indexed, "a", 7) == []
    assert count(indexed, "a", 2, 0, 2, 7) == 9


def test_get_all_of_what_can_be_no_key_is_an_error(indexed: OpenStore) -> None:
    with pytest.raises(ReqlNonExistenceError, match="Keys cannot be NULL"):
        get_all(indexed, "a", None)
    with pytest.raises(
        ReqlQueryLogicError, match="Secondary keys must be a number, string, bool, pseudotype, or array"
    ):
        get_all(indexed, "a", {})
    assert get_all(indexed, "a", MINVAL) == []


def test_bounds_are_open_or_closed(indexed: OpenStore) -> None:
    insert(indexed, *[{"id": n, "a": n} for n in range(6)])
    assert between(indexed, "a", Range(1, 3)) == [1, 2]
    assert between(indexed, "a", Range(1, 3, low_open=True)) == [2]
    assert between(indexed, "a", Range(1, 3, high_open=False)) == [1, 2, 3]
    assert between(indexed, "a", Range(1, 3, low_open=True, high_open=False)) == [2, 3]
    assert between(indexed, "a", Range(3, 1)) == []
    assert between(indexed, "a", Range(MINVAL, 2), reverse=True) == [1, 0]


def test_bounds_inside_arrays(indexed: OpenStore) -> None:
    insert(indexed, *[{"id": f"{a}{b}", "a": a, "b": b} for a in "xyz" for b in range(3)])
    assert between(indexed, "ab", Range(["y", MINVAL], ["y", MAXVAL])) == ["y0", "y1", "y2"]
    assert between(indexed, "ab", Range(["y", 1], ["z", MINVAL])) == ["y1", "y2"]
    assert between(indexed, "ab", Range(["y"], ["y", 1], high_open=False)) == ["y0", "y1"]


def test_rows_are_tested_before_they_are_decoded_whole(indexed: OpenStore) -> None:
    insert(indexed, *[{"id": n, "a": 1, "n": n} for n in range(300)])
    keep = Keep(frozenset({"n"}), lambda row: row["n"] % 100 == 0)
    with reading(indexed) as (run, table):
        index = table.index(run, "a")
        assert list(index.get_all(run, [1], frozenset({"n"}), keep)) == [{"n": 0}, {"n": 100}, {"n": 200}]
        assert ids(index.between(run, EVERYTHING, None, keep)) == [0, 100, 200]


def test_distinct_keys_are_given_as_the_documents_have_them(indexed: OpenStore) -> None:
    noon = Time.at(0, 120)
    insert(indexed, {"id": 1, "a": 1.0}, {"id": 2, "a": 2}, {"id": 3, "a": noon}, {"id": 4, "a": [1.0, "x"]})
    insert(indexed, {"id": 5, "a": 2.5}, {"id": 6, "a": 2.0}, {"id": 7, "a": True})
    found = keys(indexed, "a")
    assert found == [[1.0, "x"], True, 1.0, 2, 2.5, noon]
    assert [type(key) for key in found] == [list, bool, float, int, float, Time]
    assert found[5].utcoffset() == noon.utcoffset()
    assert type(found[0][0]) is float


def test_distinct_keys_of_many_entries_each(indexed: OpenStore) -> None:
    insert(indexed, *[{"id": n, "a": f"k{n % 5}"} for n in range(300)])
    assert keys(indexed, "a") == ["k0", "k1", "k2", "k3", "k4"]
    assert keys(indexed, "a", Range("k1", "k3"), reverse=True) == ["k2", "k1"]


def test_the_entries_of_a_range_are_counted_up_to_a_limit(indexed: OpenStore) -> None:
    insert(indexed, *[{"id": n, "a": n} for n in range(50)])
    with reading(indexed) as (run, table):
        index = table.index(run, "a")
        assert index.count_between(run, Range(10, 20), 100) == 10
        assert index.count_between(run, Range(10, 20), 3) == 3


def test_what_an_index_says_of_its_function(indexed: OpenStore) -> None:
    with reading(indexed) as (run, table):
        found = {index.name: (index.paths, index.compound) for index in table.ordered_indexes(run)}
    assert found == {
        "a": ((("a",),), False),
        "ab": ((("a",), ("b",)), True),
        "deep": ((("deep", "er"),), False),
        "pairs": ((("pairs",),), False),
        "sum": (None, False),
        "tags": ((("tags",),), False),
    }


# Long keys


@pytest.fixture
def long(indexed: OpenStore) -> OpenStore:
    """Keys that differ only behind the place where they are cut, and two short ones around them."""
    names = [LONG + letter for letter in "dbca"]
    insert(indexed, *[{"id": n, "a": name, "tags": [name, LONG]} for n, name in enumerate(names)])
    insert(indexed, {"id": 8, "a": "w"}, {"id": 9, "a": "y"}, {"id": 7, "a": "x" * 506}, {"id": 6, "a": "x" * 505})
    return indexed


def test_long_keys_are_in_their_full_order(long: OpenStore) -> None:
    assert between(long, "a") == [8, 6, 7, 3, 1, 2, 0, 9]
    assert between(long, "a", reverse=True) == [9, 0, 2, 1, 3, 7, 6, 8]
    assert keys(long, "a", Range("x", "y")) == ["x" * 505, "x" * 506, *[LONG + letter for letter in "abcd"]]
    assert keys(long, "a", Range("x", "xz"), reverse=True)[0] == LONG + "d"


def test_ranges_that_end_inside_long_keys(long: OpenStore) -> None:
    assert between(long, "a", Range(LONG + "b", LONG + "d")) == [1, 2]
    assert between(long, "a", Range(LONG + "b", LONG + "d", low_open=True, high_open=False)) == [2, 0]
    assert between(long, "a", Range(LONG, LONG)) == []


def test_get_all_of_long_keys_gives_only_those(long: OpenStore) -> None:
    assert get_all(long, "a", LONG + "b", LONG + "zzz", LONG + "a") == [1, 3]
    assert count(long, "a", LONG + "b", LONG + "zzz") == 1
    assert get_all(long, "tags", LONG) == [0, 1, 2, 3]
    assert count(long, "tags", LONG) == 4


def test_two_elements_that_share_a_cut_key(long: OpenStore) -> None:
    assert between(long, "tags") == [0, 1, 2, 3, 3, 1, 2, 0]
    old = {"id": 0, "a": LONG + "d", "tags": [LONG + "d", LONG]}
    write(long, Change(old, {**old, "tags": [LONG]}))
    assert between(long, "tags") == [0, 1, 2, 3, 3, 1, 2]


# Kept in step


def test_an_index_is_the_same_as_one_made_afterwards(indexed: OpenStore) -> None:
    chance = random.Random(7)
    rows: dict[int, Any] = {}

    def document(key: int) -> dict[str, Any]:
        value = chance.choice([1, 2, "s", None, LONG + "1", LONG + "2", [1], {}])
        tags = [chance.choice(["p", "q", LONG, LONG + "r", None]) for _ in range(chance.randrange(4))]
        return {"id": key, "a": value, "b": chance.randrange(3), "tags": tags}

    for _ in range(30):
        changes = []
        for key in chance.sample(range(40), 8):
            old = rows.get(key)
            new = None if old is not None and chance.random() < 0.3 else document(key)
            changes.append(Change(old, new))
            if new is None:
                del rows[key]
            else:
                rows[key] = new
        write(indexed, *changes)
    indexable = [row for row in rows.values() if not isinstance(row["a"], dict | None)]
    assert between(indexed, "a") == ids(
        sorted(indexable, key=lambda row: sort_key(row["a"]))
    )  # stable: in order of arrival


def test_a_transaction_sees_its_own_entries(indexed: OpenStore) -> None:
    with indexed.begin_write() as transaction:
        write_in(indexed, transaction, [Change(None, {"id": 1, "a": 1})])
        run = Run(indexed, transaction)
        index = indexed.table(run, None, "t").index(run, "a")
        assert ids(index.get_all(run, [1], None, None)) == [1]


def test_entries_are_counted(indexed: OpenStore) -> None:
    insert(indexed, {"id": 1, "a": 1, "tags": ["x", "y"]}, {"id": 2, "a": 2})
    write(indexed, Change({"id": 2, "a": 2}, {"id": 2}))
    with reading(indexed) as (run, table):
        documents, entries = run.transaction.counts(table.definition)
        named = {index.name: entries[index.space] for index in table.definition.indexes.values()}
    assert documents == 2
    assert named == {"a": 1, "ab": 0, "deep": 0, "pairs": 0, "sum": 0, "tags": 2}


@pytest.mark.parametrize("reverse", [False, True])
def test_a_range_goes_on_in_another_transaction(indexed: OpenStore, reverse: bool) -> None:
    insert(indexed, *[{"id": n, "a": n // 50} for n in range(400)])
    insert(indexed, *[{"id": f"l{n}", "a": LONG + str(n)} for n in range(5)])
    expected = between(indexed, "a", reverse=reverse)
    run = Run(indexed, indexed.begin_read())
    rows = indexed.table(run, None, "t").index(run, "a").between(run, EVERYTHING, None, None, reverse=reverse)
    found = []
    for row in rows:
        found.append(row["id"])
        run.transaction.abort()
        run.transaction = indexed.begin_read()
    assert found == expected


@pytest.mark.parametrize("reverse", [False, True])
def test_a_long_key_is_not_given_again_when_it_has_more_in_another_transaction(
    indexed: OpenStore, reverse: bool
) -> None:
    insert(indexed, {"id": "new first", "a": 1}, {"id": "low", "a": 0}, {"id": "high", "a": "y"})
    insert(indexed, *[{"id": n, "a": LONG + str(n)} for n in range(5)])
    expected = between(indexed, "a", Range(0, "z"), reverse=reverse)
    write(indexed, Change({"id": "new first", "a": 1}, {"id": "new first"}))  # its row id is below all others
    expected.remove("new first")
    run = Run(indexed, indexed.begin_read())
    rows = indexed.table(run, None, "t").index(run, "a").between(run, Range(0, "z"), None, None, reverse=reverse)
    found = [next(rows)["id"] for _ in range(3)]
    run.transaction.abort()
    write(indexed, Change({"id": "new first"}, {"id": "new first", "a": LONG}))
    insert(indexed, {"id": "new last", "a": LONG + "9"})
    run.transaction = indexed.begin_read()
    found += ids(rows)
    run.transaction.abort()
    assert found == expected


def test_the_members_of_a_key_go_on_in_another_transaction(indexed: OpenStore) -> None:
    insert(indexed, *[{"id": n, "a": 1} for n in range(400)])
    run = Run(indexed, indexed.begin_read())
    found = []
    for row in indexed.table(run, None, "t").index(run, "a").get_all(run, [1], None, None):
        found.append(row["id"])
        if len(found) == 100:
            run.transaction.abort()
            write(indexed, *[Change({"id": n, "a": 1}, None) for n in range(300, 350)])
            run.transaction = indexed.begin_read()
    run.transaction.abort()
    assert found == [*range(300), *range(350, 400)]


# Unique indexes


@pytest.fixture
def unique(store: OpenStore) -> OpenStore:
    create_table(store)
    create_index(store, "mail", field("mail"), unique=True)
    create_index(store, "names", field("names"), unique=True, multi=True)
    return store


def test_a_key_of_another_document_is_refused_and_the_others_are_written(unique: OpenStore) -> None:
    insert(unique, {"id": 1, "mail": "a"})
    errors = insert(unique, {"id": 2, "mail": "a"}, {"id": 3, "mail": "b"}, {"id": 4, "mail": "b"}, {"id": 5})
    assert errors[0] == (
        "Duplicate key in unique index `mail`: str 'a' belongs to the document with the primary key int 1."
    )
    assert [error is None for error in errors] == [False, True, False, True]
    with reading(unique) as (run, table):
        assert ids(table.scan(run, None, None)) == [1, 3, 5]


def test_a_document_may_keep_its_own_key(unique: OpenStore) -> None:
    insert(unique, {"id": 1, "mail": "a"})
    assert write(unique, Change({"id": 1, "mail": "a"}, {"id": 1, "mail": "a", "n": 1})) == [None]


def test_a_key_that_a_change_gives_up_the_next_may_take(unique: OpenStore) -> None:
    insert(unique, {"id": 1, "mail": "a"}, {"id": 2, "mail": "b"})
    moved = [
        Change({"id": 1, "mail": "a"}, {"id": 1, "mail": "c"}),
        Change({"id": 2, "mail": "b"}, {"id": 2, "mail": "a"}),
    ]
    assert write(unique, *moved) == [None, None]


def test_what_one_index_refuses_gives_nothing_up_in_another(unique: OpenStore) -> None:
    insert(unique, {"id": 1, "mail": "a", "names": ["x"]}, {"id": 2, "mail": "b", "names": ["y"]}, {"id": 3})
    errors = write(
        unique,
        Change({"id": 1, "mail": "a", "names": ["x"]}, {"id": 1, "mail": "c", "names": ["y"]}),
        Change({"id": 3}, {"id": 3, "mail": "a"}),
    )
    assert [error is None for error in errors] == [False, False]


def test_long_keys_are_unique_in_their_full_length(unique: OpenStore) -> None:
    assert insert(unique, {"id": 1, "mail": LONG + "a"}, {"id": 2, "mail": LONG + "b"}) == [None, None]
    (error,) = insert(unique, {"id": 3, "mail": LONG + "b"})
    assert "primary key int 2" in error


# States


def test_an_index_that_is_not_ready_is_an_error(indexed: OpenStore) -> None:
    for state, message in [
        ("building", "Index `a` on table `test.t` was accessed before its construction was finished."),
        ("failed", "Index `a` on table `test.t` could not be built: why"),
    ]:
        transaction = indexed.begin_write()
        table = transaction.catalog.table("test", "t")
        transaction.catalog = transaction.catalog.set_index_state(table, "a", state, "why")  # type: ignore[arg-type]
        run = Run(indexed, transaction)
        with pytest.raises(ReqlOpFailedError) as caught:
            indexed.table(run, None, "t").index(run, "a")
        assert caught.value.message == message
        transaction.abort()
