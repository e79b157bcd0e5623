"""The calls that programs make most, built without going through all checks: that saves more than half of their time.

`quick_term` knows for each place of a term, and each option, what `convert.check` would let through for its type alone. A
call with anything else is none of its business, and goes the whole way: so it builds the very same Terms, and no errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Final, NamedTuple, TypeAlias

from query.annotations import accepted, takes_function, takes_source
from query.convert import Chain, function_of_row, function_term, to_argument
from query.registry import Declaration, Parameter
from query.term import FUNC, Argument, Term
from query.values import VALUE_TYPES

ARGUMENTS: Final = 8
"""Arguments that a quick call may have."""

Quick: TypeAlias = Callable[[tuple[Argument, ...], tuple[Any, ...], Mapping[str, Any]], Term | None]
"""`(what it is called on, arguments, options)`; None where the call is to go the whole way."""

_NOT_QUICK: Final = object()


class _Place(NamedTuple):
    """What may stand at a place unchecked."""

    text: bool
    types: frozenset[type]
    function: int | None
    """How many parameters a function has that may stand there: -1 for any number, None for no function at all."""


def quick_term(declaration: Declaration, first: int, chain: type[Chain]) -> Quick:
    """What builds quick calls of a term, whose first `first` arguments it is called on."""
    kind, least = declaration.kind, declaration.least - first
    most = ARGUMENTS if declaration.most is None else declaration.most - first
    if not _is_quick(declaration):
        return lambda head, args, options: None
    places = _places(declaration, first)
    named = {name: _place(one, one, None) for name, one in declaration.options.items()}

    def convert(place: _Place, data: Any) -> Argument:
        found = type(data)
        if found is str:
            return data if place.text and data.isascii() else _NOT_QUICK
        if isinstance(data, chain):
            term = data.term
            if place.function is None:
                return term
            return _NOT_QUICK if type(term) is Term and term.kind is FUNC else function_of_row(term)
        if found is FunctionType:
            return function_term(data, chain) if _fits(data, place.function) else _NOT_QUICK
        if found not in place.types:
            return _NOT_QUICK
        argument = to_argument(data, chain)
        return argument if place.function is None else function_of_row(argument)

    def quick(head: tuple[Argument, ...], args: tuple[Any, ...], options: Mapping[str, Any]) -> Term | None:
        if not least <= len(args) <= most:
            return None
        converted = [*head]
        for data, place in zip(args, places, strict=False):
            argument = data if type(data) is str and place.text and data.isascii() else convert(place, data)
            if argument is _NOT_QUICK:
                return None
            converted.append(argument)
        if not options:
            return Term(kind, tuple(converted))
        found: dict[str, Argument] = {}
        for name, data in options.items():
            option = named.get(name)
            argument = _NOT_QUICK if option is None else convert(option, data)
            if argument is _NOT_QUICK:
                return None
            found[name] = argument
        return Term(kind, tuple(converted), found)

    return quick


def takes_one_text(declaration: Declaration) -> bool:
    """Whether a call with nothing but an ASCII string, on something, needs no check at all."""
    if declaration.most == 1 or declaration.least > 2 or not _is_quick(declaration):
        return False
    return _places(declaration, 1)[0].text


def _is_quick(declaration: Declaration) -> bool:
    return not declaration.kind.expands and not {"checks", "checks_given"} & declaration.hooks.keys()


def _places(declaration: Declaration, first: int) -> list[_Place]:
    rest_is_checked = declaration.kind.structural or declaration.on == "r"
    return [
        _place(
            declaration.parameter(index) if index < len(declaration.arguments) or rest_is_checked else None,
            declaration.parameter(index),
            declaration.functions,
        )
        for index in range(first, first + ARGUMENTS)
    ]


def _place(checked: Parameter | None, parameter: Parameter | None, functions: int | None) -> _Place:
    """A place whose constants are `checked`, if that is not None."""
    if parameter is None or takes_source(parameter.annotation):
        return _Place(False, frozenset({dict, list}) if parameter is not None else frozenset(), None)
    is_function = takes_function(parameter.annotation)
    wanted = None if checked is None else accepted(checked.annotation)
    types = (VALUE_TYPES if wanted is None else wanted.types) & {bool, int, float, list, dict}
    if wanted is not None and wanted.whole:
        types -= {float}
    text = is_function or wanted is None or str in wanted.types
    return _Place(text, types, (-1 if functions is None else functions) if is_function else None)


def _fits(function: FunctionType, wanted: int | None) -> bool:
    """Whether a function is sure to have the right number of parameters."""
    if wanted is None or function.__defaults__:
        return False
    return wanted in (-1, function.__code__.co_argcount)
