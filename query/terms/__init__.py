"""The terms, one file a chapter of the manual. Importing this package declares them all."""

from query.terms import selecting

__all__ = ["selecting"]
