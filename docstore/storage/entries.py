"""The rows that the entries of a multimap lead to: what an index is read by.

`EntryRows` is what engines give. `ListedRows` puts them together of what an engine has anyway; `docstore.native.scans` goes
from the entries to the rows without an object in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Protocol, TypeAlias

from docstore.storage.rows import Rows

Entry: TypeAlias = tuple[bytes, bytes]
"""(key, member)."""


class EntryRows(Protocol):
    """The rows of a map whose keys are the members of a multimap, in the order of the entries, in batches."""

    def next_rows(self, most: int) -> Rows:
        """The rows of the next entries, at most so many; none at the end, and where the next key is `long`."""

    @property
    def last(self) -> Entry | None:
        """The last entry that was met, also after the end of the transaction; None before the first."""

    @property
    def long(self) -> bytes:
        """The key before which the scan has ended, since it has as many bytes as a key can have; otherwise none."""


class ListedRows:
    """See `EntryRows`."""

    def __init__(self, entries: Iterator[Entry], rows_of: Callable[[Sequence[bytes]], Rows], long_bytes: int) -> None:
        self._entries = entries
        self._rows_of = rows_of
        self._long_bytes = long_bytes
        self.last: Entry | None = None
        self.long = b""

    def next_rows(self, most: int) -> Rows:
        """See `EntryRows`."""
        batch = [] if self.long else list(islice(self._entries, most))
        if batch and max([len(key) for key, _ in batch]) == self._long_bytes:
            place = next(place for place, (key, _) in enumerate(batch) if len(key) == self._long_bytes)
            self.long = batch[place][0]
            del batch[place:]
        if batch:
            self.last = batch[-1]
        return self._rows_of([member for _, member in batch])
