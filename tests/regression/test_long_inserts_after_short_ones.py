"""How an insert of many documents is conducted was decided by the first insert of its shape, which may have been a short one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import docstore
from docstore.store import OpenStore
from query import r


def test_a_long_insert_has_a_transaction_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = []
    for way in ("write_grouped", "write_soft", "write_alone"):
        original: Any = getattr(OpenStore, way)

        def noted(*given: Any, way: str = way, original: Any = original, **named: Any) -> Any:
            ways.append(way)
            return original(*given, **named)

        monkeypatch.setattr(OpenStore, way, noted)
    with docstore.connect(tmp_path / "store") as db:
        r.table_create("t").run(db)
        ways.clear()
        for durability in ("hard", "soft"):
            for count in (2, 1_500, 3):
                r.table("t").insert([{"n": number} for number in range(count)], durability=durability).run(db)
    assert ways == ["write_grouped", "write_alone", "write_grouped", "write_soft", "write_alone", "write_soft"]
