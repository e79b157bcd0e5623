"""Points: queries for one document by its primary key, read without a transaction object, a run and closures around them.

Programs ask for single documents more often than for anything else, and what a query needs in general costs more there than
finding and decoding the document. So the plan of `r.table(name).get(key)` carries a `Point`. It answers where nothing is in
the way: the engine can read in a snapshot that nobody else gets to see, the catalog is the one that the plan was made for,
and the key is a valid one. Otherwise it says `MISSED`, and the query goes the way of all others, which knows the errors.
"""

from __future__ import annotations

from typing import Any

from docstore.documents import decode_document
from docstore.keys import primary_key
from docstore.storage.engine import MISSED
from docstore.store import OpenStore
from docstore.table import StoredTable
from docstore.transaction import Schema
from query.errors import ReqlError
from query.planner import Plan
from query.runtime import Run
from query.term import PARAMETER, Argument, Term
from query.values import Value

__all__ = ["MISSED", "Point", "point_of"]


class Point:
    """The reading of one document of a table, whose key is the only constant of a query."""

    __slots__ = ("_read_once", "_schema", "_space", "_store")

    def __init__(self, store: OpenStore, table: StoredTable, schema: Schema) -> None:
        self._store = store
        self._schema = schema
        self._space = table.definition.space
        self._read_once = store.engine.read_once

    def read(self, key: Value) -> Any:
        """The document, or None; MISSED where another has to say."""
        number, schema = self._store.seen
        if schema is not self._schema:
            return MISSED
        try:
            form = primary_key(key)
        except ReqlError:
            return MISSED
        return self._read_once(number, self._space, form, decode_document)


def point_of(plan: Plan, run: Run) -> Point | None:
    """What a plan reads, if that is one document of a table of the default database by its key."""
    term = plan.term
    if term.kind.name != "get" or not _is_constant(term.args[1]):
        return None
    source, store = term.args[0], run.store
    if type(source) is not Term or source.kind.name != "table" or len(source.args) != 1 or source.options:
        return None
    if type(source.args[0]) is not str or type(store) is not OpenStore:
        return None
    table: Any = store.find_table(run, None, source.args[0])
    return Point(store, table, run.transaction.schema) if type(table) is StoredTable else None


def _is_constant(arg: Argument) -> bool:
    return type(arg) is Term and arg.kind is PARAMETER
