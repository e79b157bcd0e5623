"""Compiled code puts new values into stored documents just as decoding and encoding them would."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.documents import MAX_DOCUMENT_BYTES, encode_document
from docstore.splicing import splicer, splicer_in_python
from query.values import Time
from tests.strategies import documents, values

EDGES = [0, 31, 32, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**16, 2**31, 2**32 - 1, 2**32, 2**53, 2**63 - 1]
NUMBERS = st.sampled_from([*EDGES, *[-edge - 1 for edge in EDGES], *[-edge for edge in EDGES]])
TEXTS = st.text(max_size=4) | st.sampled_from(["x" * size for size in (31, 32, 255, 256, 65_535, 65_536)])
PLAIN = st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False) | TEXTS | st.binary(max_size=300)
NAMES = st.text("abé", max_size=2)


def spliced(document: dict[str, Any], *changes: dict[str, Any]) -> list[bytes | None]:
    data, splice = encode_document(document), splicer(tuple(changes[0]), list(changes))
    found = [splice(data) for _ in changes]
    expected = splicer_in_python(changes)
    assert found == [expected(data) for _ in changes]
    return found


@given(st.dictionaries(NAMES, values(), max_size=20), st.dictionaries(NAMES, PLAIN, max_size=6))
def test_plain_values_of_any_fields(document: dict[str, Any], change: dict[str, Any]) -> None:
    assert spliced(document, change) == [encode_document({**document, **change})]


@given(documents(), st.lists(PLAIN, min_size=1, max_size=3))
def test_one_document_after_the_other(document: dict[str, Any], found: list[Any]) -> None:
    assert None not in spliced(document, *[{"a": value, "é": 1} for value in found])


@pytest.mark.parametrize("count", [14, 15, 16, 17, 65_534, 65_535])
def test_the_head_of_a_map_grows_with_its_fields(count: int) -> None:
    document = {f"f{number}": number for number in range(count)}
    change = {"f3": "x" * 40, "new": None}
    assert spliced(document, change) == [encode_document({**document, **change})]


@pytest.mark.parametrize(
    "value",
    [{}, {"a": 1}, [], [1], Time.at(0, 0), "\ud800", 2**63, 2**64, object()],
    ids=lambda value: repr(value)[:20],
)
def test_other_values_are_left_to_others(value: Any) -> None:
    splice = splicer(("a",), [{"a": value}])
    assert splice(encode_document({"id": 1, "a": 2})) is None


def test_a_document_that_becomes_too_large_is_left_to_others() -> None:
    room = MAX_DOCUMENT_BYTES - len(encode_document({"a": "x" * 2**16}))
    (found,) = spliced({}, {"a": "x" * (room + 2**16)})
    assert found is not None
    assert len(found) == MAX_DOCUMENT_BYTES
    assert spliced({}, {"a": "x" * (room + 2**16 + 1)}) == [None]


@given(st.binary(max_size=40))
def test_bytes_that_are_no_document_raise_nothing(data: bytes) -> None:
    for names in (("a",), ("a", "b")):
        splice = splicer(names, [dict.fromkeys(names, 1)])
        splice(data)


def test_more_documents_than_changes_are_an_error() -> None:
    splice = splicer(("a",), [{"a": 1}])
    splice(encode_document({}))
    with pytest.raises(IndexError):
        splice(encode_document({}))


def test_more_names_than_compiled_code_takes() -> None:
    change = {f"n{number}": number for number in range(40)}
    assert spliced({"n7": "x", "y": 2}, change) == [encode_document({"n7": 7, "y": 2, **change})]
