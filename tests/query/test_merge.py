"""Merging: deep, leaving both sides as they are, with literals in place."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given

from query.errors import ReqlQueryLogicError
from query.merge import merge
from query.runtime import Literal
from tests import strategies

REMOVE = Literal(None, removes=True)


@pytest.mark.parametrize(
    ("left", "right", "wanted"),
    [
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": {"b": 1}}, {"a": Literal({"c": 2})}, {"a": {"c": 2}}),
        ({"a": {"b": 1}, "z": 0}, {"a": REMOVE}, {"z": 0}),
        ({"a": 1}, {"b": {"c": Literal(2), "d": REMOVE}}, {"a": 1, "b": {"c": 2}}),
        ({"a": [1]}, {"a": [2]}, {"a": [2]}),
        (1, {"a": 1}, {"a": 1}),
        ({"a": 1}, 2, 2),
    ],
)
def test_what_merging_gives(left: Any, right: Any, wanted: Any) -> None:
    assert merge(left, right) == wanted


@pytest.mark.parametrize("stray", [Literal({"b": 1}), REMOVE])
def test_a_literal_stands_only_in_an_object(stray: Literal) -> None:
    with pytest.raises(ReqlQueryLogicError, match="Stray literal keyword found"):
        merge({"a": 1}, stray)


@given(strategies.values(), strategies.values())
def test_merging_changes_neither_side(left: Any, right: Any) -> None:
    before = copy.deepcopy((left, right))
    try:
        merged = merge({"a": left}, {"a": right})
    except ReqlQueryLogicError:  # the fields of a time are merged too, and may be none of a time
        merged = {"a": None}
    if type(merged["a"]) is dict:
        merged["a"]["new"] = 1
    assert ({"a": left}, {"a": right}) == ({"a": before[0]}, {"a": before[1]})
