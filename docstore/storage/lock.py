"""Who may write: one lock in two halves, both of which can time out, in front of LMDB's own mutex, which cannot.

- `FifoLock` orders the threads of this process: a release hands the lock to the thread that has waited longest. A plain
  `Lock` would let a thread that writes in a loop take it again and again while others starve.
- `ProcessLock` keeps other processes out. It holds `flock` on a descriptor of the data file that belongs to nobody else:
  LMDB's own locks are `fcntl` locks on the `-lock` file, which closing this descriptor does not touch. The kernel gives
  the lock back when its holder dies. So that a process which writes in a loop does not starve the others, a writer first
  passes a turnstile (an OFD lock on a byte far behind the data), held by whoever is next; where the platform has none,
  the order between processes is left to chance.

A lock knows the thread that holds it, so that a thread which asks twice can get an error instead of a deadlock, and so that
releasing twice does no harm.

**Interrupts.** KeyboardInterrupt can come after any call that Python code makes, also between a lock's acquisition and the
statement behind it; but not between two simple statements. So whoever acquires a lock here releases it in a `finally`
that does not ask whether the acquisition has returned.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, RLock, get_ident
from typing import Final

from docstore.errors import BusyError
from docstore.limits import POLL_MAX_SECONDS, POLL_MIN_SECONDS

_SET_OFD: Final[int | None] = getattr(fcntl, "F_OFD_SETLK", None)
_GET_OFD: Final[int | None] = getattr(fcntl, "F_OFD_GETLK", None)
_TURNSTILE_BYTE: Final = 2**62


class FifoLock:
    """A lock of threads that serves them in the order of their arrival."""

    def __init__(self) -> None:
        self._mutex = RLock()  # the collector may stop a thread inside, and end a lost transaction of it
        self._waiting: deque[_Ticket] = deque()
        self.owner: int | None = None

    @property
    def has_waiters(self) -> bool:
        """Whether another thread of this process waits for the lock."""
        with self._mutex:
            return any(ticket.thread != self.owner for ticket in self._waiting)

    def acquire(self, timeout_seconds: float) -> bool:
        """Wait for the lock; whether it came in time. An interrupt may leave it with the thread: see `owner`."""
        me = get_ident()
        with self._mutex:
            if self.owner is None:
                self.owner = me
                return True
        ticket = _Ticket(me)
        try:
            with self._mutex:
                if self.owner is None:
                    self.owner = me
                    return True
                self._waiting.append(ticket)
            ticket.turn.acquire(timeout=max(0.0, timeout_seconds))
        finally:
            with self._mutex:
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
        return self.owner == me

    def release(self, thread: int) -> None:
        """Hand the lock to whoever waits longest; nothing where the thread does not hold it."""
        with self._mutex:
            if self.owner != thread:
                return
            if self._waiting:
                # Nothing can interrupt these two lines before the end of the call; who is woken leaves the line itself.
                self.owner = self._waiting[0].thread
                self._waiting[0].turn.release()
            else:
                self.owner = None


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

    @property
    def may_have_waiters(self) -> bool:
        """Whether another process may be waiting for the lock: where there is no turnstile, nobody knows."""
        if _GET_OFD is None:
            return True
        found = fcntl.fcntl(self._descriptor, _GET_OFD, _one_byte(fcntl.F_WRLCK))
        return bool(struct.unpack_from("@h", found)[0] != fcntl.F_UNLCK)

    def release(self) -> None:
        """Give the lock back."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give up the descriptor, and with it the lock; in the child of a fork, the parent's lock stays. May be done twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

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
        """Wait for the right to write; BusyError after the timeout. After an interrupt, `release` it in any case."""
        deadline = time.monotonic() + timeout_seconds
        if not self.threads.acquire(timeout_seconds):
            raise BusyError(self._busy("another thread of this process", timeout_seconds))
        if not self._processes.acquire(deadline):
            self.release(get_ident())
            raise BusyError(self._busy("another process", timeout_seconds))

    @property
    def may_have_waiters(self) -> bool:
        """Whether anybody may be waiting for the right to write."""
        return self.threads.has_waiters or self._processes.may_have_waiters

    def release(self, thread: int) -> None:
        """Give the right to write to the next; nothing where the thread does not have it."""
        if self.threads.owner == thread:
            self._processes.release()
            self.threads.release(thread)

    def close(self) -> None:
        """Give up the file."""
        with suppress(OSError):
            self._processes.close()

    def _busy(self, who: str, seconds: float) -> str:
        return f"Waited {seconds:.3g} s to write to {self._path}, while {who} held its write lock."
