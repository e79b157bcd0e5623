"""The terms, one file a chapter of the manual. Importing this package declares them all."""

from query.terms import aggregation, grouping, ordering, selecting, totals, transformations, windows

__all__ = ["aggregation", "grouping", "ordering", "selecting", "totals", "transformations", "windows"]
