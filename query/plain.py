"""Plain terms compiled: those that are a Python function of their arguments' values.

Annotations of a term's parameters say how its arguments are compiled and checked: `str`, `int` (a whole number),
`int | float` (any number), `bool`, `list`, `dict`, `bytes`, `Time` and unions of them with each other or None; `Value`
for any plain value, `Iterator[Value]` for the rows of any sequence, `Function` for a function, `object` for anything at
all. A first parameter called `run` is the `Run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, get_origin

from query.annotations import accepted, argument_error
from query.closures import Closure, Env, as_value, located
from query.errors import ReqlError
from query.json_text import is_whole
from query.registry import Declaration, Parameter
from query.runtime import Fields, Function, Stream
from query.term import Argument, Term
from query.values import VALUE_TYPES, Value

if TYPE_CHECKING:
    from query.evaluate import Compiler


def compile_plain(compiler: Compiler, node: Term, declaration: Declaration) -> Closure:
    """A term that is a Python function of its arguments' values."""
    need = declaration.hooks["needs"](compiler, node) if "needs" in declaration.hooks else None
    args = [_argument(compiler, arg, declaration.argument(index), node, need) for index, arg in enumerate(node.args)]
    options = {
        name: _argument(compiler, arg, declaration.options[name], node, None) for name, arg in node.options.items()
    }
    function = declaration.function
    if declaration.takes_run:
        args.insert(0, itemgetter(0))
    if declaration.maps:
        return _mapping(compiler, node, function, args, options)
    if options:

        def with_options(env: Env) -> Any:
            try:
                return function(*[arg(env) for arg in args], **{name: arg(env) for name, arg in options.items()})
            except ReqlError as error:
                raise located(error, node) from None

        return with_options
    if len(args) == 1:
        (only,) = args

        def unary(env: Env) -> Any:
            try:
                return function(only(env))
            except ReqlError as error:
                raise located(error, node) from None

        return unary
    if len(args) == 2:
        left, right = args

        def binary(env: Env) -> Any:
            try:
                return function(left(env), right(env))
            except ReqlError as error:
                raise located(error, node) from None

        return binary

    def nary(env: Env) -> Any:
        try:
            return function(*[arg(env) for arg in args])
        except ReqlError as error:
            raise located(error, node) from None

    return nary


def _mapping(
    compiler: Compiler, node: Term, function: Callable[..., Any], args: list[Closure], options: dict[str, Closure]
) -> Closure:
    """A term of one row that, on a sequence, is applied to each row."""
    source, others = compiler.any(node.args[0]), args[1:]
    stream_rows = compiler.rows(node.args[0]) if compiler.is_stream(node.args[0]) else None

    def mapping(env: Env) -> Any:
        found = source(env)
        rest = [arg(env) for arg in others]
        named = {name: arg(env) for name, arg in options.items()}
        try:
            if type(found) is list:
                return [function(row, *rest, **named) for row in found]
            if type(found) is Stream:
                rows = partial(stream_rows, env) if stream_rows else found.rows
                return found.changed(env[0], lambda: (function(row, *rest, **named) for row in rows()))
            return function(as_value(found), *rest, **named)
        except ReqlError as error:
            raise located(error, node) from None

    return mapping


def _argument(compiler: Compiler, arg: Argument, parameter: Parameter, node: Term, need: Fields) -> Closure:
    annotation = parameter.annotation
    if annotation is object:
        return compiler.any(arg)
    if get_origin(annotation) is Iterator or annotation is Iterator:
        return compiler.rows(arg, need)
    if annotation is Function:
        return _function_argument(compiler, arg)
    inner = compiler.value(arg)
    wanted = accepted(annotation)
    if wanted is None or wanted.types == VALUE_TYPES:
        return inner
    kinds, whole = wanted

    def checked(env: Env) -> Value:
        found = inner(env)
        if type(found) in kinds and not (whole and type(found) is float):
            return found
        raise located(argument_error(wanted, found), arg if type(arg) is Term else node)

    def checked_whole(env: Env) -> Value:
        found = inner(env)
        return int(found) if type(found) is float and is_whole(found) else checked(env)

    return checked_whole if whole else checked


def _function_argument(compiler: Compiler, arg: Argument) -> Closure:
    compiled = compiler.function(arg)
    return lambda env: Function(len(compiled.slots), compiled.bind(env), compiled.fields)
