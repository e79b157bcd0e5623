"""Who does the jobs of `build.py`: a thread of each process in the background, and whoever waits for an index.

The thread is started when there is something to do and ends when there is nothing left. It is a daemon, and stops within
a step when the store is closed or the interpreter exits. A build that another process began, or that was left behind by
one, is watched first and taken over when its watermark has not moved for `PATIENCE_SECONDS`.

A thread that waits for an index builds it itself meanwhile, and the background thread leaves that to it: two threads of
one process would only take turns. All of a process's steps go through one lock.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any, Final, Protocol

from docstore.build import Job, fail, jobs, prepare, step
from docstore.catalog import IndexDefinition
from docstore.errors import BusyError, CorruptStoreError, StoreError
from docstore.layout import watermark_key
from docstore.storage.engine import CATALOG_SPACE
from docstore.transaction import Transaction, WritingTransaction
from query.errors import ReqlError, ReqlOpFailedError

PATIENCE_SECONDS: Final = 1.0
LOCK_SECONDS: Final = 0.25
"""How long a step waits for the write lock before it looks whether it is still wanted."""

_POLL_SECONDS: Final = 0.05


class Store(Protocol):
    """What the jobs ask of a store."""

    def begin_read(self) -> Transaction:
        """A snapshot."""

    def write_alone(self, work: Callable[[WritingTransaction], None], timeout_seconds: float) -> None:
        """Do some work in a write transaction of its own, again where the store had to grow, and commit."""

    def others_wait(self) -> bool:
        """Whether another thread of this process waits for the write lock."""


class Worker:
    """The background thread of one store, and the lock of all who build in this process."""

    def __init__(self, store: Store, *, read_only: bool = False) -> None:
        self._store = store
        self._read_only = read_only
        self._process = os.getpid()
        self._stops_at_exit = False
        self._mutex = threading.RLock()  # looking for jobs may itself wake the thread
        self._building = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._waiters = 0
        self._last_step = 0
        self._own: set[int] = set()
        self._seen: dict[int, tuple[bytes | None, float]] = {}

    # The background thread

    def wake(self, own: Collection[int] = ()) -> None:
        """Have the jobs done that there are; `own` are the spaces of builds that this process has begun."""
        with self._mutex:
            self._own.update(own)
            if self._stopping.is_set() or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._work, name="docstore builder", daemon=True)
            if not self._stops_at_exit:
                self._stops_at_exit = True
                atexit.register(self.stop)
            self._thread.start()

    def stop(self) -> None:
        """End the thread at its next step, and wait for that; in the child of a fork there is none."""
        if os.getpid() != self._process:
            return  # a lock that another thread held at the fork stays locked for ever
        with self._mutex:
            self._stopping.set()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        atexit.unregister(self.stop)

    def _work(self) -> None:
        with suppress(ReqlError):  # a sweep's, or of a store that is closed or full: the next opening goes on
            while not self._stopping.is_set():
                waiting, ready = self._due()
                if ready and not self._waiters:
                    self.do(ready[0])
                elif waiting or ready:
                    self._stopping.wait(_POLL_SECONDS)
                elif self._leave():
                    return

    def _leave(self) -> bool:
        """End the thread, unless something came up meanwhile: whoever wakes it next starts another."""
        with self._mutex:
            with self._store.begin_read() as transaction:
                if jobs(transaction.catalog):
                    return False
            self._thread = None
            self._seen.clear()
            return True

    def _due(self) -> tuple[bool, list[Job]]:
        """Whether there are jobs that somebody else seems to do, and those that are ours to do."""
        with self._store.begin_read() as transaction:
            found = jobs(transaction.catalog)
            ready = [job for job in found if self._is_due(transaction, job)]
        return len(ready) < len(found), ready

    def _is_due(self, transaction: Transaction, job: Job) -> bool:
        if job.table_id is None or job.space in self._own:
            return True
        watermark = transaction.engine.get(CATALOG_SPACE, watermark_key(job.space))
        now = time.monotonic()
        seen, since = self._seen.setdefault(job.space, (watermark, now))
        if seen != watermark:
            self._seen[job.space] = (watermark, now)
            return False
        if now - since < PATIENCE_SECONDS:
            return False
        self._own.add(job.space)
        return True

    # Steps

    def do(self, job: Job) -> None:
        """One step of a job; an error that would come again makes the index failed."""
        with self._building:
            try:
                with self._store.begin_read() as snapshot:
                    prepared = prepare(snapshot, job, lambda: not self._stopping.is_set())
                self._write(lambda transaction: self._step(transaction, job, prepared))
            except BusyError:
                return
            except Exception as error:
                passing = isinstance(error, StoreError) and not isinstance(error, CorruptStoreError)
                if job.table_id is None or passing:
                    raise
                text = f"{type(error).__name__}: {error}"
                self._write(lambda transaction: fail(transaction, job, text))

    def _step(self, transaction: WritingTransaction, job: Job, prepared: Any) -> None:
        """A short one where anybody has written since the last."""
        number = transaction.writer.number
        others_write, self._last_step = number != self._last_step + 1, number
        step(transaction, job, lambda: others_write or self._store.others_wait(), prepared)

    def _write(self, work: Callable[[WritingTransaction], None]) -> None:
        self._store.write_alone(work, LOCK_SECONDS)

    def wait(self, table_id: str, names: Collection[str] | None, check_interrupt: Callable[[], None]) -> None:
        """Build indexes of a table, all where no names are given, until they are ready; read-only, wait for others.

        ReqlOpFailedError where the table or an index is not there (any more), or where a build fails.
        """
        with self._mutex:
            self._waiters += 1
        try:
            while job := self._next_build(table_id, names):
                check_interrupt()
                if self._read_only:
                    time.sleep(_POLL_SECONDS)
                else:
                    self.do(job)
        finally:
            with self._mutex:
                self._waiters -= 1

    def _next_build(self, table_id: str, names: Collection[str] | None) -> Job | None:
        with self._store.begin_read() as transaction:
            table = transaction.catalog.table_with_id(table_id)
            if table is None:
                raise ReqlOpFailedError("The table was dropped while its indexes were built.")
            wanted: list[IndexDefinition] = [table.index(name) for name in (table.indexes if names is None else names)]
        for index in wanted:
            if index.state == "failed":
                raise ReqlOpFailedError(
                    f"Index `{index.name}` on table `{table.title}` could not be built: {index.error}"
                )
        return next((Job(index.space, table_id) for index in wanted if index.state == "building"), None)
