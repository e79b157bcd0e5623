"""What a process keeps in memory of its own (RssAnon) does not grow with what it reads or writes."""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import docstore
from docstore import Connection
from query import r

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RssAnon is told by Linux"),
]

t = r.table("t")
MANY = 300_000
TEXT_BYTES = 1_300
MOST_BYTES = 100 * 2**20
MOST_BYTES_OF_A_TRANSACTION = 700 * 2**20
"""LMDB keeps up to 131,071 pages of a transaction in memory, 512 MB, before it writes some of them to the disk."""


def own_bytes() -> int:
    """Memory of the process's own, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no RssAnon")


class Peak:
    """The most memory that the process has had since the beginning, beyond what it had then."""

    def __init__(self) -> None:
        gc.collect()
        self._began = own_bytes()
        self.bytes = 0

    def look(self) -> None:
        self.bytes = max(self.bytes, own_bytes() - self._began)


def documents(peak: Peak, number: int) -> Iterator[dict[str, Any]]:
    rng = random.Random(1)
    for place in range(number):
        if place % 1_000 == 0:
            peak.look()
        yield {"id": place, "kind": place % 97, "text": rng.randbytes(TEXT_BYTES // 2).hex()}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A table of more than 400 MB."""
    with docstore.connect(tmp_path_factory.mktemp("large") / "app.db") as db:
        r.table_create("t").run(db)
        t.insert(documents(Peak(), MANY)).run(db)
        assert db.store.engine.size_bytes() > 400 * 10**6
        yield db


def test_a_cursor_streams(large: Connection) -> None:
    peak, seen = Peak(), 0
    for row in t.run(large):
        seen += 1
        if seen % 1_000 == 0:
            peak.look()
        assert len(row["text"]) == TEXT_BYTES
    assert seen == MANY
    assert peak.bytes < MOST_BYTES


@pytest.mark.parametrize(
    "query",
    [
        t.filter(lambda row: row["text"] < "0001"),
        t.map(lambda row: row["text"]).filter(lambda text: text == ""),
        t.order_by(index="id").skip(MANY - 10),
        t.count(),
        t["kind"].sum(),
        t.group("kind").count(),
        t["kind"].distinct(),
        t.order_by("text").limit(10)["id"],
    ],
    ids=["filter", "map", "skip", "count", "sum", "group", "distinct", "top"],
)
def test_a_scan_keeps_nothing(large: Connection, query: Any) -> None:
    peak = Peak()
    found = query.run(large)
    if isinstance(found, docstore.Cursor):
        found = list(found)
    peak.look()
    assert peak.bytes < MOST_BYTES


def test_a_check_and_an_index_build_are_bounded(large: Connection) -> None:
    peak = Peak()
    t.index_create("start", [r.row["kind"], r.row["id"] * 2]).run(large)
    while not t.index_status("start")[0]["ready"].run(large):
        peak.look()
    peak.look()
    assert docstore.check(large).problems == []
    peak.look()
    assert peak.bytes < MOST_BYTES


def test_an_insert_of_a_generator_keeps_what_one_transaction_keeps_and_no_more(tmp_path: Path) -> None:
    with docstore.connect(tmp_path / "app.db") as db:
        r.table_create("t").run(db)
        peak = Peak()
        summary = t.insert(documents(peak, 600_000)).run(db)
        peak.look()
        assert summary["inserted"] == 600_000
        assert db.store.engine.size_bytes() > 9 * 10**8
        assert peak.bytes < MOST_BYTES_OF_A_TRANSACTION
