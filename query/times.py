"""Times made of numbers and of text, and the text of times, with the bounds and the words that RethinkDB has for them.

| what is read         | forms                                                                                     |
|----------------------|-------------------------------------------------------------------------------------------|
| date                 | `2013`, `2013-08`, `2013-08-12`, `20130812`, `2013-224`, `2013224` (the day of the year)  |
| time, after a `T`    | `10`, `10:30`, `1030`, `10:30:31`, `103031`, seconds with any number of decimals          |
| offset, after those  | `Z`, `+02:00`, `+0200`, `+02`, and with `-`; but not `-00` and not `-00:00`               |

A date without a time is midnight; `24:00` is midnight of the next day. Week dates are refused. What is made of numbers
or text is of whole milliseconds: decimals beyond them are cut off in text, numbers are rounded. The calendar reaches from
year 1400 to 9999, and offsets from -12:00 to +14:00, as in RethinkDB. Whatever else is wrong is a ReqlQueryLogicError.
"""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Final, NamedTuple, NoReturn

from query.errors import ReqlQueryLogicError
from query.values import Time

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_DAY: Final = 86_400_000_000
_FIRST_YEAR: Final = 1400
_LAST_YEAR: Final = 9999
_WEST: Final = -12 * 60
_EAST: Final = 14 * 60


# Numbers


def milliseconds(seconds: int | float) -> int:
    """Seconds as milliseconds, a half rounded away from zero.

    >>> milliseconds(1.0005), milliseconds(-2)
    (1001, -2000)
    """
    if type(seconds) is int:
        return seconds * 1000
    exact = seconds * 1000
    if not math.isfinite(exact):
        raise year_error()
    whole = math.trunc(exact)
    return whole + (1 if exact > 0 else -1) if abs(exact - whole) >= 0.5 else whole


def time_at(microseconds: int, offset_minutes: int) -> Time:
    """The moment so many microseconds after 1970, shown with an offset; an error where no calendar has its year."""
    try:
        return Time.at(microseconds, offset_minutes)
    except (OverflowError, ValueError):
        raise year_error() from None


def seconds_of(microseconds: int) -> int | float:
    """Microseconds as seconds, whole where they are."""
    return microseconds / 1_000_000 if microseconds % 1_000_000 else microseconds // 1_000_000


def epoch_seconds(moment: Time) -> int | float:
    """The seconds from 1970 to a time."""
    return seconds_of(moment.epoch_microseconds)


def time_error(what: str) -> ReqlQueryLogicError:
    """The error for a date or a time that the calendar has not."""
    return ReqlQueryLogicError(f"Error in time logic: {what}.")


def year_error() -> ReqlQueryLogicError:
    """The error for a year that the calendar has not."""
    return time_error(f"Year is out of valid range: {_FIRST_YEAR}..{_LAST_YEAR}")


def calendar_day(year: int, month: int, day: int) -> int:
    """The number of a day; an error where there is none of that year, month and day."""
    if not 1 <= day <= 31:
        raise time_error("Day of month value is out of range 1..31")
    if not 1 <= month <= 12:
        raise time_error("Month number is out of range 1..12")
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise year_error()
    try:
        return date(year, month, day).toordinal()
    except ValueError:
        raise time_error("Day of month is not valid for year") from None


def check_calendar(moment: Time) -> None:
    """Raise where the year of a time is before those of the calendar."""
    if moment.year < _FIRST_YEAR:
        raise year_error()


def on_clock(day: int, microseconds: int, offset_minutes: int) -> Time:
    """The time so long after the beginning of a day, on a clock with that offset from UTC."""
    total = (day - _EPOCH_DAY) * _DAY + microseconds - offset_minutes * 60_000_000
    return time_at(total, checked_offset(offset_minutes))


# Offsets


def checked_offset(minutes: int, seconds: int = 0) -> int:
    """An offset from UTC in minutes, if there is a place on earth that may have it."""
    if _WEST <= minutes <= _EAST:
        return minutes
    hours, rest = divmod(abs(minutes), 60)
    raise time_error(f"Offset out of range: {'-' if minutes < 0 else ''}{hours:02}:{rest:02}:{seconds:02}")


