"""What the compiled encoder writes is what msgspec writes; what it does not know it leaves to that, errors among it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docstore.documents import MAX_DOCUMENT_BYTES, decode_document, encode_in_python
from docstore.native.encoding import Encoder
from query.errors import ReqlError, ReqlQueryLogicError, ReqlResourceLimitError
from query.values import MAX_NESTING, MINVAL
from tests.strategies import documents

LENGTHS = (0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536, 70_000)
NUMBERS = tuple(
    sign * 2**power + more for power in (0, 5, 7, 8, 15, 16, 31, 32, 53, 62) for sign in (1, -1) for more in (-1, 0, 1)
)


def refuse(document: dict[str, Any]) -> bytes:
    """In the place of the encoder in Python, where that is not to be asked."""
    raise AssertionError(f"not encoded: {document!r:.80}")


alone = Encoder(refuse).encode
encode = Encoder(encode_in_python).encode


@settings(max_examples=400, deadline=None)
@given(documents())
def test_documents_are_written_as_msgspec_writes_them(document: dict[str, Any]) -> None:
    assert encode(document) == encode_in_python(document)
    assert decode_document(encode(document)) == document


@pytest.mark.parametrize("length", LENGTHS)
def test_sizes_have_the_shortest_form(length: int) -> None:
    for value in ("a" * length, "é" * length, b"\x00" * length, [1] * length, {str(at): None for at in range(length)}):
        assert alone({"id": value}) == encode_in_python({"id": value})
    assert alone({"k" * length: 1}) == encode_in_python({"k" * length: 1})


@pytest.mark.parametrize("number", [*NUMBERS, 2**63 - 1, -(2**63), 0.0, -0.0, 1.5, 1e300, 5e-324, True, False, None])
def test_numbers_have_the_shortest_form_of_their_type(number: float | bool | None) -> None:
    assert alone({"id": number}) == encode_in_python({"id": number})


@pytest.mark.parametrize("levels", [1, 18, 19, 20, 21, 50, MAX_NESTING - 1])
def test_what_is_nested_is_written(levels: int) -> None:
    array: Any = 1
    names: Any = 1
    for _ in range(levels):
        array, names = [array], {"a": names}
    assert encode({"id": array}) == encode_in_python({"id": array})
    assert encode({"id": names}) == encode_in_python({"id": names})


@st.composite
def strange(draw: st.DrawFn) -> dict[str, Any]:
    """A document with something in it that cannot be written, or hardly."""
    nested: Any = 1
    for _ in range(MAX_NESTING + 1):
        nested = [nested]
    value = draw(st.sampled_from(["\ud800", 2**63, 2**64, -(2**63) - 1, MINVAL, nested, {"\udfff": 1}, object()]))
    return {"id": 1, "before": "x" * draw(st.integers(0, 100_000)), "value": value, "list": [1, value]}


@given(strange())
def test_what_cannot_be_written_is_the_same_error(document: dict[str, Any]) -> None:
    told = []
    for function in (encode, encode_in_python):
        try:
            told.append(function(document))
        except (ReqlError, OverflowError) as error:
            told.append((type(error), str(error)))
    assert told[0] == told[1]


def test_large_documents_are_written_and_larger_ones_refused() -> None:
    for size in (2**20 - 20, 2**20, 2**22, MAX_DOCUMENT_BYTES - 20):
        assert encode({"id": "a" * size}) == encode_in_python({"id": "a" * size})
    with pytest.raises(ReqlResourceLimitError, match="Document too large"):
        encode({"id": "a" * MAX_DOCUMENT_BYTES})
    with pytest.raises(ReqlQueryLogicError, match="nested too deeply"):
        encode({"id": from_deep(MAX_NESTING + 1)})


def from_deep(levels: int) -> Any:
    """An array in an array, and so on."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value
