"""`PreparedQuery`: what `Connection.prepare` gives.

Templates are made once for each combination of types and never changed, so any number of threads may call it; two that come
at once make the same one.
"""

from __future__ import annotations

from typing import Any, Final

from docstore.points import PointCall
from query.builder import Query, Runner
from query.errors import ReqlError
from query.prepare import Build, Template, built, template_of
from query.term import Argument
from query.values import from_python

MAX_TEMPLATES: Final = 100
"""Combinations of types for which a template is kept; a function of a few values meets two or three."""


class PreparedQuery(PointCall):
    """A query of values, called like a function. Usable by any number of threads."""

    __slots__ = ("_build", "_options", "_templates")

    def __init__(self, connection: Runner, build: Build, options: dict[str, Any]) -> None:
        self.connection = connection
        self.table_of_text: int | None = None
        self.table_of_whole: int | None = None
        self._build = build
        self._options = options
        self._templates: dict[tuple[type, ...], Template | None] = {}

    def ask(self, values: tuple[Any, ...]) -> Any:
        """The result for these values, as `run` gives it."""
        return self.connection.run_query(self._argument(values), self._options)

    def query(self, *values: Any) -> Query:
        """The query for these values, to be looked at or made part of another."""
        return Query(self._argument(values))

    def explain(self, *values: Any, run: bool = False) -> Any:
        """How the query for these values is run, as `explain` tells it."""
        return self.connection.explain_query(self._argument(values), self._options, run)

    def __repr__(self) -> str:
        return f"<docstore.PreparedQuery of {getattr(self._build, '__name__', self._build)!r}>"

    def _argument(self, values: tuple[Any, ...]) -> Argument:
        template = self._template(values)
        return self._built(values) if template is None else template.fill(values)

    def _template(self, values: tuple[Any, ...]) -> Template | None:
        """The template for these values; None where there is none, or the values cannot be in a query."""
        template = self._templates.get(tuple(map(type, values)))
        if template is not None:
            for value in values:
                if not (type(value) is str and value.isascii()) and not _is_valid(value):
                    return None
        return template

    def _built(self, values: tuple[Any, ...]) -> Argument:
        """The query for these values, built by the function; a template for the next of their types."""
        argument, types = built(self._build, values), tuple(map(type, values))
        if types not in self._templates:
            if len(self._templates) >= MAX_TEMPLATES:
                self._templates.clear()
            template = self._templates[types] = template_of(self._build, values, argument)
            if template is not None and not self._options:
                self._learn_table(types, template.table)
        return argument

    def _learn_table(self, types: tuple[type, ...], table: int | None) -> None:
        if types == (str,):
            self.table_of_text = table
        elif types == (int,):
            self.table_of_whole = table


def _is_valid(value: Any) -> bool:
    """Whether a number, a string, bytes or None can be in a query; where not, building the query tells what is wrong."""
    try:
        from_python(value)
    except ReqlError:
        return False
    return True