def offset_minutes(text: str) -> int:
    """The minutes of an offset from UTC: `Z`, `+02:00`, `+0200` or `+02`.

    >>> offset_minutes("-01:30")
    -90
    """
    if text in ("-00", "-00:00"):
        raise ReqlQueryLogicError(f"`{text}` is not a valid time offset.")
    if text == "Z":
        return 0
    scanner = _Scanner(text)
    sign = -1 if scanner.skip("-") else 1
    if sign > 0 and not scanner.skip("+"):
        raise ReqlQueryLogicError(f"Timezone `{text}` does not start with `-` or `+`.")
    hours = scanner.digits(2)
    if scanner.is_done:
        return sign * hours * 60
    scanner.skip(":")
    minutes = scanner.digits(2)
    scanner.finish("timezone")
    if hours > 24:
        raise ReqlQueryLogicError(f"Hours out of range in `{text}`.")
    if minutes > 59:
        raise ReqlQueryLogicError(f"Minutes out of range in `{text}`.")
    return sign * (hours * 60 + minutes)


_DEFAULT: Final = re.compile(r"([A-Za-z]*)(?:([+-]?)(\d+)(?::(\d+)(?::(\d+))?)?)?", re.ASCII)
"""A time zone of POSIX without daylight saving time: a name, and hours, minutes and seconds from UTC."""


def _default_minutes(text: str) -> int:
    """The offset of a `default_timezone`, read as loosely as RethinkDB reads it."""
    found = _DEFAULT.fullmatch(text.strip().partition(",")[0])
    if found is None:
        _refuse_zone(text)
    name, sign, hours, minutes, seconds = found.groups()
    total = int(hours or 0) * 60 + int(minutes or 0)
    total = checked_offset(-total if sign == "-" else total, int(seconds or 0))
    if name in ("", "UTC") and not total and not (hours and not name):
        raise ReqlQueryLogicError("ISO 8601 string has no time zone, and no default time zone was provided.")
    if name and not (name == "Z" and not total):
        hours, minutes = divmod(abs(total), 60)
        _refuse_zone(f"{name}{'-' if total < 0 else '+'}{hours:02}" + (f":{minutes:02}" if minutes else ""))
    if int(seconds or 0):
        _refuse_zone(text)
    return total


def _refuse_zone(text: str) -> NoReturn:
    raise ReqlQueryLogicError(f"Invalid ISO 8601 timezone: `{text}`.")


# ISO 8601


