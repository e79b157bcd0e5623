"""A sorted table that keeps, for each key, its value at every commit that somebody may still look at.

A version is a tuple (number of the commit, value, older version or None), and the value `GONE` stands for a deleted key.
A reader of commit n takes the first version whose number is not greater than n, so it needs no lock: versions are never
changed, only replaced by newer ones or cut off behind the last that anybody sees.

The one writer adds versions under a number that no reader has yet. What it overwrote comes back to it as the version
before, for its undo log. Ranges are read piece by piece under a lock, since a sorted list cannot be walked while it grows.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from typing import Any, Final, TypeAlias

from sortedcontainers import SortedDict

Key: TypeAlias = Any
Version: TypeAlias = "tuple[int, Any, Version | None]"

GONE: Final = object()

_FIRST_PIECE: Final = 8
_LAST_PIECE: Final = 256
"""Rows read at a time: few at first, for most scans are short."""


class VersionedTable:
    """Keys, sorted, to their versions."""

    def __init__(self) -> None:
        self.versions: SortedDict[Key, Version] = SortedDict()
        self._lock = Lock()

    def get(self, key: Key, at: int) -> Any:
        """The value of a key at a commit, None where it had none."""
        version = self.versions.get(key)
        while version is not None:
            if version[0] <= at:
                return None if version[1] is GONE else version[1]
            version = version[2]
        return None

    def set(self, key: Key, value: Any, at: int) -> Version | None:
        """Give a key a value, or `GONE`, at the commit under way; the version before."""
        with self._lock:
            before: Version | None = self.versions.get(key)
            # A second write of one commit takes the place of the first: nobody else has seen that.
            older = before[2] if before is not None and before[0] == at else before
            self.versions[key] = (at, value, older)
            return before

    def restore(self, key: Key, before: Version | None) -> None:
        """Undo a `set`."""
        with self._lock:
            if before is None:
                self.versions.pop(key, None)
            else:
                self.versions[key] = before

    def trim(self, key: Key, seen: int) -> None:
        """Forget versions of a key that no reader of commit `seen` or later sees, and the key if all are gone."""
        with self._lock:
            newest: Version | None = self.versions.get(key)
            if newest is None:
                return
            kept = _kept(newest, seen)
            if kept is None:
                del self.versions[key]
            else:
                self.versions[key] = kept

    def range(self, low: Key, high: Key, at: int, reverse: bool) -> Iterator[tuple[Key, Any]]:
        """(key, value) with low <= key < high at a commit, in key order or against it."""
        size = _FIRST_PIECE
        inclusive = (True, False)
        while True:
            with self._lock:
                keys = self.versions.irange(low, high, inclusive, reverse)
                piece = [(key, self.versions[key]) for key, _ in zip(keys, range(size), strict=False)]
            for key, version in piece:
                while version is not None and version[0] > at:
                    version = version[2]
                if version is not None and version[1] is not GONE:
                    yield key, version[1]
            if len(piece) < size:
                return
            last = piece[-1][0]
            if reverse:
                high = last
            else:
                low, inclusive = last, (False, False)
            size = min(size * 4, _LAST_PIECE)

    def size_bytes(self) -> int:
        """Bytes of all keys and newest values."""
        with self._lock:
            return sum(_size_bytes(key) + _size_bytes(version[1]) for key, version in self.versions.items())

    def __len__(self) -> int:
        return len(self.versions)


def _kept(newest: Version, seen: int) -> Version | None:
    """A chain of versions without those that are older than what commit `seen` sees; None where nothing is left."""
    chain = []
    version: Version | None = newest
    while version is not None:
        chain.append(version)
        if version[0] <= seen:
            break
        version = version[2]
    number, value, _ = chain.pop() if version is not None else (0, GONE, None)
    kept: Version | None = None if value is GONE else (number, value, None)
    for number, value, _ in reversed(chain):
        kept = (number, value, kept)
    return kept


def _size_bytes(part: Any) -> int:
    if isinstance(part, tuple):
        return sum(map(len, part))
    return len(part) if isinstance(part, bytes) else 0
