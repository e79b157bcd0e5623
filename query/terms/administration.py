"""Manipulating databases, tables and indexes.

What a command does is the store's affair (`Store.administer`, `Table.administer`): this chapter says what there is to be
commanded, and hands over index functions as the text of their wire form.
"""

from __future__ import annotations

from query.closures import Closure, Env, holds, located
from query.determinism import unproven_part
from query.errors import ReqlError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.registry import term
from query.runtime import Database, Function, Run, type_error
from query.stored import stored_function
from query.tables import text_of, whole_table
from query.term import FUNC, MAKE_ARRAY, Argument, Term
from query.values import Value
from query.wire import dumps


def _place(where: object, name: object) -> tuple[str | None, str]:
    """A database's name, or None for the default one, and a table's: from `r.f(table)` or `r.db(database).f(table)`."""
    if type(where) is Database:
        if name is None:
            raise type_error("DATUM", where)
        return where.name, text_of(name)
    if name is not None:
        raise type_error("DATABASE", where)
    return None, text_of(where)


def _given(**options: Value) -> dict[str, Value]:
    return {name: value for name, value in options.items() if value is not None}


# Databases


@term(57, on="r", writes=True, deterministic=False)
def db_create(run: Run, name: str) -> dict[str, Value]:
    """Create a database.

    >>> r.db_create("blog").run(db)["dbs_created"]
    1
    """
    assert run.store is not None
    return run.store.administer(run, "db_create", name)  # type: ignore[no-any-return]


@term(58, on="r", writes=True, deterministic=False)
def db_drop(run: Run, name: str) -> dict[str, Value]:
    """Drop a database with all its tables.

    >>> r.db_drop("test").run(db)["tables_dropped"]
    1
    """
    assert run.store is not None
    return run.store.administer(run, "db_drop", name)  # type: ignore[no-any-return]


@term(59, on="r", deterministic=False)
def db_list(run: Run) -> list[Value]:
    """The names of all databases, in order.

    `rethinkdb` is the system database, whose tables tell of the store; see `config`.

    >>> r.db_list().run(db)
    ['rethinkdb', 'test']
    """
    assert run.store is not None
    return run.store.administer(run, "db_list")  # type: ignore[no-any-return]


# Tables


@term(60, on="both", writes=True, deterministic=False)
def table_create(
    run: Run,
    database: object,
    name: object = None,
    *,
    primary_key: str | None = None,
    durability: str | None = None,
    shards: int | None = None,
    replicas: int | dict[str, Value] | None = None,
    primary_replica_tag: str | None = None,
    nonvoting_replica_tags: list[Value] | None = None,
) -> dict[str, Value]:
    """Create a table: `r.table_create(name)` in the default database, `r.db(database).table_create(name)` in another.

    - `primary_key`: the field that holds the primary key; `"id"` if not given.
    - `durability`: `"hard"` or `"soft"`.
    - `shards`, `replicas`, `primary_replica_tag`, `nonvoting_replica_tags`: as of `reconfigure`; they are checked and mean
      nothing in a store of one process.

    >>> r.table_create("authors").run(db)["tables_created"]
    1
    """
    assert run.store is not None
    options = _given(
        primary_key=primary_key,
        durability=durability,
        shards=shards,
        replicas=replicas,
        primary_replica_tag=primary_replica_tag,
        nonvoting_replica_tags=nonvoting_replica_tags,
    )
    return run.store.administer(run, "table_create", *_place(database, name), **options)  # type: ignore[no-any-return]


@term(61, on="both", writes=True, deterministic=False)
def table_drop(run: Run, database: object, name: object = None) -> dict[str, Value]:
    """Drop a table with its documents and indexes.

    >>> r.table_drop("posts").run(db)["tables_dropped"]
    1
    """
    assert run.store is not None
    return run.store.administer(run, "table_drop", *_place(database, name))  # type: ignore[no-any-return]


@term(62, on="both", deterministic=False)
def table_list(run: Run, database: object = None) -> list[Value]:
    """The names of the tables of a database, in order.

    >>> r.table_list().run(db)
    ['posts']
    """
    assert run.store is not None
    if database is not None and type(database) is not Database:
        raise type_error("DATABASE", database)
    return run.store.administer(run, "table_list", database.name if database else None)  # type: ignore[no-any-return]


# Indexes


