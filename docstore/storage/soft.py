"""Soft writes: answered before they are durable, in one transaction of the process that stays open for a moment.

A commit with fsync costs ten times as much as a small write. So writes with soft durability join the *open group*, a write
transaction that is committed `SOFT_SECONDS` after it began. A write that takes longer than that, an insert of a thousand
documents say, puts it off until so long after its end, but never beyond `SOFT_LARGE_SECONDS`. The group is committed at once
when anybody else in this process wants to read or to write: so all reads of the process see all its writes, and their order
is that of the queries. Other processes see them, and find the write lock free, after the commit. What a crash loses is the
group that was open: whole writes, the last ones, all of them.

**Threads.** LMDB's mutex has to be unlocked by the thread that locked it, and whoever wrote last may never come again. So one
thread, the *keeper*, begins and commits the groups, and wakes for nothing else; the writes between run in the threads that
ask for them, one at a time.

**Failures.** A write that raises before it has written anything has done no harm. One that is broken off while it writes
spoils the group, as does a commit that fails: what is lost with it is told to the next who reads or writes, as a
`SoftWritesLostError`. That takes a full disk or a full map (a group begins only where there is much room in it);
an interrupt is put off until the write has ended.
"""

from __future__ import annotations

import _signal  # what `signal` wraps: its enums would cost 4 us a write
import atexit
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from signal import SIGINT
from threading import Lock, Thread, current_thread, get_ident, main_thread
from types import FrameType
from typing import Any, Final, Protocol, TypeVar

from docstore import faults
from docstore.errors import BusyError, ClosedError, SoftWritesLostError
from docstore.limits import SOFT_LARGE_SECONDS, SOFT_SECONDS
from docstore.storage.engine import WriteTransaction
from docstore.storage.lock import FifoLock

Result = TypeVar("Result")

_FOR_EVER: Final = 1e6
"""Seconds."""


class Beginner(Protocol):
    """Who begins a write transaction in the calling thread; `GrowNeeded` where the map has not much room left."""

    def begin_soft(self, timeout_seconds: float) -> WriteTransaction:
        """As `Engine.begin_write`."""


