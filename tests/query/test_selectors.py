"""Selectors: what is selected of a document, what is left of it, and whether all of it is there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.errors import ReqlQueryLogicError
from query.selectors import has_all, names_of, paths_of, plucked, stripped

NAMES = st.sampled_from("abc")
DOCUMENTS = st.recursive(
    st.none() | st.integers(), lambda inner: st.dictionaries(NAMES, inner) | st.lists(inner, max_size=3), max_leaves=12
).filter(lambda value: isinstance(value, dict))
SELECTORS = st.recursive(NAMES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner), max_leaves=5)


@pytest.mark.parametrize(
    ("selectors", "paths"),
    [
        ([], ()),
        (["a", "b"], ("a", "b")),
        ([{"a": True}], ("a",)),
        ([{"a": {"b": True}}, {"a": "c"}], [{"a": ("b",)}, {"a": ("c",)}]),
        ([{"a": {"b": True, "c": {"d": True}}}], {"a": [("b",), {"c": ("d",)}]}),
        (["a", {"a": {}}], [("a",), {"a": {}}]),
        ([["a", ["b"]]], ("a", "b")),
    ],
)
def test_selectors_as_paths(selectors: list[Any], paths: Any) -> None:
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
    if isinstance(paths, tuple):
        assert not any(name in rest for name in paths)
    assert all(rest[name] == found for name, found in document.items() if name not in names_of(paths))
    assert stripped(rest, paths) == rest


@given(DOCUMENTS, SELECTORS)
def test_what_is_plucked_and_what_is_left_are_of_the_fields_that_are_named(document: Any, selector: Any) -> None:
    paths = paths_of([selector])
    assert set(plucked(document, paths)) <= names_of(paths) & set(document)


@given(DOCUMENTS, st.lists(NAMES, max_size=3))
def test_what_a_document_has_it_keeps_when_plucked(document: Any, names: Any) -> None:
    paths = paths_of(names)
    assert has_all(plucked(document, paths), paths) == has_all(document, paths)


def test_of_two_selectors_for_the_insides_of_one_field_the_later_counts() -> None:
    document = {"a": {"b": 1, "c": 2}}
    assert plucked(document, paths_of([{"a": "b"}, {"a": "c"}])) == {"a": {"c": 2}}
    assert stripped(document, paths_of([{"a": "b"}, {"a": "c"}])) == {"a": {}}
