"""A process that writes vectors until it is killed: `python -m tests.crash.vector_victim STORE SEED [--point NAME COUNT]`.

Each transaction inserts a batch of vectors around a middle that drifts, deletes an earlier batch, and logs both. Lists and
segments are so short that every transaction splits, merges or renews some. Meanwhile vector indexes of every kind are
built, replaced and dropped. After each acknowledged transaction it writes its number to standard output.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import threading
import warnings
from typing import Any

import numpy as np

import docstore
from docstore import Connection
from docstore.indexes.vector import arguments, segments
from query import r
from query.errors import ReqlError
from tests.crash.victim import kill_myself_at

DIMENSIONS = 4
BATCH = 40
FIRST_BATCHES = 30

# Without the library of graphs their index answers from its lists, and says so; that is no failure of the victim.
warnings.filterwarnings("ignore", message=".*needs faiss-cpu")
"""So many rows before there is any index that every index is built online."""

KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "auto": (r.row["v"], {"vector": {"dimensions": DIMENSIONS}}),
    "ivfflat": (r.row["v"], {"vector": {"dimensions": DIMENSIONS, "measure": "l2", "method": "ivfflat"}}),
    "ivfsq8": (r.row["v"], {"vector": {"dimensions": DIMENSIONS, "measure": "l2", "method": "ivfsq8"}}),
    "ivfrabitq": (r.row["v"], {"vector": {"dimensions": DIMENSIONS, "method": "ivfrabitq"}}),
    "chunks": (r.row["chunks"], {"multi": True, "vector": {"dimensions": DIMENSIONS, "measure": "l1"}}),
    "hnsw": (lambda row: row["v"], {"vector": {"dimensions": DIMENSIONS, "method": "hnsw", "m": 4}}),
}


def batch(number: int) -> list[dict[str, Any]]:
    """The documents of a batch, always the same."""
    chance = np.random.default_rng(number)
    middle = np.array([np.cos(number / 9), np.sin(number / 9), number / 50, 1]) * 5
    rows = (chance.standard_normal((BATCH, 2, DIMENSIONS)) + middle).astype("f4")
    return [
        {"id": f"{number}-{place}", "batch": number, "v": pair[0], "chunks": list(pair)}
        for place, pair in enumerate(rows)
    ]


def small_lists() -> None:
    """Lists of some eight vectors and segments of a few: what takes hours elsewhere happens all the time."""
    arguments.TARGET_VECTORS = 8  # type: ignore[misc]
    segments.SMALL, segments.FAN, segments.LARGEST = 8, 2, 100  # type: ignore[misc]


def prepare(db: Connection) -> None:
    """Make the tables with their first batches, if they are not there yet."""
    with db.transaction():
        if "vectors" in r.table_list().run(db):
            return
        r.table_create("vectors").run(db)
        r.table_create("log").run(db)
        for number in range(FIRST_BATCHES):
            r.table("vectors").insert(batch(number)).run(db)
            r.table("log").insert({"id": number, "deleted": None}).run(db)


def write(db: Connection, rng: random.Random, number: int) -> None:
    """One batch in, one out."""
    with db.transaction():
        there = sorted(r.table("vectors").get_field("batch").distinct().run(db))
        gone = rng.choice(there[:-5])
        r.table("vectors").insert(batch(number)).run(db)
        r.table("vectors").filter({"batch": gone}).delete().run(db)
        r.table("log").insert({"id": number, "deleted": gone}).run(db)


def keep_building(path: str, seed: int) -> None:
    """Build, replace and drop vector indexes for ever."""
    rng = random.Random(seed)
    db = docstore.connect(path)
    vectors = r.table("vectors")
    while True:
        name = rng.choice(sorted(KINDS))
        function, options = KINDS[name]
        try:
            if name not in vectors.index_list().run(db):
                vectors.index_create(name, function, **options).run(db)
                if rng.random() < 0.7:
                    vectors.index_wait(name).run(db)
            elif rng.random() < 0.3:
                vectors.index_drop(name).run(db)
            else:
                vectors.index_create(name + "_new", function, **options).run(db)
                vectors.index_wait(name + "_new").run(db)
                vectors.index_rename(name + "_new", name, overwrite=True).run(db)
        except ReqlError as error:
            if "already exists" not in error.message:
                raise
            vectors.index_drop(name + "_new").run(db)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("seed", type=int)
    parser.add_argument("--point", nargs=2)
    given = parser.parse_args()
    if given.point is not None:
        kill_myself_at(given.point[0], int(given.point[1]))
    small_lists()
    rng = random.Random(given.seed)
    with docstore.connect(given.path) as db:
        prepare(db)
        os.write(1, b"ready\n")
        threading.Thread(target=keep_building, args=(given.path, given.seed + 1), daemon=True).start()
        for number in itertools.count(r.table("log").max("id")["id"].run(db) + 1):
            write(db, rng, number)
            os.write(1, b"%d\n" % number)


if __name__ == "__main__":
    main()
