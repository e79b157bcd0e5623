"""The calendar: the days of the week and the months, as the numbers that `day_of_week` and `month` give."""

from __future__ import annotations

from query.registry import term


@term(107, on="r", constant=True)
def monday() -> int:
    """Monday as a day of the week: 1.

    >>> r.monday.run(db)
    1
    """
    return 1


@term(108, on="r", constant=True)
def tuesday() -> int:
    """Tuesday as a day of the week: 2.

    >>> r.tuesday.run(db)
    2
    """
    return 2


@term(109, on="r", constant=True)
def wednesday() -> int:
    """Wednesday as a day of the week: 3.

    >>> r.wednesday.run(db)
    3
    """
    return 3


@term(110, on="r", constant=True)
def thursday() -> int:
    """Thursday as a day of the week: 4.

    >>> r.thursday.run(db)
    4
    """
    return 4


@term(111, on="r", constant=True)
def friday() -> int:
    """Friday as a day of the week: 5.

    >>> r.friday.run(db)
    5
    """
    return 5


@term(112, on="r", constant=True)
def saturday() -> int:
    """Saturday as a day of the week: 6.

    >>> r.saturday.run(db)
    6
    """
    return 6


@term(113, on="r", constant=True)
def sunday() -> int:
    """Sunday as a day of the week: 7.

    >>> r.sunday.run(db)
    7
    """
    return 7


@term(114, on="r", constant=True)
def january() -> int:
    """January as a month: 1.

    >>> r.january.run(db)
    1
    """
    return 1


@term(115, on="r", constant=True)
def february() -> int:
    """February as a month: 2.

    >>> r.february.run(db)
    2
    """
    return 2


@term(116, on="r", constant=True)
def march() -> int:
    """March as a month: 3.

    >>> r.march.run(db)
    3
    """
    return 3


@term(117, on="r", constant=True)
def april() -> int:
    """April as a month: 4.

    >>> r.april.run(db)
    4
    """
    return 4


@term(118, on="r", constant=True)
def may() -> int:
    """May as a month: 5.

    >>> r.may.run(db)
    5
    """
    return 5


@term(119, on="r", constant=True)
def june() -> int:
    """June as a month: 6.

    >>> r.june.run(db)
    6
    """
    return 6


@term(120, on="r", constant=True)
def july() -> int:
    """July as a month: 7.

    >>> r.july.run(db)
    7
    """
    return 7


@term(121, on="r", constant=True)
def august() -> int:
    """August as a month: 8.

    >>> r.august.run(db)
    8
    """
    return 8


@term(122, on="r", constant=True)
def september() -> int:
    """September as a month: 9.

    >>> r.september.run(db)
    9
    """
    return 9


@term(123, on="r", constant=True)
def october() -> int:
    """October as a month: 10.

    >>> r.october.run(db)
    10
    """
    return 10


@term(124, on="r", constant=True)
def november() -> int:
    """November as a month: 11.

    >>> r.november.run(db)
    11
    """
    return 11


@term(125, on="r", constant=True)
def december() -> int:
    """December as a month: 12.

    >>> r.december.run(db)
    12
    """
    return 12
