"""Dates and times."""

from __future__ import annotations

from datetime import UTC, datetime

from query.registry import term
from query.runtime import Run
from query.values import Time


@term(103, on="r", deterministic=False)
def now(run: Run) -> Time:
    """The time at which the query began, in UTC; the same everywhere in a query.

    >>> (r.now() == r.now()).run(db)
    True
    """
    if run.now is None:
        run.now = Time.of(datetime.now(UTC))
    return run.now
