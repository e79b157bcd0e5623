"""What queries give is their user's to change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import docstore
from docstore import Connection
from query import Query, native, r
from query.sharing import fresh, unshared, unshared_in_python

people, towns = r.table("people"), r.table("towns")
WAYS = [unshared_in_python, *([native.copying.unshared] if native.AVAILABLE else [])]
plain = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def containers(value: Any) -> Iterator[Any]:
    """All arrays and objects inside one, and itself."""
    if isinstance(value, list | dict):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from containers(item)


def shares(*values: Any) -> bool:
    """Whether an array or object stands in two places."""
    found = [id(one) for value in values for one in containers(value)]
    return len(set(found)) < len(found)


@pytest.mark.parametrize("way", WAYS)
def test_what_others_have_is_copied_and_the_rest_stays(way: Callable[[Any], Any]) -> None:
    mine, both = [1], {"deep": [2]}
    row = {"a": [both, {"b": both}], "c": 5}
    row["mine"], own = mine, id(mine)
    del mine
    before = id(row), id(row["a"])
    assert way(row) is row
    assert row == {"a": [{"deep": [2]}, {"b": {"deep": [2]}}], "c": 5, "mine": [1]}
    assert not shares(row, both)
    assert (id(row), id(row["a"])) == before
    assert id(row["mine"]) == own


@pytest.mark.parametrize("way", WAYS)
@given(part=plain, other=plain)
def test_the_value_is_the_same(way: Callable[[Any], Any], part: Any, other: Any) -> None:
    value = [part, {"a": part, "b": [other, part]}, other]
    wanted = fresh(value)
    assert way(value) == wanted
    assert not shares(value)
    assert not shares(value, part, other)


@pytest.fixture
def db() -> Iterator[Connection]:
    with docstore.connect() as opened:
        r.table_create("people").run(opened)
        r.table_create("towns").run(opened)
        people.insert([{"id": number, "town": 1, "tags": [number]} for number in range(3)]).run(opened)
        towns.insert([{"id": number, "key": 1, "names": ["x"]} for number in range(3)]).run(opened)
        towns.index_create("key").run(opened)
        towns.index_wait().run(opened)
        yield opened


@pytest.mark.parametrize(
    "query",
    [
        people.eq_join("town", towns, index="key"),
        people.eq_join("town", towns, index="key").zip(),
        people.inner_join(towns, lambda one, town: one["town"] == town["key"]),
        people.outer_join(towns, lambda one, town: one["town"] == town["key"]),
        people.concat_map(lambda one: towns.map(lambda town: {"one": one, "town": town})),
        people.map(lambda one: {"one": one, "again": one}),
        people.get(1).merge(lambda one: {"again": one["tags"]}),
        r.expr([1, 2]).do(lambda numbers: people.map(lambda one: {"numbers": numbers})),
        people.fold([], lambda found, one: found.append(one), emit=lambda before, one, after: [{"after": after}]),
        people.coerce_to("array").map(lambda one: {"one": one, "again": one}),
        people.group("town").map(lambda one: {"one": one, "again": one}),
    ],
)
def test_no_two_parts_of_a_result_are_one(db: Connection, query: Query) -> None:
    found = query.run(db)
    assert not shares(*(found.values() if isinstance(found, dict) and 1 in found else found))


def test_the_compiled_way_is_used_where_it_can_be() -> None:
    assert unshared is (native.copying.unshared if native.AVAILABLE else unshared_in_python)
