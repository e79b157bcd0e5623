"""Every limit of the store, each with its reason. Nothing here is on disk."""

from __future__ import annotations

from typing import Final

# Storage

MAP_BYTES: Final = 2**40
"""Address space asked for a store. Only pages used are on disk, so this is the largest store and not its size; 1 TiB fits
many times into the 128 TiB that a process has."""

MIN_MAP_BYTES: Final = 2**26
"""Where not even so much address space can be had, opening a store fails: below it most programs do not run either."""

MAX_MAP_BYTES: Final = 2**46
"""A map doubles when it is full, up to half of what a 64-bit process can address."""

MAX_READERS: Final = 1024
"""Read transactions open at once over all processes; LMDB's lock file takes 64 bytes for each."""

READER_CHECK_SECONDS: Final = 1.0
"""A writer looks so often for readers whose process was killed, since their snapshots make the file grow."""

BUSY_TIMEOUT_SECONDS: Final = 30.0
"""How long a write waits for others before it is a BusyError: longer than any single query that was meant."""

GROUP_SECONDS: Final = 0.005
"""How long one group of writes runs before it commits: those whose writes are done wait for the others' to end."""

SOFT_SECONDS: Final = 0.01
"""How long a group of soft writes stays open: what a crash may lose, and how long another process may have to wait."""

SOFT_LARGE_SECONDS: Final = 0.25
"""The same while large writes follow each other: their commit then waits for the disk while the next are made ready."""

SOFT_SCATTERED_SECONDS: Final = 2.0
"""The same where they have entries of indexes, as long as no other process wants to write. The entries of 20,000 documents are
on all pages of an index, and each commit writes these to other places: 60,000 documents in one take two thirds of the room
that they do in four."""

SOFT_SCATTERED_PAGES: Final = 2**15
"""But not if so many pages may have changed, which are in memory until the commit: 128 MiB."""

SOFT_ROOM_BYTES: Final = 2**30
"""Room in the map below which writes are not soft: where it fills up, a group would be lost."""

POLL_MIN_SECONDS: Final = 0.00005
POLL_MAX_SECONDS: Final = 0.005
"""A process that waits for another one's write lock looks again after half of what it has waited, within these bounds: a
commit with fsync takes 0.1 ms, and 200 looks a second cost nothing."""
