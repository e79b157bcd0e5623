"""A child of a fork may close its parent's connection, whatever the parent's threads did at that moment: it hung."""

from __future__ import annotations

import os
import signal
import threading

from docstore import Connection


def test_a_child_closes_its_parents_connection_while_the_builder_holds_its_lock(db: Connection) -> None:
    taken, forked = threading.Event(), threading.Event()

    def hold() -> None:
        with db.store._worker._mutex:
            taken.set()
            forked.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(5)
        db.close()
        os._exit(0)
    forked.set()
    thread.join()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
