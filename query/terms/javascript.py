"""`r.js`: JavaScript within a query.

Allowed only on a connection that says so, `docstore.connect(path, allow_js=True)`, and never in what is stored, such as
index functions, which have to be deterministic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from query.annotations import takes_function
from query.closures import Closure, Env, located
from query.errors import ReqlError, ReqlPermissionsError
from query.evaluate import Compiler
from query.javascript import Script
from query.registry import BY_KIND, TERMS, Declaration, Parameter, term
from query.runtime import Function, Run, type_error
from query.term import FUNC, VAR, Argument, Term, walk
from query.values import Value


@term(11, on="r", deterministic=False)
def js(source: str, *, timeout: int | float = 5) -> object:
    """What a script in JavaScript gives: a value, or a function that can stand where a function of the query can.

    `timeout` in seconds, for the script and for each call. Times are Dates, numbers doubles; binaries do not pass. Nothing
    outside of the script can be reached from it. Raises ReqlPermissionsError where the connection does not allow it,
    ReqlQueryLogicError for an error of the script, for a value that is none here, and when the time is over.

    >>> query = r.expr([1, 2, 3]).map(r.js("(function (x) { return x * x; })"))
    >>> with connect(allow_js=True) as allowed:
    ...     query.run(allowed)
    [1, 4, 9]
    """


_LONGEST_MILLISECONDS: Final = 2**63


@js.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    source, timeout = compiler.value(node.args[0]), compiler.value(node.options.get("timeout", 5))
    slot = compiler.new_slot()

    def evaluate(env: Env) -> Value | Function:
        try:
            text, milliseconds = _text(source(env)), _milliseconds(timeout(env))
            script = env[slot]  # a function is made once for all rows
            if script is None or script.source != text or script.timeout_ms != milliseconds:
                _check_allowed(env[0])
                script = Script(text, milliseconds)
                env[slot] = script if script.is_function else None
        except ReqlError as error:
            raise located(error, node) from None
        return Function(1, _calling(script, node)) if script.is_function else script.value

    return evaluate


def _calling(script: Script, node: Term) -> Callable[..., Value]:
    def call(*args: Value) -> Value:
        try:
            return script.call(*args)
        except ReqlError as error:
            raise located(error, node) from None

    return call


def _check_allowed(run: Run) -> None:
    if run.options.get("allow_js") is not True:
        raise ReqlPermissionsError(
            "r.js is not allowed on this connection: open it with docstore.connect(path, allow_js=True)."
        )


def _text(found: Value) -> str:
    if type(found) is not str:
        raise type_error("STRING", found)
    return found


def _milliseconds(found: Value) -> int:
    if type(found) is not int and type(found) is not float:
        raise type_error("NUMBER", found)
    return int(max(0, min(found * 1000, _LONGEST_MILLISECONDS)))


# A script in the place of a function


def with_script_functions(argument: Argument) -> Argument:
    """The query with each script that stands where a function may stand as a function that calls what the script gives.

    How many parameters it has follows from the term; those of `do` do themselves.
    """
    if type(argument) is not Term or not any(node.kind is js.kind for node in walk(argument)):
        return argument
    declaration = BY_KIND.get(argument.kind)
    if declaration is None or declaration.name == "do":
        return argument.replace_children(with_script_functions)
    args = [
        _wrapped(arg, declaration, declaration.parameter(place), len(argument.args))
        for place, arg in enumerate(argument.args)
    ]
    options = {
        name: _wrapped(arg, declaration, declaration.options.get(name), 0) for name, arg in argument.options.items()
    }
    return Term(argument.kind, tuple(args), options)


_ARITIES: Final = {"conflict": 3, "emit": 3, "final_emit": 1}
"""Of the options whose functions have another number of parameters than those among the arguments."""


def _wrapped(arg: Argument, declaration: Declaration, parameter: Parameter | None, count: int) -> Argument:
    inner = with_script_functions(arg)
    if type(inner) is not Term or inner.kind is not js.kind:
        return inner
    if parameter is None or not takes_function(parameter.annotation):
        return inner
    fixed = 2 if declaration.name == "fold" else declaration.functions
    arity = _ARITIES.get(parameter.name) or (count - 1 if declaration.name == "map" else fixed or 1)
    # Numbers that no variable of the user's has.
    numbers = list(range(-arity, 0))
    variables = [Term(VAR, (number,)) for number in numbers]
    return Term(FUNC, (numbers, Term(TERMS["do"].kind, (*variables, inner))))
