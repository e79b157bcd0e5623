"""Transactions of a store in memory.

Maps, multimaps and the number of members of each key are each a `VersionedTable` (`versions.py`) per space. A read
transaction is hardly more than the number of the last commit. The one writer writes versions of the next commit, which
nobody else looks at before `commit` moves the number on, and keeps an undo log; a savepoint is a place in that log.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import get_ident
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from weakref import ref

from docstore.errors import TransactionClosedError, TransactionError
from docstore.storage.engine import MAX_KEY_BYTES, Batch, check_member
from docstore.storage.entries import EntryRows, ListedRows
from docstore.storage.memory_state import MemoryState, Undo, undo_changes
from docstore.storage.rows import ListRows, Rows, chunked, follow, read_through
from docstore.storage.versions import GONE, VersionedTable

Result = TypeVar("Result")

_write_ids: Final = itertools.count(-1, -1)
_EMPTY: Final = VersionedTable()
_BEHIND_ALL: Final = b"\xff" * (MAX_KEY_BYTES + 1)


class MemoryRead:
    """See `ReadTransaction`."""

    def __init__(self, state: MemoryState, at: int) -> None:
        self._state = state
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
        found: bytes | None = self._state.maps.get(space, _EMPTY).get(key, self._at)
        return found

    def get_many(self, space: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `ReadTransaction.get_many`."""
        return [self.get(space, key) for key in keys]

    @contextmanager
    def borrowed(self, space: int, keys: Sequence[bytes]) -> Iterator[list[bytes | memoryview | None]]:
        """See `ReadTransaction.borrowed`."""
        yield list(self.get_many(space, keys))

    def scan(
        self, space: int, low: bytes = b"", high: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """See `ReadTransaction.scan`."""
        self._check_open()
        table = self._state.maps.get(space, _EMPTY)
        return self._alive(table.range(low, _BEHIND_ALL if high is None else high, self._at, reverse))

    def read(self, space: int, key: bytes, decode: Callable[[bytes], Result]) -> Result | None:
        """See `ReadTransaction.read`."""
        data = self.get(space, key)
        return None if data is None else decode(data)

    def rows(self, space: int, keys: Sequence[bytes]) -> Rows:
        """See `ReadTransaction.rows`."""
        return ListRows(self.get_many(space, keys))

    def read_through(self, keys: int, key: bytes, space: int, decode: Callable[[bytes], Result]) -> Result | None:
        """See `ReadTransaction.read_through`."""
        return read_through(self.get, keys, key, space, decode)

    def follow(self, rows: Rows, space: int) -> Rows:
        """See `ReadTransaction.follow`."""
        return follow(rows, lambda keys: self.get_many(space, keys))

    def scan_rows(self, space: int, low: bytes = b"", high: bytes | None = None) -> Iterator[Rows]:
        """See `ReadTransaction.scan_rows`."""
        return chunked(self.scan(space, low, high))

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
        table = self._state.entries.get(space, _EMPTY)
        first: tuple[bytes, ...] = (low,)
        last: tuple[bytes, ...] = (_BEHIND_ALL if high is None else high,)
        if after is not None and reverse:
            last = min(last, after)
        elif after is not None:
            first = max(first, (after[0], after[1] + b"\0"))
        return self._alive(entry for entry, _ in table.range(first, last, self._at, reverse))

    def entry_rows(
        self,
        space: int,
        rows: int,
        low: bytes = b"",
        high: bytes | None = None,
        *,
        reverse: bool = False,
        after: tuple[bytes, bytes] | None = None,
    ) -> EntryRows:
        """See `ReadTransaction.entry_rows`."""
        entries = self.scan_entries(space, low, high, reverse=reverse, after=after)
        return ListedRows(entries, lambda keys: self.rows(rows, keys), MAX_KEY_BYTES)

    def members(self, space: int, key: bytes) -> Iterator[bytes]:
        """See `ReadTransaction.members`."""
        entries = self.scan_entries(space, key, key + b"\0")
        return (member for _, member in entries)

    def count_members(self, space: int, key: bytes) -> int:
        """See `ReadTransaction.count_members`."""
        self._check_open()
        return self._state.counts.get(space, _EMPTY).get(key, self._at) or 0

    def abort(self) -> None:
        """See `ReadTransaction.abort`."""
        if not self.closed:
            self.closed = True
            self._state.end_read(self._at)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def _alive(self, rows: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        for row in rows:
            yield row
            self._check_open()

    def _check_open(self) -> None:
        if self.closed:
            raise TransactionClosedError("The transaction has ended, and with it its scans.")


class MemorySnapshot(MemoryRead):
    """What `begin_read` gives."""

    def __del__(self) -> None:
        if not getattr(self, "closed", True):  # its making may have been interrupted
            self._state.lose_read(self._at)


class LostWrite(ref["MemoryWrite"]):
    """What is left of a write transaction that was lost: it puts itself on the store's list, by a function in C."""

    __slots__ = ("thread", "undo")

    thread: int
    undo: list[Undo]

    def __new__(cls, writer: MemoryWrite, state: MemoryState) -> Self:
        """For a transaction that has begun."""
        self = super().__new__(cls, writer, state.lost.append)
        self.thread, self.undo = writer.thread, writer._undo
        return self


class MemoryWrite(MemoryRead):
    """See `WriteTransaction`."""

    def __init__(self, state: MemoryState, at: int, parent: MemoryWrite | None = None) -> None:
        self._parent = parent
        super().__init__(state, at)
        self.thread = get_ident()
        self._id = next(_write_ids)
        self._nested: MemoryWrite | None = None
        self.committed = False
        self.is_torn = False
        self.schema: Any = None
        self.write_count: int = 0 if parent is None else parent.write_count
        self._undo: list[Undo] = [] if parent is None else parent._undo
        self._undo_from = len(self._undo)
        self.note = LostWrite(self, state) if parent is None else None

    @property
    def id(self) -> int:
        """See `ReadTransaction.id`."""
        return self._id

    @property
    def number(self) -> int:
        """See `WriteTransaction.number`."""
        return self._at

    def put(self, space: int, key: bytes, value: bytes) -> None:
        """See `WriteTransaction.put`."""
        self._check_key(key)
        self._set(self._state.maps, space, key, value)

    def apply(self, *batches: Batch) -> None:
        """See `WriteTransaction.apply`. An interrupt may break it off, which undoes the transaction: it is no soft one."""
        for batch in batches:
            for entry in batch.gone:
                self.remove(*entry)
            for entry in batch.come:
                self.add(*entry)
            for row in batch.rows:
                self.put(*row)

    def put_new(self, space: int, key: bytes, value: bytes) -> bool:
        """See `WriteTransaction.put_new`."""
        self._check_key(key)
        if self.get(space, key) is not None:
            return False
        self._set(self._state.maps, space, key, value)
        return True

    def put_many(self, space: int, items: Sequence[tuple[bytes, bytes]]) -> None:
        """See `WriteTransaction.put_many`."""
        for key, value in items:
            self.put(space, key, value)

    def put_new_many(self, space: int, items: Sequence[tuple[bytes, bytes]]) -> int:
        """See `WriteTransaction.put_new_many`."""
        return sum([self.put_new(space, key, value) for key, value in items])

    def delete(self, space: int, key: bytes) -> bool:
        """See `WriteTransaction.delete`."""
        if self.get(space, key) is None:
            return False
        self._set(self._state.maps, space, key, GONE)
        return True

    def add(self, space: int, key: bytes, member: bytes) -> bool:
        """See `WriteTransaction.add`."""
        check_member(member)
        self._check_key(key)
        if self._has(space, key, member):
            return False
        self._set(self._state.entries, space, (key, member), b"")
        self._set(self._state.counts, space, key, self.count_members(space, key) + 1)
        return True

    def add_many(self, space: int, entries: Sequence[tuple[bytes, bytes]]) -> int:
        """See `WriteTransaction.add_many`."""
        return sum([self.add(space, key, member) for key, member in entries])

    def remove(self, space: int, key: bytes, member: bytes) -> bool:
        """See `WriteTransaction.remove`."""
        check_member(member)
        if not self._has(space, key, member):
            return False
        self._set(self._state.entries, space, (key, member), GONE)
        self._set(self._state.counts, space, key, self.count_members(space, key) - 1 or GONE)
        return True

    def remove_many(self, space: int, entries: Iterable[tuple[bytes, bytes]]) -> int:
        """See `WriteTransaction.remove_many`."""
        return sum([self.remove(space, key, member) for key, member in entries])

    def before(self) -> AbstractContextManager[MemoryRead]:
        """See `WriteTransaction.before`."""
        return nullcontext(self)

    def savepoint(self) -> MemoryWrite:
        """See `WriteTransaction.savepoint`."""
        self._check_open()
        nested = self._nested = MemoryWrite(self._state, self._at, self)
        return nested

    def commit(self) -> None:
        """See `WriteTransaction.commit`."""
        self._check_open()
        if self._parent is not None:
            self._parent.write_count, self._parent._nested = self.write_count, None
        else:
            self._state.end_write(self, self._undo, committed=bool(self._undo))
        self.closed = True
        self.note = None

    def abort(self) -> None:
        """See `ReadTransaction.abort`."""
        if self.closed:
            return
        if self._nested is not None:
            self._nested.abort()
        # An interrupt may have cut short a commit, behind the point from which it counts.
        undone = [] if self.committed else self._undo[self._undo_from :]
        undo_changes(undone)
        if self._parent is not None:
            del self._undo[self._undo_from :]
            self._parent.write_count, self._parent._nested = self.write_count, None
        else:
            self._state.end_write(self, undone, committed=False)
        self.closed = True
        self.note = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self.closed:
            self.commit()
        else:
            self.abort()

    def _set(self, tables: dict[int, VersionedTable], space: int, key: Any, value: Any) -> None:
        table = tables.get(space)
        if table is None:
            table = tables[space] = VersionedTable()
        self.write_count += 1
        self._undo.append((table, key, table.set(key, value, self._at)))

    def _has(self, space: int, key: bytes, member: bytes) -> bool:
        self._check_open()
        return self._state.entries.get(space, _EMPTY).get((key, member), self._at) is not None

    def _check_key(self, key: bytes) -> None:
        self._check_open()
        if len(key) > MAX_KEY_BYTES:
            raise ValueError(f"A key has at most {MAX_KEY_BYTES} bytes, and this one has {len(key)}.")

    def _check_open(self) -> None:
        super()._check_open()
        if self._nested is not None:
            raise TransactionError("A savepoint of this transaction is open, and must end before it is used again.")
