"""Write hooks: the function of a table that every write to it goes through, as RethinkDB calls it.

The function is given what is known of the write (`primary_key`, `timestamp`), the document before it and the document
after it, and gives the document to write in the place of the latter. Null stands for no document: what a hook is given
null for it must give null for, and nothing else. It is deterministic, and reads no table: nothing about it depends on when
it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeAlias

from query.closures import CompiledFunction
from query.errors import ReqlOpFailedError, ReqlRuntimeError
from query.evaluate import Compiler
from query.runtime import Document, Run, Table
from query.values import Value
from query.wire import loads

Hook: TypeAlias = Callable[[Document | None, Value], Value]
"""What is written: from the old document and the new one."""

PARAMETERS: Final = 3
_COMPILED_HOOKS: Final = 100


def bound_hook(run: Run, table: Table) -> Hook | None:
    """The hook of a table within one run; None where it has none."""
    text = table.write_hook
    if text is None:
        return None
    compiled, slots = _compiled(text)
    function = compiled.bind([run, *[None] * slots])
    name = table.primary_key

    def hook(old: Document | None, new: Value) -> Value:
        row: Any = old if new is None else new
        key = row.get(name) if type(row) is dict else None
        try:
            found = function({"primary_key": key, "timestamp": run.moment()}, old, new)
        except ReqlRuntimeError as error:
            raise type(error)(f"Error in write hook: {error.message}", error.term) from None
        if new is None and found is not None:
            raise ReqlOpFailedError("A write hook function must not turn a deletion into a replace/insert.")
        if new is not None and found is None:
            raise ReqlOpFailedError("A write hook function must not turn a replace/insert into a deletion.")
        return found

    return hook


@lru_cache(maxsize=_COMPILED_HOOKS)
def _compiled(text: str) -> tuple[CompiledFunction, int]:
    """A hook's function and how many slots it has."""
    compiler = Compiler(1)
    return compiler.function(loads(text), PARAMETERS), compiler.next_slot - 1
