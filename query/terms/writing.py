"""Writing data: insert, update, replace, delete.

A write gives a summary of what it did. It sees the rows of its start, each once: the primary keys of a selection are
collected before the first document is changed. What `insert` reads from a query is read while it writes, unless that
query reads the table which is written to: then it is collected before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial
from itertools import chain
from typing import Any, TypeAlias

from query.analysis import free_variables
from query.arguments import function_or_constant
from query.closures import Closure, CompiledFunction, Env, as_literal, holds, located
from query.determinism import is_reading, unproven_part
from query.errors import ReqlError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.geometries import PSEUDO_TYPE
from query.merge import merge
from query.patches import Patcher
from query.registry import term
from query.runtime import Document, Function, Row, Run, Stream, Table, iterate, type_error
from query.summary import ReturnChanges
from query.tables import gives_rows, table_of
from query.term import FUNC, MAKE_OBJ, PARAMETER, Argument, Source, Term, walk
from query.values import Value, group_marker
from query.writes import BATCH_DOCUMENTS, ChangeOf, Resolve, Writer, documents_of, duplicate_key


@term(56, writes=True)
def insert(
    table: object,
    documents: dict[str, Value] | list[Value] | Source,
    *,
    conflict: str | Function = "error",
    return_changes: Value = False,
    durability: str = "",
    ignore_write_hook: Value = False,
) -> dict[str, Value]:
    """Insert a document, a list of them, those of any Python iterable, or the rows of a query.

    An iterable that is no list is read while documents are written, and may be of any length. Documents without a
    primary key are given a UUID; the summary lists them in `generated_keys`.

    - `conflict`: what to do where there is a document with that key: `"error"` counts an error, `"replace"` replaces the
      document, `"update"` merges the new one into it, a function gives the one to write. It has three parameters: as in
      RethinkDB the name of the primary key, the old and the new document.
    - `return_changes`: `True` lists `changes` with `old_val` and `new_val`; `"always"` lists also those documents that
      were not changed, or not written because of an `error`.
    - `durability`: `"hard"` or `"soft"`.
    - `ignore_write_hook=True`: write without the table's write hook; see `set_write_hook`.

    >>> r.table("posts").insert({"id": 4, "title": "Again"}).run(db)["inserted"]
    1
    """


@term(53, writes=True, functions=1)
def update(
    selection: object,
    change: dict[str, Value] | Function,
    *,
    return_changes: Value = False,
    durability: str = "",
    non_atomic: Value = False,
    ignore_write_hook: Value = False,
) -> dict[str, Value]:
    """Merge fields into a document, the documents of a selection, or those of a table.

    `change` is an object, or a function of the document that gives one; objects inside it are merged, but for
    `r.literal`. A function that is not deterministic, or reads a table, needs `non_atomic=True`. The other options are
    those of `insert`.

    >>> r.table("posts").get(1).update({"likes": r.row["likes"].default(0) + 1}).run(db)["replaced"]
    1
    """


@term(55, writes=True, functions=1)
def replace(
    selection: object,
    change: dict[str, Value] | Function | None,
    *,
    return_changes: Value = False,
    durability: str = "",
    non_atomic: Value = False,
    ignore_write_hook: Value = False,
) -> dict[str, Value]:
    """Put another document in the place of a document, or of each document of a selection or a table.

    `change` is the new document, or a function of the old one that gives it, with the same primary key. None deletes;
    where `get` has found nothing, the document is inserted. Options as of `update`.

    >>> r.table("posts").replace(lambda post: post.without("draft")).run(db)["unchanged"]
    3
    """


@term(54, writes=True)
def delete(
    selection: object,
    *,
    return_changes: Value = False,
    durability: str = "",
    non_atomic: Value = False,
    ignore_write_hook: Value = False,
) -> dict[str, Value]:
    """Delete a document, the documents of a selection, or those of a table. Options as of `update`.

    >>> r.table("posts").get(3).delete().run(db)["deleted"]
    1
    """


# Options


def _return_changes(compiler: Compiler, node: Term) -> Callable[[Env], ReturnChanges]:
    value = compiler.value(node.options.get("return_changes", False))

    def return_changes(env: Env) -> ReturnChanges:
        found = value(env)
        if found == "always":
            return "always"
        if type(found) is str:
            raise located(
                ReqlQueryLogicError(
                    f"Invalid return_changes value `{found}` (options are `true`, `false`, and `'always'`.)"
                ),
                node,
            )
        return holds(found)

    return return_changes


def _check_durability(compiler: Compiler, node: Term) -> Callable[[Env], None]:
    if "durability" not in node.options or node.options["durability"] in ("hard", "soft"):
        return lambda env: None
    value = compiler.value(node.options["durability"])

    def check(env: Env) -> None:
        found = value(env)
        if type(found) is not str:
            raise located(type_error("STRING", found), node)
        if found not in ("hard", "soft"):
            raise located(
                ReqlQueryLogicError(f'Durability option `{found}` unrecognized (options are "hard" and "soft").'), node
            )

    return check


def _check_atomic(compiler: Compiler, node: Term) -> Callable[[Env], bool]:
    """A closure that tells whether a function is sure to be deterministic; raises where not, and no `non_atomic` allows it."""
    part = unproven_part(node.args[1], constant_now=True)
    if part is None:
        return lambda env: True
    non_atomic = compiler.value(node.options.get("non_atomic", False))

    def check(env: Env) -> bool:
        if not holds(non_atomic(env)):
            raise ReqlQueryLogicError(
                "Could not prove argument deterministic.  Maybe you want to use the non_atomic flag?", part
            )
        return False

    return check


def _ignores_write_hook(compiler: Compiler, node: Term) -> Callable[[Env], bool]:
    """A closure that tells whether the table's write hook is left out: as the term says, or else the options of `run`."""
    given = node.options.get("ignore_write_hook")
    if given is None:
        return lambda env: bool(env[0].options.get("ignore_write_hook", False))
    value = compiler.value(given)
    return lambda env: holds(value(env))