class SoftWrites:
    """The open group of one store in this process. Usable by any thread."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.group: WriteTransaction | None = None
        """The transaction of the open group."""
        self._turn = FifoLock()  # whose write runs, or the commit
        self._mutex = Lock()  # guards what follows
        self._bell = Lock()
        self._waiting: list[Any] = []
        self._wanted: tuple[Beginner, float] | None = None
        self._refusal: BaseException | None = None
        self._spoiled = False
        self._hurried = False
        self._stopping = False
        self._lost: str | None = None
        self._began = self._due = 0.0
        self._keeper: Thread | None = None
        self._process = os.getpid()

    def run(
        self,
        beginner: Beginner,
        closure: Callable[[WriteTransaction], Result],
        timeout_seconds: float,
        *,
        at_once: bool = False,
    ) -> Result:
        """Run a closure, which computes first and writes then, in the open group; `at_once`: by a single `apply`."""
        me = get_ident()
        try:
            self._take_turn(timeout_seconds)
            while self._spoiled:
                self._turn.release(me)
                self.settle()
                self._take_turn(timeout_seconds)
            if self._lost is not None:
                self._tell_loss()
            transaction = self.group or self._begin(beginner, timeout_seconds)
            began = time.monotonic()
            if at_once:
                try:
                    result = closure(transaction)
                finally:
                    self._spoiled = transaction.is_torn
            else:
                result = self._run_guarded(closure, transaction)
            ended = time.monotonic()
            if ended - began > SOFT_SECONDS / 4:
                self._due = min(ended + SOFT_SECONDS, self._began + SOFT_LARGE_SECONDS)
        finally:
            interrupt: KeyboardInterrupt | None = None
            while self._turn.owner == me:
                try:
                    self._turn.release(me)
                except KeyboardInterrupt as error:
                    interrupt = error
            if interrupt is not None:
                raise interrupt
            if self._spoiled:
                self.hurry()
        if ended >= self._due:
            self.settle()
        return result

    def _run_guarded(self, closure: Callable[[WriteTransaction], Result], transaction: WriteTransaction) -> Result:
        count = transaction.write_count
        with _uninterrupted():
            try:
                return closure(transaction)
            except BaseException:
                self._spoiled = transaction.write_count != count
                raise

    def hurry(self) -> None:
        """Have the open group committed as soon as may be, without waiting for it."""
        with self._mutex:
            self._hurried = True
            self._ring()

    def settle(self) -> None:
        """Return when the group that is open has been committed; SoftWritesLostError where it could not be."""
        group = self.group
        if group is not None and current_thread() is not self._keeper:
            self.hurry()
            self._wait(lambda: self.group is not group or self._keeper is None)
        if self._lost is not None:
            self._tell_loss()

    def stop(self, *, wait: bool = True) -> None:
        """Commit what is open and end the keeper; in the child of a fork there is none."""
        if os.getpid() != self._process:
            return  # a lock that another thread held at the fork stays locked for ever
        with self._mutex:
            keeper, self._stopping = self._keeper, True
            self._ring()
        if wait and keeper is not None and keeper is not current_thread():
            keeper.join()
        atexit.unregister(self.stop)

    def _take_turn(self, timeout_seconds: float) -> None:
        if not self._turn.acquire(timeout_seconds):
            raise BusyError(f"Waited {timeout_seconds:.3g} s to write to {self._path}, while other threads wrote.")

    def _tell_loss(self) -> None:
        lost, self._lost = self._lost, None
        raise SoftWritesLostError(
            f"{self._path}: soft writes that had been answered could not be committed, and are lost: {lost}"
        )

    def _begin(self, beginner: Beginner, timeout_seconds: float) -> WriteTransaction:
        """Have the keeper begin a group. With the turn."""
        with self._mutex:
            self._wanted, self._refusal = (beginner, timeout_seconds), None
            if self._keeper is None:
                self._stopping = False
                self._keeper = Thread(target=self._keep, name="docstore soft writes", daemon=True)
                self._keeper.start()
                atexit.register(self.stop)
            self._ring()
        self._wait(lambda: self.group is not None or self._refusal is not None)
        if self.group is None:
            assert self._refusal is not None
            raise self._refusal
        return self.group

    # Between the keeper and the others: `Condition` would not survive an interrupt

    def _ring(self) -> None:
        """Wake the keeper. With the mutex."""
        if self._bell.locked():
            self._bell.release()

    def _wait(self, is_over: Callable[[], bool]) -> None:
        """Wait until the keeper has brought something about."""
        while True:
            ticket = Lock()
            ticket.acquire()
            with self._mutex:
                if is_over():
                    return
                self._waiting.append(ticket)
            ticket.acquire()

    def _tell(self) -> None:
        """Have all look again who wait. With the mutex."""
        for ticket in self._waiting:
            ticket.release()
        self._waiting.clear()

    # The keeper

    def _keep(self) -> None:
        try:
            while not self._stopping:
                if self._wanted is None:
                    self._bell.acquire()
                else:
                    self._keep_group(*self._wanted)
        finally:
            with self._mutex:
                self._keeper = None
                self._refusal = ClosedError(f"{self._path} is closed.")
                self._tell()

    def _keep_group(self, beginner: Beginner, timeout_seconds: float) -> None:
        """Begin a group, wait until it is due, and commit it."""
        group, refusal = None, None
        try:
            group = beginner.begin_soft(timeout_seconds)
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever asked for the group
            refusal = error
        with self._mutex:
            self._wanted, self._refusal, self.group = None, refusal, group
            self._hurried = False
            self._began = time.monotonic()
            self._due = self._began + SOFT_SECONDS
            self._tell()
        while self.group is not None:
            while not self._is_due:
                self._bell.acquire(timeout=max(0.0, self._due - time.monotonic()))
            self._end(self.group)
        with self._mutex:
            self._tell()

    @property
    def _is_due(self) -> bool:
        return self._hurried or self._stopping or time.monotonic() >= self._due

    def _end(self, group: WriteTransaction) -> None:
        """Commit, unless a write that was under way has put that off."""
        me = get_ident()
        try:
            self._turn.acquire(_FOR_EVER)
            if not self._is_due:
                return
            try:
                if self._spoiled:
                    group.abort()
                    self._lost = "a write was broken off."
                else:
                    faults.reach("before_commit")
                    group.commit()
                    faults.reach("after_commit")
            except Exception as error:  # noqa: BLE001 - told to the next who reads or writes
                self._lost = str(error)
                group.abort()
            self.group, self._spoiled = None, False
        finally:
            self._turn.release(me)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """A block that Ctrl-C does not break off: what handles it is called at the block's end. Any thread but the main one is
    never interrupted."""
    handler = _signal.getsignal(SIGINT) if current_thread() is main_thread() else None
    if not callable(handler):
        yield
        return
    caught: list[tuple[int, FrameType | None]] = []
    _signal.signal(SIGINT, lambda number, frame: caught.append((number, frame)))
    try:
        yield
    finally:
        _signal.signal(SIGINT, handler)
        if caught:
            handler(*caught[0])
