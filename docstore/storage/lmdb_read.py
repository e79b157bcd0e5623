"""Read transactions of the LMDB engine, and what is common to all.

They are thin: bind py-lmdb's methods once, put the space before the key, and translate what goes wrong. Speed matters more
here than anywhere else in the project, so a method asks nothing that LMDB would find out by itself: what is wrong with a
call is worked out after it has failed. A transaction that is lost without an end is ended by py-lmdb, and the gate forgets
it when it counts; so there is no `__del__`, which would cost every transaction 0.1 us.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import get_ident
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from weakref import ref

import lmdb

from docstore.errors import (
    CorruptStoreError,
    ForkedError,
    StoreError,
    StoreFullError,
    TransactionClosedError,
)
from docstore.limits import MAX_READERS
from docstore.storage.engine import MAX_KEY_BYTES, MEMBER_BYTES
from docstore.storage.entries import Entry, EntryRows, ListedRows
from docstore.storage.lmdb_scan import Bounds, Cursor, prefixes
from docstore.storage.registry import SharedStore
from docstore.storage.rows import ListRows, Rows, chunked, follow, read_through

Result = TypeVar("Result")

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Errors of a write to a disk that is full. LMDB says EIO when only a part was written."""


class _Nothing:
    """Stands in for py-lmdb's transaction when that has ended, or belongs to the parent of a fork."""

    def __init__(self, error: Callable[[], StoreError]) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        raise self._error()

    def get(self, *_: object) -> bytes:
        raise self._error()


def _ended() -> StoreError:
    return TransactionClosedError("The transaction has ended, and with it its scans.")


def _forked() -> StoreError:
    return ForkedError("The transaction was begun before a fork; the child process must open the store itself.")


ENDED: Final = _Nothing(_ended)
_ENDED_GET: Final = ENDED.get
FORKED: Final = _Nothing(_forked)


