"""A store survives a loss of power at any moment.

A process writes while everything that it writes and syncs is recorded. Then the file is rebuilt as a disk may hold it
after a loss of power: everything up to one of the syncs, and of what was written after it, up to the next sync, any
subset, torn at sectors. Each of these files must open, pass `check`, and hold every move acknowledged before the sync.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.crash.test_kill import verify

SECTOR_BYTES = 512
RECORDING_SECONDS = 4.0


class Operation(NamedTuple):
    kind: str
    offset: int
    data: bytes


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("recording needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("recorder") / "recorder.so"
    source = Path(__file__).with_name("recorder.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl", "-lpthread"], check=True)
    return library


def recorded(library: Path, folder: Path, seed: int) -> list[Operation]:
    """What a victim wrote and synced until it was killed."""
    store, log, marks = folder / "app.db", folder / "log", folder / "marks"
    store.touch()
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "RECORDED_FILE": str(store),
        "RECORD_LOG": str(log),
        "RECORD_MARKS": str(marks),
    }
    with marks.open("wb") as acknowledgements:
        victim = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.victim", str(store), str(seed)],
            stdout=acknowledgements,
            stderr=subprocess.PIPE,
            env=environment,
        )
        try:
            _, errors = victim.communicate(timeout=RECORDING_SECONDS)
        except subprocess.TimeoutExpired:
            victim.kill()
            _, errors = victim.communicate()
    assert victim.returncode == -signal.SIGKILL, errors.decode()
    return list(operations(log.read_bytes()))


def operations(log: bytes) -> Iterator[Operation]:
    position = 0
    while position + 17 <= len(log):
        kind = chr(log[position])
        offset, length = struct.unpack_from("=qq", log, position + 1)
        position += 17
        yield Operation(kind, offset, log[position : position + length])
        position += length


def apply(disk: bytearray, operation: Operation) -> None:
    if operation.kind == "t":
        del disk[operation.offset :]
        disk.extend(bytes(operation.offset - len(disk)))
    elif operation.kind in "wd":
        end = operation.offset + len(operation.data)
        disk.extend(bytes(max(0, end - len(disk))))
        disk[operation.offset : end] = operation.data


def part_of(operation: Operation, rng: random.Random) -> Iterator[Operation]:
    """Some of the sectors of a write."""
    for start in range(0, len(operation.data), SECTOR_BYTES):
        if rng.random() < 0.5:
            yield Operation("w", operation.offset + start, operation.data[start : start + SECTOR_BYTES])


def lose_power_repeatedly(library: Path, folder: Path, seed: int, losses: int) -> None:
    rng = random.Random(seed)
    done = recorded(library, folder, seed)
    syncs = [place for place, operation in enumerate(done) if operation.kind in "sd"]
    first = next(place for place in syncs if any(one.kind == "m" for one in done[:place]))
    chosen = sorted(rng.sample([place for place in syncs if place >= first], losses))
    disk, applied, acknowledged = bytearray(), 0, -1
    for place in chosen:
        for operation in done[applied : place + 1]:
            apply(disk, operation)
            if operation.kind == "m":
                acknowledged = max([acknowledged, *[int(n) for n in operation.data.split() if n.isdigit()]])
        applied = place + 1
        left = bytearray(disk)
        following = next((later for later in syncs if later > place), len(done))
        for operation in done[place + 1 : following + 1]:
            if operation.kind in "wd":
                whole = rng.random()
                pieces = [operation] if whole < 0.4 else part_of(operation, rng) if whole < 0.8 else []
                for piece in pieces:
                    apply(left, piece)
        rebuilt = folder / "rebuilt.db"
        rebuilt.write_bytes(left)
        (folder / "rebuilt.db-lock").unlink(missing_ok=True)
        verify(rebuilt, acknowledged)


def test_a_store_survives_losses_of_power(recorder: Path, tmp_path: Path) -> None:
    lose_power_repeatedly(recorder, tmp_path, seed=1, losses=15)


@pytest.mark.slow
def test_a_store_survives_many_losses_of_power(recorder: Path, tmp_path: Path) -> None:
    for seed in range(2, 5):
        folder = tmp_path / str(seed)
        folder.mkdir()
        lose_power_repeatedly(recorder, folder, seed, losses=60)
