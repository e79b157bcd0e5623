"""A process that writes until it is killed: `python -m tests.crash.victim STORE SEED [--point NAME COUNT] [--map-bytes N]`.

It moves money between accounts, logging each move in the same transaction, beside inserts and deletes of documents with
every kind of index, while an index is built, dropped and built again. After each acknowledged move it writes the move's
number to standard output. With a point and a count it kills itself when it passes that named point for that time, after
it has written "reached". With a map that is small at first, the map has to grow again and again.
"""

from __future__ import annotations

import argparse
import faulthandler
import itertools
import os
import random
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np

import docstore
from docstore import Connection, StoreFullError, faults
from docstore.storage.lmdb import open_lmdb
from query import r
from query.errors import ReqlError

ACCOUNTS = 20
DOCUMENTS = 1_500
"""More than are indexed at once, so that every index is built online."""


def again_when_grown(work: Callable[[], None]) -> None:
    """Do a transaction, once more each time the map was too small for it."""
    while True:
        try:
            return work()
        except StoreFullError:
            continue


def prepare(db: Connection) -> None:
    """Make the tables, if they are not there yet, in one transaction."""
    with db.transaction():
        if "accounts" in r.table_list().run(db):
            return
        for name in ("accounts", "moves", "documents", "ballast"):
            r.table_create(name).run(db)
        r.table("accounts").insert([{"id": number, "money": 100} for number in range(ACCOUNTS)]).run(db)
        r.table("moves").index_create("from").run(db)
        r.table("moves").index_create("both", [r.row["from"], r.row["to"]]).run(db)
        r.table("documents").insert([document(number) for number in range(DOCUMENTS)]).run(db)


def document(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "kind": number % 7,
        "tags": [f"t{number % 5}", f"u{number % 11}"],
        "text": "x" * (number % 300),
        "vector": np.array([number % 97, number % 13, number % 5, 1], np.float32),
    }


def move(db: Connection, rng: random.Random, number: int) -> None:
    """One transfer with its log entry: atomic over two tables."""
    source, target = rng.sample(range(ACCOUNTS), 2)
    with db.transaction():
        r.table("accounts").get(source).update({"money": r.row["money"] - 1}).run(db)
        r.table("accounts").get(target).update({"money": r.row["money"] + 1}).run(db)
        r.table("moves").insert({"id": number, "from": source, "to": target}).run(db)


def churn(db: Connection, rng: random.Random) -> None:
    """Change documents of the table whose indexes are being built."""
    number = rng.randrange(DOCUMENTS * 2)
    durability = rng.choice(["hard", "soft"])
    if rng.random() < 0.3:
        r.table("documents").get(number).delete(durability=durability).run(db)
    else:
        vector = np.array([rng.randrange(97), rng.random(), 2, 3], np.float32)
        tags = [f"t{rng.randrange(6)}"]
        changed = {**document(number), "kind": rng.randrange(9), "tags": tags, "vector": vector}
        r.table("documents").insert(changed, conflict="replace", durability=durability).run(db)


def grow(db: Connection) -> None:
    """Add what nothing makes room for again."""
    r.table("ballast").insert([{"text": "x" * 2_000} for _ in range(5)]).run(db)


def keep_building(path: str, seed: int) -> None:
    """Build, replace and drop indexes for ever."""
    rng = random.Random(seed)
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        "kind": (r.row["kind"], {}),
        "tags": (r.row["tags"], {"multi": True}),
        "kind_text": ([r.row["kind"], r.row["text"]], {}),
        "double": (lambda row: row["kind"] * 2, {}),
        "place": (lambda row: r.point(row["kind"], 0), {"geo": True}),
        "vector": (r.row["vector"], {"vector": {"dimensions": 4, "measure": "l2", "method": "ivfflat"}}),
        "bits": (r.row["vector"], {"vector": {"dimensions": 4, "method": "ivfrabitq"}}),
    }
    db = docstore.connect(path)
    documents = r.table("documents")
    while True:
        name = rng.choice(sorted(kinds))
        function, options = kinds[name]
        try:
            if name in documents.index_list().run(db):
                if rng.random() < 0.5:
                    documents.index_drop(name).run(db)
                    continue
                documents.index_create(name + "_new", function, **options).run(db)
                documents.index_wait(name + "_new").run(db)
                documents.index_rename(name + "_new", name, overwrite=True).run(db)
            else:
                documents.index_create(name, function, **options).run(db)
                if rng.random() < 0.7:
                    documents.index_wait(name).run(db)
        except ReqlError as error:
            if "already exists" not in error.message:
                raise
            documents.index_drop(name + "_new").run(db)


def kill_myself_at(point: str, count: int) -> None:
    """Die when a named point is passed for that time."""
    left = count

    def on_reach(name: str) -> None:
        nonlocal left
        if name == point:
            left -= 1
            if left <= 0:
                os.write(1, b"reached\n")
                os.kill(os.getpid(), signal.SIGKILL)

    faults.install(on_reach)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("seed", type=int)
    parser.add_argument("--point", nargs=2)
    parser.add_argument("--map-bytes", type=int)
    given = parser.parse_args()
    faulthandler.register(signal.SIGUSR1)  # what each thread does, for whom it takes too long
    if given.point is not None:
        kill_myself_at(given.point[0], int(given.point[1]))
    rng = random.Random(given.seed)
    with closing(open_lmdb(given.path, initial_map_bytes=given.map_bytes)), docstore.connect(given.path) as db:
        again_when_grown(lambda: prepare(db))
        last = list(r.table("moves").order_by(index=r.desc("id")).limit(1).run(db))
        os.write(1, b"ready\n")
        threading.Thread(target=keep_building, args=(given.path, given.seed + 1), daemon=True).start()
        for number in itertools.count(last[0]["id"] + 1 if last else 0):
            again_when_grown(lambda: move(db, rng, number))
            os.write(1, b"%d\n" % number)
            again_when_grown(lambda: churn(db, rng))
            if given.map_bytes is not None:
                again_when_grown(lambda: grow(db))


if __name__ == "__main__":
    main()
