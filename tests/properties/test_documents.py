"""Stored documents come back, whole and in part, and are plain MessagePack."""

from __future__ import annotations

import struct
from typing import Any

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from docstore.documents import decode_document, encode_document, fields_decoder, restricted_decoder, validate
from docstore.errors import CorruptStoreError
from query.geometries import Geometry
from query.values import Time, Value, equal, from_python
from query.vectors import Vector
from tests import strategies


def foreign_value(code: int, data: bytes) -> Value:
    """An extension type as the manual of the format describes it, read without the code that wrote it."""
    if code == 1:
        return Time.at(*struct.unpack(">qh", data))
    if code == 3:
        kinds = {1: "float32", 2: "float16", 3: "int8"}
        letters = {1: "f", 2: "e", 3: "b"}
        if data[0] >= 4:
            bits = [byte >> place & 1 for byte in data[1:] for place in range(7, -1, -1)]
            return Vector(bits[: len(bits) - (data[0] - 4)], "bits")
        size = struct.calcsize(letters[data[0]])
        return Vector(struct.unpack(f"<{len(data[1:]) // size}{letters[data[0]]}", data[1:]), kinds[data[0]])
    assert code == 2
    return Geometry(msgpack.unpackb(data))


def types(value: Value) -> Any:
    """The Python types of a value and of all that is in it, offsets of times included."""
    if type(value) is dict:
        return {name: types(item) for name, item in value.items()}
    if type(value) is list:
        return [types(item) for item in value]
    return (type(value), value.offset_minutes) if type(value) is Time else type(value)


@given(strategies.documents())
def test_a_document_comes_back_equal_and_with_the_same_types(document: dict[str, Any]) -> None:
    decoded = decode_document(encode_document(document))
    assert equal(decoded, document)
    assert types(decoded) == types(document)
    assert list(decoded) == list(document)
    validate(decoded)


@given(strategies.documents())
def test_another_reader_of_messagepack_reads_the_same_document(document: dict[str, Any]) -> None:
    foreign = msgpack.unpackb(encode_document(document), ext_hook=foreign_value)
    assert equal(foreign, document)
    assert types(foreign) == types(document)


@given(strategies.documents(), st.frozensets(strategies.names(), max_size=5), st.data())
def test_a_partial_document_is_the_whole_one_restricted(
    document: dict[str, Any], others: frozenset[str], data: st.DataObject
) -> None:
    own = data.draw(st.frozensets(st.sampled_from(sorted(document)))) if document else frozenset()
    names = own | others
    partial = fields_decoder(names)(encode_document(document))
    assert list(partial) == [name for name in document if name in names]
    assert all(equal(partial[name], document[name]) for name in partial)
    assert partial == restricted_decoder(names)(encode_document(document))


@given(strategies.documents())
def test_a_document_handed_in_is_a_document(document: dict[str, Any]) -> None:
    copy = from_python(document)
    assert equal(copy, document)
    validate(copy)


@given(strategies.documents(), st.integers(0), st.integers(0, 255))
def test_damaged_bytes_give_a_document_or_are_a_corrupt_store(document: dict[str, Any], at: int, byte: int) -> None:
    damaged = bytearray(encode_document(document))
    damaged[at % len(damaged)] = byte
    for decode in (decode_document, fields_decoder(frozenset({"a", "b"}))):
        try:
            assert type(decode(bytes(damaged))) is dict
        except CorruptStoreError:
            continue
