"""Who may write: one lock in two halves, both of which can time out, in front of LMDB's own mutex, which cannot.

- `FifoLock` orders the threads of this process: a release hands the lock to the thread that has waited longest. A plain
  `Lock` would let a thread that writes in a loop take it again and again while others starve.
- `ProcessLock` keeps other processes out. It holds `flock` on a descriptor of the data file that belongs to nobody else:
  LMDB's own locks are `fcntl` locks on the `-lock` file, which closing this descriptor does not touch. The kernel gives
  the lock back when its holder dies. So that a process which writes in a loop does not starve the others, a writer first
  passes a turnstile (an OFD lock on a byte far behind the data), held by whoever is next; where the platform has none,
  the order between processes is left to chance.

A lock knows the thread that holds it, so that a thread which asks twice gets an error and not a deadlock. An interrupt
while waiting leaves everything as if the thread had never asked.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, get_ident
from typing import Final

from docstore.errors import BusyError, TransactionError
from docstore.limits import POLL_MAX_SECONDS, POLL_MIN_SECONDS

_SET_OFD: Final[int | None] = getattr(fcntl, "F_OFD_SETLK", None)
_TURNSTILE_BYTE: Final = 2**62


class FifoLock:
    """A lock of threads that serves them in the order of their arrival."""

    def __init__(self) -> None:
        self._mutex = Lock()
        self._waiting: deque[_Ticket] = deque()
        self.owner: int | None = None

    @property
    def has_waiters(self) -> bool:
        """Whether another thread of this process waits for the lock."""
        return bool(self._waiting)

    def acquire(self, timeout_seconds: float) -> bool:
        """Wait for the lock; whether it came in time."""
        me = get_ident()
        if self.owner == me:
            raise TransactionError("This thread has a write transaction open; a second one would wait for it for ever.")
        with self._mutex:
            if self.owner is None:
                self.owner = me
                return True
            ticket = _Ticket(me)
            self._waiting.append(ticket)
        try:
            if ticket.turn.acquire(timeout=max(0.0, timeout_seconds)):
                return True
        except BaseException:
            if not self._withdraw(ticket):
                self.release()
            raise
        return not self._withdraw(ticket)

    def release(self) -> None:
        """Hand the lock to whoever waits longest."""
        with self._mutex:
            if self._waiting:
                ticket = self._waiting.popleft()
                self.owner = ticket.thread
                ticket.turn.release()
            else:
                self.owner = None

    def _withdraw(self, ticket: _Ticket) -> bool:
        """Leave the queue; False where the lock has been handed over meanwhile."""
        with self._mutex:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                return True
            return False


class _Ticket:
    __slots__ = ("thread", "turn")

    def __init__(self, thread: int) -> None:
        self.thread = thread
        self.turn = Lock()
        self.turn.acquire()


class ProcessLock:
    """A lock of processes on a file, which is made where there is none; within a process, one thread at a time may use it."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def acquire(self, deadline: float) -> bool:
        """Wait for the lock until `time.monotonic()` passes the deadline; whether it came."""
        if not _poll(self._try_turnstile, deadline):
            return False
        try:
            return _poll(self._try_lock, deadline)
        finally:
            self._leave_turnstile()

    def release(self) -> None:
        """Give the lock back."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give up the descriptor, and with it the lock; in the child of a fork, the parent's lock stays."""
        os.close(self._descriptor)

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _try_turnstile(self) -> bool:
        if _SET_OFD is None:
            return True
        try:
            fcntl.fcntl(self._descriptor, _SET_OFD, _one_byte(fcntl.F_WRLCK))
        except BlockingIOError:
            return False
        return True

    def _leave_turnstile(self) -> None:
        if _SET_OFD is not None:
            fcntl.fcntl(self._descriptor, _SET_OFD, _one_byte(fcntl.F_UNLCK))


def _one_byte(kind: int) -> bytes:
    """`struct flock` of Linux for the turnstile's byte; an OFD lock wants the process number 0."""
    return struct.pack("@hhqqi4x", kind, os.SEEK_SET, _TURNSTILE_BYTE, 1, 0)


def _poll(attempt: Callable[[], bool], deadline: float) -> bool:
    if attempt():
        return True
    began = time.monotonic()
    while (now := time.monotonic()) < deadline:
        pause = min(max((now - began) / 2, POLL_MIN_SECONDS), POLL_MAX_SECONDS)
        time.sleep(min(pause, deadline - now))
        if attempt():
            return True
    return False


class WriteLock:
    """Both halves."""

    def __init__(self, path: str) -> None:
        self.threads = FifoLock()
        self._processes = ProcessLock(path)
        self._path = path

    def acquire(self, timeout_seconds: float) -> None:
        """Wait for the right to write; BusyError after the timeout."""
        deadline = time.monotonic() + timeout_seconds
        if not self.threads.acquire(timeout_seconds):
            raise BusyError(self._busy("another thread of this process", timeout_seconds))
        acquired = False
        try:
            acquired = self._processes.acquire(deadline)
        finally:
            if not acquired:
                # An interrupt may have come just after the lock did.
                self.release()
        if not acquired:
            raise BusyError(self._busy("another process", timeout_seconds))

    def release(self) -> None:
        """Give the right to write to the next."""
        try:
            self._processes.release()
        finally:
            self.threads.release()

    def close(self) -> None:
        """Give up the file."""
        with suppress(OSError):
            self._processes.close()

    def _busy(self, who: str, seconds: float) -> str:
        return f"Waited {seconds:.3g} s to write to {self._path}, while {who} held its write lock."
