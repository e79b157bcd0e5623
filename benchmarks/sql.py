"""What SQLite does for each workload, for both of its Python interfaces.

An expert's SQLite: documents in one column, the id beside them in a unique one, expression indexes, a side table for the
index on the elements of an array, kept in the same transaction; WAL, a page cache and a memory map larger than the data,
statements that the interface keeps prepared, `msgspec` as the decoder. Chosen by trial: `rowid` tables (short entries in the
indexes) over `WITHOUT ROWID`, one text document a row over one JSON array for all, `max()` beside a bare column over sorting.

Threads that write share one connection under a lock: several connections wait for each other by polling, which is slower.
Either way a write waits for a whole index build.
"""

# mypy: disable-error-code=no-any-return
# What comes out of a database is Any to mypy.

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import msgspec

from benchmarks.data import Document
from benchmarks.store import Conditions, Table

PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA cache_size = -262144",
    "PRAGMA mmap_size = 1073741824",
    "PRAGMA temp_store = MEMORY",
)
SECTION: Final = "document ->> '$.section'"
INSTALLED_SIZE: Final = "document ->> '$.installed_size'"
SIZE: Final = "document ->> '$.size'"
EXPRESSIONS: Final = {
    "section": SECTION,
    "section_size": f"{SECTION}, {INSTALLED_SIZE}",
    "dep_count": "json_array_length(document, '$.depends')",
}
MATCHING: Final = f"{SECTION} = ? AND {INSTALLED_SIZE} > ? AND document ->> '$.priority' = ?"

_decode: Final = msgspec.json.decode
_encode: Final = msgspec.json.Encoder().encode


