"""Any sequence of writes and transactions leaves a vector index that finds what an oracle finds; lists split all the time."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import docstore
from docstore.indexes.vector import arguments, lists, search, segments
from query import r
from tests.docstore.vector.oracle import check_nearest

TINY_LISTS = 6


class RollBack(Exception):  # noqa: N818 - no error, but the way to leave a transaction
    pass


@pytest.fixture(autouse=True)
def small_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of some six vectors, segments of a few, and none that is searched for being few."""
    monkeypatch.setattr(arguments, "TARGET_VECTORS", TINY_LISTS)
    monkeypatch.setattr(search, "EXACT_VECTORS", 0)
    monkeypatch.setattr(segments, "SMALL", 4)
    monkeypatch.setattr(segments, "FAN", 2)
    monkeypatch.setattr(segments, "LARGEST", 20)
    monkeypatch.setattr(lists, "SHORT", 6)


def some_vectors(rng: random.Random) -> list[Any]:
    """Vectors for one document: mostly one, sometimes none or several."""
    count = rng.choice([0, 1, 1, 1, 2, 3])
    return [np.array([rng.gauss(0, 5), rng.gauss(0, 1), rng.choice([0, 7])], np.float32) for _ in range(count)]


def write_something(db: docstore.Connection, rng: random.Random, rows: dict[int, list[Any]]) -> None:
    """One write on the table and on the oracle."""
    table = r.table("t")
    keys = rng.sample(range(150), rng.choice([1, 3, 40]))
    kind = rng.random()
    if kind < 0.55:
        fresh = {key: some_vectors(rng) for key in keys}
        table.insert([{"id": key, "v": one} for key, one in fresh.items()], conflict="replace").run(db)
        rows |= fresh
    elif kind < 0.9:
        table.get_all(*keys).delete().run(db)
        for key in keys:
            rows.pop(key, None)
    else:
        table.get_all(*keys).update({"other": rng.random()}).run(db)


def compare(db: docstore.Connection, rng: random.Random, rows: dict[int, list[Any]], measure: str) -> None:
    """That the exact nearest are those of the oracle, and the others not too far from them."""
    query = np.array([rng.gauss(0, 5), rng.gauss(0, 1), rng.choice([0, 7])])
    if measure == "cosine":
        distance = lambda one: 1 - one @ query / np.linalg.norm(one) / np.linalg.norm(query)  # noqa: E731
    else:
        distance = lambda one: np.linalg.norm(one - query)  # noqa: E731
    nearest = {key: min(some, key=distance) for key, some in rows.items() if some}
    exact = r.table("t").get_nearest(query, index="v", max_results=12, exact=True).run(db)
    check_nearest(exact, nearest, query.astype(np.float32), measure, 12)
    for options in ({}, {"filter": r.row["id"] % 3 == 0}):
        found = r.table("t").get_nearest(query, index="v", max_results=12, **options).run(db)
        passing = [key for key in nearest if not options or key % 3 == 0]
        assert len(found) == min(12, len(passing))
        assert {row["doc"]["id"] for row in found} <= set(passing)


@pytest.mark.parametrize("place", ["memory", "file"])
@pytest.mark.parametrize(("method", "measure"), [("auto", "l2"), ("ivfrabitq", "cosine"), ("ivfsq8", "l2")])
@pytest.mark.parametrize("seed", range(4))
def test_any_writes_leave_a_whole_index(tmp_path: Path, place: str, method: str, measure: str, seed: int) -> None:
    rng = random.Random(seed)
    rows: dict[int, list[Any]] = {}
    with docstore.connect(tmp_path / "store" if place == "file" else None) as db:
        r.table_create("t").run(db)
        write_something(db, rng, rows)
        vector = {"dimensions": 3, "measure": measure, "method": method}
        r.table("t").index_create("v", multi=True, vector=vector).run(db)
        r.table("t").index_wait().run(db)
        for _ in range(25):
            before = dict(rows)
            try:
                with db.transaction():
                    for _ in range(rng.choice([1, 1, 4])):
                        write_something(db, rng, rows)
                    compare(db, rng, rows, measure)
                    if rng.random() < 0.3:
                        raise RollBack
            except RollBack:
                rows = before
            compare(db, rng, rows, measure)
        assert docstore.check(db).problems == []


@pytest.mark.parametrize("method", ["auto", "ivfrabitq"])
def test_an_older_snapshot_keeps_its_answers_while_lists_split(tmp_path: Path, method: str) -> None:
    with docstore.connect(tmp_path / "store") as db:
        r.table_create("t").run(db)
        r.table("t").index_create("v", vector={"dimensions": 2, "measure": "l2", "method": method}).run(db)
        r.table("t").insert([{"id": n, "v": [n % 20, n // 20]} for n in range(200)]).run(db)
        query = r.table("t").get_nearest([5, 5], index="v", max_results=9)["doc"]["id"]
        with db.snapshot():
            before = query.run(db)
            writer = threading.Thread(target=lambda: r.table("t").insert(_around_five()).run(db))
            writer.start()
            writer.join()
            assert query.run(db) == before
        assert query.run(db) != before


def _around_five() -> list[dict[str, Any]]:
    return [{"id": 1000 + n, "v": [5 + n / 100, 5]} for n in range(100)]


READER = """
    import sys
    import docstore
    from query import r

    with docstore.connect(sys.argv[1], read_only=True) as db:
        while True:
            with db.snapshot():
                ids = set(r.table("t")["id"].run(db))
                found = r.table("t").get_nearest([1, 2, 3], index="v", max_results=40).run(db)
                assert len(found) == min(40, len(ids)), (len(found), len(ids))
                assert {row["doc"]["id"] for row in found} <= ids
                dists = [row["dist"] for row in found]
                assert dists == sorted(dists)
                if "end" in ids:
                    break
    print("done")
"""


@pytest.mark.parametrize("method", ["ivfflat", "ivfrabitq"])
def test_two_processes_read_while_one_writes(tmp_path: Path, method: str) -> None:
    path = str(tmp_path / "store")
    rng = random.Random(5)
    with docstore.connect(path) as db:
        r.table_create("t").run(db)
        r.table("t").index_create("v", vector={"dimensions": 3, "measure": "l2", "method": method}).run(db)
        command = [sys.executable, "-c", textwrap.dedent(READER), path]
        readers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
        for _ in range(80):
            rows = [{"id": rng.randrange(2_000), "v": [rng.gauss(0, 9) for _ in range(3)]} for _ in range(60)]
            r.table("t").insert(rows, conflict="replace").run(db)
            r.table("t").get_all(*[rng.randrange(2_000) for _ in range(20)]).delete().run(db)
        r.table("t").insert({"id": "end", "v": [0, 0, 0]}).run(db)
        for reader in readers:
            output, errors = reader.communicate(timeout=60)
            assert output == b"done\n", errors.decode()
        assert docstore.check(db).problems == []