@term(75, writes=True, deterministic=False, functions=1)
def index_create(
    table: object,
    name: str,
    function: Function | list[Value] | bytes | None = None,
    *,
    multi: Value = None,
    geo: Value = None,
    unique: bool | None = None,
    vector: dict[str, Value] | None = None,
) -> dict[str, Value]:
    """Create an index on a table. It is built while the table goes on being read and written; see `index_wait`.

    - `function`: what documents are found by: a function of the document, an expression of `r.row`, an array of several
      for a compound index; without one, the field with the index's name. The binary `function` of another index's status
      makes the same index, with its options.
    - `multi=True`: a document is found by each element of an array.
    - `geo=True`: the function gives a geometry, for `get_intersecting` and `get_nearest`.
    - `unique=True`: no two documents may have one key; a write that breaks this is an error of that document.

    - `vector={"dimensions": 384, "measure": "cosine"}`: a vector index, which `get_nearest` searches. Its arguments:
      `measure` (`"cosine"`, `"l2"`, `"l1"`, `"inner_product"`, of bits `"hamming"` and `"jaccard"`), `method` (`"auto"`,
      `"flat"`, `"ivfflat"`, `"ivfsq8"`, `"ivfrabitq"`, `"hnsw"`), `type` (`"float32"`, `"float16"`, `"int8"`, `"bits"`),
      `strict` (a wrong vector is its document's error), `seed`, and the method's own: `n_lists`, `m`, `ef_construction`.
      With `multi=True` a document is found by each vector of an array. The names of Milvus and vecs are known too.

    A document for which the function fails, or gives null or an object, is not in the index.

    >>> r.table("posts").index_create("title").run(db)
    {'created': 1}
    """


@index_create.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    source, name = compiler.any(node.args[0]), compiler.value(node.args[1])
    function = _index_function(compiler, node.args[2]) if len(node.args) > 2 else lambda env: None
    options = {option: compiler.value(arg) for option, arg in node.options.items()}

    def create(env: Env) -> Value:
        try:
            table, title = whole_table(source(env)), text_of(name(env))
            given = {option: _feature(option, value(env)) for option, value in options.items()}
            return table.administer(env[0], "index_create", title, function(env), **given)
        except ReqlError as error:
            raise located(error, node) from None

    return create


def _index_function(compiler: Compiler, node: Argument) -> Closure:
    """A closure of an index's function: the text of its wire form, the bytes that a status gave, None for the field."""
    if type(node) is not Term or node.kind not in (FUNC, MAKE_ARRAY):
        return _binary(compiler, node)
    part = unproven_part(node, constant_now=False)
    if part is not None:
        raise ReqlQueryLogicError(
            "Could not prove function deterministic.  Index functions must be deterministic.", part
        )
    function = stored_function(compiler, node)
    return lambda env: dumps(function(env)).decode()


def _binary(compiler: Compiler, node: Argument) -> Closure:
    value = compiler.value(node)

    def binary(env: Env) -> bytes:
        found = value(env)
        if type(found) is bytes:
            return found
        raise located(type_error("FUNCTION", found), node)

    return binary


def _feature(option: str, found: Value) -> Value:
    """An option, checked: RethinkDB's are true but for false and null, ours have to be what they are told to be."""
    if option in ("multi", "geo"):
        return holds(found)
    kind, name = (dict, "OBJECT") if option == "vector" else (bool, "BOOL")
    if type(found) is not kind:
        raise type_error(name, found)
    return found


@term(76, writes=True, deterministic=False)
def index_drop(run: Run, table: object, name: str) -> dict[str, Value]:
    """Drop an index.

    >>> r.table("posts").index_drop("author").run(db)
    {'dropped': 1}
    """
    return whole_table(table).administer(run, "index_drop", name)  # type: ignore[no-any-return]


@term(77, deterministic=False)
def index_list(run: Run, table: object) -> list[Value]:
    """The names of a table's indexes, in order, without the primary key.

    >>> r.table("posts").index_list().run(db)
    ['author']
    """
    return whole_table(table).administer(run, "index_list")  # type: ignore[no-any-return]


@term(139, deterministic=False)
def index_status(run: Run, table: object, *names: str) -> list[Value]:
    """The state of indexes, of all of a table's where none is named, in order of name.

    Each is an object: `index`, `ready`, `progress` from 0 to 1 while it is not ready, `outdated`, `multi`, `geo`, `unique`,
    `function` (a binary that `index_create` takes), `query` (the call that makes such an index), `entries`, and `error`
    where it could not be built.

    >>> r.table("posts").index_status("author").run(db)[0]["ready"]
    True
    """
    return whole_table(table).administer(run, "index_status", *names)  # type: ignore[no-any-return]


@term(140, deterministic=False)
def index_wait(run: Run, table: object, *names: str) -> list[Value]:
    """Wait until indexes, all of a table's where none is named, are built, and give their status.

    The waiting thread helps to build. A build that has failed is a ReqlOpFailedError. Inside a transaction that writes
    nothing can be waited for: there it raises at once where an index is not ready.

    >>> [index["ready"] for index in r.table("posts").index_wait().run(db)]
    [True]
    """
    return whole_table(table).administer(run, "index_wait", *names)  # type: ignore[no-any-return]


@term(156, writes=True, deterministic=False)
def index_rename(run: Run, table: object, name: str, new_name: str, *, overwrite: Value = False) -> dict[str, Value]:
    """Give an index another name; with `overwrite=True`, in place of the index that has that name.

    >>> r.table("posts").index_rename("author", "by_author").run(db)
    {'renamed': 1}
    """
    return whole_table(table).administer(run, "index_rename", name, new_name, overwrite=holds(overwrite))  # type: ignore[no-any-return]
