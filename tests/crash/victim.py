"""A process that writes until it is killed: `python -m tests.crash.victim STORE SEED [POINT COUNT]`.

It moves money between accounts, logging each move in the same transaction, beside inserts and deletes of documents with
every kind of index, while an index is built, dropped and built again. After each acknowledged move it writes the move's
number to standard output. With POINT and COUNT it kills itself when it passes that named point for that time.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from typing import Any

import docstore
from docstore import Connection, faults
from query import r
from query.errors import ReqlError

ACCOUNTS = 20
DOCUMENTS = 1_500
"""More than are indexed at once, so that every index is built online."""


def prepare(db: Connection) -> None:
    """Make the tables, if they are not there yet, in one transaction."""
    with db.transaction():
        if r.table_list().contains("accounts").run(db):
            return
        for name in ("accounts", "moves", "documents"):
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
    if rng.random() < 0.3:
        r.table("documents").get(number).delete().run(db)
    else:
        changed = {**document(number), "kind": rng.randrange(9), "tags": [f"t{rng.randrange(6)}"]}
        r.table("documents").insert(changed, conflict="replace").run(db)


def keep_building(path: str, seed: int) -> None:
    """Build, replace and drop indexes for ever."""
    rng = random.Random(seed)
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        "kind": (r.row["kind"], {}),
        "tags": (r.row["tags"], {"multi": True}),
        "kind_text": ([r.row["kind"], r.row["text"]], {}),
        "length": (lambda row: row["text"].count(), {}),
    }
    db = docstore.connect(path)
    documents = r.table("documents")
    while True:
        name = rng.choice(sorted(kinds))
        function, options = kinds[name]
        try:
            if documents.index_list().contains(name).run(db):
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


def main() -> None:
    path, seed = sys.argv[1], int(sys.argv[2])
    if len(sys.argv) > 3:
        point, left = sys.argv[3], int(sys.argv[4])

        def on_reach(name: str) -> None:
            nonlocal left
            if name == point:
                left -= 1
                if left <= 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        faults.install(on_reach)
    rng = random.Random(seed)
    db = docstore.connect(path)
    prepare(db)
    last = r.table("moves").max("id").default({"id": -1})["id"].run(db)
    os.write(1, b"ready\n")
    threading.Thread(target=keep_building, args=(path, seed + 1), daemon=True).start()
    number = last
    while True:
        number += 1
        move(db, rng, number)
        os.write(1, b"%d\n" % number)
        churn(db, rng)


if __name__ == "__main__":
    main()
