"""The errors of a store, beside those of the language. All are `ReqlError`s, so one `except` catches both.

A message says what was expected, what was found, and where.
"""

from __future__ import annotations

from query.errors import ReqlDriverError, ReqlOpFailedError, ReqlTimeoutError

__all__ = [
    "BusyError",
    "ClosedError",
    "CorruptStoreError",
    "ForkedError",
    "NewerFormatError",
    "NotAStoreError",
    "OlderFormatError",
    "ReadOnlyError",
    "SoftWritesLostError",
    "StoreError",
    "StoreFullError",
    "TransactionClosedError",
    "TransactionError",
]


class StoreError(ReqlDriverError):
    """Something about the store itself is wrong."""


class NotAStoreError(StoreError):
    """The path does not hold a store and cannot be made one."""


class NewerFormatError(StoreError):
    """A later version of this library wrote the store, in a form that this version cannot read."""


class OlderFormatError(StoreError):
    """An earlier version of this library wrote the store, in a form that this version does not read any more."""


class CorruptStoreError(StoreError):
    """The store's bytes are not what its format promises."""


class ClosedError(StoreError):
    """The connection or the store was used after it was closed."""


class ForkedError(StoreError):
    """The store was opened before a fork and used in the child; the child must open its own."""


class TransactionError(StoreError):
    """A transaction was begun or used where it cannot be."""


class TransactionClosedError(TransactionError):
    """A transaction, or a cursor of it, was used after its end."""


class BusyError(StoreError, ReqlTimeoutError):
    """Another thread or process kept the write lock for longer than `busy_timeout`."""


class ReadOnlyError(StoreError, ReqlOpFailedError):
    """A write to a store, a snapshot or a place that is open for reading only."""


class SoftWritesLostError(StoreError, ReqlOpFailedError):
    """Writes with soft durability, answered in the last moments, could not be committed; the store is whole."""


class StoreFullError(StoreError, ReqlOpFailedError):
    """The disk, or the address space for the store, is full; what the transaction wrote is gone, the store is whole."""
