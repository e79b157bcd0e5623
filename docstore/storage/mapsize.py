"""Changing the size of a store's memory map, which must never happen under a transaction.

`set_mapsize` unmaps the file: py-lmdb ends every open transaction of the process for it, and a thread that is just
reading one would read memory that is gone. So all transactions of a store are counted here, and `MapGate.alone` lets no
new one begin, waits until the last has ended, and only then changes the size. A thread that already has one open is let
through, for it could not end the first if it had to wait with the second. With a map of 1 TiB from the start all this is
rare enough that those who wait simply look again every half millisecond.

How a transaction enters: it is counted first, and looks
at `remapping` second; the other side sets `remapping` first and counts second. So one of them sees the other.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, get_ident
from typing import Any, Final, Protocol
from weakref import ref

import lmdb

from docstore import faults
from docstore.errors import StoreFullError
from docstore.limits import MAX_MAP_BYTES

_LOOK_AGAIN_SECONDS: Final = 0.0005


class Guest(Protocol):
    """A transaction, as far as the gate knows it."""

    thread: int


class MapGate:
    """Counts the transactions of one store in this process, and keeps them and changes of the map apart."""

    environment: lmdb.Environment

    def __init__(self, path: str, patience_seconds: float) -> None:
        self.guests: dict[int, ref[Any]] = {}
        self.remapping = False
        self.emptied: Callable[[], None] = lambda: None
        """Called when no transaction is open, before the map goes."""
        self.remapped: Callable[[], None] = lambda: None
        """Called when the map has another place, before a transaction begins there."""
        self._path = path
        self._patience_seconds = patience_seconds
        self._mutex = Lock()
        self._full_bytes = 0

    def wait(self, guest: Guest) -> None:
        """Let a counted guest in as soon as no change is under way; uncounted while it waits."""
        while self.remapping and not self._has_other(guest):
            del self.guests[id(guest)]
            time.sleep(_LOOK_AGAIN_SECONDS)
            self.guests[id(guest)] = ref(guest)

    def note_full(self) -> None:
        """The map of today's size is full."""
        self._full_bytes = self._size_bytes()

    @property
    def is_full(self) -> bool:
        """Whether a transaction has found the map full, and it has not grown since."""
        return self._full_bytes != 0

    def grow(self) -> None:
        """Double the map if it is full."""
        with self._mutex:
            if not self._full_bytes:
                return
            if self._size_bytes() <= self._full_bytes:
                wanted = self._full_bytes * 2
                if wanted > MAX_MAP_BYTES or not _has_address_space(wanted - self._full_bytes):
                    raise StoreFullError(
                        f"{self._path} has filled its memory map of {self._full_bytes} bytes, and this process has no "
                        f"address space for one of {wanted} (see `ulimit -v`). Nothing was written."
                    )
                self._remap(wanted)
            self._full_bytes = 0

    def adopt(self) -> None:
        """Take over the size that another process has given the map."""
        with self._mutex:
            self._remap(0)

    def _remap(self, size_bytes: int) -> None:
        with self.alone():
            faults.reach("before_map_growth")
            self.environment.set_mapsize(size_bytes)
            self.remapped()
            faults.reach("after_map_growth")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A block during which no transaction is open."""
        self.remapping = True
        try:
            self._wait_until_empty()
            self.emptied()
            yield
        finally:
            self.remapping = False

    def _wait_until_empty(self) -> None:
        deadline = time.monotonic() + self._patience_seconds
        me = get_ident()
        while open_guests := self._open_guests():
            if any(guest.thread == me for guest in open_guests):
                raise StoreFullError(
                    f"The memory map of {self._path} must change, which it cannot while this thread has a transaction or "
                    "snapshot open. End it, and try again."
                )
            if time.monotonic() > deadline:
                raise StoreFullError(
                    f"The memory map of {self._path} must change, and waited {self._patience_seconds:g} s for "
                    f"{len(open_guests)} open transactions or snapshots of other threads to end."
                )
            del open_guests
            time.sleep(_LOOK_AGAIN_SECONDS)

    def has_guests(self) -> bool:
        """Whether a transaction is open."""
        return bool(self.guests) and bool(self._open_guests())

    def _open_guests(self) -> list[Guest]:
        return [guest for known in list(self.guests.values()) if (guest := known()) is not None]

    def _has_other(self, guest: Guest) -> bool:
        return any(other is not guest and other.thread == guest.thread for other in self._open_guests())

    def _size_bytes(self) -> int:
        return int(self.environment.info()["map_size"])


def _has_address_space(size_bytes: int) -> bool:
    """Whether so much more can be mapped. Asked first, for LMDB that fails to map anew has lost its old map."""
    try:
        mmap.mmap(
            -1, size_bytes, flags=mmap.MAP_PRIVATE | getattr(mmap, "MAP_NORESERVE", 0), prot=mmap.PROT_READ
        ).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True
