"""Sharing commits: writes of several threads in one transaction.

A commit with fsync costs ten times as much as a small write, so writes that wait together are committed together. Whoever
comes first is the *leader*: it waits for the write lock, runs what is queued by then, its own closure first, commits once
and wakes the others, the *followers*. What has come meanwhile gets a leader of its own, the first of it. There is no
writer thread, and a thread alone pays for no more than a lock.

**Closures compute first and write then.** One that raises before it has written anything has done no harm: its caller gets
the error, the group goes on. One that raises later spoils the transaction: it is undone, and the others run again, without
it. With `savepoint=True` a closure runs in a transaction of its own inside the group's, which is undone alone. A closure may
run more than once: also where the map had to grow, or where an interrupt met the leader. It runs in its caller's context
(`contextvars`), but in the leader's thread.

**Interrupts.** KeyboardInterrupt in a leader undoes the group; the followers get a new leader and notice nothing. A
follower that is interrupted takes its closure back, or, where that is already running, waits for the end and raises then.
An interrupt may come after any call: so a job is always in the queue, in a group or done, whatever is cut short, and what
tidies up can be repeated.

**Durability.** Every commit is durable when `run` returns; soft writes go another way (`soft.py`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from enum import Enum, auto
from threading import Lock
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

from docstore.errors import BusyError, StoreError, TransactionError
from docstore.limits import BUSY_TIMEOUT_SECONDS, GROUP_SECONDS
from docstore.storage.engine import Engine, GrowNeeded, WriteTransaction

Result = TypeVar("Result")
Closure: TypeAlias = Callable[[WriteTransaction], Result]

_LOOK_AGAIN_SECONDS: Final = 0.01


class _State(Enum):
    QUEUED = auto()
    LEADING = auto()
    """Asked to lead; waits for the write lock or runs its group."""
    RUNNING = auto()
    """In the group of a leader."""
    DONE = auto()


class _Job(Generic[Result]):
    """A closure, and what became of it."""

    __slots__ = ("closure", "context", "error", "result", "savepoint", "state", "turn")

    def __init__(self, closure: Closure[Result], savepoint: bool) -> None:
        self.closure = closure
        self.savepoint = savepoint
        self.context = copy_context()
        self.state = _State.QUEUED
        self.result: Result | None = None
        self.error: BaseException | None = None
        self.turn = Lock()
        self.turn.acquire()

    def run(self, transaction: WriteTransaction) -> None:
        """Run the closure, and keep its result or its error. GrowNeeded and interrupts go to the leader."""
        self.error = None
        try:
            if self.savepoint:
                with transaction.savepoint() as nested:
                    self.result = self.context.run(self.closure, nested)
            else:
                self.result = self.context.run(self.closure, transaction)
        except GrowNeeded:
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to the caller of the closure, who gets it
            self.error = error

    def wake(self) -> None:
        """Let the job's thread look at its state. With the queue's mutex; harmless when repeated."""
        if self.turn.locked():
            self.turn.release()

    def outcome(self) -> Result:
        if self.error is not None:
            raise self.error
        return cast(Result, self.result)


class WriteQueue:
    """The writes of one engine that may share commits. Usable by any thread."""

    def __init__(self, engine: Engine, busy_timeout: float = BUSY_TIMEOUT_SECONDS) -> None:
        self._engine = engine
        self._busy_timeout = busy_timeout
        self._mutex = Lock()
        self._queued: deque[_Job[Any]] = deque()
        self._leader: _Job[Any] | None = None

    def begin_write(self, timeout_seconds: float | None = None) -> WriteTransaction:
        """A transaction of the caller's own, which nobody joins; it waits in the same line as the groups."""
        return self._engine.begin_write(timeout_seconds)

    def run(self, closure: Closure[Result], timeout_seconds: float | None = None, *, savepoint: bool = False) -> Result:
        """Run a closure in a write transaction, perhaps together with others, and return when it is committed.

        Raises what the closure raises; BusyError when its turn does not come before the timeout.
        """
        job = _Job(closure, savepoint)
        seconds = self._busy_timeout if timeout_seconds is None else timeout_seconds
        deadline = time.monotonic() + seconds
        if self._engine.is_writing_here:
            raise TransactionError("This thread has a write transaction open; write in that one.")
        try:
            with self._mutex:
                if self._leader is None:
                    job.state = _State.LEADING
                    self._leader = job
                else:
                    self._queued.append(job)
            if job.state is not _State.LEADING:
                self._follow(job, seconds)
            if job.state is _State.LEADING:
                self._lead(job, deadline)
        finally:
            interrupt: KeyboardInterrupt | None = None
            while job.state is not _State.DONE:
                try:
                    self._leave(job)
                except KeyboardInterrupt as error:
                    interrupt = error
            if interrupt is not None:
                raise interrupt
        return job.outcome()

    # A follower

    def _follow(self, job: _Job[Any], seconds: float) -> None:
        """Wait until the job is done, or has to lead."""
        if job.turn.acquire(timeout=max(0.0, seconds)):
            return
        with self._mutex:
            if job.state is _State.QUEUED:
                raise BusyError(f"Waited {seconds:.3g} s to write, while other threads or another process wrote.")
        job.turn.acquire()

    def _leave(self, job: _Job[Any]) -> None:
        """However a job ends, by an interrupt too, the others go on. May be cut short by another, and is then repeated."""
        if job.state is _State.RUNNING:
            job.turn.acquire(timeout=_LOOK_AGAIN_SECONDS)
        with self._mutex:
            if job.state is not _State.RUNNING and job in self._queued:
                self._queued.remove(job)
            if job.state is _State.LEADING:
                self._appoint_leader()
            if job.state is not _State.RUNNING:
                job.state = _State.DONE

    def _appoint_leader(self) -> None:
        if self._queued:
            following = self._leader = self._queued[0]
            following.state = _State.LEADING
            following.wake()
        else:
            self._leader = None

    # A leader

    def _lead(self, job: _Job[Any], deadline: float) -> None:
        group = _Group(job)
        try:
            with self._mutex:
                if job in self._queued:
                    self._queued.remove(job)
            while not self._attempt(group, deadline):
                pass
        except BaseException:
            interrupt: KeyboardInterrupt | None = None
            while not group.is_settled:
                try:
                    self._settle(group)
                except KeyboardInterrupt as error:
                    interrupt = error
            if interrupt is not None:
                raise interrupt from None
            raise

    def _attempt(self, group: _Group, deadline: float) -> bool:
        """Run and commit the group; False where it has to be run again."""
        group.transaction = None
        group.transaction = transaction = self._engine.begin_write(max(0.0, deadline - time.monotonic()))
        try:
            with transaction:
                spoiler = self._run_group(transaction, group)
                if spoiler is not None:
                    transaction.abort()
        except GrowNeeded:
            self._engine.grow()
            return False
        except StoreError as error:
            for job in group.jobs:
                job.error = job.error or error
        else:
            if spoiler is not None:
                self._dismiss(group, spoiler)
                return not group.jobs
        self._wake_followers(group)
        return True

    def _run_group(self, transaction: WriteTransaction, group: _Group) -> _Job[Any] | None:
        """Run all jobs of a group, and those that are queued, for a while; the job that spoiled the transaction."""
        deadline = time.monotonic() + GROUP_SECONDS
        done = 0
        while done < len(group.jobs) or (time.monotonic() < deadline and self._take(group)):
            job = group.jobs[done]
            count = transaction.write_count
            job.run(transaction)
            if job.error is not None and not job.savepoint and transaction.write_count != count:
                return job
            done += 1
        return None

    def _take(self, group: _Group) -> bool:
        with self._mutex:
            if not self._queued:
                return False
            job = self._queued[0]
            job.state = _State.RUNNING
            group.jobs.append(job)
            self._queued.popleft()
            return True

    def _dismiss(self, group: _Group, job: _Job[Any]) -> None:
        """Leave out a job that has failed."""
        with self._mutex:
            if job.state is _State.RUNNING:
                job.state = _State.DONE
                job.wake()
            group.jobs.remove(job)

    def _wake_followers(self, group: _Group) -> None:
        with self._mutex:
            for job in group.jobs:
                if job.state is not _State.LEADING:
                    job.state = _State.DONE
                    job.wake()

    def _settle(self, group: _Group) -> None:
        """After an error of the leader: the followers are done, or wait for another leader."""
        transaction = group.transaction
        if transaction is not None and not transaction.closed:
            transaction.abort()
        self._engine.abandon_write()  # one that had begun, but had not been assigned yet
        if transaction is not None and transaction.committed:
            self._wake_followers(group)
        else:
            with self._mutex:
                for job in reversed(group.jobs):
                    if job.state is _State.RUNNING:
                        if job not in self._queued:
                            self._queued.appendleft(job)
                        job.state = _State.QUEUED
        group.is_settled = True


class _Group:
    """The jobs of one transaction; the leader's own is among them until it is dismissed."""

    def __init__(self, leader: _Job[Any]) -> None:
        self.jobs = [leader]
        self.transaction: WriteTransaction | None = None
        self.is_settled = False
