"""Write transactions of the LMDB engine, and savepoints.

**Scans.** A scan over a multimap places its cursor anew after each write: py-lmdb's iterators repeat an entry now and then
when members behind them are deleted (5 of 300 random trials). Scans of maps do not have this fault.

**A full map** poisons a transaction for LMDB: it raises `GrowNeeded`, and again at every further use.

**Interrupts.** A KeyboardInterrupt may come just after LMDB has committed. `committed` then still tells the truth: the
number of the last commit is compared while the write lock is held.

**Threads.** LMDB's mutex can be unlocked by the thread that locked it only. A write transaction that another thread ends is
an error. One that is lost leaves a `LostWrite`, and is ended when its thread writes again or tidies up after an interrupt;
until then others get a BusyError. (Python drops an interrupt that is raised in a `__del__`, and with it what was still to
be done there. So there is none.)
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice, starmap
from operator import call, itemgetter, lt
from threading import get_ident
from types import TracebackType
from typing import Any, Final, Self
from weakref import ref

import lmdb

from docstore import native
from docstore.errors import TransactionError
from docstore.storage.engine import Batch, GrowNeeded, check_member, check_members
from docstore.storage.entries import Entry
from docstore.storage.lmdb_read import ENDED, FORKED, LmdbRead
from docstore.storage.lmdb_scan import Bounds, Cursor, prefixes
from docstore.storage.registry import SharedStore

if native.AVAILABLE:
    from docstore.storage.lmdb_native import NativeRead

_ids: Final = itertools.count(-1, -1)
_first: Final = itemgetter(0)


class LostWrite(ref["LmdbWrite"]):
    """What is left of a write transaction that was lost: it puts itself on the store's list, by a function in C."""

    __slots__ = ("thread", "txn")

    thread: int
    txn: Any

    def __new__(cls, writer: LmdbWrite, store: SharedStore) -> Self:
        """For a transaction that has begun."""
        self = super().__new__(cls, writer, store.lost_writes.append)
        self.thread, self.txn = writer.thread, writer._txn
        return self


