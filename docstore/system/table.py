"""`SystemTable`: a table whose rows are made when it is read. It fits `query.runtime.Table`, as a stored one does.

The rows are few, so that everything is done on a list of them, in the order of the primary key, `id`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from docstore.indexes.base import refuse_null
from docstore.settings import SYSTEM
from docstore.system.changes import CHANGES, refusal
from docstore.system.rows import ROWS, Asked
from docstore.transaction import Transaction
from query.errors import ReqlDriverError, ReqlError, ReqlOpFailedError, ReqlQueryLogicError
from query.runtime import Change, Document, Fields, Keep, Range, Run
from query.values import Value, equal, sort_key

PRIMARY_KEY: Final = "id"
_SPECIAL: Final = {
    "config": "you can't configure the tables in it.",
    "reconfigure": "you can't configure the tables in it.",
    "emergency_repair": "you can't configure the tables in it.",
    "rebalance": "you can't rebalance the tables in it.",
    "status": "the system tables in it don't have meaningful status information.",
    "wait": "the system tables in it are always available and don't need to be waited on.",
    "index_create": "you can't create secondary indexes on the tables in it.",
    "set_write_hook": "you can't set a write hook on the tables in it.",
    "get_write_hook": "the system tables in it have no write hooks.",
    "grant": "you can't grant permissions on the tables in it.",
}


@dataclass(frozen=True, slots=True)
class SystemTable:
    """One system table. `names`: databases and servers are told by their names, or else by their ids."""

    name: str
    names: bool = True

    @property
    def database(self) -> str:
        """See `query.runtime.Table`."""
        return SYSTEM

    @property
    def primary_key(self) -> str:
        """See `query.runtime.Table`."""
        return PRIMARY_KEY

    @property
    def id(self) -> str:
        """See `query.runtime.Table`."""
        return f"{SYSTEM}/{self.name}"

    @property
    def write_hook(self) -> str | None:
        """See `query.runtime.Table`."""
        return None

    def identified(self, form: str) -> SystemTable:
        """See `query.runtime.Table`."""
        return SystemTable(self.name, form != "uuid")

    # Reading

    def rows(self, run: Run) -> list[Document]:
        """All rows, in the order of the primary key."""
        return sorted(ROWS[self.name](Asked(run, self.names)), key=lambda row: sort_key(row[PRIMARY_KEY]))

    def get(self, run: Run, key: Value) -> Document | None:
        """See `query.runtime.Table`."""
        return next((row for row in self.rows(run) if equal(row[PRIMARY_KEY], key)), None)

    def get_many(self, run: Run, keys: Sequence[Value]) -> list[Document | None]:
        """See `query.runtime.Table`."""
        return [self.get(run, key) for key in keys]

    def before(self, run: Run) -> AbstractContextManager[Run]:
        """See `query.runtime.Table`."""
        return nullcontext(run)

    def patching(self, run: Run, before: Run, names: tuple[str, ...], fields: frozenset[str]) -> None:
        """See `query.runtime.Table`."""

    def scan(self, run: Run, fields: Fields, keep: Keep | None) -> Iterator[Document]:
        """See `query.runtime.Table`."""
        return _kept(self.rows(run), keep)

    def values(self, run: Run, name: str) -> Iterator[list[Value]]:
        """See `query.runtime.Table`."""
        yield [row.get(name) for row in self.rows(run)]

    def count(self, run: Run) -> int:
        """See `query.runtime.Table`."""
        return len(self.rows(run))

    def index(self, run: Run, name: str) -> SystemIndex:
        """See `query.runtime.Table`."""
        if name != PRIMARY_KEY:
            raise ReqlOpFailedError(f"Index `{name}` was not found on table `{SYSTEM}.{self.name}`.")
        return SystemIndex(self)

    def ordered_indexes(self, run: Run) -> Sequence[SystemIndex]:
        """See `query.runtime.Table`."""
        return ()

    # Writing

    def vector_indexes(self, run: Run) -> Sequence[str]:
        """See `query.runtime.Table`."""
        return ()

    def check_key(self, document: Document) -> None:
        """See `query.runtime.Table`."""
        if PRIMARY_KEY not in document:
            raise ReqlQueryLogicError(f"No attribute `{PRIMARY_KEY}`, the primary key, in the document.")

    def are_good_keys(self, keys: Sequence[Value]) -> bool:
        """See `query.runtime.Table`."""
        return True

    def insert(self, run: Run, documents: Sequence[Document]) -> bool:
        """See `query.runtime.Table`."""
        return False

    def write(self, run: Run, changes: Sequence[Change]) -> list[str | None]:
        """See `query.runtime.Table`."""
        return [self._written(run.transaction, change) for change in changes]

    def _written(self, transaction: Transaction, change: Change) -> str | None:
        apply, before = CHANGES.get(self.name) or refusal(self.name), transaction.catalog
        try:
            apply(transaction, *change)
        except ReqlDriverError:
            raise
        except ReqlError as error:
            if transaction.catalog is not before:
                transaction.catalog = before
            return error.message
        return None

    # As a whole

    def info(self, run: Run) -> Document:
        """See `query.runtime.Table`."""
        return {
            "db": {"id": None, "name": SYSTEM, "type": "DB"},
            "doc_count_estimates": [self.count(run)],
            "id": None,
            "indexes": [],
            "name": self.name,
            "primary_key": PRIMARY_KEY,
        }

    def sync(self, run: Run) -> NoReturn:
        """See `query.runtime.Table`."""
        raise ReqlQueryLogicError("Artificial tables don't support `sync()`.")

    def administer(self, run: Run, command: str, *arguments: Any, **options: Value) -> Value:
        """See `query.runtime.Table`."""
        if command in _SPECIAL:
            raise ReqlOpFailedError(f"Database `{SYSTEM}` is special; {_SPECIAL[command]}")
        named = next(iter(arguments), None)
        if named is None:
            return []
        if command in ("index_drop", "index_rename"):
            raise ReqlOpFailedError(f"Index `{named}` does not exist on table `{SYSTEM}.{self.name}`.")
        raise ReqlOpFailedError(f"Index `{named}` was not found on table `{SYSTEM}.{self.name}`.")


@dataclass(frozen=True, slots=True)
class SystemIndex:
    """The primary key of a system table."""

    table: SystemTable

    name: str = PRIMARY_KEY
    multi: bool = False
    geo: bool = False
    compound: bool = False
    paths: tuple[tuple[str, ...], ...] | None = ((PRIMARY_KEY,),)

    def get_all(self, run: Run, keys: Sequence[Value], fields: Fields, keep: Keep | None) -> Iterator[Document]:
        """See `query.runtime.Index`."""
        for key in keys:
            refuse_null(key)
        return _kept([row for key in keys if (row := self.table.get(run, key)) is not None], keep)

    def between(
        self, run: Run, bounds: Range, fields: Fields, keep: Keep | None, *, reverse: bool = False
    ) -> Iterator[Document]:
        """See `query.runtime.Index`."""
        rows = self._between(run, bounds)
        return _kept(rows[::-1] if reverse else rows, keep)

    def _between(self, run: Run, bounds: Range) -> list[Document]:
        low, high = sort_key(bounds.low), sort_key(bounds.high)

        def is_inside(row: Document) -> bool:
            key = sort_key(row[PRIMARY_KEY])
            above = low < key if bounds.low_open else low <= key
            return bool(above and (key < high if bounds.high_open else key <= high))

        return [row for row in self.table.rows(run) if is_inside(row)]

    def count(self, run: Run, keys: Sequence[Value]) -> int:
        """See `query.runtime.Index`."""
        return sum(1 for _ in self.get_all(run, keys, None, None))

    def count_between(self, run: Run, bounds: Range, most: int) -> int:
        """See `query.runtime.Index`."""
        return min(most, len(self._between(run, bounds)))

    def keys(self, run: Run, bounds: Range, *, reverse: bool = False) -> Iterator[Value]:
        """See `query.runtime.Index`."""
        return (row[PRIMARY_KEY] for row in self.between(run, bounds, None, None, reverse=reverse))


def _kept(rows: list[Document], keep: Keep | None) -> Iterator[Document]:
    return iter(rows) if keep is None else filter(keep.test, rows)


SYSTEM_TABLES: Final = tuple(sorted(ROWS))
"""The names of the system tables, in order."""


def system_table(name: str, *, names: bool = True) -> SystemTable:
    """A system table by name; ReqlOpFailedError where there is none."""
    if name not in ROWS:
        raise ReqlOpFailedError(f"Table `{SYSTEM}.{name}` does not exist.")
    return SystemTable(name, names)
