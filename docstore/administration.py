"""The commands of the chapter on administration: databases, tables and indexes are created, dropped, listed, described.

A command is a function of the run, its transaction, for a command on a table its definition, and the arguments. Those
that change something change the transaction's catalog; they are seen, and undone, as documents are. The answers are
RethinkDB's.

**The binary of an index function**, which `index_status` gives and `index_create` takes:

| bytes            | what it is                                                                                  |
|------------------|---------------------------------------------------------------------------------------------|
| `$docstore_index$` | 16 bytes, so that no other binary is mistaken for one                                      |
| 1                | version: 1                                                                                  |
| the rest         | MessagePack map: `function` (its wire form, as JSON text), `kind`, `multi`, `unique`, `options` |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, cast

from docstore import settings
from docstore.build import progress, start_index
from docstore.catalog import DEFAULT_DATABASE, IndexDefinition, TableDefinition
from docstore.descriptions import change, database_config, table_config
from docstore.documents import decode_document, encode_document
from docstore.errors import CorruptStoreError, TransactionError
from docstore.indexes import INDEX_KINDS, make_index
from docstore.placement import checked_shards
from docstore.settings import SYSTEM, refuse_system
from docstore.system import SYSTEM_TABLES
from docstore.transaction import Transaction, WritingTransaction
from query.errors import ReqlError, ReqlOpFailedError, ReqlQueryLogicError
from query.literals import literal
from query.printer import print_query
from query.registry import TERMS
from query.runtime import Document, Run
from query.term import FUNC, VAR, Term
from query.values import Value
from query.wire import dumps, loads

StoreCommand: TypeAlias = Callable[..., Value]
"""`(run, transaction, *arguments, **options)`."""

TableCommand: TypeAlias = Callable[..., Value]
"""`(run, transaction, definition, *arguments, **options)`."""

BINARY_MAGIC: Final = b"$docstore_index$"
BINARY_VERSION: Final = 1

# Databases


def db_create(run: Run, transaction: Transaction, name: str) -> Document:
    """Create a database."""
    if name == SYSTEM:
        raise ReqlOpFailedError(f"Database `{SYSTEM}` already exists.")
    transaction.catalog = transaction.catalog.create_database(name)
    return {"config_changes": [change(None, database_config(transaction.catalog.database(name)))], "dbs_created": 1}


def db_drop(run: Run, transaction: Transaction, name: str) -> Document:
    """Drop a database and its tables."""
    refuse_system(name, "you can't delete it.")
    database = transaction.catalog.database(name)
    transaction.catalog = transaction.catalog.drop_database(name)
    return {
        "config_changes": [change(database_config(database), None)],
        "dbs_dropped": 1,
        "tables_dropped": len(database.tables),
    }


def db_list(run: Run, transaction: Transaction) -> list[Value]:
    """The names of all databases."""
    return sorted([*transaction.catalog.databases, SYSTEM])


# Tables


def table_create(
    run: Run,
    transaction: Transaction,
    database: str | None,
    name: str,
    *,
    primary_key: str = "id",
    durability: str = "hard",
    **placement: Value,
) -> Document:
    """Create a table."""
    database = database or default_database(run)
    if durability not in ("hard", "soft"):
        raise ReqlQueryLogicError(f'Durability option `{durability}` unrecognized (options are "hard" and "soft").')
    shards = checked_shards(**placement)
    refuse_system(database, "you can't create new tables in it.")
    options: dict[str, Value] = {"durability": durability}
    if shards > 1:
        options["shards"] = shards
    transaction.catalog = transaction.catalog.create_table(database, name, primary_key, options)
    created = transaction.catalog.table(database, name)
    return {"config_changes": [change(None, table_config(transaction.catalog, created))], "tables_created": 1}


def table_drop(run: Run, transaction: Transaction, database: str | None, name: str) -> Document:
    """Drop a table."""
    database = database or default_database(run)
    refuse_system(database, "you can't drop tables in it.")
    config = table_config(transaction.catalog, transaction.catalog.table(database, name))
    transaction.catalog = transaction.catalog.drop_table(database, name)
    return {"config_changes": [change(config, None)], "tables_dropped": 1}


def table_list(run: Run, transaction: Transaction, database: str | None) -> list[Value]:
    """The names of a database's tables."""
    name = database or default_database(run)
    return sorted(SYSTEM_TABLES if name == SYSTEM else transaction.catalog.database(name).tables)


