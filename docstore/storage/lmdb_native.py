"""Read transactions of the LMDB engine that read rows with compiled code (`docstore.native`).

py-lmdb begins and ends the transaction, and all that is not reading rows of maps stays with `LmdbRead`. A snapshot of the
tree of all maps is kept by the store for the next transaction of the same commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

import lmdb

from docstore.errors import CorruptStoreError
from docstore.native.documents import BytesReader
from docstore.native.pages import DamagedPageError, Snapshot
from docstore.native.scans import Entries, Scan
from docstore.storage.engine import CATALOG_SPACE
from docstore.storage.entries import EntryRows
from docstore.storage.lmdb_read import LmdbRead
from docstore.storage.lmdb_scan import Bounds, prefixes
from docstore.storage.rows import FIRST_CHUNK, LARGEST_CHUNK, Rows

Result = TypeVar("Result")

_BYTES: Final = BytesReader()


class NativeRead(LmdbRead):
    """See `ReadTransaction`."""

    __slots__ = ()

    def get(self, space: int, key: bytes) -> bytes | None:
        """See `ReadTransaction.get`. py-lmdb would let other threads run meanwhile, and may have to wait for them."""
        return super().get(space, key) if space == CATALOG_SPACE else self.read(space, key, _BYTES)

    def read(self, space: int, key: bytes, decode: Callable[[bytes], Result]) -> Result | None:
        """See `ReadTransaction.read`."""
        known = self._store.snapshot
        if known is None or known.id != self.id or self.closed:
            known = self._look()
        try:
            found: Result | None = known.get(prefixes[space] + key, decode)
        except DamagedPageError as error:
            raise self.damaged(error) from error
        return found

    def get_many(self, space: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `ReadTransaction.get_many`. Many keys in the time of a few, since all wait for memory together."""
        if space == CATALOG_SPACE:
            return super().get_many(space, keys)
        return self.rows(space, keys).read(_BYTES)

    def read_through(self, keys: int, key: bytes, space: int, decode: Callable[[bytes], Result]) -> Result | None:
        """See `ReadTransaction.read_through`."""
        known = self._store.snapshot
        if known is None or known.id != self.id or self.closed:
            known = self._look()
        try:
            found: Result | None = known.get_through(prefixes[keys] + key, prefixes[space], decode)
        except DamagedPageError as error:
            raise self.damaged(error) from error
        return found

    def follow(self, rows: Rows, space: int) -> Rows:
        """See `ReadTransaction.follow`."""
        try:
            return self._look().follow(rows, prefixes[space])
        except DamagedPageError as error:
            raise self.damaged(error) from error

    @contextmanager
    def borrowed(self, space: int, keys: Sequence[bytes]) -> Iterator[list[bytes | memoryview | None]]:
        """See `ReadTransaction.borrowed`. What lies in the memory map needs no second transaction."""
        try:
            found = self._look().rows(self, prefixes[space], keys)
        except DamagedPageError as error:
            raise self.damaged(error) from error
        yield [*found.views()]

    def rows(self, space: int, keys: Sequence[bytes]) -> Rows:
        """See `ReadTransaction.rows`."""
        try:
            return self._look().rows(self, prefixes[space], keys)
        except DamagedPageError as error:
            raise self.damaged(error) from error

    def scan_rows(self, space: int, low: bytes = b"", high: bytes | None = None) -> Iterator[Rows]:
        """See `ReadTransaction.scan_rows`."""
        bounds, size = Bounds(space, low, high, False), FIRST_CHUNK
        try:
            scan = Scan(self._look(), self, bounds.low, bounds.high)
            while rows := scan.next_rows(size):
                yield rows
                size = min(4 * size, LARGEST_CHUNK)
        except DamagedPageError as error:
            raise self.damaged(error) from error

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
        bounds, key, member = Bounds(space, low, high, reverse), None, None
        if after is not None:
            key, member = prefixes[space] + after[0], after[1]
        try:
            maps, store = self._look(), self._store
            tree = store.entries_snapshot
            if tree is None or tree.id != self.id:
                tree = store.entries_snapshot = self._tree(b"multimaps")
            return Entries(tree, maps, self, prefixes[rows], bounds.low, bounds.high, reverse, key, member)
        except DamagedPageError as error:
            raise self.damaged(error) from error

    def _look(self) -> Snapshot:
        """The snapshot of this transaction."""
        self.check_open()
        store = self._store
        known = store.snapshot
        if known is None or known.id != self.id:
            known = store.snapshot = self._tree(b"maps")
        return known

    def _tree(self, name: bytes) -> Snapshot:
        """One of the trees of this transaction."""
        store = self._store
        try:
            record = self._txn.get(name)
        except lmdb.Error as error:
            raise self._failure(error) from error
        return Snapshot(self.id, store.map_address, store.page_bytes, record)

    def damaged(self, error: DamagedPageError) -> CorruptStoreError:
        """What a damaged page means here."""
        return CorruptStoreError(f"{self._store.path} is damaged: {error}.")
