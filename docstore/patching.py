"""New values for some fields of many documents, put into them as they are stored: what `query.patches` asks of a table.

The documents are read in a transaction of the state before the write (`WritingTransaction.before`). Only what the patches
look at is decoded of them, and the fields of those indexes that the patches may change. Nothing is written until `write`,
which leaves the indexes that know nothing of the fields alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import Final

from docstore.documents import decode_document, field_decoder, fields_decoder, stored_document
from docstore.indexes.base import LARGEST_BATCH, Update
from docstore.keys import primary_key
from docstore.splicing import splicer
from docstore.storage.engine import ReadTransaction
from docstore.storage.rows import Rows
from query.values import Value

Fields = dict[str, Value]

_row_id: Final = itemgetter(0)
"""Of a row or an update."""


class TablePatching:
    """See `query.patches.Patching`."""

    def __init__(
        self,
        engine: ReadTransaction,
        spaces: tuple[int, int],
        primary_key: str,
        names: tuple[str, ...],
        looked_at: frozenset[str],
        write: Callable[[Sequence[tuple[bytes, bytes]], Sequence[Update]], None],
        *,
        is_indexed: bool,
    ) -> None:
        """`spaces` are those of the primary keys and of the rows; `is_indexed`: updates are to be told of."""
        self.documents = self.size_bytes = 0
        self.names = names
        self.read_key = field_decoder(primary_key)
        self.read_fields = fields_decoder(looked_at)
        self._engine = engine
        self._key_space, self._space = spaces
        self._write = write
        self._is_indexed = is_indexed
        self._rows: list[tuple[bytes, bytes]] = []
        self._updates: list[Update] = []

    def chunks(self, keys: Iterable[Value] | None) -> Iterator[PatchChunk]:
        """See `query.patches.Patching`."""
        if keys is None:
            for rows in self._engine.scan_rows(self._space):
                yield PatchChunk(self, [rows.key(place) for place in range(len(rows))], rows)
            return
        remaining = iter(keys)
        while forms := [primary_key(key) for key in islice(remaining, LARGEST_BATCH)]:
            named = self._engine.rows(self._key_space, forms)
            yield PatchChunk(self, named.read(stored_document), self._engine.follow(named, self._space))

    def keep(
        self, row_ids: Sequence[bytes], olds: Sequence[Fields], changes: Sequence[Fields], data: list[bytes]
    ) -> None:
        """Keep what becomes of some documents, to write it."""
        self._rows += zip(row_ids, data, strict=True)
        if self._is_indexed:
            self._updates += [
                (row_id, old, {**old, **change}) for row_id, old, change in zip(row_ids, olds, changes, strict=True)
            ]
        self.documents += len(data)
        self.size_bytes += sum(map(len, data))

    def write(self) -> None:
        """See `query.patches.Patching`."""
        rows, updates = self._rows, self._updates
        self._rows, self._updates, self.documents, self.size_bytes = [], [], 0, 0
        if rows:
            rows.sort(key=_row_id)
            updates.sort(key=_row_id)
            self._write(rows, updates)


class PatchChunk:
    """See `query.patches.Chunk`."""

    def __init__(self, patching: TablePatching, row_ids: list[bytes], rows: Rows) -> None:
        self._patching = patching
        self._row_ids = row_ids
        self._rows = rows
        self._olds: list[Fields] = []

    def read(self) -> list[Fields]:
        """See `query.patches.Chunk`."""
        self._olds = self._rows.read(self._patching.read_fields)
        return self._olds

    def whole(self, place: int) -> Fields:
        """See `query.patches.Chunk`."""
        document: Fields = self._rows.read_some(decode_document, [place])[0]
        return document

    def keys(self) -> list[Value]:
        """See `query.patches.Chunk`."""
        return self._rows.read(self._patching.read_key)

    def patch(self, places: Sequence[int], changes: list[Fields]) -> bool:
        """See `query.patches.Chunk`."""
        patching = self._patching
        data: list[bytes | None] = self._rows.read_some(splicer(patching.names, changes), places)
        if None in data:
            return False
        row_ids, olds = self._row_ids, self._olds
        patching.keep([row_ids[place] for place in places], [olds[place] for place in places], changes, data)  # type: ignore[arg-type]
        return True
