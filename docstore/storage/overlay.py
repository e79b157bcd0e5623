"""What is written softly while the group before is being committed: computed upon that group, and applied to the next.

A commit waits for the disk, and LMDB can neither be written to nor tell what it is writing meanwhile. So an `Overlay` stands
in for a write transaction then, for writes by a single `apply`: it knows all rows that the group has written, which go
before those of the last commit, whether that is the group's own by now or not; and it keeps the batches that come, for the
transaction that follows.

One thread at a time may use it, with the turn of `soft.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import starmap
from operator import call
from typing import Final, Protocol, TypeVar

from docstore.limits import SOFT_SECONDS
from docstore.storage.engine import Batch, ReadTransaction, WriteTransaction

Result = TypeVar("Result")


class SoftWrite(WriteTransaction, Protocol):
    """The transaction of a group."""

    keeps_lock: bool
    """Whether its end leaves the write lock with the thread, for another transaction."""
    applied: dict[tuple[int, bytes], bytes]

    @property
    def is_applied(self) -> bool:
        """Whether all that it has written was written by `apply`, and what of it is in maps is in `applied`."""

    def scattered_pages(self) -> int:
        """How many pages may have changed for what was added in bulk: 0 where that has no entries."""


class Overlay:
    """See above; of `WriteTransaction` it has what computing a batch takes."""

    write_count: Final = 1
    is_torn: Final = False

    def __init__(self, written: SoftWrite, begin_read: Callable[[], ReadTransaction]) -> None:
        self.schema = written.schema
        self.batches: list[Batch] = []
        self.began = 0.0
        """When the first batch came."""
        self.next: SoftWrite | None = None
        """The transaction that the batches are for, once it has begun: then no more may come."""
        self._rows = written.applied
        self._begin_read = begin_read
        self._snapshot: ReadTransaction | None = None

    @property
    def is_ahead(self) -> bool:
        """Whether it has writes for a group that has not begun."""
        return self.next is None and bool(self.batches)

    @property
    def is_overdue(self) -> bool:
        """Whether the first batch has waited so long that no other may come."""
        return bool(self.batches) and time.monotonic() > self.began + SOFT_SECONDS

    def read(self, space: int, key: bytes, decode: Callable[[bytes], Result]) -> Result | None:
        """See `ReadTransaction.read`."""
        data = self._rows.get((space, key))
        return self._before().read(space, key, decode) if data is None else decode(data)

    def get(self, space: int, key: bytes) -> bytes | None:
        """See `ReadTransaction.get`."""
        data = self._rows.get((space, key))
        return self._before().get(space, key) if data is None else data

    def scan(
        self, space: int, low: bytes = b"", high: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """See `ReadTransaction.scan`; of the catalog, which `apply` does not change."""
        return self._before().scan(space, low, high, reverse=reverse)

    def close(self) -> None:
        """Nothing more is to be computed."""
        if self._snapshot is not None:
            self._snapshot.abort()
            self._snapshot = None

    def _before(self) -> ReadTransaction:
        """The last commit, or the one before."""
        if self._snapshot is None:
            self._snapshot = self._begin_read()
        return self._snapshot

    def apply(self, batch: Batch) -> None:
        """See `WriteTransaction.apply`: it is kept, and seen. No interrupt comes between the two."""
        rows = {(space, key): value for space, key, value in batch.rows}
        if not self.batches:
            self.began = time.monotonic()
        list(starmap(call, ((self.batches.append, batch), (self._rows.update, rows))))