# Update, replace, delete

PatcherOf: TypeAlias = Callable[[Env, Writer, Run], Patcher | None]
"""Makes what patches documents, of which it must be enough to read a few fields; None where it is not."""


def _writing_rows(
    compiler: Compiler, node: Term, change_of: Callable[[Env], ChangeOf], patcher_of: PatcherOf | None = None
) -> Closure:
    """A closure that changes each document that a term's first argument selects, and gives the summary."""
    selection = node.args[0]
    is_table = gives_rows(compiler, selection) and selection.kind.name == "table"
    source, find_keys, only_reads = compiler.any(selection), _keys_of(compiler, selection), is_reading(selection)
    return_changes, check_durability = _return_changes(compiler, node), _check_durability(compiler, node)
    ignores = _ignores_write_hook(compiler, node)

    def write(env: Env) -> Document:
        told = return_changes(env)
        check_durability(env)
        change = change_of(env)
        found = source(env)
        try:
            table = _table_of(found)
            writer = Writer(env[0], table, told, ignores_write_hook=ignores(env))
            if type(found) is Row:
                writer.replace_row(found.key, found.value, change)
                writer.flush()
            else:
                with table.before(env[0]) if only_reads else nullcontext(env[0]) as before:
                    keys: Callable[[], list[Value]] = partial(find_keys, [before, *env[1:]], found, table)
                    patcher = patcher_of(env, writer, before) if patcher_of else None
                    left = keys() if patcher is None else patcher.run(None if is_table else keys())
                    writer.replace_rows(left, change, before)
        except ReqlError as error:
            raise located(error, node) from None
        return writer.summary.result()

    return write


