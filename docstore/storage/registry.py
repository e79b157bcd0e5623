"""The open stores of this process: one LMDB environment for each file, shared by all who open it.

LMDB allows a process one environment per file, for its `fcntl` locks belong to the process. So a file (known by device and
inode, whatever its path) is opened once, `SharedStore` counts its holders, and the last one closes it; where transactions
are still open then, the end of the last of them does.

**Files.** The store is one LMDB 0.9 data file with three named databases and nothing else in its main database:
`catalog` (space 0), `maps` (all other maps) and `multimaps` (all multimaps; `dupsort`, `dupfixed`). A raw key is the space as a
big-endian u32, then the key. All three are made in one transaction, so that an LMDB file has all, or none and then no
other content either, or belongs to somebody else and is left alone.

**Fork.** A child inherits memory, but neither the locks nor the reader slots that LMDB believes in. In the child every
store, and every open transaction, is therefore marked: any use is a `ForkedError`. What py-lmdb holds is kept alive there
for ever, since freeing it would free the parent's slots in the shared lock file; the descriptor of the write lock, whose
open file the child shares with its parent, is closed.

**Threads.** Opening and closing go through one mutex; the rest needs none.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from threading import RLock, get_ident
from typing import TYPE_CHECKING, Any, Final

import lmdb
from lmdb import _envid

from docstore import native
from docstore.errors import NotAStoreError, StoreError
from docstore.limits import MAP_BYTES, MAX_READERS, MIN_MAP_BYTES, READER_CHECK_SECONDS
from docstore.storage.interrupts import uninterrupted
from docstore.storage.lock import WriteLock
from docstore.storage.mapsize import MapGate
from docstore.storage.place import check_place
from docstore.storage.soft import SoftWrites

if TYPE_CHECKING:
    from docstore.native.pages import Snapshot

_KINDS: Final[dict[bytes, dict[str, Any]]] = {
    b"catalog": {},
    b"maps": {},
    b"multimaps": {"dupsort": True, "dupfixed": True},
}
NAMES: Final = tuple(_KINDS)

_mutex = RLock()
_stores: dict[tuple[int, int], SharedStore] = {}
_kept_after_fork: list[Any] = []


class SharedStore:
    """One environment, its databases and locks, and who holds it."""

    environment: lmdb.Environment
    catalog: lmdb._Database
    maps: lmdb._Database
    multimaps: lmdb._Database

    def __init__(self, path: str, map_bytes: int | None, *, sync: bool, busy_timeout: float) -> None:
        """Nothing is open before `open`."""
        self.path = path
        self.holders = 0
        self.forked = False
        self._map_bytes = map_bytes or MAP_BYTES
        self._sync = sync
        self._readers_checked = time.monotonic()
        self.gate = MapGate(path, busy_timeout)
        self.gate.emptied = self._lose_map
        self.gate.remapped = self._find_map
        self.map_address = 0
        """Where the memory map begins, for compiled code; 0 where there is none, or it cannot read this file."""
        self.snapshot: Snapshot | None = None
        """The tree of all maps as the last transaction saw it that read it with compiled code."""
        self.entries_snapshot: Snapshot | None = None
        """The tree of all multimaps as such a transaction saw it."""
        self.lost_writes: list[Any] = []
        """A `LostWrite` for each write transaction that was lost without an end."""
        self.soft = SoftWrites(path)
        self.lock: WriteLock | None = None
        self.key = (0, 0)
        """The file's device and inode."""

    def open(self, busy_timeout: float, *, writable: bool) -> None:
        """Open the file; whatever this raises, and interrupts may come anywhere, is to be followed by `close`."""
        if writable:
            self._open_writable(busy_timeout)
        else:
            self._open(None)
        found = os.stat(self.path)  # noqa: PTH116 - nothing else here is a Path
        self.key = (found.st_dev, found.st_ino)

    def close(self) -> None:
        """Close what is open."""
        with uninterrupted():
            if hasattr(self, "environment"):
                self.environment.close()
            self.snapshot = self.entries_snapshot = None
            if self.lock is not None:
                self.lock.close()

    def forget_dead_readers(self) -> None:
        """Now and then, free what readers still hold whose process has died: until then the file cannot reuse its pages."""
        now = time.monotonic()
        if now > self._readers_checked + READER_CHECK_SECONDS:
            self._readers_checked = now
            self.environment.reader_check()

    def end_lost_writes(self) -> None:
        """End what this thread has lost. May be cut short by an interrupt, and is then done again."""
        for lost in list(self.lost_writes):
            if lost.thread == get_ident():
                lost.txn.abort()
                if self.lock is not None:
                    self.lock.release(lost.thread)
                self.lost_writes.remove(lost)

    def make_writable(self, busy_timeout: float) -> None:
        """Open for writing as well what is open for reading, when no transaction is open."""
        with self.gate.alone():
            self.environment.close()
            try:
                self._open_writable(busy_timeout)
            except BaseException:
                self.environment.close()
                self._open(None)
                raise

    def _open_writable(self, busy_timeout: float) -> None:
        """With the write lock, so that no other process makes the store just now, or writes for ever."""
        try:
            lock = WriteLock(self.path)
        except OSError as error:
            raise NotAStoreError(f"{self.path} cannot be opened or made: {error.strerror}.") from error
        try:
            try:
                lock.acquire(busy_timeout)
                self._open(lock)
            finally:
                lock.release(get_ident())
        except BaseException:
            lock.close()
            raise

    def _open(self, lock: WriteLock | None) -> None:
        environment = _open_environment(self.path, self._map_bytes, readonly=lock is None, sync=self._sync)
        try:
            environment.reader_check()
            _check_names(environment, self.path, may_be_new=lock is not None)
            self.catalog, self.maps, self.multimaps = open_databases(environment)
            self.environment = self.gate.environment = environment
            self.page_bytes: int = environment.stat()["psize"]
            self._find_map()
            self.lock = lock
        except lmdb.Error as error:
            environment.close()
            raise _open_failure(self.path, error) from error
        except BaseException:
            environment.close()
            raise

    def _lose_map(self) -> None:
        """Have nobody read where the map is now."""
        self.snapshot = self.entries_snapshot = None

    def _find_map(self) -> None:
        """Have compiled code look where the map is."""
        self.snapshot = self.entries_snapshot = None
        if native.AVAILABLE:
            with self.environment.begin(buffers=True) as transaction:
                record = transaction.get(NAMES[1])
                self.map_address = 0 if record is None else native.pages.map_address(record, self.page_bytes)

    def release(self) -> None:
        """One holder less."""
        with _mutex:
            self.holders -= 1
            self.dispose_if_unused()

    def dispose_if_unused(self) -> None:
        """Close the environment when nobody holds the store and no transaction is open."""
        with _mutex, uninterrupted():
            if self.holders == 0 and not self.gate.has_guests() and _stores.get(self.key) is self:
                del _stores[self.key]
                self.soft.stop(wait=False)
                self.close()


