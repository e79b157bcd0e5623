"""The seam between the database and whatever keeps its bytes.

An engine keeps *spaces*. A space is an integer from 0 to 2**32 - 1 and needs no creation; it is either a map (a key to a
value) or a multimap (a key to a sorted set of members); which of the two is the caller's business, the two kinds never
meet in one space. Space 0 is the catalog, a map. Keys, values and members are `bytes`, ordered as Python orders bytes;
keys have at most `MAX_KEY_BYTES`, members have `MEMBER_BYTES`, as row ids do.

Rules for all engines:

- A `ReadTransaction` is one snapshot of the last commit at its beginning and never waits for writers.
- There is one `WriteTransaction` at a time over all threads and processes; it sees its own writes.
- Every scan is lazy and stays valid while its own transaction writes *behind* it, not ahead of it; whoever changes what
  is ahead of a scan collects first. A scan dies with its transaction.
- What a transaction returns is plain `bytes`, valid for ever; but for what `borrowed` lends, and for `Rows`, which are to be
  read before its end.
- A transaction belongs to the thread that began it, and is a context manager: left with an error it aborts, left without
  one a write transaction commits and a read transaction ends.
- After `commit` or `abort` every call raises `TransactionClosedError`.
- A key or member of a wrong length is a `ValueError`: what users may pass is checked above, with words that they know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from operator import itemgetter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, Self, TypeVar

from docstore.errors import StoreFullError
from docstore.storage.entries import EntryRows
from docstore.storage.rows import Rows

if TYPE_CHECKING:
    from docstore.native.points import Point

Result = TypeVar("Result")

MISSED: Final[Any] = NotImplemented
"""What a short way gives where it does not lead to the answer."""

CATALOG_SPACE = 0
MAX_SPACE = 2**32 - 1
MAX_KEY_BYTES = 507
MEMBER_BYTES = 6


def check_member(member: bytes) -> None:
    """ValueError where a member has a length that no engine keeps."""
    if len(member) != MEMBER_BYTES:
        raise ValueError(f"A member has {MEMBER_BYTES} bytes, and this one has {len(member)}.")


def check_members(entries: Sequence[tuple[bytes, bytes]]) -> None:
    """ValueError where one of many members has a length that no engine keeps."""
    if not {MEMBER_BYTES}.issuperset(map(len, map(itemgetter(1), entries))):
        for _, member in entries:
            check_member(member)


class GrowNeeded(StoreFullError):  # noqa: N818 - a request, and an error only for those who cannot run again
    """The engine's map is full, the disk is not: abort, and run the same again in a new transaction."""


class Batch(NamedTuple):
    """Rows of maps and entries of multimaps that are written together: values to set, entries that go, entries that come."""

    rows: Sequence[tuple[int, bytes, bytes]]
    """(space, key, value)."""
    gone: Sequence[tuple[int, bytes, bytes]]
    come: Sequence[tuple[int, bytes, bytes]]
    """(space, key, member)."""


NOTHING: Final = Batch((), (), ())


