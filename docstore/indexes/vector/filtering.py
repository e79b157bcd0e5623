"""What is known of the filter of a search, so that documents are tested one by one only as long as that is the cheaper way.

A candidate costs ten times as much to test as a row of a scan: its vector's record and its document are read by key. So
there are two ways. **One by one**: the nearest candidates are tested until enough pass. **By a scan**: all documents are
tested, and what passes is searched: gathered and compared exactly where it is little, else picked out of the lists.

The scan is taken once it is likely to cost less than the tests that are left, by the share that has passed so far; or
when as many were tested as it would have cost, so that neither way costs much more than twice the better one. Where the
nearest all fail though many others pass, the share of a sample keeps the search from a scan that is not worth it.

What was found out is kept for the next search with the same filter in the same commit: tests count together, what passes
is not looked for again, and is gathered once the lists were searched for it as often as that costs. Any thread may use it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from docstore.indexes.vector.scoring import Prepared
from docstore.storage.engine import ReadTransaction

TEST_ROWS: Final = 10
"""Rows of a scan that cost as much as one candidate: 0.6 us a row, 6 to 10 us a candidate of 384 numbers."""

PASSED_ROWS: Final = 2
"""Rows of a scan that cost as much as looking up the vectors of a document that passed."""

LEAST_TESTED: Final = 128
"""Candidates that are tested before a scan is thought of."""

SAMPLED: Final = 64
DOUBTED: Final = 2
"""Vectors of the sample whose documents pass that are not counted: two may be chance."""

GATHERED_NUMBERS: Final = 20_000
"""Numbers in the lists that are compared in the time in which one vector is read by its key."""

GATHERED_LEAST: Final = 500

KEPT: Final = 64
KEPT_BYTES: Final = 64 * 2**20
"""Sets of rows that are kept in one commit, and the memory that they may take."""


_ROW_BYTES: Final = 100
"""What Python's objects take beside the numbers of a vector."""


class Gathered:
    """Vectors of some documents, side by side."""

    __slots__ = ("members", "nbytes", "packed", "prepared")

    def __init__(self, members: list[bytes], packed: bytes, prepared: Prepared) -> None:
        self.members = members
        self.packed = packed
        self.prepared = prepared
        self.nbytes = prepared.nbytes + len(packed) + _ROW_BYTES * len(members)
        """The memory that it takes, about."""

    def at(self, places: Any) -> tuple[list[bytes], bytes]:
        """Some of the documents' keys, or all for a slice, and their vectors, one after the other."""
        members = self.members
        if type(places) is slice:
            return members, self.packed
        rows = np.frombuffer(self.packed, np.uint8).reshape(len(members), -1)
        return [members[place] for place in places.tolist()], rows[places].tobytes()


class Passing:
    """The vectors of the documents that a filter lets through: side by side where they are few, else by their ordinals."""

    __slots__ = ("_mask", "_searches", "gathered", "ordinals")

    def __init__(self, ordinals: Any, next_ordinal: int, gathered: Gathered | None) -> None:
        self.ordinals = ordinals
        self.gathered = gathered
        self._searches = 0
        self._mask: Any = None
        if next_ordinal <= 8 * len(ordinals):
            self._mask = np.zeros(next_ordinal, np.bool_)
            self._mask[ordinals] = True

    def among(self, ordinals: Any) -> Any:
        """Which of some vectors these are."""
        return np.isin(ordinals, self.ordinals) if self._mask is None else self._mask[ordinals]

    def is_worth_gathering(self, vectors: int, dimensions: int, row_bytes: int) -> bool:
        """Whether one more search of the lists would make that dearer than to have these side by side."""
        self._searches += 1
        count = len(self.ordinals)
        fits = count * (row_bytes + 4 * dimensions + _ROW_BYTES) <= KEPT_BYTES // 2
        return self.gathered is None and fits and self._searches * vectors * dimensions > count * GATHERED_NUMBERS

    @property
    def nbytes(self) -> int:
        """The memory that it takes, about."""
        known = int(self.ordinals.nbytes) + (0 if self._mask is None else int(self._mask.nbytes))
        return known + (0 if self.gathered is None else self.gathered.nbytes)


class Known:
    """What searches have found out about a filter in one commit."""

    __slots__ = ("passing", "share", "tested")

    def __init__(self) -> None:
        self.tested = 0
        self.share: float | None = None
        """At least this share of all vectors is likely to pass, as a sample says; None without one."""
        self.passing: Passing | None = None

    @property
    def nbytes(self) -> int:
        """The memory that it takes, about."""
        return 0 if self.passing is None else self.passing.nbytes

    def is_spent(self, vectors: int) -> bool:
        """Whether so much was tested that a scan would have been no dearer."""
        return self.tested > self._budget(vectors)

    def prefers_scan(self, vectors: int, wanted: int, found: int, tested: int) -> bool:
        """Whether a scan is likely to cost less than to go on, when a search has found some of what it wants."""
        if self.is_spent(vectors):
            return True
        rate = max((found + 1) / (tested + 1), self.share or 0.0)
        return (wanted - found) / rate > self._budget(vectors)

    def _budget(self, vectors: int) -> float:
        """The tests that cost as much as a scan."""
        return LEAST_TESTED + vectors * (1 + PASSED_ROWS * (self.share or 0.0)) / TEST_ROWS


def is_gathered(passing: int, vectors: int, dimensions: int) -> bool:
    """Whether so few vectors that they are read one by one, rather than all lists searched for them."""
    return passing <= max(GATHERED_LEAST, vectors * dimensions // GATHERED_NUMBERS)


class Kept:
    """What belongs to filters and to the rows of other indexes, as long as nobody writes."""

    def __init__(self) -> None:
        self._found: tuple[int, dict[Any, tuple[Any, int]]] = (-1, {})
        """The commit, and what is known in it: replaced as one, so that no thread sees one commit's under another."""

    def get(self, engine: ReadTransaction, marker: Any) -> Any:
        """What is kept for a marker in the transaction's commit; None where nothing is, or the marker is None."""
        commit, known = self._found
        if marker is None or engine.id < 0 or engine.id != commit:
            return None
        found = known.get(marker)
        return None if found is None else found[0]

    def put(self, engine: ReadTransaction, marker: Any, value: Any, size_bytes: int) -> None:
        """Keep something for a marker, unless the transaction has written, or it is too much."""
        if marker is None or engine.id < 0 or size_bytes > KEPT_BYTES:
            return
        commit, known = self._found
        others = {name: one for name, one in known.items() if name != marker} if engine.id == commit else {}
        total = sum([other for _, other in others.values()]) + size_bytes
        if len(others) >= KEPT or total > KEPT_BYTES:
            others = {}
        self._found = (engine.id, {**others, marker: (value, size_bytes)})