class LmdbWrite(LmdbRead):
    """See `WriteTransaction`. The caller of a transaction without parent holds the write lock, which its end releases."""

    __slots__ = (
        "_added_entries",
        "_added_rows",
        "_apply_count",
        "_delete",
        "_full",
        "_nested",
        "_note",
        "_parent",
        "_put",
        "applied",
        "committed",
        "is_torn",
        "keeps_lock",
        "number",
        "schema",
        "write_count",
    )

    def __init__(self, store: SharedStore, parent: LmdbWrite | None = None) -> None:
        self.closed = True
        self.committed = False
        self.is_torn = False
        self.keeps_lock = False
        """Whether its end leaves the write lock with the thread, for another transaction."""
        self._added_rows = self._added_entries = 0
        self.schema: Any = None
        self.applied: dict[tuple[int, bytes], bytes] = {}
        """What `apply` has written in maps."""
        self._apply_count = 0
        self.thread = get_ident()
        self._store = store
        self._parent = parent
        self._nested: LmdbWrite | None = None
        self._full = False
        gate = store.gate
        gate.guests[id(self)] = ref(self)
        if gate.remapping:
            gate.wait(self)
        self._txn: Any = ENDED
        try:
            self._txn = self._begin(parent)
            self.number = self._txn.id()
            self._get = self._txn.get
            self._put: Callable[..., Any] = self._txn.put
            self._delete: Callable[..., Any] = self._txn.delete
            self._maps = store.maps
            self.id: int = next(_ids)
            self.write_count: int = 0 if parent is None else parent.write_count
            self._note = LostWrite(self, store) if parent is None else None
        except BaseException:
            # An interrupt keeps this object alive in its traceback, and LMDB's mutex would stay locked with it.
            if self._txn is not ENDED:
                self._txn.abort()
            self._note = None
            raise
        self.closed = False

    def _begin(self, parent: LmdbWrite | None) -> lmdb.Transaction[bytes]:
        try:
            return self._store.environment.begin(write=True, parent=None if parent is None else parent._txn)
        except lmdb.Error as error:
            if parent is not None:
                raise parent._failure(error) from error
            return self._begin_again(error, write=True)

    def put(self, space: int, key: bytes, value: bytes) -> None:
        """See `WriteTransaction.put`."""
        self.write_count += 1
        try:
            self._put(prefixes[space] + key, value, True, True, False, self._map(space))
        except lmdb.Error as error:
            raise self._failure(error) from error

    def apply(self, *batches: Batch) -> None:
        """See `WriteTransaction.apply`. All is done by functions in C, called by one in C: interrupts wait for its end."""
        maps, multimaps, put, delete = self._maps, self._store.multimaps, self._put, self._delete
        calls: list[tuple[Any, ...]] = []
        for rows, gone, come in batches:
            for space, key, member in gone:
                calls.append((delete, prefixes[space] + key, member, multimaps))
            for space, key, member in come:
                calls.append((put, prefixes[space] + key, member, True, True, False, multimaps))
            for space, key, value in rows:
                calls.append((put, prefixes[space] + key, value, True, True, False, maps))
            calls.append((self.applied.update, {(space, key): value for space, key, value in rows}))
        done: list[Any] = []
        steps = starmap(call, calls)
        self.write_count += 1
        self._apply_count += 1
        try:
            self.is_torn = True  # no interrupt comes between this and the call
            done.extend(steps)
        except lmdb.Error as error:
            raise self._failure(error) from error
        finally:
            self.is_torn = self.is_torn and len(done) != len(calls)

    @property
    def is_applied(self) -> bool:
        """Whether all that it has written was written by `apply`, and so is in `applied`."""
        return self._apply_count == self.write_count

    def scattered_pages(self) -> int:
        """See `overlay.SoftWrite`."""
        if not self._added_entries:
            return 0
        rows, entries = self._txn.stat(self._maps), self._txn.stat(self._store.multimaps)
        return min(self._added_rows, int(rows["leaf_pages"])) + min(self._added_entries, int(entries["leaf_pages"]))

    def put_new(self, space: int, key: bytes, value: bytes) -> bool:
        """See `WriteTransaction.put_new`."""
        self.write_count += 1
        try:
            return bool(self._put(prefixes[space] + key, value, True, False, False, self._map(space)))
        except lmdb.Error as error:
            raise self._failure(error) from error

    def put_many(self, space: int, items: Sequence[tuple[bytes, bytes]]) -> None:
        """See `WriteTransaction.put_many`."""
        self.write_count += 1
        prefix = prefixes[space]
        try:
            cursor = self._txn.cursor(self._map(space))
            raw = [(prefix + key, value) for key, value in items]
            cursor.putmulti(raw, append=_follows(cursor, raw))
        except lmdb.Error as error:
            raise self._failure(error) from error

    def put_new_many(self, space: int, items: Sequence[tuple[bytes, bytes]]) -> int:
        """See `WriteTransaction.put_new_many`."""
        self.write_count += 1
        self._added_rows += len(items)
        prefix = prefixes[space]
        try:
            raw = [(prefix + key, value) for key, value in items]
            return int(self._txn.cursor(self._map(space)).putmulti(raw, overwrite=False)[1])
        except lmdb.Error as error:
            raise self._failure(error) from error

    def delete(self, space: int, key: bytes) -> bool:
        """See `WriteTransaction.delete`."""
        self.write_count += 1
        try:
            return bool(self._delete(prefixes[space] + key, b"", self._map(space)))
        except lmdb.Error as error:
            raise self._failure(error) from error

    def add(self, space: int, key: bytes, member: bytes) -> bool:
        """See `WriteTransaction.add`."""
        check_member(member)
        self.write_count += 1
        try:
            return bool(self._put(prefixes[space] + key, member, False, True, False, self._store.multimaps))
        except lmdb.Error as error:
            raise self._failure(error) from error

    def add_many(self, space: int, entries: Sequence[tuple[bytes, bytes]]) -> int:
        """See `WriteTransaction.add_many`."""
        check_members(entries)
        self.write_count += 1
        self._added_entries += len(entries)
        prefix = prefixes[space]
        raw = [(prefix + key, member) for key, member in entries]
        try:
            return int(self._txn.cursor(self._store.multimaps).putmulti(raw, dupdata=False)[1])
        except lmdb.Error as error:
            raise self._failure(error) from error

    def remove(self, space: int, key: bytes, member: bytes) -> bool:
        """See `WriteTransaction.remove`."""
        check_member(member)  # LMDB takes an empty one for "all members"
        self.write_count += 1
        try:
            return bool(self._delete(prefixes[space] + key, member, self._store.multimaps))
        except lmdb.Error as error:
            raise self._failure(error) from error

    def remove_many(self, space: int, entries: Iterable[tuple[bytes, bytes]]) -> int:
        """See `WriteTransaction.remove_many`."""
        found = list(entries)
        check_members(found)
        self.write_count += 1
        prefix, delete, multimaps = prefixes[space], self._delete, self._store.multimaps
        try:
            return sum([delete(prefix + key, member, multimaps) for key, member in found])
        except lmdb.Error as error:
            raise self._failure(error) from error

    def members(self, space: int, key: bytes) -> Iterator[bytes]:
        """See `ReadTransaction.members`; by way of the scan, which knows about writes."""
        entries = self.scan_entries(space, key, key + b"\0")
        return (member for _, member in entries)

    def before(self) -> AbstractContextManager[LmdbRead]:
        """See `WriteTransaction.before`. Compiled code cannot read what a write transaction sees."""
        assert not self.write_count, "what was written is not there"
        return NativeRead(self._store) if self._store.map_address else nullcontext(self)

    def savepoint(self) -> LmdbWrite:
        """See `WriteTransaction.savepoint`."""
        self._check_open()
        nested = self._nested = LmdbWrite(self._store, self)
        return nested

    def commit(self) -> None:
        """See `WriteTransaction.commit`."""
        self._check_open()
        if self._has_open_savepoint():
            raise TransactionError("A savepoint of this transaction is open; end it first.")
        try:
            self._txn.commit()
            self.committed = self.write_count > 0
        except lmdb.Error as error:
            raise self._failure(error) from error
        finally:
            if not self.closed:
                self._end()

    def abort(self) -> None:
        """See `ReadTransaction.abort`."""
        if self.closed:
            return
        if self.thread != get_ident():
            raise TransactionError("A write transaction belongs to the thread that began it, and can only end there.")
        if self._nested is not None:
            self._nested.abort()
        try:
            self._txn.abort()
        finally:
            self._end()

    def mark_forked(self) -> Any:
        """See `LmdbRead.mark_forked`."""
        self._put = self._delete = FORKED.get
        return super().mark_forked()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self.closed:
            self.commit()
        else:
            self.abort()

    # Parts

    def _end(self) -> None:
        """Nothing of the transaction is left in LMDB: tell the parent, or let the next writer in.

        May be cut short by an interrupt, and is then done again: `closed` comes last.
        """
        parent, store, lock = self._parent, self._store, self._store.lock
        if parent is not None:
            parent.write_count, parent._nested = self.write_count, None
        elif lock is not None and lock.threads.owner == self.thread:
            if self.write_count and not self.committed:
                self.committed = store.environment.info()["last_txnid"] >= self.number
            if not self.keeps_lock:
                lock.release(self.thread)
        store.gate.guests.pop(id(self), None)
        self._txn, self._get, self._put, self._delete = ENDED, ENDED.get, ENDED.get, ENDED.get
        self._note = None
        self.closed = True
        if not store.holders and not self.keeps_lock:
            store.dispose_if_unused()

    def _check_open(self) -> None:
        if self.closed:
            self._txn.id()  # raises what fits

    def _has_open_savepoint(self) -> bool:
        return self._nested is not None and not self._nested.closed

    def _entries(self, cursor: Cursor, bounds: Bounds, after: Entry | None) -> Iterator[Entry]:
        try:
            while bounds.place(cursor, after):
                count = self.write_count
                for entry in bounds.iterate(cursor):
                    yield entry
                    if self.write_count != count:
                        after = entry
                        break
                else:
                    return
        except lmdb.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: lmdb.Error) -> Exception:
        if isinstance(error, lmdb.MapFullError):
            self._full = True
            self._store.gate.note_full()
        elif isinstance(error, lmdb.BadTxnError) and self._has_open_savepoint():
            return TransactionError("A savepoint of this transaction is open, and must end before it is used again.")
        if self._full:
            return GrowNeeded(
                f"The memory map of {self._store.path} is full. The transaction is undone; it grows when the next one "
                "begins, so run it again."
            )
        return super()._failure(error)


def _follows(cursor: Any, rows: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether rows come behind all that are there, one behind the other. LMDB then fills its pages, and else four fifths of them."""
    if not rows or not cursor.last() or cursor.key() >= rows[0][0]:
        return False
    return all(map(lt, map(_first, rows), map(_first, islice(rows, 1, None))))
