"""Transactions of the LMDB engine.

They are thin: bind py-lmdb's methods once, put the space before the key, and translate what goes wrong. Speed matters more
here than anywhere else in the project, so a method asks nothing that LMDB would find out by itself: what is wrong with a
call is worked out after it has failed.

**Write transactions and scans.** A scan over a multimap in a write transaction places its cursor anew after each write:
py-lmdb's iterators repeat an entry now and then when members behind them are deleted (5 of 300 random trials). Scans of
maps do not have this fault.

**A full map** poisons a transaction for LMDB: it raises `GrowNeeded`, and again at every further use.

**Interrupts.** A KeyboardInterrupt may come just after LMDB has committed. `committed` then still tells the truth: the
number of the last commit is compared while the write lock is held.
"""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import get_ident
from types import TracebackType
from typing import Any, Final, Self
from weakref import ref

import lmdb

from docstore.errors import (
    CorruptStoreError,
    ForkedError,
    StoreError,
    StoreFullError,
    TransactionClosedError,
    TransactionError,
)
from docstore.limits import MAX_READERS
from docstore.storage import lmdb_scan as scans
from docstore.storage.engine import MAX_KEY_BYTES, MAX_MEMBER_BYTES, GrowNeeded, check_member
from docstore.storage.lmdb_scan import prefixes
from docstore.storage.registry import SharedStore

_write_ids: Final = itertools.count(-1, -1)
_lost: Final[list[Any]] = []

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Errors of a write to a disk that is full. LMDB says EIO when only a part was written."""


class _Forked:
    """Stands in for py-lmdb's transaction in the child of a fork."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __getattr__(self, name: str) -> Any:
        raise _forked(self._path)

    def get(self, *_: object) -> bytes:
        raise _forked(self._path)


def _forked(path: str) -> ForkedError:
    return ForkedError(f"{path} was opened before a fork; the child process must open it itself.")


class LmdbRead:
    """See `ReadTransaction`."""

    __slots__ = ("__weakref__", "_get", "_maps", "_store", "_txn", "closed", "thread")

    def __init__(self, store: SharedStore) -> None:
        self.closed = True
        self._store = store
        self.thread = get_ident()
        gate = store.gate
        gate.guests[id(self)] = ref(self)
        if gate.remapping:
            gate.wait(self)
        try:
            txn = store.environment.begin()
        except lmdb.Error as error:
            txn = self._begin_again(error)
        self._txn: Any = txn
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

    @property
    def id(self) -> int:
        """See `ReadTransaction.id`."""
        return int(self._txn.id())

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

    def scan(
        self, space: int, low: bytes = b"", high: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """See `ReadTransaction.scan`."""
        return self._scan(self._cursor(self._map(space)), space, low, high, reverse, None)

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
        return self._scan(self._cursor(self._store.multimaps), space, low, high, reverse, after)

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
            self._txn.abort()
            self._leave()

    def mark_forked(self) -> Any:
        """Make every use an error; what is returned must be kept alive for ever."""
        kept, forked = self._txn, _Forked(self._store.path)
        self._txn = forked
        self._get = forked.get
        self.closed = True
        return kept

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def __del__(self) -> None:
        if not self.closed:
            self.abort()
        elif self._store.gate.guests.get(id(self)) is not None:
            del self._store.gate.guests[id(self)]

    # Parts

    def _leave(self) -> None:
        self.closed = True
        store = self._store
        del store.gate.guests[id(self)]
        if not store.holders:
            store.dispose_if_unused()

    def _map(self, space: int) -> lmdb._Database:
        return self._maps if space else self._store.catalog

    def _cursor(self, database: lmdb._Database) -> scans.Cursor:
        try:
            cursor: scans.Cursor = self._txn.cursor(database)
        except lmdb.Error as error:
            raise self._failure(error) from error
        return cursor

    def _scan(
        self,
        cursor: scans.Cursor,
        space: int,
        low: bytes,
        high: bytes | None,
        reverse: bool,
        after: tuple[bytes, bytes] | None,
    ) -> Iterator[tuple[bytes, bytes]]:
        bounds = scans.Bounds(space, low, high, reverse)
        try:
            if bounds.place(cursor, after):
                yield from bounds.iterate(cursor)
        except lmdb.Error as error:
            raise self._failure(error) from error

    def _members(self, cursor: scans.Cursor, raw_key: bytes) -> Iterator[bytes]:
        try:
            if cursor.set_key(raw_key):
                yield from cursor.iternext_dup()
        except lmdb.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: lmdb.Error) -> Exception:
        """What an error of LMDB means here."""
        path = self._store.path
        if self.closed and error.code == 0:
            return self._ended()
        if isinstance(error, lmdb.BadValsizeError):
            return ValueError(f"A key has at most {MAX_KEY_BYTES} bytes, a member 1 to {MAX_MEMBER_BYTES}.")
        if isinstance(error, (lmdb.CorruptedError, lmdb.PageNotFoundError)):
            return CorruptStoreError(f"{path} is damaged: {error}.")
        if error.code in _FULL:
            return StoreFullError(f"The disk of {path} is full ({error}). Nothing of this transaction was written.")
        return StoreError(f"{path}: {error}")

    def _ended(self) -> StoreError:
        if self._store.forked:
            return _forked(self._store.path)
        return TransactionClosedError("The transaction has ended, and with it its scans.")


