"""The default engine: one LMDB file, for any number of threads and processes of one machine.

The parts: `place.py` says whether a path can be a store, `registry.py` opens each file once per process, `lock.py` is the
write lock, `soft.py` keeps groups of soft writes, `mapsize.py` lets the map grow, `lmdb_scan.py`, `lmdb_read.py` and
`lmdb_write.py` do the work. The bytes of the file are described in `registry.py`.

An `LmdbEngine` is one holder of a store, may be used by any thread, and needs no lock of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from threading import get_ident
from typing import TYPE_CHECKING, TypeVar
from weakref import ref

import lmdb

from docstore import native
from docstore.errors import ClosedError, ForkedError, ReadOnlyError, StoreError, TransactionError
from docstore.limits import BUSY_TIMEOUT_SECONDS, SOFT_ROOM_BYTES
from docstore.storage.copying import copy_records
from docstore.storage.engine import GrowNeeded, Manner, Watch, WriteTransaction
from docstore.storage.lmdb_read import LmdbRead
from docstore.storage.lmdb_scan import prefixes
from docstore.storage.lmdb_write import LmdbWrite
from docstore.storage.place import check_new_place
from docstore.storage.registry import SharedStore, acquire_store

if TYPE_CHECKING:
    from docstore.native.points import Point

__all__ = ["LmdbEngine", "open_lmdb"]

if native.AVAILABLE:
    from docstore.storage.lmdb_native import NativeRead

Result = TypeVar("Result")


class LmdbEngine:
    """See `Engine`."""

    def __init__(self, store: SharedStore, path: str, *, read_only: bool, busy_timeout: float) -> None:
        self.path: str | None = path
        self._store = store
        self._read_only = read_only
        self._busy_timeout = busy_timeout
        self.closed = False
        """Whether `close` was called."""
        self._writer: Callable[[], LmdbWrite | None] = lambda: None

    @property
    def has_waiters(self) -> bool:
        """See `Engine.has_waiters`."""
        lock = self._store.lock
        return lock is not None and lock.threads.has_waiters

    @property
    def is_writing_here(self) -> bool:
        """See `Engine.is_writing_here`."""
        if self._store.forked:
            raise self._unusable()
        lock = self._store.lock
        return lock is not None and lock.threads.owner == get_ident()

    def begin_read(self) -> LmdbRead:
        """See `Engine.begin_read`."""
        store = self._store
        if self.closed or store.forked:
            raise self._unusable()
        if store.soft.group is not None:
            store.soft.settle()
        return NativeRead(store) if store.map_address else LmdbRead(store)

    def point(self, watch: Watch, catalog: object, keys: int, space: int, manner: Manner) -> Point | None:
        """See `Engine.point`."""
        if not native.AVAILABLE:
            return None
        return native.points.Point(watch, catalog, self, self._store, prefixes[keys], prefixes[space], manner)

    def begin_write(self, timeout_seconds: float | None = None) -> LmdbWrite:
        """See `Engine.begin_write`."""
        if self.closed or self._store.forked:
            raise self._unusable()
        if self._store.soft.group is not None:
            self._store.soft.hurry()
        return self._begin_write(timeout_seconds)

    def run_soft(
        self,
        closure: Callable[[WriteTransaction], Result],
        timeout_seconds: float | None = None,
        *,
        at_once: bool = False,
    ) -> Result:
        """See `Engine.run_soft`."""
        store = self._store
        if self.closed or store.forked:
            raise self._unusable()
        if store.lock is not None and store.lock.threads.owner == get_ident():
            raise TransactionError("This thread has a write transaction open; write in that one.")
        seconds = self._busy_timeout if timeout_seconds is None else timeout_seconds
        return store.soft.run(self, closure, seconds, at_once=at_once)

    def begin_soft(self, timeout_seconds: float) -> LmdbWrite:
        """See `soft.Beginner`."""
        known = self._store.environment.info()
        if known["map_size"] - known["last_pgno"] * self._store.page_bytes < SOFT_ROOM_BYTES:
            raise GrowNeeded("The memory map has too little room for a group of soft writes.")
        return self._begin_write(timeout_seconds)

    def lock_is_wanted(self) -> bool:
        """See `soft.Beginner`."""
        lock = self._store.lock
        return lock is None or lock.may_have_waiters

    def begin_snapshot(self) -> LmdbRead:
        """See `soft.Beginner`."""
        store = self._store
        return NativeRead(store) if store.map_address else LmdbRead(store)

    def begin_next(self) -> LmdbWrite:
        """See `soft.Beginner`."""
        self._store.forget_dead_readers()
        return LmdbWrite(self._store)

    def release_lock(self) -> None:
        """See `soft.Beginner`."""
        store = self._store
        if store.lock is not None:
            store.lock.release(get_ident())
        if not store.holders:
            store.dispose_if_unused()

    def _begin_write(self, timeout_seconds: float | None) -> LmdbWrite:
        store, lock = self._store, self._store.lock
        if self._read_only or lock is None:
            why = "was opened for reading only" if self._read_only else "is a file that this user may not write"
            raise ReadOnlyError(f"{self.path} {why}.")
        me = get_ident()
        if store.lost_writes:
            store.end_lost_writes()
        if lock.threads.owner == me:
            raise TransactionError("This thread has a write transaction open; a second one would wait for it for ever.")
        if store.gate.is_full:
            store.gate.grow()
        transaction = None
        try:
            lock.acquire(self._busy_timeout if timeout_seconds is None else timeout_seconds)
            store.forget_dead_readers()
            transaction = LmdbWrite(store)
            self._writer = ref(transaction)
            return transaction
        except BaseException:
            # Not only for errors: an interrupt may come between any two steps.
            if transaction is not None:
                transaction.abort()
            lock.release(me)
            raise

    def abandon_write(self) -> None:
        """See `Engine.abandon_write`."""
        writer = self._writer()
        if writer is not None and writer.thread == get_ident():
            writer.abort()
        self._store.end_lost_writes()

    def grow(self) -> None:
        """See `Engine.grow`."""
        self._store.gate.grow()

    def sync(self) -> None:
        """See `Engine.sync`."""
        if self.closed or self._store.forked:
            raise self._unusable()
        self._store.soft.settle()
        if self._store.lock is not None:
            self._store.environment.sync(True)

    def copy_to(self, path: str) -> None:
        """See `Engine.copy_to`."""
        where = os.path.abspath(path)  # noqa: PTH100 - links stay as they are
        check_new_place(where)
        unfinished = f"{where}-unfinished"
        try:
            with self.begin_read():  # no change of the map meanwhile
                copy_records(self._store, unfinished)
            os.link(unfinished, where)  # which fails where somebody has made the file by now
        except (OSError, lmdb.Error) as error:
            raise StoreError(f"{self.path} cannot be copied to {where}: {error}.") from error
        finally:
            with suppress(FileNotFoundError):
                os.unlink(unfinished)  # noqa: PTH108 - the path is a string throughout

    def size_bytes(self) -> int:
        """See `Engine.size_bytes`."""
        return os.stat(self._store.path).st_size  # noqa: PTH116 - the path is a string throughout

    def close(self) -> None:
        """See `Engine.close`. Transactions that are open go on until they end."""
        if not self.closed:
            self.closed = True
            if not self._store.forked:
                try:
                    self._store.soft.settle()
                finally:
                    self._store.release()

    def __del__(self) -> None:
        if not self.closed:
            self.closed = True
            if not self._store.forked:
                self._store.release()  # the collector may have stopped anybody: nothing here may wait

    def _unusable(self) -> ClosedError | ForkedError:
        if self._store.forked:
            return ForkedError(f"{self.path} was opened before a fork; the child process must open it itself.")
        return ClosedError(f"{self.path} is closed.")


def open_lmdb(
    path: str | os.PathLike[str],
    *,
    create: bool = True,
    read_only: bool = False,
    busy_timeout: float = BUSY_TIMEOUT_SECONDS,
    initial_map_bytes: int | None = None,
    sync: bool = True,
) -> LmdbEngine:
    """Open the store in a file, or make one.

    - `create=False` or `read_only=True`: a store that does not exist is a NotAStoreError.
    - `busy_timeout`: seconds that a write waits for the lock, and a growing map for open transactions.
    - `initial_map_bytes`: address space to begin with, instead of `MAP_BYTES`.
    - `sync=False`: commits do not wait for the disk, and a power failure may destroy the store. For tests.

    The last two count for the first holder of a store in a process only.
    """
    where = os.path.abspath(os.fspath(path))  # noqa: PTH100 - links stay as they are
    store = acquire_store(
        where,
        create=create and not read_only,
        read_only=read_only,
        map_bytes=initial_map_bytes,
        sync=sync,
        busy_timeout=busy_timeout,
    )
    return LmdbEngine(store, where, read_only=read_only, busy_timeout=busy_timeout)
