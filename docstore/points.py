"""Points: queries for one document by its primary key, read without a transaction object, a run and closures around them.

Programs ask for single documents more often than for anything else, and what a query needs in general costs more there than
finding and decoding the document. So when `r.table(name).get(key)` is planned, its connection learns a `Point` for the
table, where there is compiled code for it (`docstore/native/points.pyx`). It is asked before a Term of the query is made, and
answers where nothing is in the way: no block is open, the catalog is the one that the plan was made for, the key is of a
common kind. Otherwise it gives `MISSED`, and the query goes the way of all others, which knows the errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from docstore import native
from docstore.documents import decode_alone
from docstore.results import presented
from docstore.scopes import scopes
from docstore.storage.engine import MISSED, Manner
from docstore.store import OpenStore
from docstore.table import StoredTable
from query.planner import Plan
from query.runtime import Run
from query.term import PARAMETER, Argument, Term

if native.AVAILABLE:
    from docstore.native.points import PointCall, Points
if TYPE_CHECKING:
    from docstore.native.points import Point

__all__ = ["MISSED", "PointCall", "Points", "learn_point"]

_MANNER: Final = Manner(decode_alone, lambda found: presented(found, {}), scopes)

if not native.AVAILABLE:

    class Points:  # type: ignore[no-redef]
        """The points of a connection: none."""

        def learn(self, table: int, point: Point | None, /) -> None:
            """What reads documents of the table with this shape from now on."""

        def read(self, table: int, key: Any, /) -> Any:
            """The document of a table with a key; MISSED where another has to say."""
            return MISSED

    class PointCall:  # type: ignore[no-redef]
        """What is called with values."""

        __slots__ = ("connection", "table_of_text", "table_of_whole")

        def __call__(self, *values: Any) -> Any:
            """What `ask` gives."""
            return self.ask(values)  # type: ignore[attr-defined]


def learn_point(points: Points, plan: Plan, run: Run) -> None:
    """Have documents of a table read directly, if a plan is one for a document of the default database by its key."""
    term = plan.term
    if term.kind.name != "get" or not _is_constant(term.args[1]):
        return
    source, store = term.args[0], run.store
    if type(source) is not Term or source.kind.name != "table" or len(source.args) != 1 or source.options:
        return
    if type(source.args[0]) is not str or type(store) is not OpenStore:
        return
    table: Any = store.find_table(run, None, source.args[0])
    found = None
    if type(table) is StoredTable:
        own = table.definition
        found = store.engine.point(store, run.transaction.schema, own.key_space, own.space, _MANNER)
    points.learn(source.shape, found)


def _is_constant(arg: Argument) -> bool:
    return type(arg) is Term and arg.kind is PARAMETER
