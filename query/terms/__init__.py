"""The terms, one file a chapter of the manual. Importing this package declares them all."""

from query.terms import (
    administration,
    aggregation,
    arrays,
    dates,
    documents,
    fields,
    grouping,
    logic,
    maths,
    ordering,
    selecting,
    totals,
    transformations,
    windows,
    writing,
)

__all__ = [
    "administration",
    "aggregation",
    "arrays",
    "dates",
    "documents",
    "fields",
    "grouping",
    "logic",
    "maths",
    "ordering",
    "selecting",
    "totals",
    "transformations",
    "windows",
    "writing",
]
