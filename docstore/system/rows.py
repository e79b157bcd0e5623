"""The rows of the system tables, each table a function of the run; of RethinkDB's shape, for a cluster of one server.

Rates of queries and documents are not measured: `stats` has its fields, and 0 in them.
"""

from __future__ import annotations

import os
import platform
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from docstore.build import progress
from docstore.catalog import IndexDefinition, TableDefinition
from docstore.descriptions import SERVER_ID, database_config, table_config, table_status
from docstore.placement import SERVER, TAG
from docstore.transaction import Transaction
from docstore.users import ADMIN, PERMISSIONS
from query.runtime import Document, Run
from query.values import Time, Value

_STARTED: Final = time.time()


class Asked(NamedTuple):
    """What rows are made for: a run, and whether databases and servers are told by their names."""

    run: Run
    names: bool

    @property
    def transaction(self) -> Transaction:
        """The run's transaction."""
        found: Transaction = self.run.transaction
        return found

    @property
    def server(self) -> str:
        """What the one server is called."""
        return SERVER if self.names else SERVER_ID


def db_config(asked: Asked) -> Iterator[Document]:
    """The databases."""
    return map(database_config, asked.transaction.catalog.databases.values())


def table_configs(asked: Asked) -> Iterator[Document]:
    """The settings of all tables."""
    catalog = asked.transaction.catalog
    return (table_config(catalog, table, names=asked.names) for table in catalog.tables())


def table_statuses(asked: Asked) -> Iterator[Document]:
    """The states of all tables."""
    catalog = asked.transaction.catalog
    return (table_status(catalog, table, names=asked.names) for table in catalog.tables())


def users(asked: Asked) -> Iterator[Document]:
    """The users, and whether they have a password."""
    yield {"id": ADMIN, "password": False}
    for name, user in asked.transaction.catalog.users.items():
        yield {"id": name, "password": user["password"]}


def permissions(asked: Asked) -> Iterator[Document]:
    """What was granted to whom, scope by scope."""
    catalog = asked.transaction.catalog
    databases = {database.id: database.name for database in catalog.databases.values()}
    tables = {table.id: table.name for table in catalog.tables()}
    yield {"id": [ADMIN], "permissions": dict.fromkeys(PERMISSIONS, True), "user": ADMIN}
    for name, user in catalog.users.items():
        for scope, given in user["permissions"].items():
            database, _, table = scope.partition("/")
            if (database and database not in databases) or (table and table not in tables):
                continue
            row: Document = {
                "id": [part for part in (name, database, table) if part],
                "permissions": given,
                "user": name,
            }
            if database:
                row["database"] = databases[database] if asked.names else database
            if table:
                row["table"] = tables[table] if asked.names else table
            yield row


def _indexes(asked: Asked) -> Iterator[tuple[TableDefinition, IndexDefinition]]:
    for table in asked.transaction.catalog.tables():
        for index in table.indexes.values():
            yield table, index


def jobs(asked: Asked) -> Iterator[Document]:
    """The indexes that are being built."""
    for table, index in _indexes(asked):
        if index.state == "building":
            yield {
                "duration_sec": None,
                "id": ["index_construction", _derived(f"{table.id}/{index.space}")],
                "info": {
                    "db": table.database,
                    "index": index.name,
                    "progress": progress(asked.transaction, table, index),
                    "table": table.name,
                },
                "servers": [asked.server],
                "type": "index_construction",
            }


def current_issues(asked: Asked) -> Iterator[Document]:
    """The indexes that a later version of the language would make otherwise."""
    outdated = [
        {"db": table.database, "indexes": names, "table": table.name}
        for table in asked.transaction.catalog.tables()
        if (names := [index.name for index in table.indexes.values() if index.outdated])
    ]
    if outdated:
        yield {
            "critical": False,
            "description": "Some indexes were made by an earlier version: create them anew, under other names, and rename "
            "them with overwrite=True.",
            "id": _derived("outdated_index"),
            "info": {"tables": outdated},
            "type": "outdated_index",
        }


