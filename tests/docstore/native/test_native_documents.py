"""The compiled decoders give what those in Python give, and leave errors to them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.documents import (
    decode_alone,
    decode_document,
    decode_in_python,
    encode_document,
    field_decoder,
    fields_decoder,
    restricted_decoder,
)
from docstore.errors import CorruptStoreError
from docstore.keys import encode_key, primary_key
from docstore.native import documents as native_documents
from docstore.native import keys as native_keys
from query.values import MAX_INT, MIN_INT
from tests import strategies


def outcome(decode: Any, data: bytes) -> tuple[str, str]:
    """What a decoder gives, with types and the sign of zero, or that it refuses."""
    try:
        return "document", repr(decode(data))
    except CorruptStoreError as error:
        return "refused", str(error)


@given(strategies.documents())
def test_documents_need_no_help_from_python(document: dict[str, Any]) -> None:
    def refuse(data: bytes) -> dict[str, Any]:
        raise AssertionError(f"not understood: {data.hex()}")

    def value_of(code: int, data: bytes) -> tuple[int, bytes]:
        return code, data

    data = encode_document(document)
    assert native_documents.DocumentReader(refuse, value_of)(data).keys() == document.keys()


@given(strategies.documents())
def test_a_document_is_decoded_as_python_decodes_it(document: dict[str, Any]) -> None:
    data = encode_document(document)
    assert outcome(decode_document, data) == outcome(decode_in_python, data)
    assert outcome(decode_alone, data) == outcome(decode_in_python, data)


@given(strategies.documents(), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=3), st.integers(0, 9))
def test_damaged_bytes_are_decoded_or_refused_as_python_does(
    document: dict[str, Any], changes: list[tuple[int, int]], cut: int
) -> None:
    damaged = bytearray(encode_document(document))
    for at, byte in changes:
        damaged[at % len(damaged)] = byte
    data = bytes(damaged[: max(1, len(damaged) - cut)])
    assert outcome(decode_document, data) == outcome(decode_in_python, data)
    assert outcome(decode_alone, data) == outcome(decode_in_python, data)


@given(strategies.documents(), st.frozensets(strategies.names(), min_size=1, max_size=5))
def test_some_fields_are_those_of_the_whole_document(document: dict[str, Any], names: frozenset[str]) -> None:
    data, wanted = encode_document(document), names | set(list(document)[:2])
    assert repr(fields_decoder(wanted)(data)) == repr(restricted_decoder(wanted)(data))
    for name in wanted:
        assert repr(field_decoder(name)(data)) == repr(decode_in_python(data).get(name))


def test_more_fields_than_a_reader_takes_are_decoded_all_the_same() -> None:
    names = [f"field{number}" for number in range(native_documents.MAX_FIELDS_OF_A_READER + 1)]
    data = encode_document(dict.fromkeys([*names, "other"], 1))
    assert fields_decoder(frozenset(names))(data) == dict.fromkeys(names, 1)


@pytest.mark.parametrize(
    "value",
    [
        *(
            number
            for power in range(65)
            for step in (-1, 0, 1)
            for sign in (-1, 1)
            if MIN_INT <= (number := sign * 2**power + step) <= MAX_INT
        ),
        *("é" * size for size in (0, 1, 15, 16, 127, 128, 32_768)),
        *("x" * size for size in (31, 32, 33, 255, 256, 65_535, 65_536)),
        *(b"\xff" * size for size in (0, 255, 256, 65_536)),
        *([0] * size for size in (15, 16, 65_535, 65_536)),
        *({str(number): number for number in range(size)} for size in (15, 16, 65_536)),
    ],
    ids=lambda value: f"{type(value).__name__}-{repr(value)[:24]}",
)
def test_every_head_of_messagepack_is_read(value: Any) -> None:
    data = encode_document({"value": value, "behind": 1})
    assert decode_document(data) == {"value": value, "behind": 1}
    assert fields_decoder(frozenset({"behind"}))(data) == {"behind": 1}, "stepped over"


@given(st.lists(st.permutations(["a", "b", "ab", "abcdefgh", "abcdefgi", "x" * 32, "x" * 33, "é", ""]), max_size=8))
def test_keys_may_follow_each_other_in_any_order(orders: list[list[str]]) -> None:
    for order in orders:
        for count in range(len(order) + 1):
            document = {name: {name: [name]} for name in order[:count]}
            found = decode_document(encode_document(document))
            assert list(found) == order[:count]
            assert found == document


def test_the_same_short_text_is_one_object() -> None:
    first, second = (decode_document(encode_document({"section": "libs"})) for _ in range(2))
    assert next(iter(first)) is next(iter(second))
    assert first["section"] is second["section"]


@given(strategies.texts())
def test_the_key_of_a_text_is_the_one_that_python_makes(text: str) -> None:
    made = native_keys.text_key(text)
    plain = text.isascii() and "\0" not in text and "\1" not in text
    assert made == (b"\x50" + text.encode() + b"\0" if plain else None)
    assert primary_key(text) == encode_key(text)


@given(st.binary(max_size=60), st.integers(0, 5))
def test_deep_documents_are_looked_for_by_their_heads(data: bytes, levels: int) -> None:
    heads = sum(0x80 <= byte <= 0x9F or 0xDC <= byte <= 0xDF for byte in data)
    assert native_keys.may_be_deep(data, levels) == (heads > levels)
