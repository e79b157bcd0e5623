"""Times agree with Python's datetime, and survive their texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import docstore
from query import Query, ReqlQueryLogicError, r
from query.times import iso8601_text, milliseconds, offset_minutes, parse_iso8601
from query.values import Time

quick = settings(max_examples=200, deadline=None)

zones = st.integers(-12 * 60, 14 * 60)
moments = st.builds(
    lambda milliseconds, minutes: Time.at(milliseconds * 1000, minutes),
    st.one_of(st.integers(-2000, 2000), st.integers(-17_987_000_000_000, 253_402_000_000_000)),
    zones,
)

DB = docstore.connect()


def run(query: Query) -> Any:
    return query.run(DB)


@quick
@given(moments)
def test_the_text_of_a_time_is_read_as_that_time(moment: Time) -> None:
    found = parse_iso8601(iso8601_text(moment), "")
    assert found == moment
    assert found.zone == moment.zone


@quick
@given(moments)
def test_python_reads_the_text_of_a_time(moment: Time) -> None:
    assert datetime.fromisoformat(iso8601_text(moment)) == moment


@quick
@given(moments)
def test_all_writings_of_a_time_are_read_alike(moment: Time) -> None:
    text = iso8601_text(moment)
    day, clock = text[:10], text[11:-6]
    of_year = f"{moment.year:04}-{moment.timetuple().tm_yday:03}"
    for date in (day, day.replace("-", ""), of_year, of_year.replace("-", "")):
        for time in (clock, clock.replace(":", "")):
            for zone in (moment.zone, moment.zone.replace(":", "")):
                assert parse_iso8601(f"{date}T{time}{zone}", "") == moment


@quick
@given(moments)
def test_the_parts_of_a_time_are_those_of_python(moment: Time) -> None:
    names = ("year", "month", "day", "day_of_week", "day_of_year", "hours", "minutes", "seconds")
    found = run(r.expr(moment).do(lambda t: [*[getattr(t, name)() for name in names], t.date(), t.time_of_day()]))
    midnight = datetime(*moment.timetuple()[:3], tzinfo=moment.tzinfo)
    seconds = (moment.second * 1_000_000 + moment.microsecond) / 1e6
    assert found == [
        *(moment.year, moment.month, moment.day, moment.isoweekday(), moment.timetuple().tm_yday),
        *(moment.hour, moment.minute, seconds, midnight, (datetime.__sub__(moment, midnight)).total_seconds()),
    ]


@quick
@given(moments, st.one_of(st.integers(-(10**8), 10**8), st.integers(-(10**8), 10**8).map(lambda n: n / 1000)))
def test_seconds_are_added_as_python_adds_them(moment: Time, seconds: int | float) -> None:
    try:
        found = run(r.expr(moment) + seconds)
    except ReqlQueryLogicError:
        return
    assert found == moment.astimezone(UTC) + timedelta(milliseconds=milliseconds(seconds))
    assert found.zone == moment.zone
    assert run(r.expr(found) - moment) == milliseconds(seconds) / 1000


@quick
@given(moments, zones)
def test_a_time_is_the_same_with_another_offset(moment: Time, minutes: int) -> None:
    zone = Time.of(datetime(2000, 1, 1, tzinfo=timezone(timedelta(minutes=minutes)))).zone
    if zone == "-00:00":
        return
    moved = run(r.expr(moment).in_timezone(zone))
    assert moved == moment
    assert moved.zone == zone
    assert offset_minutes(zone) == minutes


@settings(max_examples=500, deadline=None)
@given(st.text("0123456789-+:.TZW ", max_size=24), st.sampled_from(["", "Z", "+02:00", "-7", "UTC"]))
def test_any_text_is_a_time_or_an_error(text: str, zone: str) -> None:
    try:
        found = parse_iso8601(text, zone)
    except ReqlQueryLogicError:
        return
    assert parse_iso8601(iso8601_text(found), "") == found
