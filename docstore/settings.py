"""The commands on what databases and tables are set to: config, status, reconfigure, grant, write hooks and the like.

As those of `administration.py`: functions of the run, its transaction, for a command on a table its definition, and the
arguments; the answers are RethinkDB's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from docstore.catalog import Catalog, TableDefinition
from docstore.descriptions import change, database_config, hook_description, hook_text, table_config, table_status
from docstore.placement import checked_shards
from docstore.transaction import Transaction
from docstore.users import checked_permissions, granted, scope_of
from query.errors import ReqlOpFailedError
from query.runtime import Document, Run
from query.values import Value

SYSTEM: Final = "rethinkdb"
"""The database of the system tables."""

NOT_ENFORCED: Final = "Permissions are recorded and not enforced: whoever can open the store may do everything in it."


def refuse_system(name: str, what: str) -> None:
    """ReqlOpFailedError for the system database, of which `what` is told."""
    if name == SYSTEM:
        raise ReqlOpFailedError(f"Database `{SYSTEM}` is special; {what}")


# Config and status


def db_config(run: Run, transaction: Transaction, name: str) -> Document:
    """The settings of a database."""
    refuse_system(name, "you can't configure it.")
    return database_config(transaction.catalog.database(name))


def db_info(run: Run, transaction: Transaction, name: str) -> Document:
    """The id and the name of a database."""
    return {"id": None, "name": name} if name == SYSTEM else database_config(transaction.catalog.database(name))


def config(run: Run, transaction: Transaction, table: TableDefinition) -> Document:
    """The settings of a table."""
    return table_config(transaction.catalog, table)


def status(run: Run, transaction: Transaction, table: TableDefinition) -> Document:
    """The state of a table."""
    return table_status(transaction.catalog, table)


def wait(run: Run, transaction: Transaction, table: TableDefinition) -> Document:
    """What there is to tell when a table is ready."""
    return {"ready": 1}


def db_wait(run: Run, transaction: Transaction, name: str) -> Document:
    """What there is to tell when all tables of a database are ready."""
    refuse_system(name, "the system tables in it are always available and don't need to be waited on.")
    return {"ready": len(transaction.catalog.database(name).tables)}


# Shards


def reconfigure(
    run: Run, transaction: Transaction, table: TableDefinition, *, dry_run: bool, **placement: Value
) -> Document:
    """Set the number of a table's shards."""
    return _reconfigured(transaction, [table], checked_shards(**placement), dry_run)


def db_reconfigure(run: Run, transaction: Transaction, name: str, *, dry_run: bool, **placement: Value) -> Document:
    """Set the number of shards of all tables of a database."""
    shards = checked_shards(**placement)
    refuse_system(name, "you can't configure the tables in it.")
    return _reconfigured(transaction, transaction.catalog.database(name).tables.values(), shards, dry_run)


def _reconfigured(transaction: Transaction, tables: Iterable[TableDefinition], shards: int, dry_run: bool) -> Document:
    before, catalog = transaction.catalog, transaction.catalog
    found = list(tables)
    for table in found:
        catalog = with_options(catalog, table, shards=shards)
    answer: Document = {
        "config_changes": _changes(table_config, before, catalog, found),
        "reconfigured": 0 if dry_run else len(found),
    }
    if not dry_run:
        answer["status_changes"] = _changes(table_status, before, catalog, found)
        transaction.catalog = catalog
    return answer


def _changes(
    describe: Callable[[Catalog, TableDefinition], Document],
    before: Catalog,
    after: Catalog,
    tables: Iterable[TableDefinition],
) -> list[Value]:
    return [
        change(describe(before, table), describe(after, after.table(table.database, table.name))) for table in tables
    ]


def emergency_repair(run: Run, transaction: Transaction, table: TableDefinition) -> Document:
    """Refused: a table of a store that can be read needs none."""
    raise ReqlOpFailedError("This table doesn't need to be repaired.")


def rebalance(run: Run, transaction: Transaction, table: TableDefinition) -> Document:
    """What there is to tell of a table whose documents are spread evenly."""
    return _rebalanced(transaction, [table])


def db_rebalance(run: Run, transaction: Transaction, name: str) -> Document:
    """The same of all tables of a database."""
    refuse_system(name, "you can't rebalance the tables in it.")
    return _rebalanced(transaction, transaction.catalog.database(name).tables.values())


def _rebalanced(transaction: Transaction, tables: Iterable[TableDefinition]) -> Document:
    changes = _changes(table_status, transaction.catalog, transaction.catalog, tables)
    return {"rebalanced": len(changes), "status_changes": changes}


# Permissions


def grant(run: Run, transaction: Transaction, *arguments: Any) -> Document:
    """Note what a user may do: `(None, user, permissions)`, or `(table, user, permissions)`."""
    target, user, permissions = arguments
    scope = "" if target is None else scope_of(transaction.catalog, target.database, target.name)
    return _granted(transaction, scope, user, permissions)


def db_grant(run: Run, transaction: Transaction, name: str, user: Value, permissions: Value) -> Document:
    """Note what a user may do with a database."""
    refuse_system(name, "you can't grant permissions on it.")
    return _granted(transaction, scope_of(transaction.catalog, name), user, permissions)


def _granted(transaction: Transaction, scope: str, user: str, permissions: Value) -> Document:
    given = checked_permissions(permissions, is_global=not scope)
    users, old, new = granted(transaction.catalog.users, user, scope, given)
    transaction.catalog = transaction.catalog.with_users(users)
    return {"granted": 1, "permissions_changes": [change(old, new)], "warnings": [NOT_ENFORCED]}


# Write hooks


def set_write_hook(
    run: Run, transaction: Transaction, table: TableDefinition, function: str | bytes | None
) -> Document:
    """Set the write hook of a table, or remove it."""
    existed = table.options.get("write_hook") is not None
    text = hook_text(function) if type(function) is bytes else function
    transaction.catalog = with_options(transaction.catalog, table, write_hook=text)
    return {"deleted" if text is None else "replaced" if existed else "created": 1}


def get_write_hook(run: Run, transaction: Transaction, table: TableDefinition) -> Document | None:
    """The write hook of a table."""
    return hook_description(table.options.get("write_hook"))


def with_options(catalog: Catalog, table: TableDefinition, **options: Value) -> Catalog:
    """The catalog with other options for a table; None is none."""
    merged = {name: value for name, value in {**table.options, **options}.items() if value is not None}
    return catalog.change_table(table.database, table.name, options=merged)


STORE_COMMANDS: Final[Mapping[str, Callable[..., Value]]] = {
    "db_config": db_config,
    "db_grant": db_grant,
    "db_info": db_info,
    "db_rebalance": db_rebalance,
    "db_reconfigure": db_reconfigure,
    "db_wait": db_wait,
    "grant": grant,
}

TABLE_COMMANDS: Final[Mapping[str, Callable[..., Value]]] = {
    "config": config,
    "emergency_repair": emergency_repair,
    "get_write_hook": get_write_hook,
    "grant": grant,
    "rebalance": rebalance,
    "reconfigure": reconfigure,
    "set_write_hook": set_write_hook,
    "status": status,
    "wait": wait,
}
