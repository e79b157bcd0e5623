"""The process that the demonstration kills: `python -m docstore.demo.victim STORE write LINES` or `... STORE build`.

It tells on standard output what it does, a line each: `writing N` inside the Nth transaction, `done N` after its commit;
`progress X` of the index that is being built.
"""

from __future__ import annotations

import sys
import time

import docstore
from docstore.connection import Connection
from query import r


def write(db: Connection, lines: int) -> None:
    """Transactions over two tables, one after the other, for ever: so many documents, and how many there are then."""
    number = 0
    while True:
        number += 1
        with db.transaction():
            r.table("lines").insert({"id": [number, 0]}).run(db)
            print(f"writing {number}", flush=True)
            for line in range(1, lines):
                r.table("lines").insert({"id": [number, line]}).run(db)
            r.table("totals").insert({"id": "lines", "count": number * lines}, conflict="replace").run(db)
        print(f"done {number}", flush=True)


def build(db: Connection) -> None:
    """Begin to build an index, and tell the progress until it is ready."""
    archive = r.table("archive")
    archive.index_create("depends", multi=True).run(db)
    while True:
        status = archive.index_status("depends").nth(0).run(db)
        if status["ready"]:
            return
        print(f"progress {status['progress']}", flush=True)
        time.sleep(0.001)


if __name__ == "__main__":
    with docstore.connect(sys.argv[1], create=False) as connection:
        if sys.argv[2] == "write":
            write(connection, int(sys.argv[3]))
        else:
            build(connection)
