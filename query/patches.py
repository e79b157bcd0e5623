"""Updates of many documents that put plain values into some of their top-level fields, as most do.

Such an update needs to know only the fields that it looks at and those that it sets: the store puts the values into the
documents as they are stored. A `Patcher` does so as long as everything is as simple as that. With the first document where it
is not, it leaves this one and all that follow to the `Writer`, which knows all the rules; what comes of it is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final, Protocol, TypeAlias

from query.collection import paused_collection
from query.errors import ReqlDriverError, ReqlRuntimeError
from query.values import Value, equal
from query.writes import BATCH_BYTES, BATCH_DOCUMENTS, Writer

Fields: TypeAlias = dict[str, Value]
"""Some fields of a document."""

PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes})
"""The types of values that are merged into a document by putting them in the place of what was there."""


class Chunk(Protocol):
    """Some of the documents that are to be changed."""

    def read(self) -> list[Fields]:
        """The fields of each that the patches look at and set, as far as it has them."""

    def whole(self, place: int) -> Fields:
        """All of one of them."""

    def keys(self) -> list[Value]:
        """Their primary keys."""

    def patch(self, places: Sequence[int], changes: list[Fields]) -> bool:
        """Keep what becomes of the documents at some places with new values; False, and nothing, where one is to be decoded."""


class Patching(Protocol):
    """The patches of one write to one table: all of them set the same fields."""

    documents: int
    size_bytes: int
    """How many are kept, and the size of their documents."""

    def chunks(self, keys: Iterable[Value] | None) -> Iterator[Chunk]:
        """The documents of these keys, which are distinct; None for all of the table."""

    def write(self) -> None:
        """Write what is kept."""


class Patcher:
    """Patches documents, and counts what becomes of them in the summary of a writer."""

    def __init__(self, writer: Writer, patching: Patching, fields_of: Callable[[Fields], Any]) -> None:
        """`fields_of` gives the new values for a document, from the fields that it looks at."""
        self._writer = writer
        self._patching = patching
        self._fields_of = fields_of

    def run(self, keys: Iterable[Value] | None) -> Iterator[Value]:
        """Patch the documents of these keys, or of the whole table; gives the keys of those that are left to the writer."""
        chunks = self._patching.chunks(keys)
        left: Chunk | None = None
        is_over = False
        while not is_over and left is None:
            with paused_collection():
                is_over, left = self._run_batch(chunks)
        return iter(()) if left is None else chain(left.keys(), chain.from_iterable(one.keys() for one in chunks))

    def _run_batch(self, chunks: Iterator[Chunk]) -> tuple[bool, Chunk | None]:
        """Patch until there is enough to write, and write it: whether that was all, and the chunk that cannot be patched."""
        patching = self._patching
        left: Chunk | None = None
        is_over = True
        for chunk in chunks:
            if not self._patch(chunk):
                left = chunk
            if left or patching.documents >= BATCH_DOCUMENTS or patching.size_bytes >= BATCH_BYTES:
                is_over = False
                break
        patching.write()
        return is_over, left

    def _patch(self, chunk: Chunk) -> bool:
        """Patch the documents of a chunk; False, and nothing done, where one of them needs more than that."""
        places: list[int] = []
        changes: list[Fields] = []
        failed: list[int] = []
        fields_of, olds = self._fields_of, chunk.read()
        for place, old in enumerate(olds):
            try:
                new = fields_of(old)
            except ReqlDriverError:
                raise
            except ReqlRuntimeError:
                failed.append(place)
                continue
            if type(new) is not dict:
                return False
            same = True
            for name, value in new.items():
                if type(value) not in PLAIN:
                    return False
                if same:
                    same = name in old and old[name] == value and equal(old[name], value)
            if not same:
                places.append(place)
                changes.append(new)
        errors = self._errors(chunk, failed)
        if len(errors) < len(failed) or not chunk.patch(places, changes):
            return False
        for error in errors:
            self._writer.count_error(error)
        self._writer.summary.replaced += len(changes)
        self._writer.summary.unchanged += len(olds) - len(changes) - len(failed)
        return True

    def _errors(self, chunk: Chunk, places: Sequence[int]) -> list[ReqlRuntimeError]:
        """The errors for some documents. Since an error may show a document, its function is given all of that."""
        errors: list[ReqlRuntimeError] = []
        for place in places:
            try:
                self._fields_of(chunk.whole(place))
            except ReqlRuntimeError as error:
                errors.append(error)
        return errors
