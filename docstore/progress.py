"""Progress bars for indexes that are being built, for the command and the demonstration."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

from docstore.connection import Connection
from query import Query

_POLL_SECONDS: Final = 0.02


def wait_with_bars(console: Console, db: Connection, indexes: Sequence[tuple[str, Query, str]]) -> None:
    """Wait until indexes are ready, building along, with a bar for each: (what it is called, its table, its name)."""
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()
    with Progress(*columns, console=console) as bars:
        width = max((len(title) for title, _, _ in indexes), default=0)
        tasks = [(table, name, bars.add_task(escape(title.ljust(width)), total=1.0)) for title, table, name in indexes]

        def show() -> None:
            for table, name, task in tasks:
                status = table.index_status(name).nth(0).run(db)
                bars.update(task, completed=status.get("progress", 1.0))

        def wait() -> None:
            for table, name, _ in tasks:
                table.index_wait(name).run(db)

        _while_doing(wait, show)


def _while_doing(work: Callable[[], Any], show: Callable[[], None]) -> None:
    """Do some work, and show from time to time, from another thread, how far it is; errors are the work's."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_POLL_SECONDS):
            show()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    show()
