"""What a user hands to the builder, as Terms: data, queries, functions, iterables; checked as far as they can be now.

**Functions.** A lambda is called once with a query for each of its parameters; what it returns is its body. Variables are
numbered by how deeply their function is nested, so that the same text gives an equal Term. An argument that uses `r.row`
where a function may stand becomes a function of one variable.

**Checks.** A term is refused while it is built for a wrong number of arguments, an option that it has not, a constant of a
type that its parameter can never take, and a function with another number of parameters than it is called with. Null is
let through, since a query may catch its error with `default`; so is what a chain stands on, since what is refused there
depends on more than its type. The error shows the term.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FunctionType
from typing import Any, Final

from query.annotations import accepted, argument_error, takes_function, takes_source
from query.closures import arity_error
from query.errors import ReqlArgumentError, ReqlDriverCompileError, ReqlServerCompileError
from query.geometries import PSEUDO_TYPE
from query.json_text import is_whole
from query.printer import Path, underline
from query.registry import Declaration, Parameter
from query.term import FUNC, VAR, Argument, Source, Term, expand, make_array, make_object
from query.values import (
    MAX_NESTING,
    VALUE_TYPES,
    NotPlainError,
    describe,
    from_python,
    is_deeper,
    nesting_error,
    pseudo_value,
)
from query.vectors import Vector


class Chain:
    """What a query is to this file: something that stands for a Term."""

    __slots__ = ("term",)

    def __init__(self, term: Argument) -> None:
        self.term = term


class _State(threading.local):
    depth: int = 0


_nesting: Final = _State()
_USUAL: Final = frozenset({dict, list, str, int, float, bool, type(None)})


def build(declaration: Declaration, args: tuple[Any, ...], options: Mapping[str, Any], chain: type[Chain]) -> Term:
    """A Term of a declared kind from what the user gave. Functions are called with objects of `chain`."""
    expands = declaration.kind.expands
    if "checks_given" in declaration.hooks:
        declaration.hooks["checks_given"](*args)
    converted = []
    for index, arg in enumerate(args):
        argument = argument_for(declaration.parameter(index), arg, chain)
        converted.append(expand(argument) if expands else argument)
    named = {name: argument_for(declaration.options.get(name), arg, chain) for name, arg in options.items()}
    term = Term(declaration.kind, tuple(converted), named) if named else Term(declaration.kind, tuple(converted))
    check(declaration, term)
    return term


def argument_for(parameter: Parameter | None, data: Any, chain: type[Chain]) -> Argument:
    """What a user gave for a parameter, as an argument; without a parameter too, for the error to show it."""
    if isinstance(data, Chain):
        argument = data.term
    elif type(data) in _USUAL or parameter is None or not (takes_source(parameter.annotation) and _is_read_late(data)):
        argument = to_argument(data, chain)
    else:
        return Source(data)
    if parameter is not None and takes_function(parameter.annotation):
        return function_of_row(argument)
    return argument


def to_argument(data: Any, chain: type[Chain]) -> Argument:
    """A Term or a value out of what a user gave."""
    if isinstance(data, Chain):
        return data.term
    kind = type(data)
    if (kind is str and data.isascii()) or kind is Source:
        return data
    if kind is dict and any([type(item) is chain for item in data.values()]):  # noqa: C419 - faster
        return _mixed(data, 0, chain)
    with suppress(NotPlainError):
        return from_python(data, is_constant=True)
    return _mixed(data, 0, chain)


def _mixed(data: Any, depth: int, chain: type[Chain]) -> Argument:
    """Data with queries or functions somewhere inside."""
    if isinstance(data, Chain):
        if depth and is_deeper(data.term, MAX_NESTING - depth):
            raise nesting_error()
        return data.term
    if depth >= MAX_NESTING and isinstance(data, Mapping | list | tuple):
        raise nesting_error()
    if isinstance(data, Mapping):
        fields = {}
        for name, item in data.items():
            if not isinstance(name, str):
                raise ReqlDriverCompileError(f"Object keys must be strings: expected str but found {describe(name)}.")
            fields[from_python(name)] = _mixed(item, depth + 1, chain)
        made = make_object(fields)
        return pseudo_value(made) if type(made) is dict and PSEUDO_TYPE in made else made
    if isinstance(data, list | tuple):
        return make_array([_mixed(item, depth + 1, chain) for item in data])
    if callable(data):
        return function_term(data, chain)
    return from_python(data)


def function_term(function: Callable[..., Any], chain: type[Chain]) -> Term:
    """A Python function as a Term: it is called once, with a query for each parameter."""
    wanted = parameter_count(function)
    first = _nesting.depth + 1
    numbers = list(range(first, first + wanted))
    _nesting.depth += wanted
    try:
        body = function(*[chain(Term(VAR, (number,))) for number in numbers])
        name = getattr(function, "__name__", function)
        if body is None and name != "<lambda>":
            raise ReqlDriverCompileError(
                f"A function of a query must return something, but `{name}` returned None. Did it forget `return`?"
            )
        return Term(FUNC, (numbers, to_argument(body, chain)))
    except RecursionError:
        raise ReqlDriverCompileError(
            "Nesting depth limit exceeded: functions are nested too deeply, or one calls itself without end."
        ) from None
    finally:
        _nesting.depth -= wanted


def parameter_count(function: Callable[..., Any]) -> int:
    """How many parameters a function must be given."""
    if type(function) is FunctionType and not function.__defaults__:
        return function.__code__.co_argcount
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise ReqlDriverCompileError(f"Expected a lambda or a function but found {describe(function)}.") from None
    return sum([p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty for p in parameters])


def function_of_row(argument: Argument) -> Argument:
    """An expression of `r.row` as a function, where one may stand; anything else as it is."""
    if type(argument) is Term and argument.uses_row and argument.kind is not FUNC:
        return Term(FUNC, ([_nesting.depth + 1], argument))
    return argument


def _is_read_late(data: Any) -> bool:
    """Whether data is an iterable that is no value: a generator, a set, a cursor, the values of a dict."""
    values = (Mapping, list, tuple, str, bytes, bytearray, memoryview, Vector)
    return hasattr(type(data), "__iter__") and not isinstance(data, values) and getattr(data, "shape", None) != ()


# Checks


def check(declaration: Declaration, term: Term) -> None:
    """Raise ReqlServerCompileError, the term underlined, for a term that can be seen to be wrong before it runs."""
    path: Path = ()
    try:
        if not any(type(arg) is Term and arg.kind.name == "args" for arg in term.args):
            declaration.check_arity(len(term.args))
            for index, arg in enumerate(term.args):
                path = (index,)
                _check_argument(declaration, index, arg)
            path = ()
            if "checks" in declaration.hooks:
                declaration.hooks["checks"](term)
        for name, arg in term.options.items():
            path = ()
            declaration.check_option(name)
            path = (name,)
            check_constant(declaration.options[name], arg)
    except ReqlServerCompileError as error:
        error.term, error.source = term, underline(term, path)
        raise


def _check_argument(declaration: Declaration, index: int, arg: Argument) -> None:
    kind = declaration.kind
    if type(arg) is Term:
        wanted = declaration.functions
        if wanted is not None and arg.kind is FUNC and len(arg.args[0]) not in (0, wanted):
            raise ReqlArgumentError(arity_error(len(arg.args[0]), wanted).message)
    elif kind.structural or declaration.on == "r" or 0 < index < len(declaration.arguments):
        parameter = declaration.parameter(index)
        if parameter is not None:
            check_constant(parameter, arg)


def check_constant(parameter: Parameter, arg: Argument) -> None:
    """Raise ReqlArgumentError for a constant of a type that a parameter never takes."""
    kind = type(arg)
    if kind not in VALUE_TYPES or arg is None:
        return
    wanted = accepted(parameter.annotation)
    if wanted is None or (kind in wanted.types and not (wanted.whole and kind is float and not is_whole(arg))):
        return
    raise ReqlArgumentError(argument_error(wanted, arg).message)