def _keys_of(compiler: Compiler, selection: Argument) -> Callable[[Env, Stream, Table], list[Value]]:
    """A closure of the primary keys of the rows of a selection, each once, in the order of the rows."""
    if gives_rows(compiler, selection) and selection.kind.name == "table":
        return lambda env, found, table: list(chain.from_iterable(table.values(env[0], table.primary_key)))
    # The name of the primary key is known only when the query runs; `id` is the most likely.
    only_ids = compiler.rows(selection, frozenset({"id"})) if compiler.is_stream(selection) else None

    def keys(env: Env, found: Stream, table: Table) -> list[Value]:
        name = table.primary_key
        return _distinct_keys(found if only_ids is None or name != "id" else only_ids(env), name)

    return keys


def _table_of(found: Any) -> Table:
    """The table of a selection; ReqlQueryLogicError where there is none."""
    table: Table | None = found.table if type(found) in (Row, Stream) else None
    if table is not None:
        return table
    raise type_error("SELECTION", found)


def _distinct_keys(rows: Iterable[Value], name: str) -> list[Value]:
    """The primary keys of rows, each once, in the order of the rows."""
    keys = {}
    for row in rows:
        key = row[name]
        keys[key if type(key) is str else group_marker(key)] = key
    return list(keys.values())


@update.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    check_atomic = _check_atomic(compiler, node)
    compiled = function_or_constant(compiler, node.args[1], 1, body="any")

    def change_of(env: Env) -> ChangeOf:
        is_proven = check_atomic(env)
        function = compiled.bind(env)

        def change(old: Document | None) -> Value:
            if old is None:
                return None
            new = as_literal(function(old))
            # Null changes nothing; only in replace it deletes.
            return old if new is None else merge(old, new)

        return change if is_proven else _only_documents(change)

    return _writing_rows(compiler, node, change_of, _patcher_of(compiler, node))


def _patcher_of(compiler: Compiler, node: Term) -> PatcherOf | None:
    """What makes a `Patcher` of an update by an object of top-level fields, where the table can be patched."""
    function = node.args[1]
    body = function.args[1] if type(function) is Term and function.kind is FUNC else function
    names_of = _names_of(body)
    if names_of is None or unproven_part(function, constant_now=True) is not None:
        return None
    compiled = function_or_constant(compiler, function, 1, body="any")
    (fields,) = compiled.fields
    if fields is None:
        return None

    def patcher(env: Env, writer: Writer, before: Run) -> Patcher | None:
        if not writer.is_plain:
            return None
        patching = writer.table.patching(env[0], before, names_of(env), fields)
        return None if patching is None else Patcher(writer, patching, compiled.bind(env))

    return patcher


def _names_of(body: Argument) -> Callable[[Env], tuple[str, ...]] | None:
    """A closure of the fields of an object that is written out; None for any other term."""
    if type(body) is not Term:
        return None
    if body.kind is MAKE_OBJ and PSEUDO_TYPE not in body.options:
        names = tuple(body.options)
        return lambda env: names
    if body.kind is PARAMETER and body.args[1] == "dict":
        return lambda env: tuple(env[body.args[0]])
    return None


def _only_documents(change: ChangeOf) -> ChangeOf:
    """What a function that is not proven deterministic makes of documents: as in RethinkDB it can only give documents."""

    def document(old: Document | None) -> Value:
        new = change(old)
        if type(new) is not dict:
            raise type_error("OBJECT", new)
        return new

    return document


@replace.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    check_atomic, compiled = _check_atomic(compiler, node), function_or_constant(compiler, node.args[1], 1)

    def change_of(env: Env) -> ChangeOf:
        is_proven = check_atomic(env)
        change = compiled.bind(env)
        return change if is_proven else _only_documents(change)

    return _writing_rows(compiler, node, change_of)


@delete.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    return _writing_rows(compiler, node, lambda env: lambda old: None)


