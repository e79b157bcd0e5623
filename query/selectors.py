"""What `pluck`, `without` and `has_fields` are told: fields, and fields inside fields.

A selector is the name of a field; an object whose fields are selected from, `{"a": {"b": True}}` or, shorter,
`{"a": "b"}`; or an array of selectors. All selectors of a term together are `Paths`: by name what is selected inside the
field, None for the whole of it. Inside a field that is an array, they apply to each of its elements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias, Union

from query.closures import Env
from query.errors import ReqlQueryLogicError
from query.evaluate import Compiler
from query.json_text import shown
from query.runtime import Document, Fields
from query.term import Argument, Term
from query.values import Value

Paths: TypeAlias = dict[str, Union["Paths", None]]


def paths_of(selectors: Iterable[Value]) -> Paths:
    """All selectors as one tree; ReqlQueryLogicError where one of them is none.

    >>> paths_of(["a", {"b": ["c", {"d": True}]}])
    {'a': None, 'b': {'c': None, 'd': None}}
    """
    paths: Paths = {}
    for selector in selectors:
        _add(paths, selector)
    return paths


def _add(paths: Paths, selector: Value) -> None:
    if type(selector) is str:
        paths[selector] = None
    elif type(selector) is list:
        for each in selector:
            _add(paths, each)
    elif type(selector) is dict:
        for name, inside in selector.items():
            below = paths.setdefault(name, {})
            if inside is True:
                paths[name] = None
            elif below is not None:
                _add(below, inside)
    else:
        raise ReqlQueryLogicError(f"Invalid path argument `{shown(selector)}`.")


class Selectors:
    """The selectors among a term's arguments: the fields and the paths they name, None where only a run tells."""

    __slots__ = ("_values", "constant", "fields")

    def __init__(self, compiler: Compiler, node: Term) -> None:
        selectors: tuple[Argument, ...] = node.args[1:]
        self.constant: Paths | None = None
        self.fields: Fields = None
        self._values: list[Callable[[Env], Value]] = []
        if any(type(selector) is Term for selector in selectors):
            self._values = [compiler.value(selector) for selector in selectors]
            return
        try:
            self.constant = paths_of(selectors)
        except ReqlQueryLogicError as error:
            error.term = node
            raise
        self.fields = frozenset(self.constant)

    def bind(self, env: Env) -> Paths:
        """The paths within one execution."""
        if self.constant is not None:
            return self.constant
        return paths_of([value(env) for value in self._values])


def plucked(document: Document, paths: Paths) -> Document:
    """Only what is selected of a document."""
    result: Document = {}
    for name, inside in paths.items():
        if name in document:
            found = document[name]
            if inside is None:
                result[name] = found
            elif type(found) is dict:
                result[name] = plucked(found, inside)
            elif type(found) is list and all(type(item) is dict for item in found):
                result[name] = [plucked(item, inside) for item in found]
    return result


def stripped(document: Document, paths: Paths) -> Document:
    """A document without what is selected."""
    result = dict(document)
    for name, inside in paths.items():
        if name in document:
            found = document[name]
            if inside is None:
                del result[name]
            elif type(found) is dict:
                result[name] = stripped(found, inside)
            elif type(found) is list and all(type(item) is dict for item in found):
                result[name] = [stripped(item, inside) for item in found]
    return result


def has_all(document: Document, paths: Paths) -> bool:
    """Whether a document has all that is selected, and none of it is null."""
    for name, inside in paths.items():
        found = document.get(name)
        if found is None:
            return False
        if inside is not None and not (type(found) is dict and has_all(found, inside)):
            return False
    return True
