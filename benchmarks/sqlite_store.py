"""SQLite through `apsw`: the newest SQLite, documents as JSONB."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import apsw

from benchmarks.sql import SqlStore


class SqliteStore(SqlStore):
    """The strongest thing that a user would pick instead, and what the ratios are against."""

    name: ClassVar[str] = "sqlite"
    out: ClassVar[str] = "json(document)"
    into: ClassVar[str] = "jsonb(?)"
    set_field: ClassVar[str] = "jsonb_set"

    def connection(self, file: Path) -> Any:
        """See SqlStore."""
        return apsw.Connection(str(file))
