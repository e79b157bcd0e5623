"""What the transactions of a store in memory share: the contents, the number of the last commit, who still looks at what.

Old versions are cut off when the last transaction that could see them ends: each commit leaves a list of what it
overwrote, and whoever ends the oldest snapshot (or commits when there is none) works off the lists behind it.

A transaction that is lost without an end is found by the garbage collector, which may have stopped its thread anywhere,
under any lock. So it is only noted, and what there is to do is left to the next writer.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from threading import RLock
from typing import Any, Protocol, TypeAlias

from docstore.storage.lock import FifoLock
from docstore.storage.versions import VersionedTable

Undo: TypeAlias = "tuple[VersionedTable, Any, Any]"


class Writer(Protocol):
    """A write transaction, as far as it is known here."""

    thread: int
    committed: bool
    note: Any


def undo_changes(changes: list[Undo]) -> None:
    """Take changes back, the last one first."""
    for table, key, before in reversed(changes):
        table.restore(key, before)


class MemoryState:
    """The tables of each space, the commits, and the write lock."""

    def __init__(self) -> None:
        self.maps: dict[int, VersionedTable] = {}
        self.entries: dict[int, VersionedTable] = {}
        self.counts: dict[int, VersionedTable] = {}
        self.lock = FifoLock()
        self.last = 0
        self._mutex = RLock()
        self._snapshots: Counter[int] = Counter()
        self._overwritten: deque[tuple[int, list[Undo]]] = deque()
        self._lost_reads: deque[int] = deque()
        self.lost: list[Any] = []
        """A `LostWrite` for each write transaction that was lost without an end."""
        self._lost_writes: deque[list[Undo]] = deque()

    def tables(self) -> Iterator[VersionedTable]:
        """All tables of all spaces."""
        for tables in (self.maps, self.entries, self.counts):
            yield from list(tables.values())

    def begin_read(self) -> int:
        """The number of the last commit, whose versions are kept until `end_read`."""
        with self._mutex:
            self._snapshots[self.last] += 1
            return self.last

    def end_read(self, at: int) -> None:
        """A snapshot of commit `at` is not needed any more."""
        with self._mutex:
            self._snapshots[at] -= 1
            if not self._snapshots[at]:
                del self._snapshots[at]
                self._trim()

    def end_write(self, writer: Writer, written: list[Undo], *, committed: bool) -> None:
        """The writer has ended; what it overwrote, or took back, may hold versions that nobody needs.

        Harmless when repeated, as it is after an interrupt.
        """
        with self._mutex:
            if self.lock.owner != writer.thread:
                return
            if committed and not writer.committed:
                if writer.note is not None:
                    writer.note.undo = []
                self.last += 1
                writer.committed = True
            self._overwritten.append((self.last, written))
            self._trim()
        self.lock.release(writer.thread)

    def lose_read(self, at: int) -> None:
        """A snapshot was lost without an end."""
        self._lost_reads.append(at)

    def free_lost(self) -> None:
        """Give back the lock of a writer that was lost. Nobody but a writer can see what it wrote."""
        for lost in list(self.lost):
            if not any(undo is lost.undo for undo in self._lost_writes):
                self._lost_writes.append(lost.undo)
            self.lock.release(lost.thread)
            self.lost.remove(lost)

    def bury_lost(self) -> None:
        """Do what the lost have left to do; only for who has the write lock."""
        while self._lost_writes:
            undo_changes(self._lost_writes[0])
            with self._mutex:
                self._overwritten.append((self.last, self._lost_writes.popleft()))
        while self._lost_reads:
            self.end_read(self._lost_reads.popleft())

    def _trim(self) -> None:
        oldest = min(self._snapshots, default=self.last)
        while self._overwritten and self._overwritten[0][0] <= oldest:
            _, written = self._overwritten.popleft()
            for table, key, _ in written:
                table.trim(key, oldest)
