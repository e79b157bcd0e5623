"""Rows that an engine has found: read when they are asked for, and only as far as they are asked for.

`Rows` is what engines give. `ListRows` has the bytes already; those of `docstore.native.pages` know where they lie in the
memory map, and read them there. Either must be read while the transaction is open that they come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Protocol, TypeVar

from docstore.errors import CorruptStoreError
from query.conditions import Conditions

Result = TypeVar("Result")


class Rows(Protocol):
    """Some rows of a map, in the order in which they were found or asked for."""

    def __len__(self) -> int: ...

    def read(self, decode: Callable[[bytes], Any]) -> list[Any]:
        """What `decode` makes of each value; None for a row that there is not."""

    def read_some(self, decode: Callable[[bytes], Any], places: Sequence[int]) -> list[Any]:
        """The same for the rows at some places."""

    def parted(self, head: int) -> tuple[list[bytes], bytes]:
        """The first so many bytes of each of the rows that there are, and side by side what follows these.

        ValueError with a value that is too short.
        """

    def candidates(self, conditions: Conditions) -> Sequence[int]:
        """The places of all rows that may meet some conditions on documents, of others too."""

    def present(self) -> Rows:
        """Those that there are."""

    def added(self, decode: Callable[[bytes], Any], most: int) -> list[tuple[bytes, None, Any]]:
        """The first rows of a scan as updates of an index (`docstore.indexes.base`) to which they are new."""

    def key(self, place: int) -> bytes:
        """The key of a row of a scan; after the end of the transaction too."""


class ListRows:
    """Rows whose values are at hand; `keys` are those of a scan."""

    __slots__ = ("_keys", "_values")

    def __init__(self, values: Sequence[bytes | None], keys: Sequence[bytes] = ()) -> None:
        self._values = values
        self._keys = keys

    def __len__(self) -> int:
        return len(self._values)

    def read(self, decode: Callable[[bytes], Any]) -> list[Any]:
        """See `Rows`."""
        return [None if data is None else decode(data) for data in self._values]

    def read_some(self, decode: Callable[[bytes], Any], places: Sequence[int]) -> list[Any]:
        """See `Rows`."""
        values = self._values
        return [None if (data := values[place]) is None else decode(data) for place in places]

    def parted(self, head: int) -> tuple[list[bytes], bytes]:
        """See `Rows`."""
        values = [data for data in self._values if data is not None]
        for data in values:
            if len(data) < head:
                raise ValueError(data)
        return [data[:head] for data in values], b"".join([data[head:] for data in values])

    def candidates(self, conditions: Conditions) -> Sequence[int]:
        """See `Rows`."""
        return range(len(self._values))

    def present(self) -> Rows:
        """See `Rows`."""
        return ListRows([data for data in self._values if data is not None], self._keys)

    def added(self, decode: Callable[[bytes], Any], most: int) -> list[tuple[bytes, None, Any]]:
        """See `Rows`."""
        return [(key, None, value) for key, value in zip(self._keys[:most], self.read(decode)[:most], strict=True)]

    def key(self, place: int) -> bytes:
        """See `Rows`."""
        return self._keys[place]


def follow(rows: Rows, values_of: Callable[[Sequence[bytes]], Sequence[bytes | None]]) -> Rows:
    """The rows whose keys are the values of some rows, for engines that have the values of many keys."""
    keys: list[bytes | None] = rows.read(bytes)
    wanted = [key for key in keys if key is not None]
    values = values_of(wanted)
    if None in values:
        raise missing(wanted[values.index(None)])
    found = iter(values)
    return ListRows([None if key is None else next(found) for key in keys])


def read_through(
    get: Callable[[int, bytes], bytes | None], keys: int, key: bytes, space: int, decode: Callable[[bytes], Result]
) -> Result | None:
    """What `decode` makes of the value that a key leads to, for engines that have single values."""
    named = get(keys, key)
    if named is None:
        return None
    data = get(space, named)
    if data is None:
        raise missing(named)
    return decode(data)


def missing(key: bytes) -> CorruptStoreError:
    """The error for a key that is named, and is not there."""
    return CorruptStoreError(f"Expected a row with the id {key.hex()}, which a primary key names, but found none.")


FIRST_CHUNK = 8
LARGEST_CHUNK = 208
"""Rows of a chunk: enough that a chunk costs nothing, few enough that reading past what is wanted does not matter. The first
seven chunks have 1,000 rows, which is what a cursor reads at once."""


def chunked(pairs: Iterator[tuple[bytes, bytes]]) -> Iterator[Rows]:
    """(key, value) of a scan in chunks that grow."""
    size = FIRST_CHUNK
    while chunk := list(islice(pairs, size)):
        yield ListRows([value for _, value in chunk], [key for key, _ in chunk])
        size = min(4 * size, LARGEST_CHUNK)