def single_change(compiler: Compiler, node: Term) -> CompiledFunction | None:
    """The function of an `update` or a `replace` for who writes one document; None where it is not sure to be deterministic.

    It takes the old document. That of an `update` gives what is to be merged into it, that of a `replace` the new one.
    """
    if unproven_part(node.args[1], constant_now=True) is not None:
        return None
    return function_or_constant(compiler, node.args[1], 1, body="any" if node.kind.name == "update" else "value")


# Insert


@insert.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    find = table_of(compiler, node.args[0])
    source = compiler.any(node.args[1]) if "return_changes" in node.options else compiler.shared(node.args[1])
    resolve, reads = _resolve(compiler, node), _reads(compiler, node.args[1])
    return_changes, check_durability = _return_changes(compiler, node), _check_durability(compiler, node)
    ignores = _ignores_write_hook(compiler, node)

    def write(env: Env) -> Document:
        table = find(env)
        writer = Writer(env[0], table, return_changes(env), ignores_write_hook=ignores(env))
        try:
            resolved = resolve(env, table)
            check_durability(env)
            found = source(env)
            if type(found) is Row:
                found = found.value
            if type(found) is dict:
                writer.insert_batch([found], resolved)
            elif type(found) is list:
                for start in range(0, len(found), BATCH_DOCUMENTS):
                    writer.insert_batch(found[start : start + BATCH_DOCUMENTS], resolved)
            elif type(found) is Source:
                writer.insert(documents_of(found), resolved)
            else:
                rows = iterate(found)
                writer.insert(iter(list(rows)) if reads(env, table) else rows, resolved)
        except ReqlError as error:
            raise located(error, node) from None
        return writer.summary.result()

    return write


def _reads(compiler: Compiler, source: Argument) -> Callable[[Env, Table], bool]:
    """A closure that tells whether a query may read a table."""
    tables = [node for node in walk(source) if node.kind.name == "table"]
    if free_variables(source) or any(not _is_named_plainly(node) for node in tables):
        return lambda env, table: True
    found = [table_of(compiler, node) for node in tables]
    return lambda env, table: any(find(env).id == table.id for find in found)


def _is_named_plainly(table: Term) -> bool:
    return all(
        type(arg) is str or (type(arg) is Term and arg.kind.name == "db" and type(arg.args[0]) is str)
        for arg in table.args
    )


_CONFLICTS: dict[str, Callable[[Table], Resolve]] = {
    "error": duplicate_key,
    "replace": lambda table: lambda key, old, new: new,
    "update": lambda table: lambda key, old, new: merge(old, new),
}


def _resolve(compiler: Compiler, node: Term) -> Callable[[Env, Table], Resolve]:
    """A closure of what `conflict` says: what becomes of two documents with one key."""
    conflict = node.options.get("conflict", "error")
    if type(conflict) is Term and conflict.kind is FUNC:
        return _resolve_by_function(compiler, conflict)
    value = compiler.value(conflict)

    def resolve(env: Env, table: Table) -> Resolve:
        found = value(env)
        if type(found) is not str:
            raise located(type_error("STRING", found), node)
        make = _CONFLICTS.get(found)
        if make is None:
            raise ReqlQueryLogicError(
                f'Conflict option `{found}` unrecognized (options are "error", "replace" and "update").'
            )
        return make(table)

    return resolve


def _resolve_by_function(compiler: Compiler, function: Term) -> Callable[[Env, Table], Resolve]:
    part = unproven_part(function, constant_now=True)
    if part is not None:
        raise ReqlQueryLogicError("The conflict function passed to `insert` must be deterministic.", part)
    if len(function.args[0]) not in (0, 3):
        raise ReqlQueryLogicError("The conflict function passed to `insert` should expect 3 arguments.", function)
    compiled = compiler.function(function, 3)

    def resolve(env: Env, table: Table) -> Resolve:
        # RethinkDB hands over the name of the primary key where its manual says the key.
        name, choose = table.primary_key, compiled.bind(env)
        return lambda key, old, new: choose(name, old, new)

    return resolve
