"""Dates and times.

A time is a moment with an offset from UTC. Times are equal, and ordered, by moment; the parts of a time (its year, its
hours) are those of a clock with its offset. Python's aware datetimes are times with all their microseconds; the times
that terms make of numbers and of text have milliseconds.
"""

from __future__ import annotations

from query.errors import ReqlQueryLogicError
from query.json_text import number_error
from query.registry import term
from query.runtime import Run, type_error
from query.tables import is_open
from query.times import (
    calendar_day,
    check_calendar,
    epoch_seconds,
    iso8601_text,
    milliseconds,
    offset_minutes,
    on_clock,
    parse_iso8601,
    seconds_of,
    time_at,
    time_error,
)
from query.values import Time, Value

# Times made


@term(103, on="r", deterministic=False)
def now(run: Run) -> Time:
    """The time at which the query began, in UTC; the same everywhere in a query.

    >>> (r.now() == r.now()).run(db)
    True
    """
    return run.moment()


@term(136, on="r", arity=(4, 7))
def time(year: int, month: int, day: int, *clock_and_timezone: Value) -> Time:
    """The time of a year, month and day, of an hour, a minute and seconds if they are given, and with an offset from UTC.

    It is called as `r.time(year, month, day, timezone)` or as `r.time(year, month, day, hour, minute, second, timezone)`.
    The offset is a string: `"Z"`, `"+02:00"`, `"+0200"` or `"+02"`. Years are those from 1400 to 9999; hours, minutes and
    seconds may reach beyond the day. Seconds are rounded to milliseconds.

    >>> r.time(2014, r.july, 12, "+02:00").to_iso8601().run(db)
    '2014-07-12T00:00:00+02:00'
    >>> r.time(2014, 7, 12, 15, 30, 1.5, "Z").to_iso8601().run(db)
    '2014-07-12T15:30:01.500+00:00'
    """
    *clock, zone = clock_and_timezone
    if len(clock) not in (0, 3):
        raise ReqlQueryLogicError(f"Got {len(clock) + 4} arguments to TIME (expected 4 or 7).")
    since_midnight = _microseconds(*clock) if clock else 0
    if type(zone) is not str:
        raise type_error("STRING", zone)
    number = calendar_day(year, month, day)
    return on_clock(number, since_midnight, offset_minutes(zone))


def _microseconds(hour: Value, minute: Value, second: Value) -> int:
    """How long after midnight it is; where the hour or the minute is negative, both go back."""
    whole = [_whole(hour), _whole(minute)]
    if type(second) is not int and type(second) is not float:
        raise type_error("NUMBER", second)
    long = abs(whole[0]) * 60 + abs(whole[1])
    return (-long if min(whole) < 0 else long) * 60_000_000 + milliseconds(second) * 1000


def _whole(number: Value) -> int:
    if type(number) is int:
        return number
    if type(number) is not float:
        raise type_error("NUMBER", number)
    if not number.is_integer():
        raise number_error(number)
    return int(number)


@term(101, on="r")
def epoch_time(seconds: int | float) -> Time:
    """The time so many seconds after 1970-01-01T00:00Z, in UTC; rounded to milliseconds.

    >>> r.epoch_time(531360000).to_iso8601().run(db)
    '1986-11-03T00:00:00+00:00'
    """
    return time_at(milliseconds(seconds) * 1000, 0)


@term(99, on="r")
def iso8601(text: str, *, default_timezone: str = "") -> Time:
    """The time that a text in the format of ISO 8601 says, with its offset, or with `default_timezone` if it has none.

    Dates are `2013-08-12`, `20130812`, `2013-08`, `2013`, or with the day of the year `2013-224`; times, after a `T`,
    `10:30:31.5`, `103031`, `10:30`, `10`; offsets `Z`, `+02:00`, `+0200`, `+02`. Digits beyond milliseconds are cut off.
    Raises ReqlQueryLogicError for anything else, and for week dates.

    >>> r.iso8601("1986-11-03T08:30:00-07:00").to_epoch_time().run(db)
    531415800
    >>> r.iso8601("1986-11-03", default_timezone="-07:00").hours().run(db)
    0
    """
    return parse_iso8601(text, default_timezone)


# Texts and numbers of times


@term(100)
def to_iso8601(moment: Time) -> str:
    """The text of a time in the format of ISO 8601, with its offset.

    >>> r.epoch_time(0.25).to_iso8601().run(db)
    '1970-01-01T00:00:00.250+00:00'
    """
    return iso8601_text(moment)


