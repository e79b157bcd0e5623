"""A query whose transaction was replaced while it ran, as `index_wait` does, ended the first one and left the second open."""

from __future__ import annotations

import time
from pathlib import Path

import docstore
from query import r


def test_index_wait_leaves_no_snapshot_open(tmp_path: Path) -> None:
    with docstore.connect(str(tmp_path / "store")) as db:
        r.table_create("posts").run(db)
        r.table("posts").insert([{"id": number, "n": number % 7} for number in range(3_000)]).run(db)
        r.table("posts").index_create("n").run(db)
        kept = r.table("posts").index_wait("n").run(db)
        assert kept[0]["ready"]
        gate = db.store.engine._store.gate  # type: ignore[attr-defined]
        deadline = time.monotonic() + 10  # the builder's thread may be looking once more
        while gate.has_guests() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not gate.has_guests()
