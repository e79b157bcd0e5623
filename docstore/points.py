"""Points: queries for one document by its primary key, read without a transaction object, a run and closures around them.

Programs ask for single documents more often than for anything else, and what a query needs in general costs more there than
finding and decoding the document. So the plan of `r.table(name).get(key)` carries a `Point`, where there is compiled code
for it (`docstore/native/points.pyx`). It answers where nothing is in the way: no block is open, the catalog is the one that
the plan was made for, the key is of a common kind. Otherwise it says `MISSED`, and the query goes the way of all others,
which knows the errors.
"""

from __future__ import annotations

from typing import Any

from docstore.documents import decode_document
from docstore.scopes import scopes
from docstore.storage.engine import MISSED, Point
from docstore.store import OpenStore
from docstore.table import StoredTable
from query.planner import Plan
from query.runtime import Run
from query.term import PARAMETER, Argument, Term

__all__ = ["MISSED", "Point", "point_of"]


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
    if type(table) is not StoredTable:
        return None
    return store.engine.point(store, run.transaction.schema, table.definition.space, decode_document, scopes)


def _is_constant(arg: Argument) -> bool:
    return type(arg) is Term and arg.kind is PARAMETER