class LmdbWrite(LmdbRead):
    """See `WriteTransaction`. The caller of a transaction without parent holds the write lock, which its end releases."""

    __slots__ = ("_delete", "_full", "_nested", "_number", "_parent", "_put", "committed", "id", "write_count")

    def __init__(self, store: SharedStore, parent: LmdbWrite | None = None) -> None:
        self.closed = True
        self.committed = False
        self.thread = get_ident()
        self._store = store
        self._parent = parent
        self._nested: LmdbWrite | None = None
        self._full = False
        gate = store.gate
        gate.guests[id(self)] = ref(self)
        if gate.remapping:
            gate.wait(self)
        try:
            txn = store.environment.begin(write=True, parent=None if parent is None else parent._txn)
        except lmdb.Error as error:
            if parent is not None:
                raise parent._failure(error) from error
            txn = self._begin_again(error, write=True)
        self._txn: Any = txn
        self._number = txn.id()
        self._get, self._put, self._delete = txn.get, txn.put, txn.delete
        self._maps = store.maps
        self.id: int = next(_write_ids)
        self.write_count: int = 0 if parent is None else parent.write_count
        self.closed = False

    def put(self, space: int, key: bytes, value: bytes) -> None:
        """See `WriteTransaction.put`."""
        self.write_count += 1
        try:
            self._put(prefixes[space] + key, value, True, True, False, self._map(space))
        except lmdb.Error as error:
            raise self._failure(error) from error

    def put_new(self, space: int, key: bytes, value: bytes) -> bool:
        """See `WriteTransaction.put_new`."""
        self.write_count += 1
        try:
            return bool(self._put(prefixes[space] + key, value, True, False, False, self._map(space)))
        except lmdb.Error as error:
            raise self._failure(error) from error

    def put_many(self, space: int, items: Sequence[tuple[bytes, bytes]]) -> None:
        """See `WriteTransaction.put_many`."""
        self.write_count += 1
        prefix = prefixes[space]
        try:
            self._txn.cursor(self._map(space)).putmulti([(prefix + key, value) for key, value in items])
        except lmdb.Error as error:
            raise self._failure(error) from error

    def delete(self, space: int, key: bytes) -> bool:
        """See `WriteTransaction.delete`."""
        self.write_count += 1
        try:
            return bool(self._delete(prefixes[space] + key, b"", self._map(space)))
        except lmdb.Error as error:
            raise self._failure(error) from error

    def add(self, space: int, key: bytes, member: bytes) -> bool:
        """See `WriteTransaction.add`."""
        check_member(member)
        self.write_count += 1
        try:
            return bool(self._put(prefixes[space] + key, member, False, True, False, self._store.multimaps))
        except lmdb.Error as error:
            raise self._failure(error) from error

    def add_many(self, space: int, entries: Sequence[tuple[bytes, bytes]]) -> int:
        """See `WriteTransaction.add_many`."""
        for _, member in entries:
            check_member(member)
        self.write_count += 1
        prefix = prefixes[space]
        raw = [(prefix + key, member) for key, member in entries]
        try:
            return int(self._txn.cursor(self._store.multimaps).putmulti(raw, dupdata=False)[1])
        except lmdb.Error as error:
            raise self._failure(error) from error

    def remove(self, space: int, key: bytes, member: bytes) -> bool:
        """See `WriteTransaction.remove`."""
        check_member(member)  # LMDB takes an empty one for "all members"
        self.write_count += 1
        try:
            return bool(self._delete(prefixes[space] + key, member, self._store.multimaps))
        except lmdb.Error as error:
            raise self._failure(error) from error

    def remove_many(self, space: int, entries: Iterable[tuple[bytes, bytes]]) -> int:
        """See `WriteTransaction.remove_many`."""
        return sum([self.remove(space, key, member) for key, member in entries])

    def members(self, space: int, key: bytes) -> Iterator[bytes]:
        """See `ReadTransaction.members`; by way of the scan, which knows about writes."""
        entries = self.scan_entries(space, key, key + b"\0")
        return (member for _, member in entries)

    def savepoint(self) -> LmdbWrite:
        """See `WriteTransaction.savepoint`."""
        if self.closed:
            raise self._ended()
        nested = self._nested = LmdbWrite(self._store, self)
        return nested

    def commit(self) -> None:
        """See `WriteTransaction.commit`."""
        if self.closed:
            raise self._ended()
        if self._has_open_savepoint():
            raise TransactionError("A savepoint of this transaction is open; end it first.")
        try:
            self._txn.commit()
            self.committed = self.write_count > 0
        except lmdb.Error as error:
            raise self._failure(error) from error
        finally:
            self._end()

    def abort(self) -> None:
        """See `ReadTransaction.abort`."""
        if self.closed:
            return
        if self.thread != get_ident():
            raise TransactionError("A write transaction belongs to the thread that began it, and can only end there.")
        if self._nested is not None:
            self._nested.abort()
        try:
            self._txn.abort()
        finally:
            self._end()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self.closed:
            self.commit()
        else:
            self.abort()

    def __del__(self) -> None:
        if not self.closed and self.thread != get_ident():
            # LMDB's mutex can be unlocked by its own thread only: keep the lock, rather than break it.
            _lost.append(self._txn)
        else:
            super().__del__()

    # Parts

    def _end(self) -> None:
        """Nothing of the transaction is left in LMDB: tell the parent, or let the next writer in."""
        if self.closed:
            return
        parent, store = self._parent, self._store
        if parent is not None:
            parent.write_count, parent._nested = self.write_count, None
        elif not self.committed and self.write_count:
            self.committed = store.environment.info()["last_txnid"] >= self._number
        self._leave()
        if parent is None and store.lock is not None:
            store.lock.release()

    def _has_open_savepoint(self) -> bool:
        return self._nested is not None and not self._nested.closed

    def _scan(
        self,
        cursor: scans.Cursor,
        space: int,
        low: bytes,
        high: bytes | None,
        reverse: bool,
        after: tuple[bytes, bytes] | None,
    ) -> Iterator[tuple[bytes, bytes]]:
        if cursor.db is not self._store.multimaps:
            yield from super()._scan(cursor, space, low, high, reverse, after)
            return
        bounds = scans.Bounds(space, low, high, reverse)
        try:
            while bounds.place(cursor, after):
                count = self.write_count
                for entry in bounds.iterate(cursor):
                    yield entry
                    if self.write_count != count:
                        after = entry
                        break
                else:
                    return
        except lmdb.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: lmdb.Error) -> Exception:
        if isinstance(error, lmdb.MapFullError):
            self._full = True
            self._store.gate.note_full()
        elif isinstance(error, lmdb.BadTxnError) and self._has_open_savepoint():
            return TransactionError("A savepoint of this transaction is open, and must end before it is used again.")
        if self._full:
            return GrowNeeded(
                f"The memory map of {self._store.path} is full. The transaction is undone; it grows when the next one "
                "begins, so run it again."
            )
        return super()._failure(error)
