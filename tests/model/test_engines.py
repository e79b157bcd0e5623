"""The LMDB engine against the engine in memory: the same steps, the same answers.

The steps read and write maps and multimaps in one write transaction with savepoints, while snapshots of different ages are
open. Spaces lie side by side, keys are few and short, so that the steps meet each other.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from docstore.storage.engine import MAX_SPACE, ReadTransaction, WriteTransaction
from docstore.storage.lmdb import open_lmdb
from docstore.storage.memory import open_memory

MAPS = st.sampled_from([0, 1, 2, MAX_SPACE])
MULTIMAPS = st.sampled_from([1, 2, 3, MAX_SPACE])
KEYS = st.one_of(st.sampled_from([b"", b"\0", b"\xff", b"\xff" * 507, b"a" * 507]), st.binary(max_size=2))
MEMBERS = st.one_of(
    st.sampled_from([bytes(6), b"\xff" * 6]), st.binary(min_size=1, max_size=2).map(lambda end: end.rjust(6, b"m"))
)
VALUES = st.one_of(st.binary(max_size=3), st.sampled_from([b"v" * 2000, b"w" * 9000]))
ENTRIES = st.tuples(KEYS, MEMBERS)
BOUNDS = st.tuples(KEYS, st.none() | KEYS, st.booleans())


class Engines(RuleBasedStateMachine):
    """Both engines, their open transactions from the outermost in, and their snapshots."""

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.engines = [open_lmdb(self.folder / "store", sync=False), open_memory()]
        self.writers: list[list[WriteTransaction]] = []
        self.snapshots: list[list[ReadTransaction]] = []

    def teardown(self) -> None:
        for pair in [*reversed(self.writers), *self.snapshots]:
            for transaction in pair:
                transaction.abort()
        for engine in self.engines:
            engine.close()
        shutil.rmtree(self.folder)

    def write(self, step: Callable[[WriteTransaction], Any]) -> None:
        """One step in the innermost transaction of both engines, or in one of its own."""
        if self.writers:
            answers = [step(writer) for writer in self.writers[-1]]
        else:
            answers = []
            for engine in self.engines:
                with engine.begin_write() as writer:
                    answers.append(step(writer))
        assert answers[0] == answers[1]

    def read(self, step: Callable[[ReadTransaction], Any]) -> None:
        """One step in every snapshot, in the writer, and in the last commit."""
        pairs: list[list[Any]] = [*self.snapshots, *self.writers[-1:], [engine.begin_read() for engine in self.engines]]
        for left, right in pairs:
            assert step(left) == step(right)
        for transaction in pairs[-1]:
            transaction.abort()

    @rule(space=MAPS, key=KEYS, value=VALUES)
    def put(self, space: int, key: bytes, value: bytes) -> None:
        self.write(lambda writer: writer.put(space, key, value))

    @rule(space=MAPS, key=KEYS, value=VALUES)
    def put_new(self, space: int, key: bytes, value: bytes) -> None:
        self.write(lambda writer: writer.put_new(space, key, value))

    @rule(space=MAPS, items=st.lists(st.tuples(KEYS, VALUES), max_size=20))
    def put_many(self, space: int, items: list[tuple[bytes, bytes]]) -> None:
        self.write(lambda writer: writer.put_many(space, items))

    @rule(space=MAPS, key=KEYS)
    def delete(self, space: int, key: bytes) -> None:
        self.write(lambda writer: writer.delete(space, key))

    @rule(space=MULTIMAPS, entry=ENTRIES)
    def add(self, space: int, entry: tuple[bytes, bytes]) -> None:
        self.write(lambda writer: writer.add(space, *entry))

    @rule(space=MULTIMAPS, entries=st.lists(ENTRIES, max_size=30))
    def add_many(self, space: int, entries: list[tuple[bytes, bytes]]) -> None:
        self.write(lambda writer: writer.add_many(space, entries))

    @rule(space=MULTIMAPS, entry=ENTRIES)
    def remove(self, space: int, entry: tuple[bytes, bytes]) -> None:
        self.write(lambda writer: writer.remove(space, *entry))

    @rule(space=MULTIMAPS, reverse=st.booleans(), every=st.integers(1, 3))
    def remove_behind_a_scan(self, space: int, reverse: bool, every: int) -> None:
        def step(writer: WriteTransaction) -> list[tuple[bytes, bytes]]:
            seen = []
            for number, entry in enumerate(writer.scan_entries(space, reverse=reverse)):
                seen.append(entry)
                if number % every == 0:
                    writer.remove(space, *seen[number // 2])
            return seen

        self.write(step)

    @rule(space=MAPS, reverse=st.booleans(), every=st.integers(1, 3), value=VALUES)
    def change_behind_a_scan(self, space: int, reverse: bool, every: int, value: bytes) -> None:
        def step(writer: WriteTransaction) -> list[tuple[bytes, bytes]]:
            seen = []
            for number, row in enumerate(writer.scan(space, reverse=reverse)):
                seen.append(row)
                if number % every == 0:
                    writer.delete(space, seen[number // 2][0])
                elif number % every == 1:
                    writer.put(space, row[0], value)
            return seen

        self.write(step)

    @precondition(lambda self: len(self.writers) < 3)
    @rule()
    def begin(self) -> None:
        if self.writers:
            self.writers.append([writer.savepoint() for writer in self.writers[-1]])
        else:
            self.writers.append([engine.begin_write() for engine in self.engines])

    @precondition(lambda self: self.writers)
    @rule(commit=st.booleans())
    def end(self, commit: bool) -> None:
        for writer in self.writers.pop():
            writer.commit() if commit else writer.abort()

    @precondition(lambda self: len(self.snapshots) < 3)
    @rule()
    def look(self) -> None:
        self.snapshots.append([engine.begin_read() for engine in self.engines])

    @precondition(lambda self: self.snapshots)
    @rule(choice=st.integers(0, 2))
    def look_away(self, choice: int) -> None:
        for snapshot in self.snapshots.pop(choice % len(self.snapshots)):
            snapshot.abort()

    @rule(space=MAPS, keys=st.lists(KEYS, max_size=4), bounds=BOUNDS)
    def read_map(self, space: int, keys: list[bytes], bounds: tuple[bytes, bytes | None, bool]) -> None:
        low, high, reverse = bounds
        self.read(lambda reader: reader.get_many(space, keys))
        self.read(lambda reader: list(reader.scan(space, low, high, reverse=reverse)))

    @rule(space=MULTIMAPS, bounds=BOUNDS, after=st.none() | ENTRIES, key=KEYS)
    def read_multimap(
        self,
        space: int,
        bounds: tuple[bytes, bytes | None, bool],
        after: tuple[bytes, bytes] | None,
        key: bytes,
    ) -> None:
        low, high, reverse = bounds
        self.read(lambda reader: list(reader.scan_entries(space, low, high, reverse=reverse, after=after)))
        self.read(lambda reader: (list(reader.members(space, key)), reader.count_members(space, key)))

    @invariant()
    def equal_contents(self) -> None:
        if hasattr(self, "engines"):
            for space in (0, 1, 2, 3, MAX_SPACE):
                self.read(lambda reader, space=space: list(reader.scan(space)))  # type: ignore[misc]
                self.read(lambda reader, space=space: list(reader.scan_entries(space)))  # type: ignore[misc]


TestEngines = Engines.TestCase
TestEngines.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
