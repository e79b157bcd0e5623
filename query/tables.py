"""Which table, and which index of it, a term works on: for every chapter whose terms stand on a table."""

from __future__ import annotations

from collections.abc import Callable

from query.errors import ReqlError
from query.evaluate import Compiler, Env, located
from query.runtime import Database, Index, Stream, Table, type_error
from query.term import Argument, Term
from query.values import Value


def table_of(compiler: Compiler, node: Argument) -> Callable[[Env], Table]:
    """A closure of the table that a term is; ReqlQueryLogicError where it is none."""
    if type(node) is Term and node.kind.name == "table" and len(node.args) <= 2:
        parts = [compiler.any(arg) for arg in node.args]

        def find(env: Env) -> Table:
            run = env[0]
            try:
                *database, name = [part(env) for part in parts]
                if database and type(database[0]) is not Database:
                    raise type_error("DB", database[0])
                found: Table = run.store.table(run, database[0].name if database else None, text_of(name))
            except ReqlError as error:
                raise located(error, node) from None
            return found

        return find
    inner = compiler.any(node)

    def other(env: Env) -> Table:
        found = inner(env)
        if type(found) is not Stream or found.type_name != "TABLE" or found.table is None:
            raise located(type_error("TABLE", found), node)
        return found.table

    return other


def index_of(compiler: Compiler, node: Term, source: Argument) -> Callable[[Env], tuple[Table, Index]]:
    """A closure of the table that `source` is, and of its index that the option `index` of a term names."""
    find = table_of(compiler, source)
    named = compiler.value(node.options["index"]) if "index" in node.options else None

    def index(env: Env) -> tuple[Table, Index]:
        found = find(env)
        try:
            return found, found.index(env[0], text_of(named(env)) if named else found.primary_key)
        except ReqlError as error:
            raise located(error, node) from None

    return index


def text_of(name: Value) -> str:
    """A name that a query gives; ReqlQueryLogicError where it is no string."""
    if type(name) is not str:
        raise type_error("STRING", name)
    return name
