"""The data model: the order of values, what may be one, and how what users hand in becomes one."""

from __future__ import annotations

import copy
import math
import pickle
import uuid
from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from query.errors import ReqlDriverCompileError, ReqlQueryLogicError
from query.values import (
    MAX_INT,
    MAX_NESTING,
    MAXVAL,
    MIN_INT,
    MINVAL,
    TYPE_ORDER,
    Geometry,
    Time,
    check_number,
    compare,
    equal,
    from_python,
    group_marker,
    sort_key,
    type_name,
)
from query.vectors import Vector
from tests import strategies

ONE_OF_EACH = [
    MINVAL,
    [],
    False,
    None,
    -1.5,
    {},
    b"",
    Geometry({"type": "Point", "coordinates": [0, 0]}),
    Time.at(0, 0),
    Vector([1]),
    "",
    MAXVAL,
]


class Colour(str, Enum):  # noqa: UP042 - as older programs write it
    RED = "red"


class Level(IntEnum):
    HIGH = 3


def nested(levels: int) -> Any:
    """An array in an object in an array."""
    value: Any = 1
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return value


def test_types_are_ordered_by_their_names() -> None:
    assert list(TYPE_ORDER) == sorted(TYPE_ORDER)
    assert [type_name(value) for value in ONE_OF_EACH] == ["MINVAL", *TYPE_ORDER, "MAXVAL"]


def test_values_of_different_types_compare_as_their_types_do() -> None:
    for left, smaller in enumerate(ONE_OF_EACH):
        for right, greater in enumerate(ONE_OF_EACH):
            assert compare(smaller, greater) == (left > right) - (left < right)
            assert equal(smaller, greater) == (left == right)


@pytest.mark.parametrize(
    "ascending",
    [
        [[], [None], [1], [1, 1], [1, 2], [2], ["a"]],
        [-1e308, MIN_INT, -1.5, -1, 0, 5e-324, 0.5, 2**53, 2**53 + 1, 2.0**53 + 2, MAX_INT, 2.0**64],
        [{}, {"a": 1}, {"a": 1, "b": 0}, {"a": 2}, {"b": 0}],
        [b"", b"\0", b"\0\0", b"\x01", b"\xff"],
        ["", "\0", "a", "a\0", "aa", "b", "\uffff", "\U0001f600"],
        [Time.at(-1, 0), Time.at(0, 1439), Time.at(1, -1439)],
    ],
)
def test_values_of_one_type_have_their_order(ascending: list[Any]) -> None:
    for left, smaller in enumerate(ascending):
        for right, greater in enumerate(ascending):
            assert compare(smaller, greater) == (left > right) - (left < right), (smaller, greater)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, 1.0),
        (0.0, -0.0),
        (2**63, 2.0**63),
        ([1, {"a": 2}], [1.0, {"a": 2.0}]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (Time.at(5, 60), Time.at(5, -60)),
        (Geometry({"type": "Point", "coordinates": [1, 2]}), Geometry({"coordinates": [1.0, 2.0], "type": "Point"})),
    ],
)
def test_equal_values_are_equal_in_every_way(left: Any, right: Any) -> None:
    assert equal(left, right)
    assert compare(left, right) == 0
    assert sort_key(left) == sort_key(right)
    assert group_marker(left) == group_marker(right)
    assert hash(group_marker(left)) == hash(group_marker(right))


def test_equal_geometries_have_equal_hashes() -> None:
    left = Geometry({"type": "Point", "coordinates": [1, 2]})
    assert len({left, Geometry({"coordinates": [1.0, 2.0], "type": "Point"})}) == 1
    assert left != Geometry({"type": "Point", "coordinates": [True, 2]})


@pytest.mark.parametrize(("left", "right"), [(1, True), (0, False), (0, None), ("", b""), ([], {}), (2**53, 2**53 + 1)])
def test_values_that_python_may_mix_up_are_kept_apart(left: Any, right: Any) -> None:
    for one, other in ((left, right), ([left], [right]), ({"a": left}, {"a": right})):
        assert not equal(one, other)
        assert compare(one, other) != 0
        assert group_marker(one) != group_marker(other)


@given(strategies.values(), strategies.values())
def test_all_ways_to_compare_agree(left: Any, right: Any) -> None:
    order = compare(left, right)
    assert equal(left, right) == (order == 0)
    assert (sort_key(left) < sort_key(right)) == (order < 0)
    assert (group_marker(left) == group_marker(right)) == (order == 0)
    assert compare(right, left) == -order


@given(strategies.values())
def test_every_value_equals_itself_and_its_copy(value: Any) -> None:
    assert equal(value, copy.deepcopy(value))
    assert hash(sort_key(value)) == hash(sort_key(copy.deepcopy(value)))


def test_minval_and_maxval_stay_themselves_in_copies() -> None:
    for bound in (MINVAL, MAXVAL):
        assert copy.deepcopy(bound) is bound
        assert pickle.loads(pickle.dumps(bound)) is bound


