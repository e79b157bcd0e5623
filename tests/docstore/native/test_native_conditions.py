"""A condition rules out no document that the comparison in Python lets pass."""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import docstore
from docstore.documents import encode_document
from docstore.native import conditions as native_conditions
from query import r
from query.conditions import CONTAINS, OPERATORS, Condition
from query.errors import ReqlQueryLogicError
from query.values import compare, equal
from tests import strategies

OF_ORDER: Final[dict[str, Callable[[int, int], bool]]] = {name: getattr(operator, name) for name in OPERATORS}


def passes(document: dict[str, Any], condition: Condition) -> bool:
    """What the language says; a row without the field passes where the condition does not require it."""
    if condition.field not in document:
        return not condition.required
    found = document[condition.field]
    if condition.operator == CONTAINS:
        return type(found) is not list or any(equal(item, condition.value) for item in found)
    return OF_ORDER[condition.operator](compare(found, condition.value), 0)


def conditions() -> st.SearchStrategy[Condition]:
    """Conditions on fields that documents of the strategy have."""
    values = st.one_of(st.booleans(), strategies.numbers(), strategies.texts())
    return st.builds(Condition, strategies.names(), st.sampled_from([*OPERATORS, CONTAINS]), values, st.booleans())


@given(strategies.documents(), st.lists(conditions(), min_size=1, max_size=10), st.data())
def test_what_passes_all_conditions_is_not_ruled_out(
    document: dict[str, Any], drawn: list[Condition], data: st.DataObject
) -> None:
    if document:
        name = data.draw(st.sampled_from(sorted(document)))
        drawn[0] = drawn[0]._replace(field=name)
        if type(document[name]) in (bool, int, float, str):
            drawn[0] = drawn[0]._replace(value=document[name])
        elif type(document[name]) is list and document[name] and type(document[name][-1]) in (bool, int, float, str):
            drawn[0] = drawn[0]._replace(operator=CONTAINS, value=document[name][-1])
    if all(passes(document, condition) for condition in drawn):
        assert native_conditions.Tests(tuple(drawn))(encode_document(document))


@given(st.one_of(strategies.numbers(), strategies.texts(), st.booleans()), conditions())
def test_small_values_of_the_same_type_are_decided(value: Any, condition: Condition) -> None:
    numbers = type(value) in (int, float) and type(condition.value) in (int, float)
    small = numbers and abs(value) <= 2**53 and abs(condition.value) <= 2**53
    texts = type(value) is type(condition.value) is str
    if condition.operator != CONTAINS and (small or texts):
        document = {condition.field: value}
        assert native_conditions.Tests((condition,))(encode_document(document)) == passes(document, condition)


@pytest.mark.parametrize(
    ("document", "condition", "may_pass"),
    [
        ({"a": 1}, Condition("a", "gt", 1), False),
        ({"a": 1.5}, Condition("a", "gt", 1), True),
        ({"a": 1}, Condition("a", "lt", 1.5), True),
        ({"a": -1}, Condition("a", "ge", 0), False),
        ({"b": 1}, Condition("a", "eq", 1), False),
        ({"b": 1}, Condition("a", "eq", 1, False), True),
        ({"a": None}, Condition("a", "eq", 1), True),
        ({"a": "b"}, Condition("a", "lt", "a"), False),
        ({"a": "a"}, Condition("a", "lt", "ab"), True),
        ({"a": True}, Condition("a", "eq", False), False),
        ({"a": True}, Condition("a", "eq", 1), True),
        ({"a": 2**53 + 1}, Condition("a", "eq", float(2**53)), True),
        ({"a": 2**63 - 1}, Condition("a", "lt", 5), False),
        ({"a": ["x", "y"]}, Condition("a", CONTAINS, "y"), True),
        ({"a": ["x", "y", 1, ["z"], None]}, Condition("a", CONTAINS, "z"), False),
        ({"a": []}, Condition("a", CONTAINS, "z"), False),
        ({"a": "z"}, Condition("a", CONTAINS, "z"), True),
        ({"a": {"z": 1}}, Condition("a", CONTAINS, "z"), True),
        ({"b": ["z"]}, Condition("a", CONTAINS, "z"), False),
        ({"a": [1, 2]}, Condition("a", CONTAINS, 3), False),
        ({"a": [1, 2.0]}, Condition("a", CONTAINS, 2), True),
        ({"a": ["z"] * 20}, Condition("a", CONTAINS, "y"), False),
    ],
)
def test_a_condition_decides_or_leaves_it_to_the_predicate(
    document: dict[str, Any], condition: Condition, may_pass: bool
) -> None:
    assert native_conditions.Tests((condition,))(encode_document(document)) is may_pass


@given(strategies.documents(), st.integers(0), st.integers(0, 255), st.lists(conditions(), min_size=1, max_size=3))
def test_damaged_bytes_do_no_harm(document: dict[str, Any], at: int, byte: int, drawn: list[Condition]) -> None:
    damaged = bytearray(encode_document(document))
    damaged[at % len(damaged)] = byte
    assert native_conditions.Tests(tuple(drawn))(bytes(damaged)) in (True, False)


def test_a_row_whose_field_is_no_array_is_told_whatever_comes_after(tmp_path: Path) -> None:
    with docstore.connect(str(tmp_path / "store")) as db:
        r.table_create("t").run(db)
        r.table("t").insert([{"id": 1, "tags": ["x"], "n": 9}, {"id": 2, "n": 9}, {"id": 3, "tags": [], "n": 9}]).run(
            db
        )
        tagged = r.table("t").filter(lambda row: row["tags"].contains("x") & (row["n"] > 5))
        assert [row["id"] for row in tagged.run(db)] == [1]
        both = r.table("t").filter(lambda row: row["tags"].contains("x")).filter(lambda row: row["n"] > 5)
        assert both.count().run(db) == 1
        assert [row["id"] for row in r.table("t").filter(r.row["tags"].contains("x"), default=True).run(db)] == [1, 2]
        r.table("t").insert({"id": 4, "tags": 5, "n": 1}).run(db)
        for query in (tagged, both):
            with pytest.raises(ReqlQueryLogicError):
                list(query.run(db))
