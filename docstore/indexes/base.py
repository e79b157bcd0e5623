"""What an index is to its table and to its builder, and what the kinds of index share.

An index is made of a table's and its own definition, at one version of the catalog. It answers queries through
`query.runtime.Index`, and is kept in step through `update`, which is told of every change of a document and changes the
entries. Kinds register in `docstore.indexes.INDEX_KINDS`.

Which documents an index is told of is its state's matter (`docstore.catalog`): a ready one of all, a building one of those
at or below its watermark, a failed one of none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, Final, Protocol, TypeAlias

from docstore.catalog import IndexDefinition, TableDefinition
from docstore.documents import decode_document, fields_decoder, stored_document
from docstore.errors import CorruptStoreError
from docstore.storage.engine import ReadTransaction, WriteTransaction
from docstore.storage.entries import Entry
from docstore.storage.rows import Rows
from query.errors import ReqlError, ReqlNonExistenceError, ReqlOpFailedError
from query.runtime import STORED, Document, Fields, Index, Keep, Run
from query.values import Value

FIRST_BATCH: Final = 20
LARGEST_BATCH: Final = 128
"""Rows that are read through an index at once: few at first, since a `limit` may want no more."""

Decode: TypeAlias = Callable[[bytes], Document]
EntriesOf: TypeAlias = Callable[[Iterable[tuple[bytes, Any]]], list[Entry]]


_first, _old, _member_and_new = itemgetter(0), itemgetter(1), itemgetter(0, 2)
_row = itemgetter(1)
_MISSING: Final = object()
"""What stands for a field that is not there; null is another value."""

Update: TypeAlias = tuple[bytes, Document | None, Document | None]
"""What becomes of one document: its primary key's form, old, new. Old None is a new one, new None a deleted one."""


class StoredIndex(Index, Protocol):
    """A secondary index with what its table and its builder ask of it."""

    @property
    def definition(self) -> IndexDefinition:
        """Its definition."""

    @property
    def fields(self) -> Fields:
        """The top-level fields of documents that decide on their entries; None for all."""

    def update(self, engine: WriteTransaction, updates: Sequence[Update]) -> int:
        """Change the entries as the documents change; how many more entries there are then."""

    def refusals(self, engine: WriteTransaction, updates: Sequence[Update]) -> dict[bytes, str]:
        """For each member whose update the index does not allow, one after the other as given, an error."""

    def entries(self, rows: Iterable[tuple[bytes, Document]]) -> list[Entry]:
        """All entries (key, member) of documents given with their members, in any order."""


def changing(fields: Fields, updates: Sequence[Update]) -> Sequence[Update]:
    """The updates that may change the entries of an index on these fields.

    What an update leaves alone are the very objects of the old document; then no key need be computed: an update of one
    field of a document with four indexes takes a sixth less time.
    """
    if fields is None or not updates or updates[0][1] is None:  # inserts, most likely, which change all
        return updates
    return [
        update
        for update in updates
        if (old := update[1]) is None
        or (new := update[2]) is None
        or any([old.get(name, _MISSING) is not new.get(name, _MISSING) for name in fields])  # noqa: C419 - faster
    ]


def differences(entries: EntriesOf, updates: Sequence[Update]) -> tuple[list[Entry], list[Entry]]:
    """The entries that go and the entries that come when documents change, sorted by key.

    `entries` gives those of some documents. Where the updates are in order of their members, the entries are in order of key
    and member: sorting is stable, and by the key alone takes half of the time.
    """
    if not any(map(_old, updates)):
        after = entries(map(_member_and_new, updates))
        after.sort(key=_first)
        return [], after
    before = entries([(member, old) for member, old, _ in updates if old is not None])
    after = entries([(member, new) for member, _, new in updates if new is not None])
    if before and after:
        kept = set(before).intersection(after)
        before = [entry for entry in before if entry not in kept]
        after = [entry for entry in after if entry not in kept]
    before.sort(key=_first)
    after.sort(key=_first)
    return before, after


def decoder(fields: Fields) -> Decode:
    """What decodes these fields, or whole documents; or leaves them as they are stored."""
    if fields is None:
        return decode_document
    return stored_document if fields is STORED else fields_decoder(fields)


def reader(fields: Fields, keep: Keep | None) -> Callable[[bytes], Document | None]:
    """What gives a row, decoded in the fields asked for, or None for one that `keep` does not let through."""
    decode = decoder(fields)
    if keep is None:
        return decode
    look, test, rest = two_phases(fields, keep)

    def read(data: bytes) -> Document | None:
        row = look(data)
        if not test(row):
            return None
        return row if rest is None else rest(data)

    return read


def chooser(fields: Fields, keep: Keep | None) -> Callable[[Rows], Iterable[tuple[int, Document]]]:
    """What gives of some rows those that `keep` lets through, decoded in the fields asked for, each with its place."""
    if keep is None:
        decode = decoder(fields)
        return lambda rows: enumerate(rows.read(decode))
    look, test, rest = two_phases(fields, keep)

    def one_by_one(rows: Rows, found: Iterable[tuple[int, Document]]) -> Iterator[tuple[int, Document]]:
        for place, row in found:
            if test(row):
                yield place, (row if rest is None else rows.read_some(rest, [place])[0])

    def choose(rows: Rows) -> Iterable[tuple[int, Document]]:
        conditions = keep.conditions()
        if conditions:
            places = rows.candidates(conditions)
            found = list(zip(places, rows.read_some(look, places), strict=True))
        else:
            found = list(enumerate(rows.read(look)))
        try:
            if rest is None:
                return [(place, row) for place, row in found if test(row)]
            kept = [place for place, row in found if test(row)]
        except ReqlError:  # of a row that may never be asked for
            return one_by_one(rows, found)
        return zip(kept, rows.read_some(rest, kept), strict=True)

    return choose


def row_chooser(fields: Fields, keep: Keep | None) -> Callable[[Rows], Iterable[Document]]:
    """The same without the places."""
    if keep is None:
        decode = decoder(fields)
        return lambda rows: rows.read(decode)
    choose = chooser(fields, keep)
    return lambda rows: map(_row, choose(rows))


def two_phases(fields: Fields, keep: Keep) -> tuple[Decode, Callable[[Document], bool], Decode | None]:
    """How rows are tested first and decoded then: what decodes for the test, the test, and what decodes the row.

    The last is None where the row as the test saw it has all that is asked for.
    """
    covered = keep.fields is None or (fields is not None and fields is not STORED and fields <= keep.fields)
    return decoder(keep.fields), keep.test, None if covered else decoder(fields)


def refuse_null(key: Value) -> None:
    """ReqlNonExistenceError for null among the keys of `get_all`."""
    if key is None:
        raise ReqlNonExistenceError("Keys cannot be NULL.")


def current_engine(run: Run, table: TableDefinition, index: IndexDefinition | None = None) -> ReadTransaction:
    """The engine's transaction in which a scan goes on; ReqlOpFailedError where table or index are gone by then."""
    found = run.transaction.catalog.table_with_id(table.id)
    if found is None:
        raise ReqlOpFailedError(f"Table `{table.title}` does not exist.")
    if index is not None and found.index_in(index.space) is None:
        raise ReqlOpFailedError(f"Index `{index.name}` was not found on table `{table.title}`.")
    engine: ReadTransaction = run.transaction.engine
    return engine


def missing_row(index: str, table: TableDefinition) -> CorruptStoreError:
    """The error for an entry whose document is not there."""
    return CorruptStoreError(
        f"The index `{index}` of the table `{table.title}` has an entry without a document. "
        "`docstore check` tells more; dropping and creating the index mends it."
    )