def default_database(run: Run) -> str:
    """The database of a query that names none."""
    name = run.options.get("db", DEFAULT_DATABASE)
    assert type(name) is str
    return name


# Indexes


def index_create(
    run: Run,
    transaction: Transaction,
    table: TableDefinition,
    name: str,
    function: str | bytes | None,
    vector: Document | None = None,
    **options: bool,
) -> Document:
    """Create an index; a small table's is ready at once."""
    features: dict[str, Any]
    if type(function) is bytes:
        features = _features_of(function)
        text = features.pop("function")
    else:
        features, text = {}, function if type(function) is str else _field_function(name)
    features |= {option: options[option] for option in ("multi", "unique") if option in options}
    if "geo" in options:
        features["kind"] = "geo" if options["geo"] else "ordered"
    if vector is not None:
        _make_vector(features, vector, transaction.counts(table)[0])
    elif features.get("kind") == "vector":
        _check_vector(features["options"])
    if features.get("kind", "ordered") not in INDEX_KINDS:
        raise ReqlQueryLogicError(f"This version of docstore has no indexes of the kind `{features['kind']}`.")
    if features.get("kind") == "geo" and features.get("unique"):
        raise ReqlQueryLogicError("A geospatial index cannot be unique.")
    transaction.catalog = transaction.catalog.create_index(table, name, text, **features)
    start_index(cast(WritingTransaction, transaction), table, name)
    return {"created": 1}


def _make_vector(features: dict[str, Any], vector: Document, documents: int) -> None:
    """Make the features of an index those of a vector index; ReqlQueryLogicError where it cannot be one."""
    from docstore.indexes.vector.arguments import vector_options

    for other in ("geo", "unique"):
        if features.get("kind") == other or features.get(other):
            raise ReqlQueryLogicError(f"A vector index cannot be `{other}`: vectors are found by their distance alone.")
    features |= {"kind": "vector", "options": vector_options(vector, documents)}


def _check_vector(options: Mapping[str, Value]) -> None:
    """ReqlQueryLogicError where a binary has options that no vector index has."""
    from docstore.indexes.vector.arguments import vector_options

    given = {name: value for name, value in options.items() if name != "target_vectors"}
    if vector_options(given, 0).keys() != options.keys() or type(options["target_vectors"]) is not int:
        raise _foreign()


def _field_function(name: str) -> str:
    """The function of an index on the field with its own name."""
    variable = Term(VAR, (1,))
    return dumps(Term(FUNC, ([1], Term(TERMS["bracket"].kind, (variable, name))))).decode()


def index_drop(run: Run, transaction: Transaction, table: TableDefinition, name: str) -> Document:
    """Drop an index."""
    transaction.catalog = transaction.catalog.drop_index(table, name)
    return {"dropped": 1}


def index_list(run: Run, transaction: Transaction, table: TableDefinition) -> list[Value]:
    """The names of a table's indexes."""
    return sorted(table.indexes)


def index_rename(
    run: Run, transaction: Transaction, table: TableDefinition, name: str, new_name: str, *, overwrite: bool
) -> Document:
    """Rename an index."""
    transaction.catalog = transaction.catalog.rename_index(table, name, new_name, overwrite=overwrite)
    return {"renamed": int(name != new_name)}


def index_status(run: Run, transaction: Transaction, table: TableDefinition, *names: str) -> list[Value]:
    """The state of indexes, of all where none is named, in order of name."""
    found = [table.index(name) for name in sorted(set(names or table.indexes))]
    _, entries = transaction.counts(table)
    return [_index_status(transaction, table, index, entries[index.space]) for index in found]


