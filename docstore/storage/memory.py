"""The engine in memory: for stores that nobody wants to keep, and as the model that the tests compare LMDB with.

In reading order: `versions.py`, a table that keeps old values; `memory_state.py`, what transactions share;
`memory_transaction.py`. An engine may be used by any thread.

The child of a fork has a copy of every engine, whose locks other threads of the parent may hold for ever, and what it
wrote to it nobody would see: any use there is a ForkedError, as of a store in a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakSet, ref

from docstore.errors import BusyError, ClosedError, ForkedError, StoreError, TransactionError
from docstore.limits import BUSY_TIMEOUT_SECONDS
from docstore.storage.engine import Manner, Watch, WriteTransaction
from docstore.storage.memory_state import MemoryState
from docstore.storage.memory_transaction import MemorySnapshot, MemoryWrite

if TYPE_CHECKING:
    from docstore.native.points import Point

__all__ = ["MemoryEngine", "open_memory"]

Result = TypeVar("Result")


class MemoryEngine:
    """See `Engine`."""

    path: str | None = None

    def __init__(self, busy_timeout: float) -> None:
        self.state = MemoryState()
        self._busy_timeout = busy_timeout
        self._closed = False
        self._forked = False
        _engines.add(self)
        self._writer: Callable[[], MemoryWrite | None] = lambda: None

    @property
    def has_waiters(self) -> bool:
        """See `Engine.has_waiters`."""
        return self.state.lock.has_waiters

    @property
    def is_writing_here(self) -> bool:
        """See `Engine.is_writing_here`."""
        return self.state.lock.owner == get_ident()

    def begin_read(self) -> MemorySnapshot:
        """See `Engine.begin_read`."""
        self._check_open()
        return MemorySnapshot(self.state, self.state.begin_read())

    def point(self, watch: Watch, catalog: object, keys: int, space: int, manner: Manner) -> Point | None:
        """See `Engine.point`."""
        return None

    def begin_write(self, timeout_seconds: float | None = None) -> MemoryWrite:
        """See `Engine.begin_write`."""
        self._check_open()
        me = get_ident()
        self.state.free_lost()
        if self.state.lock.owner == me:
            raise TransactionError("This thread has a write transaction open; a second one would wait for it for ever.")
        seconds = self._busy_timeout if timeout_seconds is None else timeout_seconds
        transaction = None
        try:
            if not self.state.lock.acquire(seconds):
                raise BusyError(f"Waited {seconds:.3g} s to write, while another thread held the store's write lock.")
            self.state.bury_lost()
            transaction = MemoryWrite(self.state, self.state.last + 1)
            self._writer = ref(transaction)
            return transaction
        except BaseException:
            # Not only for errors: an interrupt may come between any two steps.
            if transaction is not None:
                transaction.abort()
            self.state.lock.release(me)
            raise

    def run_soft(
        self,
        closure: Callable[[WriteTransaction], Result],
        timeout_seconds: float | None = None,
        *,
        at_once: bool = False,
    ) -> Result:
        """See `Engine.run_soft`; a commit costs nothing here."""
        with self.begin_write(timeout_seconds) as transaction:
            return closure(transaction)

    def abandon_write(self) -> None:
        """See `Engine.abandon_write`."""
        writer = self._writer()
        if writer is not None and writer.thread == get_ident():
            writer.abort()
        self.state.free_lost()

    def grow(self) -> None:
        """See `Engine.grow`; memory has no map that could be full."""

    def sync(self) -> None:
        """See `Engine.sync`; there is no disk."""

    def copy_to(self, path: str) -> None:
        """See `Engine.copy_to`."""
        raise StoreError("A store in memory has no file, and cannot be copied to one.")

    def size_bytes(self) -> int:
        """See `Engine.size_bytes`: of keys, values and members, without what Python adds."""
        return sum(table.size_bytes() for table in self.state.tables())

    def close(self) -> None:
        """See `Engine.close`."""
        self._closed = True

    def mark_forked(self) -> None:
        """In the child of a fork: refuse any use from now on."""
        self._forked = True

    def _check_open(self) -> None:
        if self._forked:
            raise ForkedError("The store in memory was made before a fork; the child process must make its own.")
        if self._closed:
            raise ClosedError("The store in memory is closed.")


_engines: WeakSet[MemoryEngine] = WeakSet()


def _after_fork_in_child() -> None:
    for engine in list(_engines):
        engine.mark_forked()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork_in_child)


def open_memory(*, busy_timeout: float = BUSY_TIMEOUT_SECONDS) -> MemoryEngine:
    """A new, empty store in memory; `busy_timeout`: seconds that a write waits for another thread's."""
    return MemoryEngine(busy_timeout)
