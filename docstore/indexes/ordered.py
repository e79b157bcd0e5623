"""Ordered indexes: simple, compound, multi and function-defined, in one class.

An entry is (key, member): the form of the value of the index function, cut to `MAX_KEY_BYTES`, and the row id of the
document. Which values have entries:

- a value that cannot be indexed (null, an object, an array with one of these in it...) has none, nor has a document for
  which the function fails;
- a multi index has an entry for each distinct element of an array that can be indexed, and takes a value that is no
  array for one element; every other index takes an array as one compound key.

**Long keys.** The entries of one cut key are a *run*: their order and what they stand for only the documents tell. So
whatever meets a cut key reads the whole run, computes the documents' forms anew, and sorts by them.

**Batches.** Rows are read in batches that grow, entries first, then all documents of the batch at once. Both come from
one transaction, so a document that is not there is damage; and between two batches the transaction may be replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final, TypeAlias

from docstore.catalog import IndexDefinition, TableDefinition
from docstore.errors import CorruptStoreError
from docstore.indexes.base import (
    FIRST_BATCH,
    LARGEST_BATCH,
    Update,
    changing,
    current_engine,
    decoder,
    differences,
    missing_row,
    refuse_null,
    row_chooser,
)
from docstore.indexes.function import IndexFunction
from docstore.indexes.making import KeyOf, KeysOf, entries_maker, key_maker, keys_maker
from docstore.indexes.primary import after as part_after
from docstore.indexes.refusing import WithoutShapes
from docstore.indexes.unique import refusals
from docstore.keys import (
    MAX_KEY_BYTES,
    KeyRange,
    check_key,
    decode_key,
    encode_key,
    is_indexable,
    key_range,
    prefix_successor,
)
from docstore.storage.engine import ReadTransaction, WriteTransaction
from docstore.storage.entries import Entry
from docstore.storage.rows import Rows
from query.errors import ReqlError
from query.runtime import Document, Fields, Keep, Range, Run
from query.values import Value

Chosen: TypeAlias = Callable[[Rows], Iterable[Document]]
"""Which of some rows are given, and in what form."""

_EXACT: Final = frozenset({str, bool, bytes, float})
_SKIPPED: Final = 16
"""Entries of one key that are stepped over before a new search for the next key is cheaper."""


class OrderedIndex(WithoutShapes):
    """One ordered index of a table."""

    geo: Final = False

    def __init__(self, table: TableDefinition, definition: IndexDefinition) -> None:
        self.definition = definition
        self.name = definition.name
        self.multi = definition.multi
        self._table = table
        self._space = definition.space
        self._function = IndexFunction(definition.function)
        self.fields: Fields = self._function.fields
        self.compound = self._function.compound
        self.paths = self._function.paths

    # Documents to keys

    def forms_of(self, document: Document) -> dict[bytes, Value]:
        """The whole forms of what a document is found by, with the values."""
        try:
            value = self._function.bind()(document)
            values = value if self.multi and type(value) is list else [value]
            return {encode_key(item): item for item in values if is_indexable(item)}
        except ReqlError:
            return {}

    # Keeping it in step

    def entries(self, rows: Iterable[tuple[bytes, Document]]) -> list[Entry]:
        """See `StoredIndex`."""
        return entries_maker(self._function, multi=self.multi)(rows)

    def makers(self) -> tuple[KeyOf | None, KeysOf | None]:
        """What gives the one key of a document, or all of its keys: one of the two, for one use in one thread."""
        return (None, keys_maker(self._function)) if self.multi else (key_maker(self._function), None)

    def update(self, engine: WriteTransaction, updates: Sequence[Update]) -> int:
        """See `StoredIndex`."""
        updates = changing(self.fields, updates)
        if not updates:
            return 0
        gone, come = differences(self.entries, updates)
        more = 0
        if gone:
            more -= engine.remove_many(self._space, gone)
        if come:
            more += engine.add_many(self._space, come)
        return more

    def refusals(self, engine: WriteTransaction, updates: Sequence[Update]) -> dict[bytes, str]:
        """See `StoredIndex`."""
        return refusals(self.definition, self._table, self.forms_of, engine, updates) if self.definition.unique else {}

    # Reading

    def get_all(self, run: Run, keys: Sequence[Value], fields: Fields, keep: Keep | None) -> Iterator[Document]:
        """See `query.runtime.Index`."""
        return chain.from_iterable(self._get_all(run, [_form(key) for key in keys], row_chooser(fields, keep)))

    def _get_all(self, run: Run, forms: list[bytes], chosen: Chosen) -> Iterator[Iterable[Document]]:
        for form in forms:
            part = KeyRange.of(form, prefix_successor(form))
            yield from self._batches(run, part, chosen, reverse=False, first=FIRST_BATCH)

    def between(
        self, run: Run, bounds: Range, fields: Fields, keep: Keep | None, *, reverse: bool = False
    ) -> Iterator[Document]:
        """See `query.runtime.Index`."""
        # `min` and `max` want no more than one.
        return chain.from_iterable(
            self._batches(run, _range(bounds), row_chooser(fields, keep), reverse=reverse, first=1)
        )

    def _batches(
        self, run: Run, part: KeyRange, chosen: Chosen, *, reverse: bool, first: int
    ) -> Iterator[Iterable[Document]]:
        """The documents of a range in its order, of which so many are wanted first."""
        space, size, last = self._table.space, first, None
        engine, left = run.transaction.engine, (part.low, part.high)
        while True:
            entries = engine.entry_rows(self._space, space, *left, reverse=reverse, after=last)
            while rows := entries.next_rows(size):
                yield chosen(self._there(rows))
                if run.transaction.engine is not engine:
                    engine, last = current_engine(run, self._table, self.definition), entries.last
                    break
                size = max(FIRST_BATCH, min(2 * size, LARGEST_BATCH))
            else:
                key = entries.long
                if not key:
                    return
                members = [member for _, member in self._run_of(run, key, part, reverse)]
                left, last = part_after(key, left, reverse), None
                yield chosen(self._there(engine.rows(space, members)))
                if run.transaction.engine is not engine:
                    engine = current_engine(run, self._table, self.definition)

    def _there(self, rows: Rows) -> Rows:
        """Rows of members, all of which must be there."""
        found = rows.present()
        if len(found) < len(rows):
            raise missing_row(self.name, self._table)
        return found

    def _run_of(self, run: Run, key: bytes, part: KeyRange, reverse: bool) -> list[Entry]:
        """The (whole form, member) of a cut key's documents that are in a range, sorted."""
        engine: ReadTransaction = run.transaction.engine
        decode = decoder(self.fields)
        found: list[Entry] = []
        members = engine.members(self._space, key)
        while batch := list(islice(members, LARGEST_BATCH)):
            rows = self._there(engine.rows(self._table.space, batch))
            for member, document in zip(batch, rows.read(decode), strict=True):
                forms = self.forms_of(document)
                found += [(form, member) for form in forms if form[:MAX_KEY_BYTES] == key and part.holds(form)]
            run.check_size(len(found))
        found.sort(reverse=reverse)
        return found

    def count(self, run: Run, keys: Sequence[Value]) -> int:
        """See `query.runtime.Index`."""
        return sum([self._count(run, _form(key)) for key in keys])

    def _count(self, run: Run, form: bytes) -> int:
        if len(form) < MAX_KEY_BYTES:
            return int(run.transaction.engine.count_members(self._space, form))
        part = KeyRange.of(form, prefix_successor(form))
        return len(self._run_of(run, part.low, part, False))

    def count_between(self, run: Run, bounds: Range, most: int) -> int:
        """See `query.runtime.Index`. Counts all entries of a cut key at a bound, since it is asked for an estimate."""
        part = _range(bounds)
        return sum(1 for _ in islice(run.transaction.engine.scan_entries(self._space, part.low, part.high), most))

    def keys(self, run: Run, bounds: Range, *, reverse: bool = False) -> Iterator[Value]:
        """See `query.runtime.Index`."""
        return self._keys(run, _range(bounds), reverse)

    def _keys(self, run: Run, part: KeyRange, reverse: bool) -> Iterator[Value]:
        engine, left = run.transaction.engine, (part.low, part.high)
        while True:
            last, skipped = b"", 0
            for key, member in engine.scan_entries(self._space, *left, reverse=reverse):
                if key == last:
                    skipped += 1
                    if skipped == _SKIPPED:
                        break
                    continue
                last, skipped = key, 0
                yield from self._values(run, key, member, part, reverse)
                if run.transaction.engine is not engine:
                    engine = current_engine(run, self._table, self.definition)
                    break
            else:
                return
            left = part_after(last, left, reverse)

    def _values(self, run: Run, key: bytes, member: bytes, part: KeyRange, reverse: bool) -> list[Value]:
        """The values that a key stands for: one, or for a cut key those of its run, in order."""
        if len(key) < MAX_KEY_BYTES:
            value = decode_key(key)
            return [value if _is_exact(value) else self._value(run, key, member)]
        forms = dict(self._run_of(run, key, part, reverse))
        return [self._value(run, form, member) for form, member in forms.items()]

    def _value(self, run: Run, form: bytes, member: bytes) -> Value:
        """The value with this form, as a document has it."""
        data = run.transaction.engine.get(self._table.space, member)
        if data is None:
            raise missing_row(self.name, self._table)
        forms = self.forms_of(decoder(self.fields)(data))
        if form not in forms:
            raise CorruptStoreError(
                f"The index `{self.name}` of the table `{self._table.title}` has an entry that its document has not."
            )
        return forms[form]


def _form(key: Value) -> bytes:
    refuse_null(key)
    check_key(key, "Secondary")
    return encode_key(key)


def _range(bounds: Range) -> KeyRange:
    if bounds.is_empty:
        return KeyRange.of(b"", b"")
    check_key(bounds.low, "Secondary")
    check_key(bounds.high, "Secondary")
    return key_range(
        bounds.low, bounds.high, "open" if bounds.low_open else "closed", "open" if bounds.high_open else "closed"
    )


def _is_exact(value: Value) -> bool:
    """Whether a value read from a key is the one that was written: 1 may have been 1.0, a time had a zone."""
    if type(value) is list:
        return all(map(_is_exact, value))
    return type(value) in _EXACT
