"""Values as JSON text: on one line, on many, and back by `r.json`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from query import r
from query.errors import ReqlQueryLogicError
from query.json_text import MAX_SHOWN, compact, number_text, pretty, shown
from query.planner import make_plan
from query.runtime import Run
from query.values import MINVAL, equal
from tests import strategies


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "1"),
        (1.0, "1"),
        (-0.5, "-0.5"),
        (2**64 - 1, "18446744073709551615"),
        (2.0**53, "9007199254740992"),
        (1e17, "1" + 17 * "0" + ".0"),
        (1e19, "1" + 19 * "0" + ".0"),
        (1e20, "1" + 20 * "0" + ".0"),
        (1e21, "1e21"),
        (1e300, "1e300"),
        (-1.5e300, "-1.5e300"),
        (1.5e20, "15" + 19 * "0" + ".0"),
        (0.0, "0"),
        (-0.0, "-0.0"),
        (1e-5, "0.00001"),
        (1.25e-6, "0.00000125"),
        (1e-7, "1e-7"),
        (-1.25e-7, "-1.25e-7"),
        (0.1, "0.1"),
        (5e-324, "5e-324"),
    ],
)
def test_numbers_as_text(number: Any, text: str) -> None:
    assert number_text(number) == text
    assert compact(number) == text


def test_fields_are_in_the_order_of_their_names() -> None:
    assert compact({"b": 1, "a": {"d": 1, "c": 2}}) == '{"a":{"c":2,"d":1},"b":1}'
    assert pretty({"b": [], "a": {}}).startswith('{\n\t"a":')


def test_long_values_are_cut_in_sentences() -> None:
    assert len(shown("x" * 1000)) == MAX_SHOWN
    assert shown("x" * 1000).endswith("...")
    assert shown(1) == "1"


def test_a_bound_has_no_json() -> None:
    assert pretty(MINVAL) == "r.minval"
    with pytest.raises(ReqlQueryLogicError, match=r"r\.minval"):
        compact([MINVAL])


@given(strategies.values())
def test_what_is_written_is_read_again(value: Any) -> None:
    term = r.json(compact(value)).term
    assert equal(make_plan(term).execute(Run(), term.constants), value)
