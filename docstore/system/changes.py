"""What a write to a system table does: `db_config`, `table_config` and `users` change the catalog, the others refuse.

A change is a function of the transaction, the old row and the new one, either None; it raises a ReqlError, which becomes
the error of that row.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from docstore.catalog import DatabaseDefinition, TableDefinition, check_name
from docstore.descriptions import table_config
from docstore.settings import SYSTEM, with_options
from docstore.transaction import Transaction
from docstore.users import ADMIN
from query.errors import ReqlError, ReqlOpFailedError
from query.json_text import pretty
from query.runtime import Document
from query.values import Value, equal

Row = Document | None


def refusal(name: str) -> Callable[[Transaction, Row, Row], None]:
    """The change of a table that cannot be written."""

    def refuse(transaction: Transaction, old: Row, new: Row) -> None:
        raise ReqlOpFailedError(f"It's illegal to write to the `{SYSTEM}.{name}` table.")

    return refuse


# Databases


def change_database(transaction: Transaction, old: Row, new: Row) -> None:
    """Create, rename or drop a database."""
    catalog = transaction.catalog
    if new is None:
        assert old is not None
        transaction.catalog = catalog.drop_database(str(old["name"]))
        return
    _check_fields("db_config", new, {"id", "name"}, {"name"})
    name = _name("db_config", "Database", new["name"])
    if name == SYSTEM:
        raise ReqlOpFailedError(f"Database `{SYSTEM}` already exists.")
    if old is None:
        transaction.catalog = catalog.create_database(name, _identity("db_config", new))
    else:
        transaction.catalog = catalog.rename_database(str(old["name"]), name)


# Tables

_TABLE_FIELDS: Final = {
    *("data", "db", "durability", "flush_interval", "id", "indexes", "name", "primary_key", "shards", "write_acks"),
    "write_hook",
}


def change_table(transaction: Transaction, old: Row, new: Row) -> None:
    """Create, rename, move, set or drop a table."""
    if new is None:
        assert old is not None
        table = _table_of(transaction, old)
        transaction.catalog = transaction.catalog.drop_table(table.database, table.name)
        return
    required = {"db", "name"} if old is None else _TABLE_FIELDS - {"data", "flush_interval"}
    _check_fields("table_config", new, _TABLE_FIELDS, required)
    name, database = _name("table_config", "Table", new["name"]), _database(transaction, new["db"])
    options = _table_options(new)
    if old is None:
        identity, key = _identity("table_config", new), new.get("primary_key", "id")
        if type(key) is not str:
            raise _malformed("table_config", f"In `primary_key`: Expected a string; got {pretty(key)}")
        catalog = transaction.catalog.create_table(database.name, name, key, options)
        transaction.catalog = catalog.with_table_id(database.name, name, identity)
        return
    table = _table_of(transaction, old)
    _check_unchanged(transaction, table, new)
    _check_free(transaction, table, database, name)
    transaction.catalog = transaction.catalog.change_table(table.database, table.name, new_name=name)
    if database.name != table.database:
        transaction.catalog = transaction.catalog.move_table(table.database, name, database.name)
    current = transaction.catalog.table(database.name, name)
    transaction.catalog = with_options(transaction.catalog, current, **options)


def _table_of(transaction: Transaction, row: Document) -> TableDefinition:
    found = transaction.catalog.table_with_id(str(row["id"]))
    assert found is not None, "the row was read in this transaction"
    return found


def _database(transaction: Transaction, given: Value) -> DatabaseDefinition:
    """The database of a name, or of an id, which no name can be mistaken for."""
    if type(given) is not str:
        raise _malformed("table_config", f"In `db`: Expected a database name; got {pretty(given)}")
    by_id = {database.id: database for database in transaction.catalog.databases.values()}
    return by_id.get(given) or transaction.catalog.database(given)


def _check_unchanged(transaction: Transaction, table: TableDefinition, new: Document) -> None:
    if new["primary_key"] != table.primary_key:
        raise ReqlOpFailedError("It's illegal to change a table's primary key")
    if sorted(_texts("indexes", new["indexes"])) != sorted(table.indexes):
        raise _malformed(
            "table_config", "The `indexes` field is read-only and can't be used to create or drop indexes."
        )
    if not equal(new["write_hook"], table_config(transaction.catalog, table)["write_hook"]):
        raise _malformed(
            "table_config",
            "The `write_hook` field is read-only and can't be used to create or drop a write hook function.",
        )


def _texts(name: str, found: Value) -> list[str]:
    if type(found) is not list or not all(type(item) is str for item in found):
        raise _malformed("table_config", f"In `{name}`: Expected an array of strings, got {pretty(found)}")
    return found


def _check_free(transaction: Transaction, table: TableDefinition, database: DatabaseDefinition, name: str) -> None:
    if (database.name, name) != (table.database, table.name) and name in database.tables:
        new = f"{database.name}.{name}"
        raise ReqlOpFailedError(f"Can't rename table `{table.title}` to `{new}` because table `{new}` already exists.")


def _table_options(new: Document) -> dict[str, Any]:
    """The options that a row sets, checked."""
    options: dict[str, Any] = {}
    for name, choices in (("durability", ("soft", "hard")), ("write_acks", ("single", "majority"))):
        if name in new:
            if new[name] not in choices:
                first, second = choices
                text = f'In `{name}`: Expected "{first}" or "{second}", got: {pretty(new[name])}'
                raise _malformed("table_config", text)
            options[name] = new[name]
    if "flush_interval" in new:
        options["flush_interval"] = _flush_interval(new["flush_interval"])
    if "data" in new:
        options["data"] = new["data"]
    if "shards" in new:
        options["shards"] = _shards(new["shards"])
    return options


def _flush_interval(found: Value) -> Value:
    if found in ("default", "never") or (type(found) in (int, float) and found >= 0):
        return found
    if type(found) in (int, float):
        raise _malformed("table_config", f"In `flush_interval`: Expected non-negative number, got: {pretty(found)}")
    text = f'In `flush_interval`: Expected "default", "never", or a non-negative number, got: {pretty(found)}'
    raise _malformed("table_config", text)


def _shards(found: Value) -> int:
    if type(found) is not list:
        raise _malformed("table_config", f"In `shards`: Expected an array, got {pretty(found)}")
    if not found:
        raise _malformed("table_config", "In `shards`: You must specify at least one shard.")
    return len(found)


# Users


def change_user(transaction: Transaction, old: Row, new: Row) -> None:
    """Note a user, whether there is a password, or that there is no such user any more."""
    users = dict(transaction.catalog.users)
    name = (new or old or {})["id"]
    if type(name) is not str:
        raise ReqlOpFailedError(f"Expected a username as the primary key, got {pretty(name)}")
    if new is None:
        if name == ADMIN:
            raise ReqlOpFailedError(f"The user `{ADMIN}` can't be deleted")
        del users[name]
    else:
        _check_fields("users", new, {"id", "password"}, {"id", "password"})
        password = new["password"]
        if type(password) not in (str, bool):
            text = f"In `password`: Expected a string or boolean, got: {pretty(password)}"
            raise _malformed("users", text)
        if name == ADMIN:
            return  # nothing is protected by its password
        users[name] = {"permissions": {}, **users.get(name, {}), "password": bool(password)}
    transaction.catalog = transaction.catalog.with_users(users)


# Parts


def _identity(table: str, row: Document) -> str:
    """The id of a new database or table."""
    try:
        return str(uuid.UUID(row["id"]))
    except (AttributeError, TypeError, ValueError):
        raise _malformed(table, f"In `id`: Expected a UUID; got {pretty(row['id'])}") from None


def _name(table: str, kind: Any, found: Value) -> str:
    if type(found) is not str:
        raise _malformed(table, f"In `name`: Expected a {kind.lower()} name; got {pretty(found)}")
    try:
        check_name(kind, found)
    except ReqlError:
        text = f"In `name`: {pretty(found)} is not a valid {kind.lower()} name; Use A-Z, a-z, 0-9, _ and - only"
        raise _malformed(table, text) from None
    return found


def _check_fields(table: str, row: Document, known: set[str], required: set[str]) -> None:
    missing = next((name for name in sorted(required) if name not in row), None)
    if missing is not None:
        raise _malformed(table, f"Expected a field named `{missing}`.")
    extra = sorted(row.keys() - known)
    if extra:
        raise _malformed(table, f"Unexpected key(s): {' '.join(extra)}")


def _malformed(table: str, problem: str) -> ReqlOpFailedError:
    if table == "users":
        return ReqlOpFailedError(problem)
    return ReqlOpFailedError(f"The change you're trying to make to `{SYSTEM}.{table}` has the wrong format. {problem}")


CHANGES: Final[Mapping[str, Callable[[Transaction, Row, Row], None]]] = {
    "db_config": change_database,
    "table_config": change_table,
    "users": change_user,
}
