"""SQLite through the standard library's `sqlite3`: documents as JSON text, which costs nothing to hand out."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.sql import SqlStore


class StdlibStore(SqlStore):
    """Shown beside, for a few workloads."""

    name: ClassVar[str] = "sqlite3, text"
    workloads: ClassVar[frozenset[str] | None] = frozenset(
        {"get", "get_all_simple", "scan", "filter_count", "filter_documents", "insert", "insert_indexed"}
    )
    out: ClassVar[str] = "document"
    into: ClassVar[str] = "?"
    set_field: ClassVar[str] = "json_set"

    def connection(self, file: Path) -> Any:
        """See SqlStore."""
        return sqlite3.connect(file, isolation_level=None, check_same_thread=False)
