"""A store survives SIGKILL at any moment: what was acknowledged is there, nothing is half done, and `check` finds nothing.

Every round kills a writing process, at a random moment or at a named point, and the next round goes on with its store.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import docstore
from query import r
from tests.crash.victim import ACCOUNTS

POINTS = {
    "before_commit": 25,
    "after_commit": 25,
    "before_watermark": 12,
    "after_watermark": 12,
    "before_map_growth": 1,
    "after_map_growth": 1,
}
"""The named points, and the most times that a victim passes one before it dies there."""

SMALL_MAP_BYTES = 2**16
LONGEST_LIFE_SECONDS = 20.0


def live_and_die(path: Path, seed: int, point: str | None, passings: int | None = None) -> int:
    """Run a victim until it is dead; the number of the last move that it acknowledged, -1 for none."""
    rng = random.Random(seed)
    command = [sys.executable, "-m", "tests.crash.victim", str(path), str(seed)]
    if point is not None:
        command += ["--point", point, str(passings or rng.randint(1, POINTS[point]))]
    if rng.random() < 0.3 or "map" in (point or ""):
        command += ["--map-bytes", str(SMALL_MAP_BYTES)]
    victim = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert victim.stdout is not None and victim.stderr is not None
    if point is None:
        if victim.stdout.readline() == "ready\n":
            time.sleep(rng.uniform(0.0, 0.15))
        victim.kill()
    try:
        output, errors = victim.communicate(timeout=LONGEST_LIFE_SECONDS)
    except subprocess.TimeoutExpired:
        victim.send_signal(signal.SIGUSR1)
        time.sleep(0.5)
        victim.kill()
        output, errors = victim.communicate()
    assert errors == "", f"{errors}\nafter {output[-50:].split()}"
    assert victim.returncode == -signal.SIGKILL
    lines = output.splitlines()
    assert point is None or "reached" in lines, f"{point} was not reached"
    acknowledged = [int(line) for line in lines if line.isdigit()]
    return acknowledged[-1] if acknowledged else -1


def verify(path: Path, acknowledged: int) -> None:
    with docstore.connect(str(path)) as db:
        report = docstore.check(db)
        assert report.problems == [], report.problems
        if "accounts" not in r.table_list().run(db):
            assert acknowledged == -1
            return
        moves = list(r.table("moves").order_by(index="id").run(db))
        assert [one["id"] for one in moves] == list(range(len(moves)))
        assert acknowledged < len(moves), "an acknowledged move is missing"
        money = dict.fromkeys(range(ACCOUNTS), 100)
        for one in moves:
            money[one["from"]] -= 1
            money[one["to"]] += 1
        assert {one["id"]: one["money"] for one in r.table("accounts").run(db)} == money


def kill_repeatedly(path: Path, rounds: int, seed: int) -> None:
    acknowledged, points = -1, list(POINTS)
    for number in range(rounds):
        point = points[number // 2 % len(points)] if number % 2 else None
        acknowledged = max(acknowledged, live_and_die(path, seed + number, point))
        verify(path, acknowledged)
    with docstore.connect(str(path)) as db:
        r.table("documents").index_wait().run(db)
        assert docstore.check(db).problems == []
    assert acknowledged > 0, "no victim lived long enough to write"


def test_a_store_survives_kills_at_random_moments_and_at_named_points(tmp_path: Path) -> None:
    kill_repeatedly(tmp_path / "app.db", rounds=12, seed=1)


@pytest.mark.parametrize("point", ["before_map_growth", "after_map_growth"])
@pytest.mark.parametrize("passings", [1, 2, 4])
def test_a_new_store_survives_kills_while_its_map_grows(tmp_path: Path, point: str, passings: int) -> None:
    path = tmp_path / "app.db"
    verify(path, live_and_die(path, seed=passings, point=point, passings=passings))
    verify(path, live_and_die(path, seed=passings + 1, point=None))


@pytest.mark.slow
def test_a_store_survives_two_hundred_kills(tmp_path: Path) -> None:
    for store in range(4):
        kill_repeatedly(tmp_path / f"{store}.db", rounds=50, seed=1000 * (store + 1))
