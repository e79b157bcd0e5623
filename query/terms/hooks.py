"""Write hooks: what every write to a table goes through.

The function is checked here and handed to the table as the text of its wire form; `query.hooks` calls it.
"""

from __future__ import annotations

from query.closures import Closure, Env, located
from query.determinism import unproven_part
from query.errors import ReqlError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.hooks import PARAMETERS
from query.registry import term
from query.runtime import Function, Run, type_error
from query.stored import stored_function
from query.tables import whole_table
from query.term import FUNC, Argument, Term
from query.values import Value
from query.wire import dumps


@term(189, writes=True, deterministic=False)
def set_write_hook(table: object, function: Function | bytes | None) -> dict[str, Value]:
    """Let every write to a table go through a function, in the place of the one before; None for none.

    The function is given an object with the `primary_key` and the `timestamp` of the write, the old document and the new
    one, and gives the document to write. The old one is None for an insert, the new one for a delete; then the function
    has to give None as well, and an error, as of `r.error`, keeps the document from being written. It must be
    deterministic. `insert`, `update`, `replace` and `delete` leave it out with `ignore_write_hook=True`. The binary
    `function` of a `get_write_hook` makes the same hook.

    Gives `{"created": 1}`, `{"replaced": 1}` or `{"deleted": 1}`. The hook is stored with the table: it holds for every
    program that writes to the store.

    >>> dated = lambda context, old, new: r.branch(new == None, None, new.merge({"at": context["timestamp"]}))
    >>> r.table("posts").set_write_hook(dated).run(db)
    {'created': 1}
    """


@set_write_hook.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    source, function = compiler.any(node.args[0]), _function(compiler, node.args[1])

    def set_hook(env: Env) -> Value:
        try:
            return whole_table(source(env)).administer(env[0], "set_write_hook", function(env))
        except ReqlError as error:
            raise located(error, node) from None

    return set_hook


def _function(compiler: Compiler, node: Argument) -> Closure:
    """A closure of a hook: the text of its wire form, the bytes that `get_write_hook` gave, None for none."""
    if type(node) is Term and node.kind is FUNC:
        part = unproven_part(node, constant_now=True)
        if part is not None:
            raise ReqlQueryLogicError(
                "Could not prove function deterministic.  Write hook functions must be deterministic.", part
            )
        if len(node.args[0]) != PARAMETERS:
            raise ReqlQueryLogicError("Write hook functions must expect 3 arguments.", node)
        function = stored_function(compiler, node, PARAMETERS)
        return lambda env: dumps(function(env)).decode()
    value = compiler.value(node)

    def other(env: Env) -> bytes | None:
        found = value(env)
        if found is None or type(found) is bytes:
            return found
        raise located(type_error("FUNCTION", found), node)

    return other


@term(190, deterministic=False)
def get_write_hook(run: Run, table: object) -> dict[str, Value] | None:
    """The write hook of a table: its `function`, a binary that `set_write_hook` takes, and the `query` that sets it.

    None where the table has none.

    >>> r.table("posts").get_write_hook().run(db) is None
    True
    """
    return whole_table(table).administer(run, "get_write_hook")  # type: ignore[no-any-return]