class LmdbRead:
    """See `ReadTransaction`."""

    __slots__ = ("__weakref__", "_get", "_maps", "_store", "_txn", "closed", "id", "thread")

    def __init__(self, store: SharedStore) -> None:
        self._store = store
        self.thread = get_ident()
        gate = store.gate
        gate.guests[id(self)] = ref(self)
        if gate.remapping:
            gate.wait(self)
        try:
            txn = store.environment.begin()
        except lmdb.Error as error:
            self.closed = True
            txn = self._begin_again(error)
        self._txn: Any = txn
        self.id: int = txn.id()
        self._get: Callable[..., bytes | None] = txn.get
        self._maps = store.maps
        self.closed = False

    def _begin_again(self, error: lmdb.Error, write: bool = False) -> lmdb.Transaction[bytes]:
        """Begin where it has failed once, after removing the cause."""
        store = self._store
        try:
            if isinstance(error, lmdb.MapResizedError):
                del store.gate.guests[id(self)]
                store.gate.adopt()
                store.gate.guests[id(self)] = ref(self)
            elif isinstance(error, lmdb.ReadersFullError):
                store.environment.reader_check()
            else:
                raise self._failure(error)
            return store.environment.begin(write=write)
        except lmdb.ReadersFullError as full:
            raise StoreError(
                f"{store.path} has {MAX_READERS} read transactions open in all processes, which is the most there can "
                "be. End some, or close the processes that forget to."
            ) from full
        except lmdb.Error as again:
            raise self._failure(again) from again

    def get(self, space: int, key: bytes) -> bytes | None:
        """See `ReadTransaction.get`."""
        try:
            return self._get(prefixes[space] + key, None, self._maps if space else self._store.catalog)
        except lmdb.Error as error:
            raise self._failure(error) from error

    def get_many(self, space: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `ReadTransaction.get_many`."""
        get, prefix, database = self._get, prefixes[space], self._map(space)
        try:
            return [get(prefix + key, None, database) for key in keys]
        except lmdb.Error as error:
            raise self._failure(error) from error

    @contextmanager
    def borrowed(self, space: int, keys: Sequence[bytes]) -> Iterator[list[bytes | memoryview | None]]:
        """See `ReadTransaction.borrowed`.

        py-lmdb gives out buffers for a whole transaction or not at all; so a second one of the same commit lends them,
        unless another commit has come between, or this one writes.
        """
        prefix, database = prefixes[space], self._map(space)
        lender: Any = None
        if not self.closed:
            with suppress(lmdb.Error):  # no reader is free, or the map has grown
                lender = self._store.environment.begin(buffers=True)
        try:
            if lender is None or lender.id() != self.id:
                yield list(self.get_many(space, keys))
            else:
                yield [lender.get(prefix + key, None, database) for key in keys]
        finally:
            if lender is not None:
                lender.abort()

    def scan(
        self, space: int, low: bytes = b"", high: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """See `ReadTransaction.scan`."""
        return self._rows(self._cursor(self._map(space)), Bounds(space, low, high, reverse), None)

    def read(self, space: int, key: bytes, decode: Callable[[bytes], Result]) -> Result | None:
        """See `ReadTransaction.read`."""
        data = self.get(space, key)
        return None if data is None else decode(data)

    def rows(self, space: int, keys: Sequence[bytes]) -> Rows:
        """See `ReadTransaction.rows`."""
        return ListRows(self.get_many(space, keys))

    def read_through(self, keys: int, key: bytes, space: int, decode: Callable[[bytes], Result]) -> Result | None:
        """See `ReadTransaction.read_through`."""
        return read_through(self.get, keys, key, space, decode)

    def follow(self, rows: Rows, space: int) -> Rows:
        """See `ReadTransaction.follow`."""
        return follow(rows, lambda keys: self.get_many(space, keys))

    def scan_rows(self, space: int, low: bytes = b"", high: bytes | None = None) -> Iterator[Rows]:
        """See `ReadTransaction.scan_rows`."""
        return chunked(self.scan(space, low, high))

    def scan_entries(
        self,
        space: int,
        low: bytes = b"",
        high: bytes | None = None,
        *,
        reverse: bool = False,
        after: tuple[bytes, bytes] | None = None,
    ) -> Iterator[tuple[bytes, bytes]]:
        """See `ReadTransaction.scan_entries`."""
        return self._entries(self._cursor(self._store.multimaps), Bounds(space, low, high, reverse), after)

    def entry_rows(
        self,
        space: int,
        rows: int,
        low: bytes = b"",
        high: bytes | None = None,
        *,
        reverse: bool = False,
        after: tuple[bytes, bytes] | None = None,
    ) -> EntryRows:
        """See `ReadTransaction.entry_rows`."""
        entries = self.scan_entries(space, low, high, reverse=reverse, after=after)
        return ListedRows(entries, lambda keys: self.rows(rows, keys), MAX_KEY_BYTES)

    def members(self, space: int, key: bytes) -> Iterator[bytes]:
        """See `ReadTransaction.members`."""
        return self._members(self._cursor(self._store.multimaps), prefixes[space] + key)

    def count_members(self, space: int, key: bytes) -> int:
        """See `ReadTransaction.count_members`."""
        cursor = self._cursor(self._store.multimaps)
        return cursor.count() if cursor.set_key(prefixes[space] + key) else 0

    def abort(self) -> None:
        """See `ReadTransaction.abort`."""
        if not self.closed:
            self.closed = True
            self._txn.abort()
            # py-lmdb gives the reader's slot back only when its object goes.
            self._txn, self._get = ENDED, _ENDED_GET
            store = self._store
            del store.gate.guests[id(self)]
            if not store.holders:
                store.dispose_if_unused()

    def check_open(self) -> None:
        """TransactionClosedError once it has ended; ForkedError in the child of a fork."""
        if self.closed:
            raise _forked() if self._store.forked else _ended()

    def mark_forked(self) -> Any:
        """Make every use an error; what is returned must be kept alive for ever."""
        kept = self._txn
        self._txn, self._get = FORKED, FORKED.get
        self.closed = True
        return kept

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    # Parts

    def _map(self, space: int) -> lmdb._Database:
        return self._maps if space else self._store.catalog

    def _cursor(self, database: lmdb._Database) -> Cursor:
        try:
            cursor: Cursor = self._txn.cursor(database)
        except lmdb.Error as error:
            raise self._failure(error) from error
        return cursor

    def _rows(self, cursor: Cursor, bounds: Bounds, after: Entry | None) -> Iterator[Entry]:
        try:
            if bounds.place(cursor, after):
                yield from bounds.iterate(cursor)
        except lmdb.Error as error:
            raise self._failure(error) from error

    def _entries(self, cursor: Cursor, bounds: Bounds, after: Entry | None) -> Iterator[Entry]:
        return self._rows(cursor, bounds, after)

    def _members(self, cursor: Cursor, raw_key: bytes) -> Iterator[bytes]:
        try:
            if cursor.set_key(raw_key):
                yield from cursor.iternext_dup()
        except lmdb.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: lmdb.Error) -> Exception:
        """What an error of LMDB means here."""
        path = self._store.path
        if self.closed and error.code == 0:
            return _forked() if self._store.forked else _ended()
        if isinstance(error, lmdb.BadValsizeError):
            return ValueError(f"A key has at most {MAX_KEY_BYTES} bytes, a member {MEMBER_BYTES}.")
        if isinstance(error, (lmdb.CorruptedError, lmdb.PageNotFoundError)):
            return CorruptStoreError(f"{path} is damaged: {error}.")
        if error.code in _FULL:
            return StoreFullError(f"The disk of {path} is full ({error}). Nothing of this transaction was written.")
        return StoreError(f"{path}: {error}")
