"""Index functions: from the wire form of a definition to something that gives a document's keys.

A function of plain fields (`r.row["a"]`, or an array of several) is read with `dict.get`; any other is compiled as a part
of a query is. `bind` gives a callable for one use in one thread: compiled functions have variables, which two threads
must not share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import query.terms  # noqa: F401 - registers the terms that a function may be made of
from docstore.errors import CorruptStoreError
from query.evaluate import Compiler
from query.runtime import Document, Fields, Run
from query.term import FUNC, IMPLICIT_VAR, MAKE_ARRAY, VAR, Argument, Term
from query.values import Value
from query.wire import loads

ValueOf: TypeAlias = Callable[[Document], Value]
"""The value of the function for a document; None where a field is missing; raises where the function fails."""

Path: TypeAlias = tuple[str, ...]

_FIELD_READERS: Final = frozenset({"bracket", "get_field"})


class IndexFunction:
    """One index function, ready to be bound."""

    __slots__ = ("_compiled", "_slots", "compound", "fields", "paths")

    def __init__(self, wire: str) -> None:
        """`wire` is the Term of a function of one variable, as JSON text."""
        term = loads(wire)
        if type(term) is not Term or term.kind is not FUNC or len(term.args[0]) != 1:
            raise CorruptStoreError(f"Expected an index function of one variable but found {wire[:200]}.")
        (number,), body = term.args
        compiler = Compiler(1)
        self._compiled = compiler.function(term, 1)
        self._slots = compiler.next_slot
        self.fields: Fields = self._compiled.fields[0]
        """The top-level fields that it looks at; None where it may look at all."""
        parts = _parts(body)
        self.compound = parts is not None
        """Whether it gives an array that is written out."""
        self.paths = _paths(body, number, parts)
        """The path of the field that it reads, or of each part; None where a part is not simply a field."""

    @property
    def fields_read(self) -> tuple[str, ...] | None:
        """The name of the top-level field that it gives, or of each part; None where it is not as simple as that."""
        if self.paths is None or any(len(path) > 1 for path in self.paths):
            return None
        return tuple([path[0] for path in self.paths])

    def bind(self) -> ValueOf:
        """A callable that gives the value for a document."""
        names = self.fields_read
        if names is not None:
            if self.compound:
                return lambda document: [document.get(name) for name in names]
            (only,) = names
            return lambda document: document.get(only)
        return self._compiled.bind([Run(), *[None] * self._slots])


def _parts(body: Argument) -> tuple[Argument, ...] | None:
    if type(body) is Term and body.kind is MAKE_ARRAY:
        return body.args
    return tuple(body) if type(body) is list else None


def _paths(body: Argument, number: int, parts: tuple[Argument, ...] | None) -> tuple[Path, ...] | None:
    paths = [_path(part, number) for part in ((body,) if parts is None else parts)]
    return tuple([path for path in paths if path]) if paths and all(paths) else None


def _path(node: Argument, number: int) -> Path | None:
    names: list[str] = []
    while (
        type(node) is Term
        and node.kind.name in _FIELD_READERS
        and len(node.args) == 2
        and type(node.args[1]) is str
        and not node.options
    ):
        names.append(node.args[1])
        node = node.args[0]
    is_variable = type(node) is Term and (node.kind is IMPLICIT_VAR or (node.kind is VAR and node.args[0] == number))
    return tuple(reversed(names)) if is_variable and names else None
