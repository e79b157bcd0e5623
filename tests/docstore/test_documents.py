"""Documents as stored bytes, case by case; `tests/properties/test_documents.py` has the general proof."""

from __future__ import annotations

import math
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from docstore.documents import (
    MAX_DOCUMENT_BYTES,
    decode_document,
    encode_document,
    fields_decoder,
    validate,
)
from docstore.errors import CorruptStoreError
from query.errors import ReqlInternalError, ReqlQueryLogicError, ReqlResourceLimitError
from query.geometries import Geometry
from query.values import MAX_NESTING, MAXVAL, MINVAL, Time, from_python
from tests.strategies import FIRST_MICROSECOND, LAST_MICROSECOND


def nested(levels: int) -> Any:
    """An array in an array in an array."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_ints_stay_ints_and_floats_stay_floats() -> None:
    document = {"a": 1, "b": 1.0, "c": 2**64 - 1, "d": -(2**63), "e": 2.0**63, "f": -0.0}
    decoded = decode_document(encode_document(document))
    assert {name: type(value) for name, value in decoded.items()} == {name: type(v) for name, v in document.items()}
    assert decoded == document
    assert math.copysign(1, decoded["f"]) == -1


def test_fields_keep_their_order() -> None:
    document = {"z": 1, "a": 2, "m": {"y": 1, "b": 2}}
    decoded = decode_document(encode_document(document))
    assert list(decoded) == ["z", "a", "m"]
    assert list(decoded["m"]) == ["y", "b"]


@pytest.mark.parametrize(
    "time", [Time.at(-1, 0), Time.at(0, -1439), Time.at(FIRST_MICROSECOND - 1, 60), Time.at(LAST_MICROSECOND + 1, -60)]
)
def test_times_keep_their_moment_and_offset_at_the_ends_of_time_too(time: Time) -> None:
    decoded = decode_document(encode_document({"t": time}))["t"]
    assert type(decoded) is Time
    assert (decoded, decoded.offset_minutes) == (time, time.offset_minutes)


def test_a_geometry_inside_an_array_comes_back_as_a_geometry() -> None:
    point = Geometry({"type": "Point", "coordinates": [1.5, -2]})
    assert decode_document(encode_document({"p": [point]})) == {"p": [point]}


def test_binaries_come_back_as_bytes() -> None:
    assert decode_document(encode_document({"b": b"\0\xff"})) == {"b": b"\0\xff"}


def test_values_nested_as_deep_as_may_be_come_back() -> None:
    document = {"a": nested(MAX_NESTING - 1)}
    validate(document)
    assert decode_document(encode_document(from_python(document))) == document


def test_a_partial_document_has_the_wanted_fields_that_are_there() -> None:
    data = encode_document({"id": 1, "a": {"b": [1]}, "t": Time.at(0, 60)})
    assert fields_decoder(frozenset({"a", "none"}))(data) == {"a": {"b": [1]}}
    decoded = fields_decoder(frozenset({"t"}))(data)["t"]
    assert (type(decoded), decoded.offset_minutes) == (Time, 60)


def test_a_partial_document_of_no_fields_is_empty_and_looks_at_nothing() -> None:
    assert fields_decoder(frozenset())(b"anything") == {}


@pytest.mark.parametrize("name", ["größe", "\U0001f600", "", 'say "x"', "back\\slash", "\n", "\0", "class", "a.b"])
def test_a_field_of_any_name_is_found_and_no_other_is_taken_for_it(name: str) -> None:
    # Two equal strings, so that nothing that one of them caches helps with the other.
    data = encode_document({"": 0, "other": 1, (name + "!")[:-1]: 2})
    assert fields_decoder(frozenset({(name + "?")[:-1]}))(data) == {name: 2}
    assert fields_decoder(frozenset({(name + "?")[:-1]}))(encode_document({"": 0, name: 2})) == {name: 2}


def test_a_decoder_is_made_once_for_a_set_of_names() -> None:
    assert fields_decoder(frozenset({"a", "b"})) is fields_decoder(frozenset({"b", "a"}))


def test_a_document_of_the_largest_size_is_taken_and_one_byte_more_is_refused_with_size_and_limit() -> None:
    envelope = len(encode_document({"a": "x" * 70_000})) - 70_000
    assert len(encode_document({"a": "x" * (MAX_DOCUMENT_BYTES - envelope)})) == MAX_DOCUMENT_BYTES
    with pytest.raises(ReqlResourceLimitError) as caught:
        encode_document({"a": "x" * (MAX_DOCUMENT_BYTES - envelope + 1)})
    assert str(caught.value) == (
        "Document too large for disk writes (limit 16,777,216 bytes, this one takes 16,777,217)."
    )


@pytest.mark.parametrize("bound", [MINVAL, MAXVAL])
def test_minval_and_maxval_are_never_written(bound: object) -> None:
    with pytest.raises(ReqlQueryLogicError, match="cannot be written to disk"):
        encode_document({"a": [bound]})


def test_a_lone_surrogate_is_never_written() -> None:
    for document in ({"a": "\ud800"}, {"\ud800": 1}):
        with pytest.raises(ReqlQueryLogicError, match="lone surrogate"):
            encode_document(document)


def test_an_object_that_messagepack_has_no_form_for_is_never_written() -> None:
    with pytest.raises(ReqlInternalError, match="Expected a value to write but found object"):
        encode_document({"a": object()})


@pytest.mark.parametrize(
    "data",
    [
        "",
        "c0",  # no map
        "9101",
        "8101a1",
        "81016161",  # a name that is no string
        "81a161",  # cut short
        "81a16101ff",  # something follows
        "81a161a1ff",  # not UTF-8
        "81a161c1",  # a byte that MessagePack does not use
        "81a161d40900",  # an extension type of nobody
        "81a161c70901" + "00" * 9,  # a time of 9 bytes
        "81a161c70a017fffffffffffffff0000",  # a time beyond all years
        "81a161c70a0100000000000000007fff",  # an offset of more than a day
        "81a161d40201",  # a geometry that is no object
        "81a161" + "91" * 100_000,  # nested too deep
    ],
)
def test_bytes_that_are_no_document_are_a_corrupt_store(data: str) -> None:
    for decode in (decode_document, fields_decoder(frozenset({"a", "b"}))):
        with pytest.raises(CorruptStoreError, match="Expected"):
            decode(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ((1,), "`.a[0]`"),
        ({1}, "`.a[0]`"),
        (Decimal(1), "`.a[0]`"),
        (uuid.UUID(int=1), "`.a[0]`"),
        (datetime(2020, 1, 1, tzinfo=UTC), "`.a[0]`"),
        (math.nan, "`.a[0]`"),
        (2**64, "`.a[0]`"),
        ({1: 2}, "`.a[0]`"),
        ({"b": "\ud800"}, "`.a[0].b`"),
        (Geometry({"coordinates": [math.inf]}), "`.a[0].coordinates[0]`"),
        (MINVAL, "`.a[0]`"),
        (nested(MAX_NESTING), "`.a[0][0]"),
    ],
)
def test_validate_finds_what_is_no_value_and_says_where(value: object, where: str) -> None:
    with pytest.raises(ReqlInternalError, match="Expected a value but found") as caught:
        validate({"a": [value]})
    assert where in str(caught.value)


def test_validate_wants_a_document() -> None:
    with pytest.raises(ReqlInternalError, match="Expected a document but found list"):
        validate([])
