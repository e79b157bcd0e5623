"""Databases, tables and their hooks as documents: what `config` and `status` tell, and what the system tables hold.

`names` says whether databases and servers are told by their names or by their ids.

**The binary of a write hook**, which `get_write_hook` gives and `set_write_hook` takes:

| bytes                   | what it is                                          |
|-------------------------|-----------------------------------------------------|
| `$docstore_write_hook$` | 21 bytes, so that no other binary is mistaken for one |
| 1                       | version: 1                                          |
| the rest                | the function's wire form, as JSON text              |
"""

from __future__ import annotations

from typing import Final

from docstore.catalog import Catalog, DatabaseDefinition, TableDefinition
from docstore.placement import SERVER
from query.errors import ReqlError, ReqlQueryLogicError
from query.hooks import PARAMETERS
from query.printer import print_query
from query.runtime import Document
from query.term import FUNC, Term
from query.values import Value
from query.wire import loads

SERVER_ID: Final = "d0c5708e-0000-4000-8000-000000000001"
"""The id of the one server."""

HOOK_MAGIC: Final = b"$docstore_write_hook$"
HOOK_VERSION: Final = 1

_READY: Final = {
    "all_replicas_ready": True,
    "ready_for_outdated_reads": True,
    "ready_for_reads": True,
    "ready_for_writes": True,
}


def change(old: Value, new: Value) -> Document:
    """A change, as answers of RethinkDB tell it."""
    return {"new_val": new, "old_val": old}


def database_config(database: DatabaseDefinition) -> Document:
    """The settings of a database."""
    return {"id": database.id, "name": database.name}


def table_config(catalog: Catalog, table: TableDefinition, *, names: bool = True) -> Document:
    """The settings of a table."""
    options, server = table.options, SERVER if names else SERVER_ID
    shards = options.get("shards", 1)
    assert type(shards) is int
    return {
        "data": options.get("data", {}),
        "db": table.database if names else catalog.database(table.database).id,
        "durability": options.get("durability", "hard"),
        "flush_interval": options.get("flush_interval", "default"),
        "id": table.id,
        "indexes": list(table.indexes),
        "name": table.name,
        "primary_key": table.primary_key,
        "shards": [{"nonvoting_replicas": [], "primary_replica": server, "replicas": [server]} for _ in range(shards)],
        "write_acks": options.get("write_acks", "majority"),
        "write_hook": hook_description(options.get("write_hook")),
    }


def table_status(catalog: Catalog, table: TableDefinition, *, names: bool = True) -> Document:
    """The state of a table."""
    server, shards = SERVER if names else SERVER_ID, table.options.get("shards", 1)
    assert type(shards) is int
    replicas = [{"server": server, "state": "ready"}]
    return {
        "db": table.database if names else catalog.database(table.database).id,
        "id": table.id,
        "name": table.name,
        "raft_leader": server,
        "shards": [{"primary_replicas": [server], "replicas": replicas} for _ in range(shards)],
        "status": dict(_READY),
    }


def hook_description(text: Value) -> Document | None:
    """A write hook as `get_write_hook` gives it; None for none."""
    if type(text) is not str:
        return None
    binary = HOOK_MAGIC + bytes([HOOK_VERSION]) + text.encode()
    return {"function": binary, "query": f"set_write_hook({print_query(loads(text))})"}


def hook_text(binary: bytes) -> str:
    """The function in the binary of a write hook. ReqlQueryLogicError for any other binary."""
    head = len(HOOK_MAGIC) + 1
    if binary[:head] == HOOK_MAGIC + bytes([HOOK_VERSION]):
        try:
            text = binary[head:].decode()
            function = loads(text)
        except (UnicodeDecodeError, ReqlError):
            pass
        else:
            if type(function) is Term and function.kind is FUNC and len(function.args[0]) == PARAMETERS:
                return text
    raise ReqlQueryLogicError(
        "Cannot create a write hook except from a reql_write_hook_function returned from `get_write_hook`."
    )
