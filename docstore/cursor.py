"""Cursors: the rows of a stream, read in batches.

Outside a transaction a cursor holds no snapshot while its user thinks, since an old snapshot keeps the file from reusing
its pages: each batch of up to 1,000 rows is read in a snapshot of its own, and the scan goes on after the last key of the
one before. So a result of up to 1,000 rows is one snapshot. Inside `db.transaction()` or `db.snapshot()` the cursor reads
in that transaction, and raises once it has ended.

Rows that are documents as they are stored stay bytes until they are taken: a quarter of the memory, and a fifth less time,
since what is decoded is used while the processor has it at hand. Whoever keeps all of them, as `list` does, gets the next
batches decoded at once.

A batch also ends at 16 MB of documents, so that memory stays bounded however large they are. The options of `run` that
RethinkDB has for batches (`max_batch_rows` and the like) say otherwise.
"""

from __future__ import annotations

import builtins
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from itertools import islice
from math import inf
from sys import getrefcount
from time import perf_counter
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec

from docstore.errors import ClosedError
from query.collection import paused_collection
from query.errors import ReqlCursorEmpty, ReqlDriverError, ReqlError
from query.locate import explain_error
from query.printer import print_short
from query.term import Argument
from query.values import Value, describe

__all__ = ["Cursor"]

BATCH_ROWS: Final = 1_000
BATCH_BYTES: Final = 16 * 2**20
GROUP_ROWS: Final = 16
"""Rows of which one is measured, while they are small: measuring each would cost as much as reading it."""


OWN_REFERENCES: Final = 2
"""What `getrefcount` gives of a variable whose value nobody else has."""


class Batching(NamedTuple):
    """How large a batch is: it ends at `rows`, and after `bytes` or `seconds` if it has `least_rows` by then.

    The first one, which comes with the answer, may be smaller: its rows are divided by `first_divisor`.
    """

    rows: int = BATCH_ROWS
    bytes: int = BATCH_BYTES
    seconds: float = inf
    least_rows: int = 1
    first_divisor: float = 1

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Batching:
        """What the options of `run` ask for."""
        rows = int(options.get("max_batch_rows", BATCH_ROWS))
        return cls(
            rows,
            int(options.get("max_batch_bytes", BATCH_BYTES)),
            options.get("max_batch_seconds", inf),
            min(rows, int(options.get("min_batch_rows", 1))),
            options.get("first_batch_scaledown_factor", 1),
        )


DEFAULT_BATCHING: Final = Batching()

_measure: Final = msgspec.msgpack.Encoder(enc_hook=str)


