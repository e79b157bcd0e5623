"""Selectors: what is selected of a document, what is left of it, and whether all of it is there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.errors import ReqlQueryLogicError
from query.selectors import has_all, paths_of, plucked, stripped

NAMES = st.sampled_from("abc")
DOCUMENTS = st.recursive(
    st.none() | st.integers(), lambda inner: st.dictionaries(NAMES, inner) | st.lists(inner, max_size=3), max_leaves=12
).filter(lambda value: isinstance(value, dict))
SELECTORS = st.recursive(NAMES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner), max_leaves=5)


@pytest.mark.parametrize(
    ("selectors", "paths"),
    [
        (["a", "b"], {"a": None, "b": None}),
        ([{"a": True}], {"a": None}),
        ([{"a": {"b": True}}, {"a": "c"}], {"a": {"b": None, "c": None}}),
        ([{"a": {"b": True}}, "a"], {"a": None}),
        (["a", {"a": {"b": True}}], {"a": None}),
        ([["a", ["b"]]], {"a": None, "b": None}),
    ],
)
def test_selectors_are_one_tree(selectors: list[Any], paths: Any) -> None:
    assert paths_of(selectors) == paths


@pytest.mark.parametrize("wrong", [1, None, False, {"a": 1}, [2.5]])
def test_what_is_no_selector_is_refused(wrong: Any) -> None:
    with pytest.raises(ReqlQueryLogicError, match="Invalid path argument"):
        paths_of([wrong])


@given(DOCUMENTS, SELECTORS)
def test_plucking_twice_is_plucking_once(document: Any, selector: Any) -> None:
    paths = paths_of([selector])
    once = plucked(document, paths)
    assert plucked(once, paths) == once


@given(DOCUMENTS, SELECTORS)
def test_stripping_leaves_nothing_of_what_names_select(document: Any, selector: Any) -> None:
    paths = paths_of([selector])
    rest = stripped(document, paths)
    assert not any(name in rest for name, inside in paths.items() if inside is None)
    assert all(rest[name] == found for name, found in document.items() if name not in paths)


@given(DOCUMENTS, SELECTORS)
def test_what_a_document_has_it_keeps_when_plucked(document: Any, selector: Any) -> None:
    paths = paths_of([selector])
    if has_all(document, paths):
        assert has_all(plucked(document, paths), paths)
