"""`order_by(...).limit(n)`, `min` and `max` hold few rows; they give what sorting all rows gives."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from query import r
from query.planner import make_plan
from query.runtime import Grouped, Run
from query.terms.ordering import FirstRows, Key, in_order

KEYS = st.one_of(
    st.integers(-3, 3), st.floats(-2, 2), st.text("ab", max_size=2), st.booleans(), st.none(), st.just([1]), st.just({})
)
ROWS = st.lists(st.dictionaries(st.sampled_from(["a", "b"]), KEYS), max_size=400).map(
    lambda rows: [{**row, "place": place} for place, row in enumerate(rows)]
)
DIRECTIONS = st.lists(st.booleans(), min_size=1, max_size=2)


def run(query: Any) -> Any:
    return make_plan(query.term, Run()).execute(Run(), query.term.constants)


def keys(directions: list[bool]) -> list[Key]:
    def reader(name: str) -> Any:
        return lambda row: row.get(name, 0)

    return [Key(reader(name), descending) for name, descending in zip("ab", directions, strict=False)]


@given(ROWS, DIRECTIONS, st.integers(1, 5))
def test_the_first_rows_are_those_of_a_whole_sort(rows: list[Any], directions: list[bool], count: int) -> None:
    best = FirstRows(Run(), keys(directions), count)
    for row in rows:
        if best.may_belong(row):
            best.offer(row)
    assert best.rows() == in_order(rows, keys(directions))[:count]


@given(ROWS, DIRECTIONS, st.integers(0, 5))
def test_a_limit_after_order_by_is_the_start_of_the_order(rows: list[Any], directions: list[bool], count: int) -> None:
    wanted = [r.desc(name) if descending else name for name, descending in zip("ab", directions, strict=False)]
    ordered = r.expr(rows).order_by(*wanted)
    assert run(ordered.limit(count)) == run(ordered)[:count]


@given(ROWS.filter(bool))
def test_the_greatest_row_is_the_first_in_descending_order(rows: list[Any]) -> None:
    present = [row for row in rows if "a" in row]
    found = run(r.expr(rows).max("a").default(None))
    assert found == (run(r.expr(present).order_by(r.desc("a")))[0] if present else None)


NUMBERED = st.lists(st.fixed_dictionaries({"g": KEYS, "n": st.integers(-5, 5)}), max_size=60)


@given(NUMBERED)
def test_groups_that_are_added_up_as_they_pass_are_those_that_were_held(rows: list[Any]) -> None:
    groups = r.expr(rows).group("g")
    held = groups.limit(1000)
    for total in (
        lambda of: of.count(),
        lambda of: of.sum("n"),
        lambda of: of.avg("n"),
        lambda of: of.min("n"),
        lambda of: of.max("n"),
        lambda of: of.map(r.row["n"]).reduce(lambda a, b: a + b),
    ):
        streamed, collected = run(total(groups)), run(total(held))
        assert isinstance(streamed, Grouped)
        assert streamed == collected
