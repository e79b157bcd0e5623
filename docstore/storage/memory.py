"""The engine in memory: for stores that nobody wants to keep, and as the model that the tests compare LMDB with.

Maps, multimaps and the number of members of each key are each a `VersionedTable` (`versions.py`) per space. A read
transaction is hardly more than the number of the last commit. The one writer writes versions of the next commit, which
nobody else looks at before `commit` moves the number on, and keeps an undo log; a savepoint is a place in that log.

Old versions are cut off when the last transaction that could see them ends: each commit leaves a list of what it
overwrote, and whoever ends the oldest snapshot (or commits when there is none) works off the lists behind it.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import RLock, get_ident
from types import TracebackType
from typing import Any, Final, Self, TypeAlias
from weakref import ref

from docstore.errors import BusyError, ClosedError, TransactionClosedError, TransactionError
from docstore.limits import BUSY_TIMEOUT_SECONDS
from docstore.storage.engine import MAX_KEY_BYTES, check_member
from docstore.storage.lock import FifoLock
from docstore.storage.versions import GONE, VersionedTable

__all__ = ["MemoryEngine", "open_memory"]

_write_ids: Final = itertools.count(-1, -1)
_CHUNK: Final = 256
_EMPTY: Final = VersionedTable()
_BEHIND_ALL: Final = b"\xff" * (MAX_KEY_BYTES + 1)

Undo: TypeAlias = "tuple[VersionedTable, Any, Any]"


class _Spaces:
    """The contents: tables by space."""

    def __init__(self) -> None:
        self.maps: dict[int, VersionedTable] = {}
        self.entries: dict[int, VersionedTable] = {}
        self.counts: dict[int, VersionedTable] = {}

    def tables(self) -> Iterator[VersionedTable]:
        for tables in (self.maps, self.entries, self.counts):
            yield from list(tables.values())


def _undo(changes: list[Undo]) -> None:
    for table, key, before in reversed(changes):
        table.restore(key, before)


class MemoryRead:
    """See `ReadTransaction`."""

    def __init__(self, engine: MemoryEngine, at: int) -> None:
        self._engine = engine
        self._spaces = engine.spaces
        self._at = at
        self.closed = False

    @property
    def id(self) -> int:
        """See `ReadTransaction.id`."""
        self._check_open()
        return self._at

    def get(self, space: int, key: bytes) -> bytes | None:
        """See `ReadTransaction.get`."""
        self._check_open()
        found: bytes | None = self._spaces.maps.get(space, _EMPTY).get(key, self._at)
        return found

    def get_many(self, space: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `ReadTransaction.get_many`."""
        return [self.get(space, key) for key in keys]

    def scan(
        self, space: int, low: bytes = b"", high: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """See `ReadTransaction.scan`."""
        self._check_open()
        table = self._spaces.maps.get(space, _EMPTY)
        return self._alive(table.range(low, _BEHIND_ALL if high is None else high, self._at, reverse))

    def scan_values(self, space: int, low: bytes = b"", high: bytes | None = None) -> Iterator[list[bytes]]:
        """See `ReadTransaction.scan_values`."""
        rows = self.scan(space, low, high)
        while chunk := [value for _, value in itertools.islice(rows, _CHUNK)]:
            yield chunk

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
        self._check_open()
        table = self._spaces.entries.get(space, _EMPTY)
        first: tuple[bytes, ...] = (low,)
        last: tuple[bytes, ...] = (_BEHIND_ALL if high is None else high,)
        if after is not None and reverse:
            last = min(last, after)
        elif after is not None:
            first = max(first, (after[0], after[1] + b"\0"))
        return self._alive(entry for entry, _ in table.range(first, last, self._at, reverse))

    def members(self, space: int, key: bytes) -> Iterator[bytes]:
        """See `ReadTransaction.members`."""
        entries = self.scan_entries(space, key, key + b"\0")
        return (member for _, member in entries)

    def count_members(self, space: int, key: bytes) -> int:
        """See `ReadTransaction.count_members`."""
        self._check_open()
        return self._spaces.counts.get(space, _EMPTY).get(key, self._at) or 0

    def abort(self) -> None:
        """See `ReadTransaction.abort`."""
        if not self.closed:
            self.closed = True
            self._engine.end_read(self._at)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def __del__(self) -> None:
        if not getattr(self, "closed", True):  # its making may have been interrupted
            self._engine.lose_read(self._at)

    def _alive(self, rows: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        for row in rows:
            yield row
            self._check_open()

    def _check_open(self) -> None:
        if self.closed:
            raise TransactionClosedError("The transaction has ended, and with it its scans.")


class MemoryWrite(MemoryRead):
    """See `WriteTransaction`."""

    def __init__(self, engine: MemoryEngine, at: int, parent: MemoryWrite | None = None) -> None:
        self._parent = parent
        super().__init__(engine, at)
        self.thread = get_ident()
        self._id = next(_write_ids)
        self._nested: MemoryWrite | None = None
        self.committed = False
        self.write_count: int = 0 if parent is None else parent.write_count
        self._undo: list[Undo] = [] if parent is None else parent._undo
        self._undo_from = len(self._undo)

    @property
    def id(self) -> int:
        """See `ReadTransaction.id`."""
        return self._id

    def put(self, space: int, key: bytes, value: bytes) -> None:
        """See `WriteTransaction.put`."""
        self._check_key(key)
        self._set(self._spaces.maps, space, key, value)

    def put_new(self, space: int, key: bytes, value: bytes) -> bool:
        """See `WriteTransaction.put_new`."""
        self._check_key(key)
        if self.get(space, key) is not None:
            return False
        self._set(self._spaces.maps, space, key, value)
        return True

    def put_many(self, space: int, items: Sequence[tuple[bytes, bytes]]) -> None:
        """See `WriteTransaction.put_many`."""
        for key, value in items:
            self.put(space, key, value)

    def delete(self, space: int, key: bytes) -> bool:
        """See `WriteTransaction.delete`."""
        if self.get(space, key) is None:
            return False
        self._set(self._spaces.maps, space, key, GONE)
        return True

    def add(self, space: int, key: bytes, member: bytes) -> bool:
        """See `WriteTransaction.add`."""
        check_member(member)
        self._check_key(key)
        if self._has(space, key, member):
            return False
        self._set(self._spaces.entries, space, (key, member), b"")
        self._set(self._spaces.counts, space, key, self.count_members(space, key) + 1)
        return True

    def add_many(self, space: int, entries: Sequence[tuple[bytes, bytes]]) -> int:
        """See `WriteTransaction.add_many`."""
        return sum([self.add(space, key, member) for key, member in entries])

    def remove(self, space: int, key: bytes, member: bytes) -> bool:
        """See `WriteTransaction.remove`."""
        check_member(member)
        if not self._has(space, key, member):
            return False
        self._set(self._spaces.entries, space, (key, member), GONE)
        self._set(self._spaces.counts, space, key, self.count_members(space, key) - 1 or GONE)
        return True

    def remove_many(self, space: int, entries: Iterable[tuple[bytes, bytes]]) -> int:
        """See `WriteTransaction.remove_many`."""
        return sum([self.remove(space, key, member) for key, member in entries])

    def savepoint(self) -> MemoryWrite:
        """See `WriteTransaction.savepoint`."""
        self._check_open()
        nested = self._nested = MemoryWrite(self._engine, self._at, self)
        return nested

    def commit(self) -> None:
        """See `WriteTransaction.commit`."""
        self._check_open()
        if self._parent is not None:
            self._parent.write_count, self._parent._nested = self.write_count, None
        else:
            self._engine.end_write(self, self._undo, committed=bool(self._undo))
        self.closed = True

    def abort(self) -> None:
        """See `ReadTransaction.abort`."""
        if self.closed:
            return
        if self._nested is not None:
            self._nested.abort()
        # An interrupt may have cut short a commit, behind the point from which it counts.
        undone = [] if self.committed else self._undo[self._undo_from :]
        _undo(undone)
        if self._parent is not None:
            del self._undo[self._undo_from :]
            self._parent.write_count, self._parent._nested = self.write_count, None
        else:
            self._engine.end_write(self, undone, committed=False)
        self.closed = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self.closed:
            self.commit()
        else:
            self.abort()

    def __del__(self) -> None:
        if not getattr(self, "closed", True) and self._parent is None:
            self._engine.lose_write(self.thread, [] if self.committed else self._undo)

    def _set(self, tables: dict[int, VersionedTable], space: int, key: Any, value: Any) -> None:
        table = tables.get(space)
        if table is None:
            table = tables[space] = VersionedTable()
        self.write_count += 1
        self._undo.append((table, key, table.set(key, value, self._at)))

    def _has(self, space: int, key: bytes, member: bytes) -> bool:
        self._check_open()
        return self._spaces.entries.get(space, _EMPTY).get((key, member), self._at) is not None

    def _check_key(self, key: bytes) -> None:
        self._check_open()
        if len(key) > MAX_KEY_BYTES:
            raise ValueError(f"A key has at most {MAX_KEY_BYTES} bytes, and this one has {len(key)}.")

    def _check_open(self) -> None:
        super()._check_open()
        if self._nested is not None:
            raise TransactionError("A savepoint of this transaction is open, and must end before it is used again.")


class MemoryEngine:
    """See `Engine`."""

    path: str | None = None

    def __init__(self, busy_timeout: float) -> None:
        self.spaces = _Spaces()
        self._busy_timeout = busy_timeout
        self._lock = FifoLock()
        self._mutex = RLock()
        self._last = 0
        self._snapshots: Counter[int] = Counter()
        self._overwritten: deque[tuple[int, list[Undo]]] = deque()
        self._lost_reads: deque[int] = deque()
        self._lost_writes: deque[list[Undo]] = deque()
        self._closed = False
        self._writer: Callable[[], MemoryWrite | None] = lambda: None

    @property
    def has_waiters(self) -> bool:
        """See `Engine.has_waiters`."""
        return self._lock.has_waiters

    @property
    def is_writing_here(self) -> bool:
        """See `Engine.is_writing_here`."""
        return self._lock.owner == get_ident()

    def begin_read(self) -> MemoryRead:
        """See `Engine.begin_read`."""
        self._check_open()
        with self._mutex:
            self._snapshots[self._last] += 1
            return MemoryRead(self, self._last)

    def begin_write(self, timeout_seconds: float | None = None) -> MemoryWrite:
        """See `Engine.begin_write`."""
        self._check_open()
        me = get_ident()
        if self._lock.owner == me:
            raise TransactionError("This thread has a write transaction open; a second one would wait for it for ever.")
        seconds = self._busy_timeout if timeout_seconds is None else timeout_seconds
        transaction = None
        try:
            if not self._lock.acquire(seconds):
                raise BusyError(f"Waited {seconds:.3g} s to write, while another thread held the store's write lock.")
            self._bury_lost()
            transaction = MemoryWrite(self, self._last + 1)
            self._writer = ref(transaction)
            return transaction
        except BaseException:
            # Not only for errors: an interrupt may come between any two steps.
            if transaction is not None:
                transaction.abort()
            self._lock.release(me)
            raise

    def abandon_write(self) -> None:
        """See `Engine.abandon_write`."""
        writer = self._writer()
        if writer is not None and writer.thread == get_ident():
            writer.abort()

    def grow(self) -> None:
        """See `Engine.grow`; memory has no map that could be full."""

    def sync(self) -> None:
        """See `Engine.sync`; there is no disk."""

    def size_bytes(self) -> int:
        """See `Engine.size_bytes`: of keys, values and members, without what Python adds."""
        return sum(table.size_bytes() for table in self.spaces.tables())

    def close(self) -> None:
        """See `Engine.close`."""
        self._closed = True

    def end_read(self, at: int) -> None:
        """A snapshot of commit `at` is not needed any more."""
        with self._mutex:
            self._snapshots[at] -= 1
            if not self._snapshots[at]:
                del self._snapshots[at]
                self._trim()

    def end_write(self, writer: MemoryWrite, written: list[Undo], *, committed: bool) -> None:
        """The writer has ended; what it overwrote, or took back, may hold versions that nobody needs.

        Harmless when repeated, as it is after an interrupt.
        """
        with self._mutex:
            if self._lock.owner != writer.thread:
                return
            if committed and not writer.committed:
                self._last += 1
                writer.committed = True
            self._overwritten.append((self._last, written))
            self._trim()
        self._lock.release(writer.thread)

    def lose_read(self, at: int) -> None:
        """A snapshot was lost without an end. The collector that found it may have stopped this thread anywhere, under
        any lock, so what there is to do is left to the next writer."""
        self._lost_reads.append(at)

    def lose_write(self, thread: int, undo: list[Undo]) -> None:
        """A write transaction was lost without an end: see `lose_read`. Nobody but a writer can see what it wrote."""
        self._lost_writes.append(undo)
        self._lock.release(thread)

    def _bury_lost(self) -> None:
        while self._lost_writes:
            _undo(self._lost_writes[0])
            with self._mutex:
                self._overwritten.append((self._last, self._lost_writes.popleft()))
        while self._lost_reads:
            self.end_read(self._lost_reads.popleft())

    def _trim(self) -> None:
        oldest = min(self._snapshots, default=self._last)
        while self._overwritten and self._overwritten[0][0] <= oldest:
            _, written = self._overwritten.popleft()
            for table, key, _ in written:
                table.trim(key, oldest)

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("The store in memory is closed.")


def open_memory(*, busy_timeout: float = BUSY_TIMEOUT_SECONDS) -> MemoryEngine:
    """A new, empty store in memory; `busy_timeout`: seconds that a write waits for another thread's."""
    return MemoryEngine(busy_timeout)
