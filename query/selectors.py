"""What `pluck`, `without` and `has_fields` are told: fields, and fields inside fields.

A selector is the name of a field; an object whose fields are selected from, `{"a": {"b": True}}` or, shorter,
`{"a": "b"}`; or an array of selectors. All selectors of a term together are `Paths`, in one of three forms:

| form    | of                         | means                                                                        |
|---------|----------------------------|------------------------------------------------------------------------------|
| `tuple` | names alone                | these fields                                                                 |
| `list`  | selectors of several kinds | one after the other: of two that pluck from one field, the later one counts  |
| `dict`  | an object                  | inside each of these fields what its own paths say                           |

Inside a field that is an array, they apply to each of its elements. Where there is no object to select from, the field
that it is inside of is left as it is, and not plucked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from query.closures import Env
from query.errors import ReqlQueryLogicError
from query.evaluate import Compiler
from query.json_text import pretty
from query.runtime import Document, Fields
from query.term import Argument, Term
from query.values import Value

Paths: TypeAlias = tuple[str, ...] | list["Paths"] | dict[str, "Paths"]


class NoObjectError(Exception):
    """Raised where fields are selected of something that has none; caught by the field around it."""


def paths_of(selectors: Iterable[Value]) -> Paths:
    """All selectors as paths; ReqlQueryLogicError where one of them is none.

    >>> paths_of(["a", "b"])
    ('a', 'b')
    >>> paths_of([{"a": True, "b": ["c", {"d": True}]}])
    [('a',), {'b': ('c', 'd')}]
    """
    parts = [_path(selector) for selector in selectors]
    names: list[str] = []
    for part in parts:
        if not isinstance(part, tuple):
            return parts[0] if len(parts) == 1 else parts
        names += part
    return tuple(names)


def _path(selector: Value) -> Paths:
    if type(selector) is str:
        return (selector,)
    if type(selector) is list:
        return paths_of(selector)
    if type(selector) is not dict:
        raise ReqlQueryLogicError(f"Invalid path argument `{pretty(selector)}`.")
    whole = tuple([name for name in sorted(selector) if selector[name] is True])
    inside = {name: _path(selector[name]) for name in sorted(selector) if selector[name] is not True}
    if not whole:
        return inside
    return [whole, inside] if inside else whole


def names_of(paths: Paths) -> frozenset[str]:
    """The fields of the first level.

    >>> sorted(names_of(["a", {"b": ("c",)}]))
    ['a', 'b']
    """
    if isinstance(paths, list):
        return frozenset().union(*map(names_of, paths))
    return frozenset(paths)


class Selectors:
    """The selectors among a term's arguments: the fields and the paths they name, None where only a run tells."""

    __slots__ = ("_values", "constant", "fields")

    def __init__(self, compiler: Compiler, node: Term) -> None:
        selectors: tuple[Argument, ...] = node.args[1:]
        self.constant: Paths | None = None
        self.fields: Fields = None
        self._values: list[Callable[[Env], Value]] = []
        if not any(type(selector) is Term for selector in selectors):
            try:
                self.constant = paths_of(selectors)
            except ReqlQueryLogicError:
                # Told when there is something to select from, and not before.
                pass
            else:
                self.fields = names_of(self.constant)
                return
        self._values = [compiler.value(selector) for selector in selectors]

    def bind(self, env: Env) -> Paths:
        """The paths within one execution."""
        if self.constant is not None:
            return self.constant
        return paths_of([value(env) for value in self._values])


def plucked(document: Document, paths: Paths) -> Document:
    """Only what is selected of a document."""
    if isinstance(paths, tuple):
        return {name: document[name] for name in paths if name in document}
    result: Document = {}
    if isinstance(paths, list):
        for part in paths:
            result.update(_plucked_of(document, part))
        return result
    for name, inside in paths.items():
        if name in document:
            try:
                result[name] = _within(document[name], inside, _plucked_of)
            except NoObjectError:
                continue
    return result


def _plucked_of(found: Value, paths: Paths) -> Document:
    if type(found) is dict:
        return plucked(found, paths)
    if paths:
        raise NoObjectError
    return {}


def stripped(document: Document, paths: Paths) -> Document:
    """A document without what is selected."""
    result = dict(document)
    if isinstance(paths, tuple):
        for name in paths:
            result.pop(name, None)
        return result
    if isinstance(paths, list):
        for part in paths:
            result = stripped(result, part)
        return result
    for name, inside in paths.items():
        if name in document:
            try:
                result[name] = _within(document[name], inside, _stripped_of)
            except NoObjectError:
                continue
    return result


def _stripped_of(found: Value, paths: Paths) -> Document:
    if type(found) is not dict:
        raise NoObjectError
    return stripped(found, paths)


def _within(found: Value, paths: Paths, part: Callable[[Value, Paths], Document]) -> Value:
    """The part of what is inside a field; of an array that of each element."""
    return [part(item, paths) for item in found] if type(found) is list else part(found, paths)


def has_all(document: Document, paths: Paths) -> bool:
    """Whether a document has all that is selected, and no field of it that is selected as a whole is null."""
    if isinstance(paths, tuple):
        for name in paths:  # noqa: SIM110 - `all` would make a generator for every row
            if document.get(name) is None:
                return False
        return True
    if isinstance(paths, list):
        return all(has_all(document, part) for part in paths)
    return all(name in document and _has_inside(document[name], inside) for name, inside in paths.items())


def _has_inside(found: Value, paths: Paths) -> bool:
    return has_all(found, paths) if type(found) is dict else not paths
