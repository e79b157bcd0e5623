"""Key forms, keys of entries and ranges, case by case; `tests/properties/test_key_order.py` has the general proof."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from typing import Any

import pytest

from docstore.errors import CorruptStoreError
from docstore.keys import (
    MAX_KEY_BYTES,
    KeyRange,
    check_key,
    decode_key,
    encode_key,
    index_key,
    key_range,
    prefix_successor,
    primary_key,
)
from docstore.storage import engine
from query.errors import ReqlNonExistenceError, ReqlQueryLogicError
from query.geometries import Geometry
from query.values import MAX_INT, MAXVAL, MIN_INT, MINVAL, Time, Value, type_name
from tests.strategies import EDGE_FLOATS, EDGE_INTS, FIRST_MICROSECOND, LAST_MICROSECOND, SMALL_FLOATS

POINT = Geometry({"type": "Point", "coordinates": [1, 2]})


def neighbours(number: int) -> list[int | float]:
    """The ints and doubles next to a number that can be values."""
    ints = [number + step for step in range(-3, 4) if MIN_INT <= number + step <= MAX_INT]
    middle = float(number)
    return [*ints, math.nextafter(middle, -math.inf), middle, math.nextafter(middle, math.inf)]


def test_number_keys_sort_as_the_numbers_do_at_every_power_of_two() -> None:
    numbers: list[int | float] = [*EDGE_INTS, *EDGE_FLOATS, *SMALL_FLOATS]
    for power in range(65):
        numbers += neighbours(2**power) + neighbours(-(2**power))
        numbers += neighbours(2**power + 2**power // 2) + neighbours(-(2**power) - 2**power // 2)
    numbers.sort()
    for left, right in pairwise(numbers):
        assert (encode_key(left) < encode_key(right)) == (left < right), (left, right)
        assert (encode_key(left) == encode_key(right)) == (left == right), (left, right)


def test_number_keys_sort_as_the_numbers_do_where_doubles_are_too_coarse() -> None:
    source = random.Random(1)
    for power in range(50, 64):
        some = [source.randrange(2**power, 2 ** (power + 1)) for _ in range(100)]
        numbers: list[int | float] = sorted([*some, *map(float, some), *(number + 1 for number in some[:50])])
        for left, right in pairwise(numbers):
            assert (encode_key(left) < encode_key(right)) == (left < right), (left, right)


@pytest.mark.parametrize("number", EDGE_INTS)
def test_every_int_of_64_bits_comes_back_from_its_key(number: int) -> None:
    decoded = decode_key(encode_key(number))
    assert type(decoded) is int
    assert decoded == number


@pytest.mark.parametrize(("value", "decoded"), [(1.0, 1), (-0.0, 0), (2.0**63, 2**63), (-(2.0**63), -(2**63))])
def test_whole_floats_come_back_as_ints(value: float, decoded: int) -> None:
    assert type(decode_key(encode_key(value))) is int
    assert decode_key(encode_key(value)) == decoded


@pytest.mark.parametrize("value", [2.0**64, -(2.0**64), 1e300, 1.5, -(2.0**63) - 2048])
def test_floats_that_no_int_of_64_bits_can_be_come_back_as_floats(value: float) -> None:
    assert type(decode_key(encode_key(value))) is float
    assert decode_key(encode_key(value)) == value


def test_an_int_beyond_64_bits_has_the_key_of_its_double() -> None:
    assert encode_key(2**70 + 1) == encode_key(2.0**70)
    assert encode_key(2**64 + 1) == encode_key(2.0**64)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 10**400])
def test_a_number_that_is_not_finite_has_no_key(number: float) -> None:
    with pytest.raises(ReqlQueryLogicError, match="Non-finite number"):
        encode_key(number)


def test_a_lone_surrogate_has_no_key() -> None:
    with pytest.raises(ReqlQueryLogicError, match="lone surrogate"):
        encode_key("a\ud800")


@pytest.mark.parametrize("text", ["", "\0", "\0\0", "\1", "\1\2", "\1\1", "a\0b", "\0\1\0\1", "\uffff", "\U0010ffff"])
def test_texts_and_binaries_come_back_whatever_is_in_them(text: str) -> None:
    assert decode_key(encode_key(text)) == text
    assert decode_key(encode_key([text.encode(), text])) == [text.encode(), text]


def test_times_are_keyed_by_moment_and_come_back_in_utc() -> None:
    here, there = Time.at(1_700_000_000_000_001, 0), Time.at(1_700_000_000_000_001, -345)
    assert encode_key(here) == encode_key(there)
    assert decode_key(encode_key(there)).offset_minutes == 0


@pytest.mark.parametrize(("moment", "offset"), [(FIRST_MICROSECOND - 1, 60), (LAST_MICROSECOND + 1, -60)])
def test_a_time_that_utc_cannot_show_comes_back_in_a_zone_that_can(moment: int, offset: int) -> None:
    assert decode_key(encode_key(Time.at(moment, offset))) == Time.at(moment, offset)


@pytest.mark.parametrize("value", [MINVAL, MAXVAL, [1, MINVAL], POINT, {"b": {}, "": [POINT, None]}])
def test_bounds_geometries_and_objects_come_back(value: Value) -> None:
    assert decode_key(encode_key(value)) == value


@pytest.mark.parametrize(
    "key",
    [
        "",
        "00",
        "02",
        "ee",
        "5061",  # a string without an end
        "50ff00",  # not UTF-8
        "20bff0",  # a number cut short
        "20fff0000000000000",  # infinity
        "20fff8000000000000",  # not a number
        "20c340000000000000",  # 2**53 without the rest
        "0811",  # an array without an end
        "281100",  # an object whose name is no string
        "40ffffffffffffffff",  # a time beyond all years
        "1111",  # two values
        "08" * 5000,  # nested too deep
    ],
)
def test_bytes_that_are_no_key_form_are_a_corrupt_store(key: str) -> None:
    with pytest.raises(CorruptStoreError, match="Expected"):
        decode_key(bytes.fromhex(key))


def test_any_bytes_decode_to_a_value_or_are_a_corrupt_store() -> None:
    source = random.Random(2)
    forms = [encode_key(value) for value in (["ab", 1, 2**60], {"a": POINT}, [Time.at(0, 0), b"\0\1"])]
    for _ in range(20_000):
        damaged = bytearray(source.choice(forms))
        damaged[source.randrange(len(damaged))] = source.randrange(256)
        try:
            type_name(decode_key(bytes(damaged)))
        except CorruptStoreError:
            continue


@pytest.mark.parametrize("value", [None, {}, {"a": 1}, POINT, MINVAL, MAXVAL, [None], [1, [2, {}]], [MINVAL], [POINT]])
def test_what_an_index_leaves_out_has_no_index_key(value: Value) -> None:
    assert index_key(value) is None


def test_index_keys_are_cut_at_the_limit_of_the_engines() -> None:
    assert MAX_KEY_BYTES == engine.MAX_KEY_BYTES == 507
    assert index_key("x" * 504) == encode_key("x" * 504)
    assert index_key("x" * 505) == encode_key("x" * 505)
    assert index_key("x" * 506) == index_key("x" * 600) == encode_key("x" * 600)[:507]


def test_a_primary_key_is_the_whole_form_of_its_value() -> None:
    for value in ("a", 1, 1.5, True, [1, ["a"]], Time.at(0, 0), b"ab", "x" * 505):
        assert primary_key(value) == encode_key(value)


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (None, ReqlNonExistenceError, "bool, pseudotype or array (got type NULL):\nnull"),
        ({"a": 1}, ReqlQueryLogicError, 'bool, pseudotype or array (got type OBJECT):\n{\n\t"a":\t1\n}'),
    ],
)
def test_other_primary_keys_are_refused_in_rethinkdbs_words(value: Value, kind: type[Exception], message: str) -> None:
    with pytest.raises(ReqlQueryLogicError) as caught:
        primary_key(value)
    assert type(caught.value) is kind
    assert str(caught.value) == "Primary keys must be either a number, string, " + message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (POINT, "Cannot use a geometry value as a key value in a primary or non-geospatial secondary index."),
        (
            [1, [None]],
            "Array keys can only contain numbers, strings, bools,  pseudotypes, or arrays (got null of type NULL).",
        ),
    ],
)
def test_keys_with_parts_that_cannot_be_keys_are_refused(value: Value, message: str) -> None:
    with pytest.raises(ReqlQueryLogicError) as caught:
        primary_key(value)
    assert str(caught.value) == message


def test_a_primary_key_that_is_too_long_is_refused_with_its_length_and_the_limit() -> None:
    with pytest.raises(ReqlQueryLogicError) as caught:
        primary_key("x" * 506)
    assert str(caught.value).startswith('Primary key too long (max 507 bytes, this one takes 508): "xxx')
    assert len(str(caught.value)) < 400


def test_secondary_keys_have_words_of_their_own_and_any_key_may_hold_minval_and_maxval() -> None:
    with pytest.raises(ReqlNonExistenceError, match="Secondary keys must be a number, string, bool, pseudotype, or"):
        check_key(None, "Secondary")
    for bound in (MINVAL, MAXVAL, ["ann", MINVAL], [[MAXVAL]], "a"):
        check_key(bound, "Secondary")


@pytest.mark.parametrize(
    ("prefix", "successor"), [(b"", None), (b"\xff\xff", None), (b"a", b"b"), (b"a\xff", b"b"), (b"a\0", b"a\1")]
)
def test_the_successor_of_a_prefix_is_the_least_above_all_that_begins_with_it(prefix: bytes, successor: Any) -> None:
    assert prefix_successor(prefix) == successor


def test_minval_and_maxval_inside_an_array_span_what_begins_with_the_rest() -> None:
    some = key_range(["ann", MINVAL], ["ann", MAXVAL])
    inside = [["ann", 1], ["ann", "z", 1], ["ann", []]]
    outside = [["ann"], ["anm", 1], ["ann\0", 1], ["ann\1", 1], "ann", ["bob", 1]]
    assert [value for value in inside + outside if some.holds(encode_key(value))] == inside
    assert not some.recheck


def test_a_bound_beyond_the_limit_brings_in_the_run_of_its_cut_key_and_asks_for_a_recheck() -> None:
    low = "x" * 600
    some = key_range(low, MAXVAL, "open")
    assert some.recheck
    assert some.low == index_key(low)
    assert not some.holds(encode_key(low))
    assert some.holds(encode_key(low + "a"))


def test_a_range_without_limits_is_the_whole_space() -> None:
    everything = KeyRange.of(b"", None)
    assert (everything.low, everything.high, everything.recheck) == (b"", None, False)
    assert key_range(MINVAL, MAXVAL, "closed", "closed").high is None


def test_a_range_from_maxval_is_empty() -> None:
    some = key_range(MAXVAL, MAXVAL, "open", "closed")
    values: list[Value] = [[], "\U0010ffff", {}, POINT]
    assert not any(some.holds(encode_key(value)) for value in values)