class SqlStore(ABC):
    """SQLite through one of its interfaces, which a subclass chooses."""

    name: ClassVar[str]
    workloads: ClassVar[frozenset[str] | None] = None
    most_queries: ClassVar[int | None] = None

    out: ClassVar[str]
    """A stored document as text."""
    into: ClassVar[str]
    """A parameter, text, as what is stored."""
    set_field: ClassVar[str]
    """The function that changes a field of what is stored."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "store.sqlite"
        self._lock = threading.Lock()
        self._sides: set[Table] = set()
        self._connect()

    @abstractmethod
    def connection(self, file: Path) -> Any:
        """A connection without implicit transactions, to be used by several threads."""

    def _connect(self) -> None:
        self._connection = self.connection(self._file)
        for pragma in PRAGMAS:
            self._connection.execute(pragma).fetchall()
        self._reader: Callable[..., Any] = self._connection.cursor().execute

    def close(self) -> None:
        """See Store; so for all methods below."""
        self._connection.close()

    def reopen(self) -> None:
        self.close()
        self._connect()
        self._value("SELECT number FROM plain LIMIT 1")

    def size_bytes(self) -> int:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return self._file.stat().st_blocks * 512

    # Set-up

    def create_table(self, table: Table, indexes: Sequence[str]) -> None:
        self._connection.execute(
            f"CREATE TABLE {table} (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document BLOB NOT NULL)"
        )
        for index in indexes:
            self.build_index(table, index)

    def insert_all(self, table: Table, documents: Sequence[Document]) -> None:
        with _Transaction(self._connection) as cursor:
            first = cursor.execute(f"SELECT coalesce(max(number), 0) + 1 FROM {table}").fetchone()[0]
            cursor.executemany(
                f"INSERT INTO {table} (number, id, document) VALUES (?, ?, {self.into})",
                (
                    (number, document["id"], _encode(document).decode())
                    for number, document in enumerate(documents, first)
                ),
            )
            if table in self._sides:
                cursor.executemany(
                    f"INSERT INTO {table}_depends (value, number) VALUES (?, ?)", sorted(_elements(documents, first))
                )

    insert_at_once = insert_all

    def build_index(self, table: Table, index: str) -> None:
        with self._lock, _Transaction(self._connection) as cursor:
            if index != "depends":
                cursor.execute(f"CREATE INDEX {table}_{index} ON {table} ({EXPRESSIONS[index]})")
                return
            cursor.execute(
                f"CREATE TABLE {table}_depends (value TEXT, number INTEGER, PRIMARY KEY (value, number)) WITHOUT ROWID"
            )
            cursor.execute(
                f"INSERT OR IGNORE INTO {table}_depends SELECT value, number "
                f"FROM {table}, json_each(document, '$.depends') ORDER BY 1, 2"
            )
        self._sides.add(table)

    def drop_index(self, table: Table, index: str) -> None:
        if index == "depends":
            self._connection.execute(f"DROP TABLE {table}_depends")
            self._sides.discard(table)
        else:
            self._connection.execute(f"DROP INDEX {table}_{index}")

    def count_entries(self, table: Table, index: str) -> int:
        if index == "depends":
            return self._value(f"SELECT count(*) FROM {table}_depends")
        first = EXPRESSIONS[index].split(", document")[0]
        return self._value(f"SELECT count(*) FROM {table} WHERE {first} IS NOT NULL")

    def be_durable(self, durable: bool) -> None:
        self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}").fetchall()

    # Reading by key and index

    def get(self, key: str) -> Document | None:
        found = None
        for (text,) in self._reader(f"SELECT {self.out} FROM packages WHERE id = ?", (key,)):
            found = _decode(text)
        return found

    get_prepared = get

    def get_all(self, index: str, value: str) -> Iterable[Document]:
        if index == "section":
            return self._documents(f"SELECT {self.out} FROM packages WHERE {SECTION} = ?", value)
        return self._documents(
            f"SELECT {self.out} FROM packages_depends JOIN packages USING (number) WHERE value = ?", value
        )

    def between(self, section: str, low: int, high: int) -> Iterable[Document]:
        return self._documents(
            f"SELECT {self.out} FROM packages WHERE {SECTION} = ? AND {INSTALLED_SIZE} >= ? AND {INSTALLED_SIZE} < ?",
            section,
            low,
            high,
        )

    def count(self, index: str, value: str) -> int:
        if index == "section":
            return self._value(f"SELECT count(*) FROM packages WHERE {SECTION} = ?", value)
        return self._value("SELECT count(*) FROM packages_depends WHERE value = ?", value)

    def first(self, limit: int) -> Iterable[Document]:
        return self._documents(f"SELECT {self.out} FROM packages ORDER BY {EXPRESSIONS['section_size']} LIMIT ?", limit)

    def last(self) -> Document:
        text = self._value(f"SELECT {self.out} FROM packages ORDER BY {SECTION} DESC, {INSTALLED_SIZE} DESC LIMIT 1")
        return _decode(text)

    def least(self) -> Document:
        text = self._value(f"SELECT {self.out} FROM packages ORDER BY {SECTION}, {INSTALLED_SIZE} LIMIT 1")
        return _decode(text)

    def join(self, limit: int) -> Iterator[Document]:
        left, right = self.out.replace("document", "a.document"), self.out.replace("document", "b.document")
        rows = self._connection.execute(
            f"SELECT {left}, {right} FROM (SELECT document FROM packages ORDER BY id LIMIT ?) AS a "
            "JOIN packages AS b ON b.id = a.document ->> '$.source'",
            (limit,),
        )
        return ({"left": _decode(a), "right": _decode(b)} for a, b in rows)

    # Reading all of `plain`

    def scan(self) -> Iterable[Document]:
        return self._documents(f"SELECT {self.out} FROM plain")

    def count_larger(self, installed_size: int) -> int:
        return self._value(f"SELECT count(*) FROM plain WHERE {INSTALLED_SIZE} > ?", installed_size)

    def larger(self, installed_size: int) -> Iterable[Document]:
        return self._documents(f"SELECT {self.out} FROM plain WHERE {INSTALLED_SIZE} > ?", installed_size)

    def count_matching(self, conditions: Conditions) -> int:
        return self._value(f"SELECT count(*) FROM plain WHERE {MATCHING}", *conditions)

    def matching(self, conditions: Conditions) -> Iterable[Document]:
        return self._documents(f"SELECT {self.out} FROM plain WHERE {MATCHING}", *conditions)

    def count_tagged(self, tag: str) -> int:
        return self._value(
            "SELECT count(*) FROM plain WHERE EXISTS (SELECT 1 FROM json_each(document, '$.tags') WHERE value = ?)", tag
        )

    def averages(self) -> dict[str, float]:
        return dict(self._connection.execute(f"SELECT {SECTION}, avg({INSTALLED_SIZE}) FROM plain GROUP BY 1"))

    def counts(self) -> dict[str, int]:
        return dict(self._connection.execute(f"SELECT {SECTION}, count(*) FROM plain GROUP BY 1"))

    def total(self) -> int:
        return self._value(f"SELECT sum({SIZE}) FROM plain")

    def largest(self) -> Document:
        return _decode(self._value(f"SELECT {self.out}, max({SIZE}) FROM plain"))

    def smallest(self, limit: int) -> Iterable[Document]:
        return self._documents(f"SELECT {self.out} FROM plain ORDER BY {SIZE} LIMIT ?", limit)

    # Writing

    def update_one(self, table: Table, key: str) -> None:
        with self._lock:
            self._connection.execute(f"UPDATE {table} SET document = {self._grown()} WHERE id = ?", (key,))

    def update_section(self, section: str) -> None:
        self._connection.execute(f"UPDATE packages SET document = {self._grown()} WHERE {SECTION} = ?", (section,))

    def update_all(self) -> None:
        self._connection.execute(f"UPDATE plain SET document = {self._grown()}")

    # Parts

    def _grown(self) -> str:
        return f"{self.set_field}(document, '$.installed_size', {INSTALLED_SIZE} + 1)"

    def _documents(self, statement: str, *values: Any) -> Iterator[Document]:
        return (_decode(text) for (text,) in self._connection.execute(statement, values))

    def _value(self, statement: str, *values: Any) -> Any:
        return self._connection.execute(statement, values).fetchone()[0]


class _Transaction:
    """One transaction, for both interfaces."""

    def __init__(self, connection: Any) -> None:
        self._cursor = connection.cursor()

    def __enter__(self) -> Any:
        self._cursor.execute("BEGIN IMMEDIATE")
        return self._cursor

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._cursor.execute("COMMIT" if kind is None else "ROLLBACK")


def _elements(documents: Sequence[Document], first: int) -> Iterator[tuple[str, int]]:
    for number, document in enumerate(documents, first):
        for name in set(document["depends"]):
            yield name, number
