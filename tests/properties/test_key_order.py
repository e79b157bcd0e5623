"""The order of keys is the order of values, whatever the values are."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from docstore.keys import MAX_KEY_BYTES, KeyRange, decode_key, encode_key, index_key, is_indexable, key_range
from query.values import MAXVAL, MINVAL, compare, equal, sort_key
from tests import strategies

bound_kinds = st.sampled_from(["open", "closed"])

long_texts = st.builds(
    lambda letter, length, end: letter * length + end,
    st.sampled_from(["x", "\0", "\uffff", "\U0010ffff"]),
    st.sampled_from([100, 125, 168, 250, 251, 252, *range(500, 512), 600]),
    st.sampled_from(["", "a", "b", "\0", "\x01", "\uffff"]),
)
stored_values = st.one_of(
    strategies.indexable_values(), long_texts, st.lists(st.one_of(long_texts, st.integers(0, 2)), max_size=3)
)
bounds = st.one_of(
    st.sampled_from([MINVAL, MAXVAL, [MINVAL], [MAXVAL], [0, MINVAL], [0, MAXVAL], ["x" * 505, MAXVAL]]),
    stored_values,
    st.builds(lambda text, bound: [text, bound], long_texts, st.sampled_from([MINVAL, MAXVAL, 1])),
)


@given(strategies.values(), strategies.values())
def test_keys_compare_as_their_values_do(left: Any, right: Any) -> None:
    left_key, right_key = encode_key(left), encode_key(right)
    assert (left_key > right_key) - (left_key < right_key) == compare(left, right)


@given(strategies.numbers(), strategies.numbers())
def test_keys_of_numbers_compare_as_the_numbers_do(left: float, right: float) -> None:
    left_key, right_key = encode_key(left), encode_key(right)
    assert (left_key > right_key) - (left_key < right_key) == (left > right) - (left < right)


@given(st.lists(strategies.values(), max_size=12))
def test_sorting_by_key_is_sorting_by_value(some: list[Any]) -> None:
    by_key = sorted(some, key=encode_key)
    assert [sort_key(value) for value in by_key] == sorted(map(sort_key, some))


@given(strategies.values(), strategies.values())
def test_no_key_begins_another(left: Any, right: Any) -> None:
    left_key, right_key = encode_key(left), encode_key(right)
    assert left_key == right_key or not right_key.startswith(left_key)


@given(strategies.values())
def test_a_key_decodes_to_an_equal_value(value: Any) -> None:
    decoded = decode_key(encode_key(value))
    assert equal(decoded, value)
    assert encode_key(decoded) == encode_key(value)


def in_range(some: KeyRange, value: Any) -> bool:
    """What a scan does with the entry of a value."""
    key = index_key(value)
    assert key is not None
    if not (some.low <= key and (some.high is None or key < some.high)):
        return False
    return not some.recheck or len(key) < MAX_KEY_BYTES or some.holds(encode_key(value))


@example(["x" * 505], ["x" * 504, MINVAL], ["x" * 504, MAXVAL], "closed", "closed")
@example("x" * 505, "x" * 505, "x" * 505, "closed", "closed")
@example("x" * 505 + "b", "x" * 505 + "a", "x" * 505 + "c", "open", "open")
@given(stored_values, bounds, bounds, bound_kinds, bound_kinds)
def test_a_key_range_holds_what_lies_between_its_bounds(value: Any, low: Any, high: Any, left: Any, right: Any) -> None:
    above = compare(low, value) <= (-1 if left == "open" else 0)
    below = compare(value, high) <= (-1 if right == "open" else 0)
    assert in_range(key_range(low, high, left, right), value) == (above and below)


@given(bounds, bounds, bound_kinds, bound_kinds)
def test_an_engine_can_take_every_bound(low: Any, high: Any, left: Any, right: Any) -> None:
    some = key_range(low, high, left, right)
    assert len(some.low) <= MAX_KEY_BYTES
    assert some.high is None or len(some.high) <= MAX_KEY_BYTES


@given(stored_values)
def test_the_closed_range_from_a_value_to_itself_is_that_value(value: Any) -> None:
    some = key_range(value, value, "closed", "closed")
    assert in_range(some, value)
    assert some.recheck == (len(encode_key(value)) > MAX_KEY_BYTES)


@given(stored_values, stored_values)
def test_cut_keys_keep_the_order(left: Any, right: Any) -> None:
    left_key, right_key = index_key(left), index_key(right)
    assert left_key is not None and right_key is not None
    assert len(left_key) <= MAX_KEY_BYTES
    if left_key != right_key:
        assert (left_key > right_key) - (left_key < right_key) == compare(left, right)
    elif len(left_key) < MAX_KEY_BYTES:
        assert equal(left, right)


@given(strategies.values())
def test_an_index_leaves_out_exactly_what_is_not_indexable(value: Any) -> None:
    assert (index_key(value) is not None) == is_indexable(value)


@given(strategies.indexable_values())
def test_an_index_takes_all_indexable_values(value: Any) -> None:
    assert is_indexable(value)
