"""Control: functions applied (`do`), choices (`branch`), repetition (`range`, `for_each`).

What these give on may be anything, not only values: a stream stays a stream, a selection can still be written to.
`fallbacks.py` and `conversions.py` have the rest of the manual's chapter.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, Final, TypeAlias

from query.arguments import whole_number
from query.closures import Closure, CompiledFunction, Env, arity_error, as_value, located
from query.errors import (
    ReqlArgumentError,
    ReqlQueryLogicError,
)
from query.evaluate import Compiler
from query.json_text import shown
from query.registry import term
from query.runtime import Document, Function, Stream, type_error
from query.term import FUNC, VAR, Argument, Term, walk
from query.values import Value, type_name

Compile: TypeAlias = Callable[[Argument], Closure]
"""How a part is compiled: `Compiler.any` or `Compiler.value`."""


@term(154, on="r")
def args(array: list[Value]) -> Value:
    """The elements of an array as so many arguments of the term around it.

    >>> r.add(r.args([1, 2, 3])).run(db)
    6
    """


@args.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    """Where there is no term around it, it is its array."""
    array = compiler.value(node.args[0])

    def checked(env: Env) -> Value:
        found = array(env)
        if type(found) is not list:
            raise located(type_error("ARRAY", found), node)
        return found

    return checked


@term(64, on="both")
def do(first: object, *rest: object | Function) -> object:
    """Call a function with values: `value.do(f)`, `r.do(a, b, f)`. The function comes last; its result is the result.

    >>> r.expr(3).do(lambda x: x * x).run(db)
    9
    >>> r.do(1, 2, lambda x, y: x + y).run(db)
    3
    """


@do.checks
def _(node: Term) -> None:
    *given, function = node.args
    if type(function) is Term and function.kind is FUNC and len(function.args[0]) not in (0, len(given)):
        raise ReqlArgumentError(arity_error(len(function.args[0]), len(given)).message, node)


def _compile_do(compiler: Compiler, node: Term, body: str) -> Closure:
    if type(node.args[-1]) is Term and node.args[-1].kind.name == "js":
        return _call_script(compiler, node)
    given, function = _inlined(compiler, node)
    if type(function) is not Term or function.kind is not FUNC:
        closure: Closure = getattr(compiler, body)(function)
        return closure
    parts = [compiler.any(arg) for arg in given]
    plain = [compiler.is_value(arg) for arg in given]
    return _call(compiler.function(function, len(given), body=body, plain=plain), parts)


def _call_script(compiler: Compiler, node: Term) -> Closure:
    """A call of what a script gives; where that is no function, it is the result."""
    *given, script = map(compiler.any, node.args)

    def call(env: Env) -> Any:
        found = script(env)
        return found.call(*[as_value(part(env)) for part in given]) if type(found) is Function else found

    return call


def _inlined(compiler: Compiler, node: Term) -> tuple[list[Argument], Argument]:
    """The arguments of a call and the function, streams put into it in place of its variables.

    So they are compiled for what is done with them there. What is left is no function if no variable is.
    """
    *given, function = node.args
    if type(function) is not Term or function.kind is not FUNC:
        return [], function
    numbers, body = function.args
    if not numbers:
        return [], body
    if len(numbers) != len(given):
        raise located(arity_error(len(numbers), len(given)), node)
    left: list[tuple[int, Argument]] = []
    for number, arg in zip(numbers, map(_unwrapped, given), strict=True):
        if type(arg) is Term and not arg.uses_row and compiler.is_stream(arg):
            body = _substituted(body, number, arg)
        else:
            left.append((number, arg))
    if not left:
        return [], body
    return [arg for _, arg in left], Term(FUNC, ([number for number, _ in left], body))


def _substituted(body: Argument, number: int, arg: Term) -> Argument:
    if type(body) is not Term:
        return body
    if body.kind is VAR and body.args[0] == number:
        return arg
    if body.kind is FUNC and number in body.args[0]:
        return body
    return body.replace_children(lambda child: _substituted(child, number, arg))


def _unwrapped(arg: Argument) -> Argument:
    """An argument that is no function: the builder makes one of an expression of `r.row`."""
    return arg.args[1] if type(arg) is Term and arg.kind is FUNC and arg.uses_row and len(arg.args[0]) == 1 else arg


def _call(compiled: CompiledFunction, parts: list[Closure]) -> Closure:
    slots, body = compiled.slots, compiled.body
    if len(parts) == 1:
        ((slot, part),) = zip(slots, parts, strict=True)

        def call_one(env: Env) -> Any:
            env[slot] = part(env)
            return body(env)

        return call_one
    pairs = list(zip(slots, parts, strict=True))

    def call(env: Env) -> Any:
        for slot, part in pairs:
            env[slot] = part(env)
        return body(env)

    return call


@do.streams
def _(compiler: Compiler, node: Term) -> bool:
    _, function = _inlined(compiler, node)
    return compiler.is_stream(function)


@do.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    return _compile_do(compiler, node, "any")


@do.compiles_value
def _(compiler: Compiler, node: Term) -> Closure:
    return _compile_do(compiler, node, "value")


@term(65, on="both")
def branch(test: Value, value: object, other: object, *rest: object) -> object:
    """The value after the first test that holds, or the last value where none does: `r.branch(test, value, ..., other)`.

    Only False and null do not hold. What is not chosen is not evaluated.

    >>> r.branch(r.expr(1) > 2, "a", r.expr(2) > 1, "b", "c").run(db)
    'b'
    """


def _compile_branch(node: Term, test: Compile, result: Compile) -> Closure:
    if len(node.args) % 2 == 0:
        raise ReqlQueryLogicError("Cannot call `branch` term with an even number of arguments.", node)
    *pairs, last = node.args
    choices = [(test(pairs[at]), result(pairs[at + 1])) for at in range(0, len(pairs), 2)]
    other = result(last)
    if len(choices) == 1:
        ((condition, value),) = choices

        def choose(env: Env) -> Any:
            holds = condition(env)
            return other(env) if holds is False or holds is None else value(env)

        return choose

    def choose_first(env: Env) -> Any:
        for condition, value in choices:
            holds = condition(env)
            if holds is not False and holds is not None:
                return value(env)
        return other(env)

    return choose_first


@branch.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    return _compile_branch(node, compiler.value, compiler.any)


@branch.compiles_value
def _(compiler: Compiler, node: Term) -> Closure:
    return _compile_branch(node, compiler.value, compiler.value)


@branch.streams
def _(compiler: Compiler, node: Term) -> bool:
    return all(compiler.is_stream(arg) for arg in (*node.args[1::2], node.args[-1]))


# Repetition


@term(173, name="range", on="r")
def range_(first: int | None = None, end: int | None = None) -> Stream:
    """Whole numbers from 0 without an end, up to one number, or from one up to another, which is not among them.

    >>> r.range(2, 5).coerce_to("array").run(db)
    [2, 3, 4]
    """


@range_.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    bounds = [whole_number(compiler, arg, node) for arg in node.args]
    if not bounds:
        return lambda env: Stream(count)

    def numbers(env: Env) -> Stream:
        found = [bound(env) for bound in bounds]
        return Stream(lambda: iter(range(*found)))

    return numbers


@term(68, writes=True, functions=1)
def for_each(sequence: object, write: Function) -> dict[str, Value]:
    """Run a write, or an array of writes, for each element of a sequence, and add up what they did.

    >>> r.expr([1, 2]).for_each(lambda key: r.table("posts").get(key).update({"read": True})).run(db)["replaced"]
    2
    """


@for_each.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    compiled = compiler.function(node.args[1], 1, body="any")
    source = compiler.rows(node.args[0])  # whole, since the summary tells the first error, which may show one
    collects = _shares_table(node.args[0], node.args[1])

    def write_each(env: Env) -> Document:
        write, limit = compiled.bind(env), env[0].array_limit
        rows = source(env)
        total: Document = {}
        for row in list(rows) if collects else rows:
            for summary in _summaries(write(row), node):
                _check_addable(total, summary, node)
                add_summary(total, summary, limit)
        return total

    return write_each


_NO_WRITE: Final = "FOR_EACH expects one or more basic write queries."


def _summaries(found: Any, node: Term) -> list[Document]:
    """What a write, or an array of writes, tells."""
    try:
        told = as_value(found)
    except ReqlQueryLogicError as problem:
        raise type(problem)(_NO_WRITE, node) from None
    if type(told) is dict:
        return [told]
    wrong = [each for each in told if type(each) is not dict] if type(told) is list else [told]
    if wrong:
        refusal = type_error("OBJECT" if type(told) is list else "ARRAY", wrong[0])
        raise type(refusal)(f"{_NO_WRITE}  {refusal.message}", node)
    return told  # type: ignore[no-any-return]


def _check_addable(total: Document, summary: Document, node: Term) -> None:
    for name in total.keys() & summary.keys():
        known, found = total[name], summary[name]
        kind = _ADDABLE.get(type(known))
        if kind is None or kind != _ADDABLE.get(type(found)):
            raise ReqlQueryLogicError(
                f"{_NO_WRITE}  Cannot merge statistics `{shown(known)}` (type {type_name(known)}) and `{shown(found)}` "
                f"(type {type_name(found)}).",
                node,
            )


_ADDABLE: Final[dict[type, str]] = {int: "NUMBER", float: "NUMBER", list: "ARRAY", str: "STRING"}
"""Types of what summaries may hold; of two strings the first is kept."""


def _shares_table(source: Argument, write: Argument) -> bool:
    """Whether rows may be read from a table that is written to; then all of them are read before."""
    read = [part for part in walk(source) if part.kind.name == "table"]
    written = [part for part in walk(write) if part.kind.name == "table"]
    named = all(type(part.args[-1]) is str for part in (*read, *written))
    return not named or bool({part.args[-1] for part in read} & {part.args[-1] for part in written})


def add_summary(total: Document, summary: Document, limit: int) -> None:
    """Add what one write did to what those before it did: counts are added, arrays joined up to a limit."""
    for name, found in summary.items():
        known = total.get(name)
        if known is None:
            total[name] = found
        elif type(found) is list and type(known) is list:
            joined = known + found
            total[name] = joined[:limit]
            if len(joined) > limit:
                add_summary(total, {"warnings": [f"Too many {name}, array truncated to {limit}."]}, limit)
        elif isinstance(found, int | float) and isinstance(known, int | float):
            total[name] = known + found
