"""Soft writes: answered before they are durable, in one transaction of the process that stays open for a moment.

A commit with fsync costs ten times as much as a small write. So writes with soft durability join the *open group*, a write
transaction that is committed `SOFT_SECONDS` after it began. A write that takes longer than that, an insert of a thousand
documents say, puts it off until so long after its end, but never beyond `SOFT_LARGE_SECONDS`, or, with entries of indexes,
`SOFT_SCATTERED_SECONDS`. The group is committed at once when anybody else in this process wants to read or to write: so all
reads of the process see all its writes, and their order is that of the queries. Other processes see them, and find the write
lock free, after the commit. What a crash loses is the group that was open: whole writes, the last ones, all of them.

**While a group is committed** nobody can write to LMDB. So that a loop of small writes does not wait for the disk, they go to
an `Overlay` meanwhile (`overlay.py`), which the next group takes over: it begins at once, without letting go of the write
lock, and is due `SOFT_SECONDS` after the first of them. Then a crash loses two groups. Writes wait as ever where anybody else
wants the lock or the open group's writes, where the group holds what no overlay can know (it is for `apply` only), and
where the commit takes longer than `SOFT_SECONDS`: so nothing is answered that would not be on its way to the disk by then,
or wait for no more than one commit.

**Threads.** LMDB's mutex has to be unlocked by the thread that locked it, and whoever wrote last may never come again. So one
thread, the *keeper*, begins and commits the groups, and wakes for nothing else; the writes between run in the threads that
ask for them, one at a time.

**Failures.** A write that raises before it has written anything has done no harm. One that is broken off while it writes
spoils the group, as does a commit that fails: what is lost with it is told to the next who reads or writes, as a
`SoftWritesLostError`. That takes a full disk or a full map (a group begins only where there is much room in it);
an interrupt is put off until the write has ended.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable
from threading import Lock, Thread, current_thread, get_ident
from typing import Any, Final, Protocol, TypeVar, cast

from docstore import faults
from docstore.errors import BusyError, ClosedError, SoftWritesLostError
from docstore.limits import SOFT_LARGE_SECONDS, SOFT_SCATTERED_PAGES, SOFT_SCATTERED_SECONDS, SOFT_SECONDS
from docstore.storage.engine import ReadTransaction, WriteTransaction
from docstore.storage.interrupts import uninterrupted
from docstore.storage.lock import FifoLock
from docstore.storage.overlay import Overlay, SoftWrite

Result = TypeVar("Result")

_FOR_EVER: Final = 1e6
"""Seconds."""

_BROKEN_OFF: Final = "a write was broken off."


class Beginner(Protocol):
    """An engine, as far as the groups know it."""

    def begin_soft(self, timeout_seconds: float) -> SoftWrite:
        """As `Engine.begin_write`, in the calling thread; `GrowNeeded` where the map has not much room left."""

    def begin_next(self) -> SoftWrite:
        """Begin a write transaction with the write lock that an earlier one has kept."""

    def begin_snapshot(self) -> ReadTransaction:
        """A snapshot of the last commit, whatever group is open."""

    def lock_is_wanted(self) -> bool:
        """Whether anybody may be waiting for the write lock."""

    def release_lock(self) -> None:
        """Give up the write lock that a transaction has kept; nothing where there is none."""


class SoftWrites:
    """The groups of one store in this process. Usable by any thread."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.group: SoftWrite | None = None
        """The transaction of the open group, or of the one that is being committed."""
        self._overlay: Overlay | None = None
        """What takes writes while the group is being committed."""
        self._turn = FifoLock()  # whose write runs, or the commit
        self._mutex = Lock()  # guards what follows
        self._bell = Lock()
        self._waiting: list[Any] = []
        self._wanted: tuple[Beginner, float] | None = None
        self._refusal: BaseException | None = None
        self._spoiled: str | None = None
        self._hurried = False
        self._stopping = False
        self._lost: str | None = None
        self._began = self._due = 0.0
        self._newest = self._ended = 0
        """The numbers of the group that takes writes, and of the last one that has ended."""
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
        is_due = False
        try:
            self._take_turn(timeout_seconds)
            while self._must_wait(at_once=at_once):
                self._turn.release(me)
                self._wait_for_commit()
                self._take_turn(timeout_seconds)
            if self._lost is not None:
                self._tell_loss()
            if self._overlay is not None:
                return closure(cast(WriteTransaction, self._overlay))
            transaction: SoftWrite = self.group or self._begin(beginner, timeout_seconds)
            if at_once:
                try:
                    result = closure(transaction)
                finally:
                    if transaction.is_torn:
                        self._spoiled = _BROKEN_OFF
            else:
                result = self._run_guarded(beginner, closure, transaction)
            is_due = time.monotonic() >= self._due
            if is_due and at_once:
                self._divert(beginner, transaction)
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
        if is_due:
            self._ring_for_commit(is_small=at_once)
        return result

    def _must_wait(self, *, at_once: bool) -> bool:
        """Whether no write can run before a commit has ended. With the turn."""
        self._catch_up()
        overlay = self._overlay
        if overlay is not None and (not at_once or self._hurried or overlay.is_overdue):
            return True
        return self._spoiled is not None

    def _wait_for_commit(self) -> None:
        """Return when the commit that is under way has ended."""
        if self._spoiled:
            self.settle()
        else:
            self._wait(lambda: self._overlay is None or self._overlay.next is not None)

    def _ring_for_commit(self, *, is_small: bool) -> None:
        """Have the group committed that is due; whoever writes much waits for it."""
        if is_small:
            with self._mutex:
                self._ring()
        else:
            self.settle()

    def _divert(self, beginner: Beginner, group: SoftWrite) -> None:
        """Have the writes that come while a group is committed go to an overlay, if nobody else waits. With the turn."""
        if group.is_applied and not (self._spoiled or self._hurried or self._stopping or beginner.lock_is_wanted()):
            group.keeps_lock = True
            self._overlay = Overlay(group, beginner.begin_snapshot)

    def _catch_up(self) -> None:
        """Write what an overlay has, as soon as there is a transaction for it. With the turn; may be done twice."""
        overlay = self._overlay
        if overlay is not None and overlay.next is not None:
            overlay.close()
            try:
                overlay.next.apply(*overlay.batches)
            except Exception as error:  # noqa: BLE001 - told to the next who reads or writes
                self._spoiled = str(error)
            self._overlay = None

    def _run_guarded(
        self, beginner: Beginner, closure: Callable[[WriteTransaction], Result], transaction: SoftWrite
    ) -> Result:
        count, began = transaction.write_count, time.monotonic()
        with uninterrupted():
            try:
                result = closure(transaction)
            except BaseException:
                if transaction.write_count != count:
                    self._spoiled = _BROKEN_OFF
                raise
        ended = time.monotonic()
        if ended - began > SOFT_SECONDS / 4:
            longest = SOFT_LARGE_SECONDS
            if 0 < transaction.scattered_pages() < SOFT_SCATTERED_PAGES and not beginner.lock_is_wanted():
                longest = SOFT_SCATTERED_SECONDS
            self._due = min(ended + SOFT_SECONDS, self._began + longest)
        return result

    def hurry(self) -> None:
        """Have the open group committed as soon as may be, without waiting for it."""
        with self._mutex:
            self._hurried = True
            self._ring()

    def settle(self) -> None:
        """Return when all that has been answered is committed; SoftWritesLostError where it could not be."""
        if self.group is not None and current_thread() is not self._keeper:
            with self._mutex:
                newest = self._newest + (self._overlay is not None and self._overlay.is_ahead)
                self._hurried = True
                self._ring()
            self._wait(lambda: self._ended >= newest or self._keeper is None)
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

    def _begin(self, beginner: Beginner, timeout_seconds: float) -> SoftWrite:
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
        """Begin a group, wait until it is due, and commit it; so with those that follow it."""
        group, refusal = None, None
        try:
            group = beginner.begin_soft(timeout_seconds)
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever asked for the group
            refusal = error
        with self._mutex:
            self._wanted, self._refusal, self.group = None, refusal, group
            self._hurried = False
            self._newest += group is not None
            self._began = time.monotonic()
            self._due = self._began + SOFT_SECONDS
            self._tell()
        while self.group is not None:
            while not self._is_due:
                self._bell.acquire(timeout=max(0.0, self._due - time.monotonic()))
            self._end(beginner)
        with self._mutex:
            self._tell()

    @property
    def _is_due(self) -> bool:
        return self._hurried or self._stopping or time.monotonic() >= self._due

    def _end(self, beginner: Beginner) -> None:
        """Commit the group, unless a write that was under way has put that off."""
        me = get_ident()
        try:
            if self._overlay is None or self._overlay.next is not None:
                self._turn.acquire(_FOR_EVER)
                self._catch_up()
                if not self._is_due:
                    return
                if self._overlay is None and self.group is not None:
                    self._divert(beginner, self.group)
                if self._overlay is not None:
                    self._turn.release(me)
            lost = self._commit()
            overlay = self._overlay
            if overlay is not None and (lost is not None or not overlay.batches):
                self._turn.acquire(_FOR_EVER)
            self._follow(beginner, lost)
        finally:
            self._turn.release(me)

    def _commit(self) -> str | None:
        """Commit the group; if that fails, why."""
        group = self.group
        assert group is not None
        try:
            if self._spoiled:
                group.abort()
                return self._spoiled
            faults.reach("before_commit")
            group.commit()
            faults.reach("after_commit")
        except Exception as error:  # noqa: BLE001 - told to the next who reads or writes
            group.abort()
            return str(error)
        return None

    def _follow(self, beginner: Beginner, lost: str | None) -> None:
        """After a commit: what has come meanwhile makes the next group, or is lost with this one."""
        overlay, following = self._overlay, None
        if overlay is not None and overlay.batches and lost is None:
            try:
                following = beginner.begin_next()
            except Exception as error:  # noqa: BLE001 - told to the next who reads or writes
                lost = str(error)
                if self._turn.owner != get_ident():
                    self._turn.acquire(_FOR_EVER)
        if following is None:
            beginner.release_lock()
        with self._mutex:
            self._lost, self._spoiled = lost or self._lost, None
            self._ended, self._newest = self._newest, self._newest + 1
            self.group = following
            if following is None or overlay is None:
                if overlay is not None:
                    overlay.close()
                self._overlay, self._ended = None, self._newest
            else:
                self._began, self._due = overlay.began, overlay.began + SOFT_SECONDS
                overlay.next = following
            self._tell()
