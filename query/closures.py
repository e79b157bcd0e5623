"""What terms are compiled to, and what closures do with each other's values and errors.

A closure takes the *environment* of one execution, a list: the `Run` at 0, then the constants taken out of the query, then
one slot for each variable of each function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from query.errors import ReqlError, ReqlQueryLogicError
from query.runtime import Fields, Keep, Literal, Row, type_error
from query.sharing import CHANGEABLE, fresh
from query.term import Argument
from query.values import VALUE_TYPES, Bound, Value

Env: TypeAlias = list[Any]
Closure: TypeAlias = Callable[[Env], Any]


@dataclass(frozen=True, slots=True)
class MakeKeep:
    """What makes the `Keep` of a scan within one execution, and the fields that its test looks at."""

    fields: Fields
    make: Callable[[Env], Keep]

    def __call__(self, env: Env) -> Keep:
        return self.make(env)


KeepMaker: TypeAlias = MakeKeep | None


class Transform(NamedTuple):
    """A term from rows to rows: the fields that it needs of its input, the change, whether documents stay documents."""

    need: Fields
    make: Callable[[Env, Iterator[Value]], Iterator[Value]]
    selects: bool = False


class Note(NamedTuple):
    """What a scan was compiled for: the fields that are needed, and those that its test looks at."""

    need: Fields
    tested: bool
    tests: Fields


class CompiledFunction(NamedTuple):
    """A function of the query: the slots of its variables, its body, and which fields of each variable it looks at."""

    slots: tuple[int, ...]
    body: Closure
    fields: tuple[Fields, ...]

    def bind(self, env: Env) -> Callable[..., Any]:
        """The function as a Python callable, within one execution."""
        body = self.body
        if len(self.slots) == 1:
            (slot,) = self.slots

            def call_one(value: Value) -> Any:
                env[slot] = value
                return body(env)

            return call_one
        slots = self.slots

        def call(*values: Value) -> Any:
            if len(values) != len(slots):
                raise arity_error(len(slots), len(values))
            for slot, value in zip(slots, values, strict=True):
                env[slot] = value
            return body(env)

        return call


# Values and errors


def as_value(found: Any) -> Value:
    """What a term gave, as a plain value; ReqlQueryLogicError where it is a stream, a table, a function."""
    kind = type(found)
    if kind in VALUE_TYPES or kind is Bound:
        return found
    if kind is Row:
        return found.value
    raise type_error("DATUM", found)


def once(closure: Closure, slot: int) -> Closure:
    """A closure whose first value is kept in a slot for the other rows."""

    def once(env: Env) -> Any:
        found = env[slot]
        if found is None:
            found = env[slot] = closure(env)
        return found

    return once


def own(closure: Closure) -> Closure:
    """A closure of copies of what one gives, where that can be changed."""

    def own(env: Env) -> Any:
        found = closure(env)
        return fresh(found) if type(found) in CHANGEABLE else found

    return own


def constant(value: Value) -> Closure:
    """A closure of a value that stands in the query: of an array or object a copy, as `constant_at` gives it."""
    return (lambda env: fresh(value)) if type(value) is list or type(value) is dict else lambda env: value


def constant_at(place: int, kind: str) -> Closure:
    """A closure of the constant at a place: of an array or object a copy, since users may change a result that it is part of."""
    return (lambda env: fresh(env[place])) if kind in ("list", "dict") else itemgetter(place)


def holds(found: Value) -> bool:
    """Whether a value counts as true: all do but false and null."""
    return found is not None and found is not False


def as_field(found: Any) -> Value:
    """A value inside an object that is being built, where `r.literal` may stand."""
    return found if type(found) in VALUE_TYPES else as_literal(found)


def object_of(items: list[tuple[str, Closure]], *, are_values: bool) -> Callable[[Env], dict[str, Value]]:
    """A closure of the object of some fields; `are_values`: these are sure to be plain values."""
    if not are_values:
        return lambda env: {name: as_field(item(env)) for name, item in items}
    if len(items) == 1:
        ((only, value),) = items
        return lambda env: {only: value(env)}
    return lambda env: {name: item(env) for name, item in items}


def as_literal(found: Any) -> Value:
    """A plain value, or `r.literal`."""
    return found if type(found) is Literal else as_value(found)


def located(error: ReqlError, node: Argument) -> ReqlError:
    """The error, with the term that raised it unless one inside it did already."""
    if error.term is None:
        error.term = node
    return error


def arity_error(expected: int, found: int) -> ReqlQueryLogicError:
    """The error for a function called with another number of arguments than it takes."""
    return ReqlQueryLogicError(
        f"Expected function with {found} argument{'' if found == 1 else 's'} "
        f"but found function with {expected} argument{'' if expected == 1 else 's'}."
    )
