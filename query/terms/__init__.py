"""The terms, one file a chapter of the manual. Importing this package declares them all."""

from query.terms import (
    administration,
    aggregation,
    grouping,
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
    "grouping",
    "ordering",
    "selecting",
    "totals",
    "transformations",
    "windows",
    "writing",
]
