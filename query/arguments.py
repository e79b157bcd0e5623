"""What a field name, a function or a value stands for where a term takes one of them: closures over rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

from query.annotations import accepted, argument_error
from query.closures import CompiledFunction, Env, located
from query.errors import ReqlNonExistenceError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.json_text import is_whole, shown
from query.runtime import STORED, Fields, Literal, Row, printed, type_error
from query.term import FUNC, Argument, Term
from query.values import VALUE_TYPES, Geometry, Time, Value, equal, type_name

Read: TypeAlias = Callable[[Value], Value]
Test: TypeAlias = Callable[[Value], bool]

MISSING: Final[Any] = type("Missing", (), {"__slots__": (), "__repr__": lambda _: "MISSING"})()
"""What is read where there is nothing, if null has to be told from it."""


class Reader(NamedTuple):
    """What is read of each row: the fields looked at, and what reads them within one execution."""

    fields: Fields
    bind: Callable[[Env], Read]


def reader(compiler: Compiler, arg: Argument, node: Term, missing: Any = None) -> Reader:
    """Reads what a field name or a function says; `missing` where that raises a ReqlNonExistenceError.

    An argument that is neither is evaluated, and has to give a field name; null is the name of no field.
    """
    if type(arg) is str:
        read_field = _field_reader(arg, missing, node)
        return Reader(frozenset({arg}), lambda env: read_field)
    if type(arg) is Term and arg.kind is FUNC:
        compiled = compiler.function(arg, 1)
        return Reader(compiled.fields[0], lambda env: _tolerant(compiled.bind(env), missing))
    name = compiler.any(arg)

    def bind(env: Env) -> Read:
        found = name(env)
        if type(found) is str:
            return _field_reader(found, missing, node)
        return _refusing(found, missing, arg if type(arg) is Term else node)

    return Reader(None, bind)


def _field_reader(name: str, missing: Any, node: Term) -> Read:
    def read(row: Value) -> Value:
        try:
            return row.get(name, missing)
        except AttributeError:
            return _field_of_other(row, name, missing, node)

    return read


def _refusing(name: Any, missing: Any, node: Term) -> Read:
    """Reads what no field name and no function can say: an error for each row, but for null."""
    if type(name) not in VALUE_TYPES:
        raise located(type_error("FUNCTION", name), node)

    def read(row: Value) -> Value:
        if name is None:
            return missing
        raise located(type_error("STRING", name), node)

    return read


def _field_of_other(row: Value, name: str, missing: Any, node: Term) -> Value:
    """The field of a row that is no object: of an array, those of its objects that have it."""
    if row is None:
        return missing
    if type(row) is not list:
        raise no_object_error(row, node, name="get_field")
    found = []
    for item in row:
        if type(item) is dict:
            if name in item:
                found.append(item[name])
        elif item is not None:
            raise no_object_error(item, node, name="get_field", in_sequence=True)
    return found


def no_object_error(found: Any, node: Term, *, name: str = "", in_sequence: bool = False) -> ReqlQueryLogicError:
    """The error for what a term of objects and sequences of objects cannot work on; for null a ReqlNonExistenceError."""
    name = name or node.kind.name
    value = found.value if type(found) is Row else found
    if type(value) is Time or type(value) is Geometry:
        return ReqlQueryLogicError(f"Cannot call `{name}` on objects of type `{type_name(value)}`.", node)
    if in_sequence and type(value) is list:
        return ReqlQueryLogicError(f"Cannot perform {name} on a sequence of sequences.", node)
    error = ReqlNonExistenceError if value is None else ReqlQueryLogicError
    text = shown(value) if type(value) in VALUE_TYPES else printed(value)
    return error(f"Cannot perform {name} on a non-object non-sequence `{text}`.", node)


def _tolerant(function: Read, missing: Any) -> Read:
    def read(row: Value) -> Value:
        try:
            return function(row)
        except ReqlNonExistenceError:
            return missing

    return read


class Predicate(NamedTuple):
    """A test of each row: the fields looked at, and what makes the test within one execution."""

    fields: Fields
    bind: Callable[[Env], Test]


def predicate(compiler: Compiler, arg: Argument, *, tolerant: bool = True) -> Predicate:
    """The test that a row is equal to a value, or that a function holds for it.

    `tolerant`: it does not hold where the function raises a ReqlNonExistenceError.
    """
    if type(arg) is Term and arg.kind is FUNC:
        compiled = compiler.function(arg, 1)

        def bind_function(env: Env) -> Test:
            function = _tolerant(compiled.bind(env), None) if tolerant else compiled.bind(env)

            def holds(row: Value) -> bool:
                found = function(row)
                return found is not None and found is not False

            return holds

        return Predicate(compiled.fields[0], bind_function)
    value = compiler.value(arg)

    def bind_value(env: Env) -> Test:
        wanted = value(env)
        return lambda row: equal(row, wanted)

    return Predicate(None, bind_value)


def function_of(
    compiler: Compiler, arg: Argument, arity: int | None, node: Term, *, body: str = "value"
) -> CompiledFunction:
    """A function where nothing else may stand; for anything else one that raises ReqlQueryLogicError when it is bound."""
    if type(arg) is Term and arg.kind is FUNC:
        return compiler.function(arg, arity, body=body)
    found = compiler.any(arg)

    def refuse(env: Env) -> Any:
        raise located(type_error("FUNCTION", found(env)), arg if type(arg) is Term else node)

    slots = tuple([compiler.new_slot() for _ in range(arity or 1)])
    return _NoFunction(slots, refuse, tuple([None] * len(slots)))


def function_or_constant(compiler: Compiler, arg: Argument, arity: int, *, body: str = "value") -> CompiledFunction:
    """A function; a value that is none stands for the function that always gives it.

    What is neither function nor value is a ReqlQueryLogicError when the function is called.
    """
    if type(arg) is not Term or arg.kind is FUNC or compiler.is_value(arg):
        return compiler.function(arg, arity, body=body)
    inner = compiler.any(arg)

    def constant(env: Env) -> Any:
        found = inner(env)
        kind = type(found)
        if kind in VALUE_TYPES or kind is Row or (kind is Literal and body == "any"):
            return found.value if kind is Row else found
        raise located(type_error("FUNCTION", found), arg)

    slots = tuple([compiler.new_slot() for _ in range(arity)])
    return CompiledFunction(slots, constant, tuple([frozenset[str]()] * arity))


class _NoFunction(CompiledFunction):
    """What stands where only a function may."""

    __slots__ = ()

    def bind(self, env: Env) -> Callable[..., Any]:
        """Raise, whether there are rows or not."""
        return self.body(env)  # type: ignore[no-any-return]


_WHOLE: Final = accepted(int)


def whole_number(compiler: Compiler, arg: Argument, node: Term) -> Callable[[Env], int]:
    """A closure of a whole number; ReqlQueryLogicError for anything else."""
    value = compiler.value(arg)

    def number(env: Env) -> int:
        found = value(env)
        if type(found) is int:
            return found
        if type(found) is float and is_whole(found):
            return int(found)
        assert _WHOLE is not None
        raise located(argument_error(_WHOLE, found), arg if type(arg) is Term else node)

    return number


def union_of(*fields: Fields) -> Fields:
    """All the fields of several sets; None where one is None, and where rows as they are stored are to be looked at too."""
    result: frozenset[str] = frozenset()
    for each in fields:
        if each is None:
            return None
        if each is not STORED:
            result |= each
    if any(each is STORED for each in fields):
        return None if result else STORED
    return result