def logs(asked: Asked) -> Iterator[Document]:
    """That this process opened the store, and the indexes that could not be built."""
    yield _log(asked, "notice", "The store was opened by this process.")
    for table, index in _indexes(asked):
        if index.error is not None:
            text = f"The index `{index.name}` of the table `{table.title}` could not be built: {index.error}"
            yield _log(asked, "error", text)


def _log(asked: Asked, level: str, message: str) -> Document:
    moment = _time(_STARTED)
    return {
        "id": [moment.isoformat(), _derived(message)],
        "level": level,
        "message": message,
        "server": asked.server,
        "timestamp": moment,
        "uptime": 0,
    }


def stats(asked: Asked) -> Iterator[Document]:
    """The numbers of documents and the size of the store; no rates."""
    store: Any = asked.run.store
    rates = {"read_docs_per_sec": 0, "written_docs_per_sec": 0}
    totals = {"read_docs_total": 0, "written_docs_total": 0}
    queries = {"client_connections": 1, "clients_active": 1, "queries_per_sec": 0, **rates}
    size = Path(store.path).stat().st_size if store.path else 0
    yield {"id": ["cluster"], "query_engine": queries}
    yield {
        "id": ["server", SERVER_ID],
        "query_engine": {**queries, **totals, "queries_total": 0},
        "server": asked.server,
    }
    for table in asked.transaction.catalog.tables():
        place = {"db": table.database, "table": table.name}
        yield {"id": ["table", table.id], "query_engine": rates, **place}
        yield {
            "id": ["table_server", table.id, SERVER_ID],
            "query_engine": {**rates, **totals},
            "server": asked.server,
            "storage_engine": {
                "cache": {"in_use_bytes": 0},
                "disk": {
                    "read_bytes_per_sec": 0,
                    "read_bytes_total": 0,
                    "space_usage": {
                        "data_bytes": size,
                        "garbage_bytes": 0,
                        "metadata_bytes": 0,
                        "preallocated_bytes": 0,
                    },
                    "written_bytes_per_sec": 0,
                    "written_bytes_total": 0,
                },
            },
            **place,
        }


def server_config(asked: Asked) -> Iterator[Document]:
    """The one server."""
    yield {"cache_size_mb": "auto", "id": SERVER_ID, "name": SERVER, "tags": [TAG]}


def server_status(asked: Asked) -> Iterator[Document]:
    """This process."""
    started = _time(_STARTED)
    yield {
        "id": SERVER_ID,
        "name": SERVER,
        "network": {
            "canonical_addresses": [],
            "cluster_port": None,
            "connected_to": {},
            "hostname": platform.node(),
            "http_admin_port": None,
            "reql_port": None,
            "time_connected": started,
        },
        "process": {
            "argv": list(sys.argv),
            "cache_size_mb": 0,
            "pid": os.getpid(),
            "time_started": started,
            "version": f"docstore (Python {platform.python_version()})",
        },
    }


def cluster_config(asked: Asked) -> Iterator[Document]:
    """What RethinkDB's clusters can be set to, at its default."""
    yield {"heartbeat_timeout_secs": 10, "id": "heartbeat"}


def _time(seconds: float) -> Time:
    return Time.of(datetime.fromtimestamp(seconds, UTC))


def _derived(text: str) -> str:
    """A UUID that is the same for the same text."""
    return str(uuid.uuid5(uuid.UUID(SERVER_ID), text))


ROWS: Final[Mapping[str, Callable[[Asked], Iterator[dict[str, Value]]]]] = {
    "cluster_config": cluster_config,
    "current_issues": current_issues,
    "db_config": db_config,
    "jobs": jobs,
    "logs": logs,
    "permissions": permissions,
    "server_config": server_config,
    "server_status": server_status,
    "stats": stats,
    "table_config": table_configs,
    "table_status": table_statuses,
    "users": users,
}
