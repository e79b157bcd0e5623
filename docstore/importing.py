"""JSON lines into a table: one document a line, plain or compressed with gzip, committed batch by batch.

A batch is written in one transaction, and ends at 20,000 documents or 64 MB of lines, since a transaction holds what it
wrote in memory. A line that is no document ends the import with a `LineError`; what stood above it has been written.

Times and binaries may be given as RethinkDB's pseudo-types, as its `rethinkdb export` writes them.
"""

from __future__ import annotations

import gzip
import json
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import IO, Any, Final, cast

import msgspec

from docstore.connection import Connection
from query import r
from query.errors import ReqlDriverError, ReqlError
from query.values import describe, from_python
from query.wire import decode

BATCH_DOCUMENTS: Final = 20_000
BATCH_BYTES: Final = 64 * 2**20

_COUNTS: Final = ("inserted", "replaced", "unchanged", "skipped", "errors")
_GZIP_MAGIC: Final = b"\x1f\x8b"
_PSEUDO_TYPE: Final = b'"$reql_type$"'


class LineError(ReqlDriverError):
    """A line of an import is no document; `.line` is its number, the first being 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"Line {line:,}: {reason} The documents of the lines above it have been imported.")
        self.line = line


@dataclass(slots=True)
class ImportSummary:
    """What an import has done so far: the counts of its writes, and the first error of a single document."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))
    first_error: str | None = None

    def add(self, written: dict[str, Any]) -> None:
        """Add the summary of one insert."""
        for name in _COUNTS:
            self.counts[name] += written[name]
        if self.first_error is None:
            self.first_error = written.get("first_error")

    @property
    def documents(self) -> int:
        """How many documents were read and handed to the store."""
        return sum(self.counts.values())


def import_lines(
    db: Connection,
    table: str,
    lines: Iterable[bytes],
    *,
    conflict: str = "error",
    on_batch: Callable[[ImportSummary], None] = lambda summary: None,
) -> ImportSummary:
    """Insert the documents of JSON lines; `on_batch` is called after each commit.

    Raises LineError for a line that is no document, once all lines above it are written.
    """
    summary = ImportSummary()
    batch: list[Any] = []
    size_bytes = 0

    def write() -> None:
        if batch:
            summary.add(r.table(table).insert(batch, conflict=conflict).run(db))
            batch.clear()
            on_batch(summary)

    try:
        for number, line in _numbered(lines):
            batch.append(_document(number, line))
            size_bytes += len(line)
            if len(batch) >= BATCH_DOCUMENTS or size_bytes >= BATCH_BYTES:
                write()
                size_bytes = 0
    except LineError:
        write()
        raise
    write()
    return summary


def _numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines that are not empty, with their numbers; without the mark that some editors begin a file with."""
    number = 0
    try:
        for number, line in enumerate(lines, 1):
            text = line.removeprefix(BOM_UTF8) if number == 1 else line
            if text.strip():
                yield number, text
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise LineError(number + 1, f"the gzip file is cut off or damaged here: {error}.") from None


def _document(number: int, line: bytes) -> dict[str, Any]:
    """The document of a line."""
    try:
        pseudo = _PSEUDO_TYPE in line
        document = json.loads(line, object_hook=_with_pseudo_types) if pseudo else msgspec.json.decode(line)
    except (ValueError, RecursionError) as error:  # msgspec's errors and those of bad UTF-8 are ValueErrors
        raise LineError(number, f"expected a JSON object but found {_shown(line)}: {error}.") from None
    except ReqlError as error:
        raise LineError(number, error.message) from None
    if type(document) is not dict:
        raise LineError(number, f"expected a JSON object, one a line, but found {describe(document)}.")
    try:
        from_python(document)
    except ReqlError as error:
        raise LineError(number, error.message) from None
    return document


def _with_pseudo_types(data: dict[str, Any]) -> Any:
    return decode(data) if "$reql_type$" in data else data


def _shown(line: bytes, most: int = 60) -> str:
    text = line.decode("utf-8", "replace").rstrip()
    return repr(text if len(text) <= most else text[: most - 3] + "...")


@contextmanager
def open_lines(path: str, standard_input: IO[bytes]) -> Iterator[tuple[Iterable[bytes], Callable[[], int], int | None]]:
    """The lines of a file or, for `-`, of standard input; a function that tells the bytes read; the bytes in all, if known.

    What begins as gzip does is decompressed, whatever its name.
    """
    if path == "-":
        yield _decompressed(BufferedReader(cast(RawIOBase, standard_input))), lambda: 0, None
        return
    with Path(path).open("rb") as raw:
        size_bytes = Path(path).stat().st_size
        yield _decompressed(raw), raw.tell, size_bytes or None


def _decompressed(raw: BufferedReader) -> Iterable[bytes]:
    return gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP_MAGIC else raw
