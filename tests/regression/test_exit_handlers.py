"""A store leaves one note of itself with the interpreter's exit, however often its builder has been started."""

from __future__ import annotations

import atexit
import time

from docstore import Connection
from query import r


def test_builds_do_not_pile_up_exit_handlers(db: Connection) -> None:
    r.table_create("t").run(db)
    r.table("t").insert([{"id": number} for number in range(1_100)]).run(db)
    before = atexit._ncallbacks()
    for _ in range(5):
        r.table("t").index_create("a").run(db)
        r.table("t").index_wait().run(db)
        r.table("t").index_drop("a").run(db)
        while db.store._worker._thread is not None:
            time.sleep(0.01)
    assert atexit._ncallbacks() <= before + 1
