"""Vector indexes survive SIGKILL during inserts, splits and builds: every vector is there with its document, or neither is."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import docstore
from query import r
from tests.crash.vector_victim import DIMENSIONS, KINDS, batch
from tests.docstore.vector.oracle import MEASURES

POINTS = {"before_commit": 40, "after_commit": 40, "before_watermark": 12, "after_watermark": 12}
"""The named points, and the most times that a victim passes one before it dies there."""


def live_and_die(path: Path, seed: int, point: str | None) -> int:
    """Run a victim until it is dead; the number of the last transaction that it acknowledged, -1 for none."""
    rng = random.Random(seed)
    command = [sys.executable, "-m", "tests.crash.vector_victim", str(path), str(seed)]
    if point is not None:
        command += ["--point", point, str(rng.randint(1, POINTS[point]))]
    victim = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    if point is None:
        if victim.stdout.readline() == "ready\n":
            time.sleep(rng.uniform(0.0, 0.5))
        victim.kill()
    output, errors = victim.communicate(timeout=60)
    assert errors == "", errors
    assert victim.returncode == -signal.SIGKILL
    acknowledged = [int(line) for line in output.splitlines() if line.isdigit()]
    return acknowledged[-1] if acknowledged else -1


def verify(path: Path, acknowledged: int) -> None:
    """The store is whole, has what was acknowledged and no half of anything, and its indexes find it."""
    with docstore.connect(str(path)) as db:
        report = docstore.check(db)
        assert report.problems == [], report.problems
        if "log" not in r.table_list().run(db):
            assert acknowledged == -1
            return
        log = {one["id"]: one["deleted"] for one in r.table("log").run(db)}
        assert sorted(log) == list(range(len(log)))
        assert acknowledged < len(log), "an acknowledged transaction is missing"
        documents = [one for number in log.keys() - set(log.values()) for one in batch(number)]
        assert set(r.table("vectors")["id"].run(db)) == {one["id"] for one in documents}
        for status in r.table("vectors").index_status().run(db):
            if status["ready"]:
                search(db, status["index"], documents)


def search(db: docstore.Connection, name: str, documents: list[dict[str, Any]]) -> None:
    """What an index finds is what all vectors, compared one by one, give."""
    _, options = KINDS[name.removesuffix("_new")]
    measure = MEASURES[options["vector"].get("measure", "cosine")]
    query = np.arange(DIMENSIONS) + 1.0
    dists = {
        one["id"]: min(
            measure(vector.astype(float), query) for vector in (one["chunks"] if "multi" in options else [one["v"]])
        )
        for one in documents
    }
    wanted = sorted(dists.values())[:20]
    exact = r.table("vectors").get_nearest(query, index=name, max_results=20, exact=True).run(db)
    np.testing.assert_allclose([one["dist"] for one in exact], wanted, rtol=1e-4, atol=1e-6)
    for one in r.table("vectors").get_nearest(query, index=name, max_results=20).run(db):
        np.testing.assert_allclose(one["dist"], dists[one["doc"]["id"]], rtol=1e-4, atol=1e-6)


def kill_repeatedly(path: Path, rounds: int, seed: int) -> None:
    acknowledged, points = -1, list(POINTS)
    for number in range(rounds):
        point = points[number // 2 % len(points)] if number % 2 else None
        acknowledged = max(acknowledged, live_and_die(path, seed + number, point))
        verify(path, acknowledged)
    with docstore.connect(str(path)) as db:
        r.table("vectors").index_wait().run(db)
    verify(path, acknowledged)
    assert acknowledged > 0, "no victim lived long enough to write"


def test_vector_indexes_survive_kills_at_random_moments_and_at_named_points(tmp_path: Path) -> None:
    kill_repeatedly(tmp_path / "app.db", rounds=8, seed=1)


@pytest.mark.slow
def test_vector_indexes_survive_a_hundred_kills(tmp_path: Path) -> None:
    for store in range(2):
        kill_repeatedly(tmp_path / f"{store}.db", rounds=50, seed=1000 * (store + 1))