@term(102)
def to_epoch_time(moment: Time) -> int | float:
    """The seconds from 1970-01-01T00:00Z to a time.

    >>> r.iso8601("1970-01-02T00:00Z").to_epoch_time().run(db)
    86400
    """
    return epoch_seconds(moment)


# Offsets


@term(104)
def in_timezone(moment: Time, timezone: str) -> Time:
    """The same moment with another offset from UTC: `"Z"`, `"+02:00"`, `"+0200"` or `"+02"`.

    >>> r.epoch_time(0).in_timezone("-08:00").hours().run(db)
    16
    """
    minutes = offset_minutes(timezone)
    if abs(minutes) >= 24 * 60:
        raise time_error(f"Offset out of range: {timezone}")
    return time_at(moment.epoch_microseconds, minutes)


@term(127)
def timezone(moment: Time) -> str:
    """The offset of a time from UTC, as text.

    >>> r.iso8601("2013-08-12T10:30-07").timezone().run(db)
    '-07:00'
    """
    return moment.zone


# Comparison


@term(105)
def during(moment: Time, start: Time, end: Time, *, left_bound: str = "closed", right_bound: str = "open") -> bool:
    """Whether a time lies between two others.

    The start is inside and the end is not, unless `left_bound` and `right_bound` (`"open"` or `"closed"`) say otherwise.

    >>> r.epoch_time(1).during(r.epoch_time(0), r.epoch_time(1)).run(db)
    False
    >>> r.epoch_time(1).during(r.epoch_time(0), r.epoch_time(1), right_bound="closed").run(db)
    True
    """
    after = start < moment if is_open(left_bound, "left_bound") else start <= moment
    return (moment < end if is_open(right_bound, "right_bound") else moment <= end) and after


# Parts


@term(106)
def date(moment: Time) -> Time:
    """The beginning of the day of a time, on a clock with its offset.

    >>> r.iso8601("2013-08-12T10:30+02:00").date().to_iso8601().run(db)
    '2013-08-12T00:00:00+02:00'
    """
    check_calendar(moment)
    return Time.at(moment.epoch_microseconds - _since_midnight(moment), moment.offset_minutes)


@term(126)
def time_of_day(moment: Time) -> int | float:
    """The seconds from the beginning of the day to a time.

    >>> r.iso8601("2013-08-12T10:30+02:00").time_of_day().run(db)
    37800
    """
    check_calendar(moment)
    return seconds_of(_since_midnight(moment))


def _since_midnight(moment: Time) -> int:
    return ((moment.hour * 60 + moment.minute) * 60 + moment.second) * 1_000_000 + moment.microsecond


@term(128)
def year(moment: Time) -> int:
    """The year of a time.

    >>> r.iso8601("2013-08-12T10:30:31Z").year().run(db)
    2013
    """
    check_calendar(moment)
    return moment.year


@term(129)
def month(moment: Time) -> int:
    """The month of a time, 1 to 12; `r.january` to `r.december` have the same values.

    >>> (r.iso8601("2013-08-12T10:30:31Z").month() == r.august).run(db)
    True
    """
    check_calendar(moment)
    return moment.month


@term(130)
def day(moment: Time) -> int:
    """The day of the month of a time, 1 to 31.

    >>> r.iso8601("2013-08-12T10:30:31Z").day().run(db)
    12
    """
    check_calendar(moment)
    return moment.day


@term(131)
def day_of_week(moment: Time) -> int:
    """The day of the week of a time, 1 to 7; `r.monday` to `r.sunday` have the same values.

    >>> (r.iso8601("2013-08-12T10:30:31Z").day_of_week() == r.monday).run(db)
    True
    """
    check_calendar(moment)
    return moment.isoweekday()


@term(132)
def day_of_year(moment: Time) -> int:
    """The day of the year of a time, 1 to 366.

    >>> r.iso8601("2013-08-12T10:30:31Z").day_of_year().run(db)
    224
    """
    check_calendar(moment)
    return moment.timetuple().tm_yday


@term(133)
def hours(moment: Time) -> int:
    """The hour of a time, 0 to 23.

    >>> r.iso8601("2013-08-12T10:30:31Z").hours().run(db)
    10
    """
    return moment.hour


@term(134)
def minutes(moment: Time) -> int:
    """The minute of a time, 0 to 59.

    >>> r.iso8601("2013-08-12T10:30:31Z").minutes().run(db)
    30
    """
    return moment.minute


@term(135)
def seconds(moment: Time) -> int | float:
    """The seconds of a time with their fraction, from 0 to less than 60.

    >>> r.iso8601("2013-08-12T10:30:31.5Z").seconds().run(db)
    31.5
    """
    return seconds_of(moment.second * 1_000_000 + moment.microsecond)
