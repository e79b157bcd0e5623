"""How documents are written: one by one for the user, batch by batch for the store; and what came of it.

A `Writer` belongs to one write term. It is told what is to become of one document after the other, and writes them in
batches in which no key occurs twice. What goes wrong with one document is counted in the `Summary`, and the others are
written; with the option `on_error="raise"` it is raised. Within a batch everything is computed before anything is
written, so that a write of one batch which raises has written nothing.

**Memory.** A batch holds at most `BATCH_DOCUMENTS` documents and about `BATCH_BYTES` of text in them, reckoned from every
seventh, or some 500 of them: as Python objects documents are some five times as large.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from itertools import islice
from operator import itemgetter
from typing import Final, TypeAlias

from query.collection import BULK, paused_collection
from query.errors import (
    ReqlDriverCompileError,
    ReqlDriverError,
    ReqlError,
    ReqlOpFailedError,
    ReqlQueryLogicError,
    ReqlRuntimeError,
)
from query.hooks import bound_hook
from query.json_text import pretty
from query.runtime import Change, Document, Run, Table, type_error
from query.summary import ReturnChanges, Summary
from query.term import Source
from query.type_names import runtime_type_name
from query.values import NotPlainError, Value, equal, from_python, group_marker

BATCH_DOCUMENTS: Final = 20_000
"""Sorted batches of this size write index entries twice as fast as batches of 1,000; larger ones gain nothing."""

BATCH_BYTES: Final = 32 * 1024 * 1024

ChangeOf: TypeAlias = Callable[[Document | None], Value]
"""What becomes of a document: another one, or None for nothing; where there is none, it is given None too."""

Resolve: TypeAlias = Callable[[Value, Document, Document], Value]
"""What becomes of two documents with one key: from the key, the old and the new one."""

_FIRST_CHUNK: Final = 16
_LARGEST_CHUNK: Final = 512
_SAMPLE_STEP: Final = 7
_LARGEST_SAMPLE: Final = 500


class Writer:
    """Writes to one table; every document it is told of comes out in the summary, in that order."""

    __slots__ = ("_errors", "_hook", "_raises", "_refused", "_run", "_steps", "_unchanged", "summary", "table")

    def __init__(
        self, run: Run, table: Table, return_changes: ReturnChanges, *, ignores_write_hook: bool = False
    ) -> None:
        self.table = table
        self._hook = None if ignores_write_hook else bound_hook(run, table)
        self.summary = Summary(return_changes, run.array_limit)
        self._run = run
        self._raises = run.options.get("on_error") == "raise"
        self._steps: list[Change] = []
        self._errors: dict[int, str] = {}
        self._unchanged: set[int] = set()
        self._refused: set[int] = set()

    @property
    def is_plain(self) -> bool:
        """Whether nobody looks at what is written, but who has asked for it: no hook is called, no changes are told."""
        return self._hook is None and not self.summary.return_changes

    # The steps of a batch

    def change(self, key: Value, old: Document | None, new: Value) -> None:
        """Put a document in the place of `old`, or nothing; `key` is the key of that place."""
        if self._hook is not None:
            new = self._hook(old, new)
        if new is None:
            same = old is None
        else:
            self._check(key, old, new)
            # Python's comparison, which is faster, takes True for 1; what it tells apart is different.
            same = old == new and equal(old, new)
        if same:
            self._unchanged.add(len(self._steps))
        self._steps.append(Change(old, new))

    def fail(self, old: Document | None, error: ReqlError) -> None:
        """Leave a document as it is, since it cannot be written."""
        if self._raises:
            raise error
        self._errors[len(self._steps)] = error.message
        self._steps.append(Change(old, old))

    def count_error(self, error: ReqlError) -> None:
        """Count a document that cannot be written, where nobody is told of it."""
        if self._raises:
            raise error
        self.summary.fail(None, error.message)

    def refuse(self, error: ReqlError) -> None:
        """Leave out what cannot be a document. As RethinkDB does, it is told among the changes, though it makes none."""
        self._refused.add(len(self._steps))
        self.fail(None, error)

    def _check(self, key: Value, old: Document | None, new: Value) -> None:
        name = self.table.primary_key
        if type(new) is not dict:
            raise not_an_object(new)
        if name not in new:
            raise ReqlQueryLogicError(f"Inserted object must have primary key `{name}`:\n{pretty(new)}")
        found = new[name]
        if found is not key and not equal(found, key):
            change = f"null -> {pretty(new)})" if old is None else f"`{pretty(old)}` -> `{pretty(new)}`)."
            raise ReqlQueryLogicError(f"Primary key `{name}` cannot be changed ({change}")

    def flush(self) -> None:
        """Write the steps so far."""
        steps, errors, unchanged, refused = self._steps, self._errors, self._unchanged, self._refused
        if not steps:
            return
        self._steps, self._errors, self._unchanged, self._refused = [], {}, set(), set()
        places = [place for place in range(len(steps)) if place not in errors and place not in unchanged]
        if places:
            problems = self._write([steps[place] for place in places])
            self._note(places, problems, errors)
        summary = self.summary
        for place, (old, new) in enumerate(steps):
            if place in errors:
                summary.fail(old, errors[place], refused=place in refused)
            else:
                summary.count(old, new, place in unchanged)

    def _write(self, changes: list[Change]) -> list[str | None]:
        problems = self.table.write(self._run, changes)
        self._tell_left_out()
        return problems

    def _tell_left_out(self) -> None:
        left_out = self._run.left_out
        if left_out:
            self.summary.leave_out(left_out)
            left_out.clear()

    def _note(self, places: list[int], problems: list[str | None], errors: dict[int, str]) -> None:
        for place, problem in zip(places, problems, strict=True):
            if problem is not None:
                if self._raises:
                    raise ReqlOpFailedError(problem)
                errors[place] = problem

    # Writes

    def replace_rows(self, keys: Iterable[Value], change: ChangeOf, before: Run) -> None:
        """Put in the place of the documents of these keys, which are distinct, what `change` makes of each.

        They are read in `before` (see `Table.before`).
        """
        remaining, step = iter(keys), _FIRST_CHUNK
        while chunk := list(islice(remaining, step)):
            with paused_collection() if len(chunk) >= BULK else nullcontext():
                average = self._replace_chunk(chunk, change, before)
            step = max(1, min(BATCH_DOCUMENTS, step * 8, BATCH_BYTES // average))

    def _replace_chunk(self, keys: list[Value], change: ChangeOf, before: Run) -> int:
        """Put something in the place of these documents in one batch; how large they are on average."""
        documents = self.table.get_many(before, keys)
        for key, old in zip(keys, documents, strict=True):
            self.replace_row(key, old, change)
        self.flush()
        return _average_size(documents)

    def replace_row(self, key: Value, old: Document | None, change: ChangeOf) -> None:
        """Put in the place of one document, or of none, what `change` makes of it."""
        try:
            self.change(key, old, change(old))
        except ReqlDriverError:
            raise
        except ReqlRuntimeError as error:
            self.fail(old, error)

    def insert(self, documents: Iterator[Value], resolve: Resolve) -> None:
        """Insert documents; where there is one with the key already, what `resolve` gives is put in its place."""
        for batch in batches(documents):
            with paused_collection() if len(batch) >= BULK else nullcontext():
                self.insert_batch(batch, resolve)

    def insert_batch(self, batch: list[Value], resolve: Resolve) -> None:
        """Insert a list of documents, which is this writer's own, in one batch where no key occurs twice.

        Mostly none of the documents is there, and nobody wants to hear of changes: that goes a way of its own.
        """
        keys, refused = self._keys_of(batch)
        is_plain = not refused and self.is_plain and _are_distinct(keys)
        if is_plain and self.table.insert(self._run, batch):
            self.summary.inserted += len(batch)
            self._tell_left_out()
            return
        found = iter(self.table.get_many(self._run, [key for at, key in enumerate(keys) if at not in refused]))
        olds = [None if at in refused else next(found) for at in range(len(batch))]
        if refused:
            self.summary.note_error(next(iter(refused.values())).message)
        pending: set[Value] = set()
        written: set[Value] = set()
        for at, document in enumerate(batch):
            if at in refused:
                self.refuse(refused[at])
                continue
            key, old, marker = keys[at], olds[at], group_marker(keys[at])
            if marker in pending:
                self.flush()
                written |= pending
                pending.clear()
            if marker in written:
                (old,) = self.table.get_many(self._run, [key])
            pending.add(marker)
            self._insert_one(key, old, document, resolve)
        self.flush()

    def _insert_one(self, key: Value, old: Document | None, document: Document, resolve: Resolve) -> None:
        try:
            self.change(key, old, document if old is None else resolve(key, old, document))
        except ReqlDriverError:
            raise
        except ReqlRuntimeError as error:
            self.fail(old, error)

    def _keys_of(self, batch: list[Value]) -> tuple[list[Value], dict[int, ReqlError]]:
        """The key of each document, made up where it has none, and the errors of those that have no good one, by place."""
        name, check = self.table.primary_key, self.table.check_key
        if set(map(type, batch)) == {dict}:
            with suppress(KeyError):
                plain = list(map(itemgetter(name), batch))
                if self.table.are_good_keys(plain):
                    return plain, {}
        keys: list[Value] = []
        refused: dict[int, ReqlError] = {}
        for at, document in enumerate(batch):
            try:
                if type(document) is not dict:
                    raise type_error("OBJECT", document)
                if name not in document:
                    batch[at] = document = {name: str(uuid.uuid4()), **document}
                    self.summary.add_key(document[name])
                else:
                    check(document)
                keys.append(document[name])
            except ReqlDriverError:
                raise
            except ReqlRuntimeError as error:
                refused[at] = error
                keys.append(None)
        return keys, refused


def _are_distinct(keys: list[Value]) -> bool:
    kinds = set(map(type, keys))
    markers = keys if kinds <= {str} or kinds <= {int, float} else list(map(group_marker, keys))
    return len(set(markers)) == len(keys)


def documents_of(source: Source) -> Iterator[Value]:
    """The documents of a user's iterable, each checked through."""
    for number, document in enumerate(source.iterable):
        try:
            yield from_python(document)
        except NotPlainError:
            raise ReqlDriverCompileError(
                f"Expected plain data from the iterable given to insert, but document {number} has a query or a function "
                "in it; a list may have."
            ) from None
        except ReqlDriverCompileError as error:
            raise ReqlDriverCompileError(
                f"Document {number} of the iterable given to insert: {error.message}"
            ) from None