class Cursor:
    """The rows of a stream, one after the other; iterate over it, or call `next`.

    >>> with r.table("posts").run(db) as cursor:
    ...     ids = [post["id"] for post in cursor]
    >>> ids
    [1, 2, 3]
    """

    __slots__ = (
        "_batching",
        "_closed",
        "_conversion",
        "_convert",
        "_error",
        "_exhausted",
        "_guard",
        "_keeps",
        "_next_rows",
        "_query",
        "_retell",
        "_rows",
        "_session",
        "_stream",
        "_unconverted",
    )

    def __init__(
        self,
        stream: Iterator[Value],
        session: AbstractContextManager[None],
        conversion: Callable[[], Callable[[Value], Any]],
        query: Argument,
        retell: Callable[[ReqlError], ReqlError],
        batching: Batching = DEFAULT_BATCHING,
        guard: Callable[[], None] | None = None,
    ) -> None:
        """The stream may be read inside `session`, again and again; `query` is what it is the result of.

        `conversion()`, asked after each batch, gives what makes of a row what the user gets; rows may be the bytes of documents.

        `retell` gives an error of the stream as the user is to see it. `guard()`, where there is one, raises once the
        cursor may no longer be used, be there rows at hand or not.
        """
        self._stream = stream
        self._session = session
        self._conversion = conversion
        self._convert: Callable[[Value], Any] | None = None
        self._query = query
        self._retell = retell
        self._batching = batching
        self._guard = guard
        self._next_rows = max(batching.least_rows, int(batching.rows / batching.first_divisor))
        self._rows: deque[Value] = deque()
        self._keeps = False
        """Whether the user seems to keep the rows: then those of a batch are converted all at once, which costs the garbage
        collector less than one by one; and else one by one, which needs less memory."""
        self._unconverted = True
        self._exhausted = False
        self._closed = False
        self._error: ReqlError | None = None

    def fill(self) -> None:
        """Read the next batch."""
        self._convert, self._unconverted = None, True
        try:
            with self._session, paused_collection():
                self._exhausted = self._read()
                if self._keeps:
                    self._convert_all()
        except ReqlError as error:
            self._error, self._exhausted = error, True
            self._error = told = self._retell(error)
            explain_error(told, self._query, None)
            if not self._rows:
                raise told from None
        except BaseException:
            # A stream that was broken off looks as if it had ended, and must not be taken for that.
            self._error, self._exhausted = ClosedError("The cursor was interrupted; run its query again."), True
            raise
        finally:
            if self._unconverted:
                self._convert = self._conversion()

    def _convert_all(self) -> None:
        converted = [*map(self._conversion(), self._rows)]
        self._rows.clear()
        self._rows.extend(converted)
        self._unconverted = False

    def _read(self) -> bool:
        """Read rows in groups, whose last one is measured, until the batch is large enough; whether the stream has ended."""
        stream, rows, (_, left, seconds, least, _), most = self._stream, self._rows, self._batching, self._next_rows
        self._next_rows = self._batching.rows
        large, end = left // 4096, inf if seconds == inf else perf_counter() + seconds
        size, count = large, 0
        while True:
            wanted = 1 if size >= large or end != inf else min(GROUP_ROWS, most - count)
            before = len(rows)
            rows.extend(islice(stream, wanted))
            found = len(rows) - before
            if found < wanted:
                return True
            count += found
            row = rows[-1]
            size = len(row if type(row) is bytes else _measure.encode(row))
            left -= size * found
            if count >= most or (count >= least and (left <= 0 or (end != inf and perf_counter() > end))):
                return False

    def next(self, wait: bool | float = True) -> Any:
        """The next row; ReqlCursorEmpty, which is also a StopIteration, after the last one.

        `wait`, which is True, False or a number of seconds, is accepted for programs written for RethinkDB: rows of a
        store in this process are always there.
        """
        if wait is not True and not (isinstance(wait, int | float) and wait >= 0):
            raise ReqlDriverError(f"Expected True, False or a number of seconds for `wait` but found {describe(wait)}.")
        return self.__next__()

    def list(self) -> builtins.list[Any]:
        """The rows that are left, as a list."""
        return [*self]

    def __next__(self) -> Any:
        if self._guard is not None:
            self._guard()
        rows = self._rows
        if not rows:
            if self._closed:
                raise ClosedError("The cursor is closed.")
            if self._error is not None:
                raise self._error
            if not self._exhausted:
                self.fill()
            if not rows:
                raise ReqlCursorEmpty
        row = rows.popleft()
        return row if self._convert is None else self._convert(row)

    def __iter__(self) -> Iterator[Any]:
        rows, guard, row, before = self._rows, self._guard, None, None
        while True:
            while rows and guard is None:
                before, row, convert = row, rows.popleft(), self._convert
                if convert is not None:
                    row = convert(row)
                yield row
            self._keeps = getrefcount(before) > OWN_REFERENCES
            try:
                row = self.__next__()
            except ReqlCursorEmpty:
                return
            yield row

    def close(self) -> None:
        """Give up what has not been read. Closing twice does nothing."""
        self._closed = self._exhausted = True
        self._rows.clear()
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "streaming" if not self._exhausted else "done streaming"
        return f"<docstore.Cursor of {print_short(self._query)} ({state}, {len(self._rows)} rows at hand)>"
