"""Functions that outlive their query, as index functions do: closed, numbered from 1, without `r.row`.

A query is compiled with its constants taken out (`parameterize`), and a function may use variables of functions around
it. What is stored has the values of both in it. Two functions of the same text are then equal Terms, and one wire form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from query.analysis import free_variables
from query.closures import Env
from query.evaluate import Compiler
from query.term import (
    FUNC,
    IMPLICIT_VAR,
    MAKE_ARRAY,
    MAKE_OBJ,
    PARAMETER,
    VAR,
    Argument,
    Term,
    expand,
    make_array,
    make_object,
)
from query.values import Value

_Names: TypeAlias = Mapping[int, int]
"""The new number of each variable of the function."""

_ROW = -1
"""The name under which `_Names` has the variable that `r.row` stands for."""


def stored_function(compiler: Compiler, node: Argument, arity: int = 1) -> Callable[[Env], Term]:
    """A closure of the function that a term is: a function, an array of functions, any expression.

    ReqlQueryLogicError, when it is compiled, for a function of another number of variables than `arity`.
    """
    whole = _joined(node)
    compiler.function(whole, arity)
    outer = {number: compiler.value(Term(VAR, (number,))) for number in free_variables(whole)}

    def function(env: Env) -> Term:
        values = {number: value(env) for number, value in outer.items()}
        closed = _Closing(env, values).argument(whole, {}, 0)
        assert type(closed) is Term
        return closed

    return function


def _joined(node: Argument) -> Term:
    """The term as one function; of an array of functions, the one that gives the array of what they give."""
    if type(node) is not Term:
        return Term(FUNC, ([1], node))
    if node.kind is FUNC:
        numbers, body = node.args
        if len(numbers) == 1 and type(body) is Term and body.kind is MAKE_ARRAY:
            return Term(FUNC, (numbers, _with_bodies(body, numbers[0])))
        return node
    if node.kind is MAKE_ARRAY:
        first = next((arg.args[0][0] for arg in node.args if _is_function(arg)), 1)
        return Term(FUNC, ([first], _with_bodies(node, first)))
    return Term(FUNC, ([1], node))


def _is_function(node: Argument) -> bool:
    return type(node) is Term and node.kind is FUNC and len(node.args[0]) == 1


def _with_bodies(array: Term, number: int) -> Term:
    """The array with the bodies of its functions in their places, all of the variable with this number."""
    return Term(
        MAKE_ARRAY,
        tuple([_renamed(arg.args[1], arg.args[0][0], number) if _is_function(arg) else arg for arg in array.args]),
    )


def _renamed(node: Argument, old: int, new: int) -> Argument:
    if old == new or type(node) is not Term or (node.kind is FUNC and old in node.args[0]):
        return node
    if node.kind is VAR:
        return Term(VAR, (new,)) if node.args[0] == old else node
    return node.replace_children(lambda child: _renamed(child, old, new))


class _Closing:
    """Puts the values of constants and outer variables into a function."""

    def __init__(self, env: Env, outer: Mapping[int, Value]) -> None:
        self._env = env
        self._outer = outer

    def argument(self, node: Argument, names: _Names, depth: int) -> Argument:
        """A part of the function, closed; `depth` variables are in scope."""
        if type(node) is not Term:
            return node
        kind = node.kind
        if kind is PARAMETER:
            return self._env[node.args[0]]
        if kind is IMPLICIT_VAR:
            return Term(VAR, (names[_ROW],))
        if kind is VAR:
            number = node.args[0]
            return Term(VAR, (names[number],)) if number in names else self._outer[number]
        if kind is FUNC:
            return self._function(node, names, depth)
        args = [self.argument(arg, names, depth) for arg in node.args]
        if kind is MAKE_ARRAY:
            return make_array(args)
        options = {name: self.argument(arg, names, depth) for name, arg in node.options.items()}
        if kind is MAKE_OBJ:
            return make_object(options)
        return Term(kind, tuple(map(expand, args) if kind.expands else args), options)

    def _function(self, node: Term, names: _Names, depth: int) -> Term:
        numbers, body = node.args
        new = list(range(depth + 1, depth + 1 + len(numbers)))
        inner = {**names, **dict(zip(numbers, new, strict=True))}
        if len(numbers) == 1:
            inner[_ROW] = new[0]
        return Term(FUNC, (new, self.argument(body, inner, depth + len(new))))
