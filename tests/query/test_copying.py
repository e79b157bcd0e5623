"""Compiled code copies and checks what users hand in as Python does."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query import native
from query.values import MAX_NESTING, _copy, from_python
from tests import strategies

pytestmark = pytest.mark.skipif(not native.AVAILABLE, reason="the compiled code is not there, or not wanted")


def outcome(copy: Any, data: Any) -> tuple[str, str]:
    """What copying gives, with types, or the error."""
    try:
        return "value", repr(copy(data))
    except Exception as error:  # noqa: BLE001 - which one is what is compared
        return type(error).__name__, str(error)


def compiled(data: Any) -> Any:
    """What the compiled code makes of data, handing to Python what it does not know."""
    return native.copying.copied(data, 0, MAX_NESTING, _copy, ("$reql_type$", dict))


odd = st.one_of(
    st.just(float("nan")),
    st.integers(-(2**65), 2**65),
    st.sampled_from(
        ["\ud800", "é", "€", "😀", "a\0b", object(), OrderedDict(a=1), {1}, {1: 2}, {"\udfff": 1}, b"x", (1, (2,))]
    ),
)


@given(
    st.recursive(
        st.one_of(strategies.values(), odd), lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner))
    )
)
def test_data_is_copied_as_python_copies_it(data: Any) -> None:
    def python(data: Any) -> Any:
        return _copy(data, 0)

    assert outcome(compiled, data) == outcome(python, data)


def test_a_copy_shares_no_container_with_what_was_handed_in() -> None:
    data = {"list": [1, [2]], "object": {"a": {}}, "tuple": (1, [2])}
    made = from_python(data)
    data["list"][1].append(3)  # type: ignore[index]
    data["object"]["a"]["b"] = 1  # type: ignore[index]
    data["tuple"][1].append(3)  # type: ignore[index]
    assert made == {"list": [1, [2]], "object": {"a": {}}, "tuple": [1, [2]]}


def test_nesting_is_counted_to_the_level() -> None:
    data: Any = 1
    for _ in range(MAX_NESTING):
        data = [data]
    assert compiled(data) == data
    assert outcome(from_python, [data])[0] == "ReqlDriverCompileError"


def test_an_object_that_changes_while_it_is_copied_does_no_harm() -> None:
    data: dict[str, Any] = {}

    class Changing(dict[str, Any]):
        def items(self) -> Any:
            data.update({str(number): [number] for number in range(1_000)})
            return super().items()

    data.update(first=[1], second=Changing(a=1), third={"b": 2})
    assert from_python(data) == {"first": [1], "second": {"a": 1}, "third": {"b": 2}}
