"""Chapters: processes are killed, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Final

from docstore.demo.queries import archive
from docstore.demo.stage import Stage
from docstore.progress import wait_with_bars
from query import r

LINES: Final = 50
"""Documents of one transaction."""

TRANSACTIONS: Final = 40
"""Transactions that the victim may finish."""

ATTEMPTS: Final = 3
"""A build that was ready before it could be killed is begun again so many times."""


def kill_while_writing(stage: Stage) -> None:
    """Kill a process inside a transaction over two tables."""
    stage.chapter(
        "Killed in the middle of a write",
        f"Another process writes transactions over two tables: {LINES} documents into one, their number into the other. "
        "It tells each one that has been committed, and is killed with SIGKILL inside the next.",
    )
    r.table_create("lines").run(stage.db)
    r.table_create("totals").run(stage.db)
    stage.db.close()
    acknowledged = 0

    def enough(event: str, value: str) -> bool:
        nonlocal acknowledged
        if event == "done":
            acknowledged = int(value)
        return event == "writing" and int(value) > TRANSACTIONS

    killed = _run_and_kill(stage, enough, "write", str(LINES))
    stage.claim(killed, f"killed inside transaction {acknowledged + 1}; {acknowledged} had been acknowledged")
    seconds = stage.reopen()
    db = stage.db
    stage.claim(seconds < 1, f"the store opens again in {seconds * 1000:.0f} ms: there is no log to replay")
    found, total = r.table("lines").count().run(db), r.table("totals").get("lines")["count"].run(db)
    stage.claim(found == acknowledged * LINES, f"all {found:,} acknowledged documents are there, and none of the rest")
    stage.claim(total == found, f"the other table agrees: {total:,}")


def kill_while_building(stage: Stage) -> None:
    """Kill a process that builds an index; the build goes on in this one."""
    stage.chapter(
        "Killed in the middle of a build",
        'Another process begins to build a multi index on "depends", and is killed with SIGKILL before it is ready.',
    )
    progress = 0.0
    for _ in range(ATTEMPTS):
        if "depends" in archive.index_list().run(stage.db):
            archive.index_drop("depends").run(stage.db)
        stage.db.close()
        seen: list[float] = []

        def under_way(event: str, value: str, seen: list[float] = seen) -> bool:
            seen.append(float(value))
            return float(value) > 0

        killed = _run_and_kill(stage, under_way, "build")
        seconds = stage.reopen()
        status = archive.index_status("depends").nth(0).run(stage.db)
        progress = max(seen, default=0.0)
        if killed and not status["ready"]:
            break
    stage.claim(killed and not status["ready"], f"killed when {progress:.0%} of the documents were in the index")
    stage.claim(
        status.get("progress", 1.0) >= progress,
        f"opened again in {seconds * 1000:.0f} ms: {status['progress']:.0%} are in it",
    )
    wait_with_bars(stage.console, stage.db, [("depends", archive, "depends")])
    count = archive.get_all("libc6", index="depends").count().run(stage.db)
    scanned = archive.filter(lambda package: package["depends"].contains("libc6")).count().run(stage.db)
    stage.claim(
        count == scanned, f"the build went on where it was: {count:,} documents depend on libc6, as a scan finds too"
    )
    stage.check()


def _run_and_kill(stage: Stage, moment: Callable[[str, str], bool], *task: str) -> bool:
    """Run the victim, call `moment` for each line that it prints, and kill it when that is true; whether it was."""
    command = [sys.executable, "-m", "docstore.demo.victim", str(stage.path), *task]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        for line in victim.stdout:
            event, _, value = line.strip().partition(" ")
            if moment(event, value):
                os.kill(victim.pid, signal.SIGKILL)
                break
    return victim.returncode == -signal.SIGKILL