def acquire_store(
    path: str, *, create: bool, read_only: bool, map_bytes: int | None, sync: bool, busy_timeout: float
) -> SharedStore:
    """The store of a path, opened or shared; `release` it."""
    with _mutex:
        check_place(path, create=create)
        store = _known(path)
        writable = not read_only and (not os.path.exists(path) or os.access(path, os.W_OK))  # noqa: PTH110
        if store is None:
            store = SharedStore(path, map_bytes, sync=sync, busy_timeout=busy_timeout)
            try:
                store.open(busy_timeout, writable=writable)
                _stores[store.key] = store
            except BaseException:
                store.close()
                _stores.pop(store.key, None)
                raise
        elif writable and store.lock is None:
            store.make_writable(busy_timeout)
        store.holders += 1
        return store


def _known(path: str) -> SharedStore | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - nothing else here is a Path
    except FileNotFoundError:
        return None
    return _stores.get((found.st_dev, found.st_ino))


def _open_environment(path: str, map_bytes: int, *, readonly: bool, sync: bool) -> lmdb.Environment:
    while True:
        try:
            return lmdb.open(
                path,
                map_size=map_bytes,
                subdir=False,
                readonly=readonly,
                sync=sync,
                mode=0o666,  # less the user's umask, as for any file
                max_readers=MAX_READERS,
                max_dbs=len(NAMES),
                max_spare_txns=1,
                lib_version=0,
            )
        except lmdb.Error as error:
            if error.code != errno.ENOMEM:
                raise _open_failure(path, error) from error
            failure = error
        map_bytes //= 2
        if map_bytes < MIN_MAP_BYTES:
            raise StoreError(
                f"{path} cannot be opened: this process has not even {MIN_MAP_BYTES} bytes of address space left for it "
                "(see `ulimit -v`)."
            ) from failure


def _check_names(environment: lmdb.Environment, path: str, *, may_be_new: bool) -> None:
    with environment.begin() as reader:
        names = set(reader.cursor().iternext(values=False))
    if not names.issuperset(NAMES) and (names or not may_be_new):
        whose = "of another program" if names else "without any content"
        raise NotAStoreError(f"{path} is no store: it is an LMDB file {whose}.")


def open_databases(environment: lmdb.Environment) -> list[lmdb._Database]:
    """The catalog, the maps and the multimaps of a store, made where there are none yet."""
    if environment.flags()["readonly"]:
        # py-lmdb resets a read transaction where LMDB would commit it, and the handles opened in it would be gone; it
        # keeps those that it opens in a transaction of its own.
        return [environment.open_db(name, **kind, create=False) for name, kind in _KINDS.items()]
    with environment.begin(write=True) as writer:
        return [environment.open_db(name, writer, **kind) for name, kind in _KINDS.items()]


def _open_failure(path: str, error: lmdb.Error) -> StoreError:
    if isinstance(error, (lmdb.InvalidError, lmdb.VersionMismatchError, lmdb.CorruptedError)):
        return NotAStoreError(f"{path} is no store that can be read: {error.reason}.")
    if error.code == errno.EACCES:
        return StoreError(f"{path} cannot be opened: this user may not read it and write its lock file {path}-lock.")
    why = error.reason if error.code and error.reason else str(error).removesuffix(".")
    return StoreError(f"{path} cannot be opened: {why}.")


def _before_fork() -> None:
    _mutex.acquire()


def _after_fork_in_parent() -> None:
    _mutex.release()


def _after_fork_in_child() -> None:
    for store in _stores.values():
        store.forked = True
        _kept_after_fork.append(store.environment)
        for known in list(store.gate.guests.values()):
            guest = known()
            if guest is not None:
                _kept_after_fork.append(guest.mark_forked())
        if store.lock is not None:
            store.lock.close()
    if _stores:
        _let_py_lmdb_open_again()
    _stores.clear()
    _mutex.release()


def _let_py_lmdb_open_again() -> None:
    """py-lmdb refuses a file that the parent has open. It knows files by what this function of its own tells of them."""
    before: Callable[[str, bool], tuple[Any, ...]] = _envid.env_keys
    child = os.getpid()
    _envid.env_keys = lambda path, subdir: tuple((child, key) for key in before(path, subdir))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
