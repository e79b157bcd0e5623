"""Changefeeds: `changes` can be built, checked, printed and sent; it cannot be run yet."""

from __future__ import annotations

from query.closures import Closure, Env, located
from query.errors import ReqlOpFailedError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.registry import term
from query.runtime import Row, Stream, sequence_error, type_error
from query.term import Term
from query.type_names import runtime_type_name
from query.values import Value

_FLAGS = ("include_initial", "include_states", "include_offsets", "include_types")


@term(152, deterministic=False)
def changes(
    source: object,
    *,
    squash: bool | int | float = False,
    changefeed_queue_size: int = 100_000,
    include_initial: bool = False,
    include_states: bool = False,
    include_offsets: bool = False,
    include_types: bool = False,
) -> Stream:
    """An endless stream of the changes of a table, of part of one, or of one document.

    Raises ReqlOpFailedError when it is run: there are no changefeeds in this version. The options:

    - `squash`: several changes of one document become one; a number of seconds collects for so long.
    - `changefeed_queue_size`: changes that may wait for a slow reader.
    - `include_initial`: begin with what is there. `include_states`: tell when that is done. `include_offsets`: of an
      ordered and limited stream, tell the places. `include_types`: tell of each change what it is.

    >>> r.table("posts").changes(include_initial=True).run(db)
    Traceback (most recent call last):
    ...
    query.errors.ReqlOpFailedError: Changefeeds are not supported in this version: `changes` cannot be run in:
    ...
    """


@changes.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    source = compiler.any(node.args[0])
    options = {name: compiler.value(arg) for name, arg in node.options.items()}

    def refuse(env: Env) -> Value:
        found = source(env)
        for name, value in options.items():
            error = _option_error(name, value(env))
            if error is not None:
                raise located(error, node)
        if type(found) is not Row and type(found) is not Stream:
            error = sequence_error(found) if type(found) is not list else None
            raise located(error or ReqlQueryLogicError("Cannot call `changes` on an eager stream."), node)
        raise ReqlOpFailedError("Changefeeds are not supported in this version: `changes` cannot be run.", node)

    return refuse


def _option_error(name: str, found: Value) -> ReqlQueryLogicError | None:
    kind = type(found)
    if name in _FLAGS:
        return None if kind is bool else type_error("BOOL", found)
    if name == "squash":
        if kind is bool:
            return None
        if kind not in (int, float):
            return ReqlQueryLogicError(f"Expected BOOL or NUMBER but found {runtime_type_name(found)}.")
        negative = found < 0
        return (
            ReqlQueryLogicError("Expected BOOL or a positive NUMBER but found a negative NUMBER.") if negative else None
        )
    if kind not in (int, float):
        return type_error("NUMBER", found)
    if found != int(found):
        return ReqlQueryLogicError(f"Number not an integer: {found!r}")
    size_is_good = found >= 1
    return (
        None if size_is_good else ReqlQueryLogicError(f"Illegal changefeed queue size `{int(found)}`.  (Must be >= 1.)")
    )
