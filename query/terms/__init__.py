"""The terms, one file a chapter of the manual. Importing this package declares them all."""

from query.terms import (
    administration,
    aggregation,
    fields,
    grouping,
    logic,
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
    "fields",
    "grouping",
    "logic",
    "ordering",
    "selecting",
    "totals",
    "transformations",
    "windows",
    "writing",
]