class ReadTransaction(Protocol):
    """One snapshot of all spaces."""

    @property
    def id(self) -> int:
        """Number of the commit that a read transaction sees: equal ids of one open store mean equal contents.

        A write transaction, whose contents change, has a negative id of its own, never used twice.
        """

    @property
    def closed(self) -> bool:
        """Whether the transaction has ended."""

    def get(self, space: int, key: bytes) -> bytes | None:
        """The value of a key of a map, None where there is none."""

    def get_many(self, space: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of many keys of a map, in the order of `keys`."""

    def borrowed(self, space: int, keys: Sequence[bytes]) -> AbstractContextManager[list[bytes | memoryview | None]]:
        """The values of `get_many` for a block: where they are large, not copied but seen where they lie.

        Nothing may look at a buffer, or at what was made of it without a copy, after the block.
        """

    def scan(
        self, space: int, low: bytes = b"", high: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """(key, value) of a map for low <= key < high, in key order or against it; `high=None` is the space's end."""

    def read(self, space: int, key: bytes, decode: Callable[[bytes], Result]) -> Result | None:
        """What `decode` makes of the value of a key of a map, None where there is none."""

    def rows(self, space: int, keys: Sequence[bytes]) -> Rows:
        """The rows of many keys of a map, in the order of `keys`."""

    def scan_rows(self, space: int, low: bytes = b"", high: bytes | None = None) -> Iterator[Rows]:
        """The rows of `scan`, forwards, in chunks that grow: the fastest way through many."""

    def read_through(self, keys: int, key: bytes, space: int, decode: Callable[[bytes], Result]) -> Result | None:
        """What `decode` makes of the value whose key in a map `space` is the value of `key` in the map `keys`.

        None where `keys` has no such key; CorruptStoreError where `space` has not what it names.
        """

    def follow(self, rows: Rows, space: int) -> Rows:
        """The rows of a map whose keys are the values of some rows; none where there was none.

        CorruptStoreError where there is no such key.
        """

    def scan_entries(
        self,
        space: int,
        low: bytes = b"",
        high: bytes | None = None,
        *,
        reverse: bool = False,
        after: tuple[bytes, bytes] | None = None,
    ) -> Iterator[tuple[bytes, bytes]]:
        """(key, member) of a multimap for low <= key < high, by key and then by member, or the exact reverse.

        With `after`, only what follows that entry in the direction of the scan, whether the entry still exists or not.
        """

    def entry_rows(
        self,
        space: int,
        rows: int,
        low: bytes = b"",
        high: bytes | None = None,
        *,
        reverse: bool = False,
        after: tuple[bytes, bytes] | None = None,
    ) -> EntryRows:
        """The rows of the map `rows` whose keys are the members that `scan_entries` gives, row ids all of them."""

    def members(self, space: int, key: bytes) -> Iterator[bytes]:
        """The members of one key of a multimap, in order."""

    def count_members(self, space: int, key: bytes) -> int:
        """How many members a key of a multimap has, in time that does not grow with the answer."""

    def abort(self) -> None:
        """End the transaction; what it wrote is gone. Ending an ended transaction does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class WriteTransaction(ReadTransaction, Protocol):
    """The one writer."""

    @property
    def number(self) -> int:
        """The number that its commit will have: they count up over all threads and processes."""

    @property
    def write_count(self) -> int:
        """Calls that wrote or may have written, savepoints included: 0 means that there is nothing to undo."""

    schema: Any
    """For the layer above, to remember which catalog it has seen in the transaction; None until then."""

    @property
    def is_torn(self) -> bool:
        """Whether an `apply` was broken off, so that nothing of the transaction may be committed."""

    @property
    def committed(self) -> bool:
        """Whether a commit is known to have changed the store, even where an interrupt cut short its return."""

    def put(self, space: int, key: bytes, value: bytes) -> None:
        """Set the value of a key of a map."""

    def put_new(self, space: int, key: bytes, value: bytes) -> bool:
        """Set the value of a key that has none; False, and nothing done, where it has one."""

    def put_many(self, space: int, items: Sequence[tuple[bytes, bytes]]) -> None:
        """Set many values of a map; fastest when `items` is sorted by key.

        Smallest where they are and come behind all keys of this map and of the maps with higher numbers.
        """

    def put_new_many(self, space: int, items: Sequence[tuple[bytes, bytes]]) -> int:
        """Set the values of those keys of a map that have none; how many these were. Fastest when `items` is sorted by key."""

    def delete(self, space: int, key: bytes) -> bool:
        """Remove a key of a map; whether it was there."""

    def add(self, space: int, key: bytes, member: bytes) -> bool:
        """Add a member to a key of a multimap; whether it is new."""

    def add_many(self, space: int, entries: Sequence[tuple[bytes, bytes]]) -> int:
        """Add many (key, member); fastest when sorted; how many are new."""

    def remove(self, space: int, key: bytes, member: bytes) -> bool:
        """Remove one member of a key of a multimap; whether it was there."""

    def remove_many(self, space: int, entries: Iterable[tuple[bytes, bytes]]) -> int:
        """Remove many (key, member); how many were there."""

    def apply(self, *batches: Batch) -> None:
        """Write batches, each in the order: entries that go, entries that come, rows. No interrupt comes between."""

    def before(self) -> AbstractContextManager[ReadTransaction]:
        """What has been committed before this transaction, for reading much before it has written anything."""

    def savepoint(self) -> WriteTransaction:
        """A transaction nested in this one, which must not be used until the nested one has committed or aborted."""

    def commit(self) -> None:
        """Make everything written visible, and durable; inside a savepoint, part of the outer transaction."""


class Watch(Protocol):
    """Who knows which catalog was seen last."""

    seen: tuple[int, Any]
    """The number of the commit in which that was, and the catalog."""


class Manner(NamedTuple):
    """How documents are read one at a time."""

    decode: Callable[[bytes], Any]
    present: Callable[[Any], Any]
    """The form in which users get what is not of MessagePack's own types."""
    blocks: ContextVar[Any]
    """In a context in which there are some, nothing is read in this way."""


class Engine(Protocol):
    """One open store."""

    path: str | None

    @property
    def has_waiters(self) -> bool:
        """Whether another thread of this process waits for the write lock: a long job then makes way sooner."""

    @property
    def is_writing_here(self) -> bool:
        """Whether the write transaction that is open, if any, belongs to this thread."""

    def begin_read(self) -> ReadTransaction:
        """A snapshot of the last commit."""

    def point(self, watch: Watch, catalog: object, keys: int, space: int, manner: Manner) -> Point | None:
        """What reads as `read_through` does, as long as `watch` has seen that catalog; None without compiled code."""

    def begin_write(self, timeout_seconds: float | None = None) -> WriteTransaction:
        """Wait for the write lock, in the order of arrival within this process, and begin.

        After `timeout_seconds` (None: the engine's own `busy_timeout`) `BusyError`; `ReadOnlyError` where the store was
        opened for reading.
        """

    def run_soft(
        self,
        closure: Callable[[WriteTransaction], Result],
        timeout_seconds: float | None = None,
        *,
        at_once: bool = False,
    ) -> Result:
        """Run a closure, which computes first and writes then, in a transaction that is committed soon (`soft.py`).

        `at_once`: it writes by a single `apply`, and need not be guarded against interrupts.

        Raises what the closure raises, and what `begin_write` does; GrowNeeded where a transaction of its own is better.
        """

    def abandon_write(self) -> None:
        """End the write transaction that this thread has open, if any, without a commit.

        For those who do not hold it: an interrupt may have come between its beginning and the statement behind it.
        """

    def grow(self) -> None:
        """Make the room that a `GrowNeeded` asked for, when no transaction of this thread is open.

        `begin_write` does it too, so that a caller who just tries again succeeds.
        """

    def sync(self) -> None:
        """Return when everything committed is on the disk."""

    def copy_to(self, path: str) -> None:
        """Write the last commit, without the room that is free in it, to a new file; StoreError where that cannot be."""

    def size_bytes(self) -> int:
        """Bytes that the store takes, on disk or in memory."""

    def close(self) -> None:
        """Give the store back; the last holder of this process closes it. Closing twice does nothing."""
