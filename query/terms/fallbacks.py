"""Errors of a query's own (`error`), and what to give where something is missing (`default`).

A default may be anything, not only a value: a stream stays a stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeAlias

from query.closures import Closure, Env, located
from query.errors import (
    ReqlNonExistenceError,
    ReqlQueryLogicError,
    ReqlUserError,
)
from query.evaluate import Compiler
from query.registry import term
from query.runtime import Row, type_error
from query.term import FUNC, Argument, Term, walk
from query.terms.fields import VariableField, variable_field
from query.values import Value

EMPTY_ERROR: Final = "Empty ERROR term outside a default block."


@term(12, on="r")
def error(message: str = EMPTY_ERROR) -> Value:
    """Raise a ReqlUserError. Without a message, inside `default`, raise again what `default` has caught.

    Anywhere else an error without a message is a ReqlQueryLogicError.

    >>> r.branch(True, 1, r.error("never")).run(db)
    1
    """
    raise ReqlUserError(message)


@error.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    if not node.args:
        return _raise_empty
    text = compiler.value(node.args[0])

    def fail(env: Env) -> NoReturn:
        message = text(env)
        if type(message) is not str:
            raise located(type_error("STRING", message), node)
        raise ReqlUserError(message, node)

    return fail


def _raise_empty(env: Env) -> NoReturn:
    raise ReqlQueryLogicError(EMPTY_ERROR)


@term(92)
def default(value: object, default: object) -> object:
    """Another value where this one is null, or is missing in any way: a field, an element, the least of nothing.

    The other value may be a function of the error's message, None for a null. Other errors are not caught.

    >>> r.expr({"a": 1})["b"].default("none").run(db)
    'none'
    """


Fallback: TypeAlias = Callable[[Env, ReqlNonExistenceError | None], Any]


def _fallback(compiler: Compiler, node: Argument, body: str) -> Fallback:
    """What is given in place of a missing value, from the environment and the error that told."""
    if type(node) is Term and node.kind is FUNC:
        compiled = compiler.function(node, 1, body=body)

        def give(env: Env, problem: ReqlNonExistenceError | None) -> Any:
            return compiled.bind(env)(None if problem is None else problem.message)

    else:
        other: Closure = getattr(compiler, body)(node)

        def give(env: Env, problem: ReqlNonExistenceError | None) -> Any:
            return other(env)

    if not _reraises(node):
        return give

    def give_or_raise(env: Env, problem: ReqlNonExistenceError | None) -> Any:
        try:
            return give(env, problem)
        except ReqlQueryLogicError as empty:
            if empty.message != EMPTY_ERROR:
                raise
            if problem is None:
                return None
            raise problem from None

    return give_or_raise


def _reraises(node: Argument) -> bool:
    return any(part.kind is error.kind and not part.args for part in walk(node))


def _compile_default(compiler: Compiler, node: Term, body: str) -> Closure:
    give = _fallback(compiler, node.args[1], body)
    field = variable_field(compiler, node.args[0])
    if field is not None:
        return _field_or(field, give, compiler.is_value(node.args[1]) and not _reraises(node.args[1]))
    inner: Closure = getattr(compiler, body)(node.args[0])

    def value_or(env: Env) -> Any:
        try:
            found = inner(env)
        except ReqlNonExistenceError as problem:
            return give(env, problem)
        if found is None or (type(found) is Row and found.value is None):
            return give(env, None)
        return found

    return value_or


def _field_or(field: VariableField, give: Fallback, ignores_problem: bool) -> Closure:
    """A field of a variable or what is given for it; no error is made where nobody would ask for it."""
    slot, name, missing = field.slot, field.name, field.missing

    def field_or(env: Env) -> Any:
        row = env[slot]
        if ignores_problem and type(row) is dict:
            found = row.get(name)
            return give(env, None) if found is None else found
        try:
            found = env[slot][name]
        except (KeyError, TypeError):
            try:
                found = missing(env)
            except ReqlNonExistenceError as problem:
                return give(env, problem)
        return give(env, None) if found is None else found

    return field_or


@default.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    return _compile_default(compiler, node, "any")


@default.compiles_value
def _(compiler: Compiler, node: Term) -> Closure:
    return _compile_default(compiler, node, "value")