def _index_status(transaction: Transaction, table: TableDefinition, index: IndexDefinition, entries: int) -> Document:
    found: Document = {
        "entries": entries,
        "function": _binary_of(index),
        "geo": index.geo,
        "index": index.name,
        "multi": index.multi,
        "outdated": index.outdated,
        "query": _query_of(index),
        "ready": index.state == "ready",
        "unique": index.unique,
    }
    if index.state == "building":
        found["progress"] = progress(transaction, table, index)
    if index.kind == "vector" and index.state != "failed":
        found["vector"] = make_index(table, index).status(transaction.engine)  # type: ignore[attr-defined]
    if index.error is not None:
        found["error"] = index.error
    return found


def index_wait(run: Run, transaction: Transaction, table: TableDefinition, *names: str) -> list[Value]:
    """Wait until indexes are ready, building along."""
    wanted = [table.index(name) for name in names or table.indexes]
    for index in wanted:
        if index.state == "failed":
            raise ReqlOpFailedError(f"Index `{index.name}` on table `{table.title}` could not be built: {index.error}")
    if all(index.state == "ready" for index in wanted):
        return index_status(run, transaction, table, *names)
    if transaction.writable or transaction.is_held:
        raise TransactionError(
            "Cannot wait for an index inside a transaction or snapshot, since it is built outside: call index_wait before "
            "or after."
        )
    store: Any = run.store
    transaction.abort()  # held for so long, it would keep the file's pages in use, and its map from growing
    store.build_until_ready(table.id, list(names) or None)
    run.transaction = store.begin_read()
    current = run.transaction.catalog.table_with_id(table.id)
    if current is None:
        raise ReqlOpFailedError(f"Table `{table.title}` does not exist.")
    return index_status(run, run.transaction, current, *names)


def _query_of(index: IndexDefinition) -> str:
    """The call that makes such an index."""
    parts = [repr(index.name), print_query(loads(index.function))]
    parts += [f"{option}=True" for option in ("multi", "geo", "unique") if getattr(index, option)]
    if index.kind == "vector":
        told = {name: value for name, value in index.options.items() if name != "target_vectors"}
        parts.append(f"vector={literal(told)}")
    return f"index_create({', '.join(parts)})"


def _binary_of(index: IndexDefinition) -> bytes:
    content = {
        "function": index.function,
        "kind": index.kind,
        "multi": index.multi,
        "options": dict(index.options),
        "unique": index.unique,
    }
    return BINARY_MAGIC + bytes([BINARY_VERSION]) + encode_document(content)


def _features_of(binary: bytes) -> dict[str, Any]:
    """What `_binary_of` wrote. ReqlQueryLogicError for any other binary."""
    head = len(BINARY_MAGIC)
    if not binary.startswith(BINARY_MAGIC) or len(binary) <= head:
        raise _foreign()
    if binary[head] != BINARY_VERSION:
        raise ReqlQueryLogicError(
            f"The index function has the version {binary[head]}, but this version of docstore knows {BINARY_VERSION}."
        )
    try:
        content = decode_document(binary[head + 1 :])
        function = loads(content["function"])
    except (CorruptStoreError, KeyError, TypeError, ReqlError):
        raise _foreign() from None
    if not _is_well_formed(content) or type(function) is not Term or function.kind is not FUNC:
        raise _foreign()
    return content


def _is_well_formed(content: Mapping[str, Value]) -> bool:
    kinds = {"function": str, "kind": str, "multi": bool, "options": dict, "unique": bool}
    return content.keys() == kinds.keys() and all(type(content[name]) is kind for name, kind in kinds.items())


def _foreign() -> ReqlQueryLogicError:
    return ReqlQueryLogicError(
        "Cannot create an sindex except from a reql_index_function returned from `index_status` in the field `function`."
    )


STORE_COMMANDS: Final[Mapping[str, StoreCommand]] = {
    **settings.STORE_COMMANDS,
    "db_create": db_create,
    "db_drop": db_drop,
    "db_list": db_list,
    "table_create": table_create,
    "table_drop": table_drop,
    "table_list": table_list,
}
"""The commands on the store, by name."""

TABLE_COMMANDS: Final[Mapping[str, TableCommand]] = {
    **settings.TABLE_COMMANDS,
    "index_create": index_create,
    "index_drop": index_drop,
    "index_list": index_list,
    "index_rename": index_rename,
    "index_status": index_status,
    "index_wait": index_wait,
}
"""The commands on tables, by name."""