def batches(documents: Iterator[Value]) -> Iterator[list[Value]]:
    """The documents in lists that are neither too long nor too large."""
    batch: list[Value] = []
    size, step = 0, _FIRST_CHUNK
    while chunk := list(islice(documents, step)):
        batch += chunk
        average = _average_size(chunk)
        size += average * len(chunk)
        if len(batch) >= BATCH_DOCUMENTS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
        step = max(1, min(_LARGEST_CHUNK, BATCH_BYTES // 4 // average, BATCH_DOCUMENTS - len(batch)))
    if batch:
        yield batch


def _average_size(documents: list[Value]) -> int:
    sample = documents[:: max(_SAMPLE_STEP, len(documents) // _LARGEST_SAMPLE)]
    return sum(map(_rough_size, sample)) // len(sample) + 1


def _rough_size(value: Value) -> int:
    """About how many bytes a value takes when it is stored."""
    kind = type(value)
    if kind is str or kind is bytes:
        return len(value)
    if kind is dict:
        return sum(map(len, value)) + sum(map(_rough_size, value.values()))
    return sum(map(_rough_size, value)) if kind is list else 8


def duplicate_key(table: Table) -> Resolve:
    """What resolves a conflict by an error."""
    name = table.primary_key

    def refuse(key: Value, old: Document, new: Document) -> Value:
        raise ReqlQueryLogicError(f"Duplicate primary key `{name}`:\n{pretty(old)}\n{pretty(new)}")

    return refuse


def not_an_object(found: Value) -> ReqlQueryLogicError:
    """The error for what cannot be a document."""
    return ReqlQueryLogicError(f"Inserted value must be an OBJECT (got {runtime_type_name(found)}):\n{pretty(found)}")