@given(strategies.times())
def test_a_time_is_what_its_moment_and_offset_say(time: Time) -> None:
    again = Time.at(time.epoch_microseconds, time.offset_minutes)
    assert (again, again.offset_minutes, again.isoformat()) == (time, time.offset_minutes, time.isoformat())


def test_a_time_shows_the_clock_of_its_place() -> None:
    assert Time.at(0, 90).isoformat() == "1970-01-01T01:30:00+01:30"
    assert Time.at(-1, -90).isoformat() == "1969-12-31T22:29:59.999999-01:30"


def test_a_daylight_saving_zone_becomes_the_offset_of_its_moment() -> None:
    summer = from_python(datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin")))
    assert (type(summer), summer.isoformat()) == (Time, "2024-07-01T12:00:00+02:00")
    second = from_python(datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")))
    assert second.isoformat() == "2024-10-27T02:30:00+01:00"


def test_an_offset_with_seconds_is_rounded_and_the_moment_stays() -> None:
    for seconds, shown in ((3630, "+01:00"), (3631, "+01:01"), (-86_399, "-23:59")):
        moment = datetime(1900, 1, 2, tzinfo=timezone(timedelta(seconds=seconds)))
        time = from_python(moment)
        assert time == moment
        assert time.isoformat().endswith(shown)


def test_check_number_gives_a_float_for_an_int_beyond_64_bits() -> None:
    assert check_number(MAX_INT) == MAX_INT
    assert type(check_number(MAX_INT + 1)) is float
    for number in (math.nan, math.inf, -math.inf, 10**400):
        with pytest.raises(ReqlQueryLogicError, match="Non-finite number"):
            check_number(number)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ((1, (2,)), [1, [2]]),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (MappingProxyType({"a": (1,)}), {"a": [1]}),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"ab"), b"ab"),
        (Colour.RED, "red"),
        ({Colour.RED: 1}, {"red": 1}),
        (Level.HIGH, 3),
        ({"a": [datetime(1970, 1, 1, tzinfo=UTC)]}, {"a": [Time.at(0, 0)]}),
    ],
)
def test_what_stands_for_a_value_becomes_a_plain_one(data: object, value: Any) -> None:
    made = from_python(data)
    assert type(made) is type(value)
    assert made == value
    if type(made) is dict:
        assert {type(name) for name in made} == {str}


def test_scalars_of_numerical_libraries_become_plain_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    made = from_python([numpy.int32(1), numpy.float32(0.5), numpy.float64(1.5), numpy.bool_(True), numpy.str_("a")])
    assert [(type(value), value) for value in made] == [
        (int, 1),
        (float, 0.5),
        (float, 1.5),
        (bool, True),
        (str, "a"),
    ]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({1}, "found set {1} at `a[1].b`"),
        (Decimal(1), "found Decimal Decimal('1') at `a[1].b`"),
        (uuid.UUID(int=1), "at `a[1].b`"),
        (1j, "at `a[1].b`"),
        (object(), "at `a[1].b`"),
        (math.nan, "Expected a finite number but found nan at `a[1].b`"),
        (-math.inf, "Expected a finite number but found -inf at `a[1].b`"),
        (2**64, "Expected an integer of 64 bits (from -2**63 to 2**64 - 1) but found int 18446744073709551616 at"),
        (-(2**63) - 1, "Expected an integer of 64 bits"),
        ("x\ud800", "lone surrogate at character 1 at `a[1].b`"),
        ({1: 2}, "Object keys must be strings: expected str but found int 1 at `a[1].b`"),
        ({"\udfff": 2}, "lone surrogate at character 0 at `a[1].b`"),
        (datetime(2020, 1, 1), "Cannot convert datetime to ReQL time object without timezone information"),
        (Time(2020, 1, 1), "ReQL time object without timezone information"),
        (date(2020, 1, 1), "Cannot convert date to ReQL time object without timezone"),
    ],
)
def test_what_is_no_value_is_refused_with_its_place(fault: object, message: str) -> None:
    with pytest.raises(ReqlDriverCompileError) as caught:
        from_python({"a": [0, {"b": fault}]})
    assert message in str(caught.value)
    assert "`a[1].b`" in str(caught.value)


def test_values_nest_up_to_the_limit_and_no_deeper() -> None:
    assert from_python(nested(MAX_NESTING)) == nested(MAX_NESTING)
    with pytest.raises(ReqlDriverCompileError, match="more than 100 levels"):
        from_python(nested(MAX_NESTING + 1))


def test_data_that_holds_itself_is_refused() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(ReqlDriverCompileError, match="Nesting depth limit exceeded"):
        from_python(ring)


@given(strategies.values())
def test_a_copy_shares_nothing_that_can_change(value: Any) -> None:
    made = from_python(value)
    assert equal(made, value)
    _assert_apart(made, value)


def _assert_apart(left: Any, right: Any) -> None:
    if type(left) is list:
        assert left is not right
        for one, other in zip(left, right, strict=True):
            _assert_apart(one, other)
    elif type(left) is dict:
        assert left is not right
        for name in left:
            _assert_apart(left[name], right[name])