class _Scanner:
    """Reads a part of a text from left to right."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    @property
    def is_done(self) -> bool:
        return self.at >= len(self.text)

    def digits(self, count: int) -> int:
        """The number that so many digits are; there must be as many."""
        number = 0
        for _ in range(count):
            if self.is_done:
                raise ReqlQueryLogicError(
                    f"Invalid time zone string `{self.text}`. Valid time zones are `+hh:mm`, `-hh:mm`, `+hhmm`, "
                    "`-hhmm`, `+hh`, `-hh` and `Z`."
                )
            character = self.text[self.at]
            if not "0" <= character <= "9":
                raise ReqlQueryLogicError(
                    f"Invalid date string `{self.text}` (got `{character}` but expected a digit)."
                )
            number = number * 10 + int(character)
            self.at += 1
        return number

    def skip(self, character: str) -> bool:
        """Step over a character, and whether it was there."""
        if self.is_done or self.text[self.at] != character:
            return False
        self.at += 1
        return True

    def finish(self, what: str) -> None:
        """Raise for anything that is left."""
        if not self.is_done:
            raise ReqlQueryLogicError(
                f"Garbage characters `{self.text[self.at :]}` at end of {what} string `{self.text}`."
            )


class _Date(NamedTuple):
    """A date as it was read: with month and day, with the day of the year, or by week."""

    year: int
    month: int = 1
    day: int = 1
    day_of_year: int | None = None
    is_week: bool = False

    def number(self) -> int:
        """The number of the day."""
        if self.is_week:
            raise ReqlQueryLogicError(
                "Due to limitations in the boost time library we use for parsing, we cannot support ISO week dates right "
                "now.  Sorry about that!  Please use years, calendar dates, or ordinal dates instead."
            )
        if not _FIRST_YEAR <= self.year <= _LAST_YEAR:
            raise year_error()
        if self.day_of_year is None:
            if not 1 <= self.month <= 12:
                raise time_error("Month number is out of range 1..12")
            return calendar_day(self.year, self.month, self.day)
        if not 1 <= self.day_of_year <= 366:
            raise time_error("Day of year value is out of range 1..366")
        return date(self.year, 1, 1).toordinal() + self.day_of_year - 1


def _read_date(text: str) -> _Date:
    scanner = _Scanner(text)
    year = scanner.digits(4)
    if scanner.is_done:
        return _Date(year)
    first_hyphen = scanner.skip("-")
    if scanner.skip("W"):
        scanner.digits(2)
        if not scanner.is_done:
            scanner.skip("-")
            scanner.digits(1)
        scanner.finish("date")
        return _Date(year, is_week=True)
    if len(text) - scanner.at == 3:
        return _Date(year, day_of_year=scanner.digits(3))
    month = scanner.digits(2)
    if first_hyphen and scanner.is_done:
        return _Date(year, month)
    if scanner.skip("-") is not first_hyphen:
        raise ReqlQueryLogicError(f"Date string `{text}` must have 0 or 2 hyphens.")
    day = scanner.digits(2)
    scanner.finish("date")
    return _Date(year, month, day)


def _read_clock(text: str) -> tuple[int, int, int]:
    """The hours, the minutes and the milliseconds of a time."""
    scanner = _Scanner(text)
    hours = scanner.digits(2)
    if scanner.is_done:
        return hours, 0, 0
    first_colon = scanner.skip(":")
    minutes = scanner.digits(2)
    if scanner.is_done:
        return hours, minutes, 0
    if scanner.skip(":") is not first_colon:
        raise ReqlQueryLogicError(f"Time string `{text}` must have 0 or 2 colons.")
    seconds = scanner.digits(2)
    fraction = 0
    if scanner.skip("."):
        for place in range(len(text) - scanner.at):
            digit = scanner.digits(1)
            fraction += digit * 10 ** (2 - place) if place < 3 else 0
    scanner.finish("time")
    return hours, minutes, seconds * 1000 + fraction


def parse_iso8601(text: str, default_zone: str) -> Time:
    """The time that a text says; with the offset `default_zone` where it says none, which is an error where that is empty.

    >>> parse_iso8601("2013-08-12T10:30Z", "").hour
    10
    """
    day_text, has_time, rest = text.partition("T")
    day = _read_date(day_text)
    hours = minutes = thousandths = 0
    zone = ""
    if has_time:
        start = next((place for sign in "-+Z" if (place := rest.find(sign)) >= 0), len(rest))
        hours, minutes, thousandths = _read_clock(rest[:start])
        zone = rest[start:]
    offset = offset_minutes(zone) if zone else None
    number = day.number()
    if hours > 24 and minutes > 0:
        raise time_error("Bad hour value: iostream error")
    total = ((hours * 60 + minutes) * 60_000 + thousandths) * 1000
    return on_clock(number, total, _default_minutes(default_zone) if offset is None else offset)


def iso8601_text(moment: Time) -> str:
    """The text of a time: `2013-08-12T10:30:00+02:00`, with milliseconds or microseconds where it has them.

    >>> iso8601_text(Time.at(1_500_000, 120))
    '1970-01-01T02:00:01.500+02:00'
    """
    check_calendar(moment)
    exact = moment.microsecond
    fraction = f".{exact:06}" if exact % 1000 else f".{exact // 1000:03}" if exact else ""
    return (
        f"{moment.year:04}-{moment.month:02}-{moment.day:02}T{moment.hour:02}:{moment.minute:02}:{moment.second:02}"
        f"{fraction}{moment.zone}"
    )
