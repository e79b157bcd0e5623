"""The demonstration: the database's main job, on 4,000 real documents.

`packages.jsonl.gz` describes packages of Debian 12, one a line; the metadata is Debian's own and free to redistribute. The
chapters are functions of a `Stage`, in the order of `CHAPTERS`. Each shows something and then proves it with
`Stage.claim`; a claim that does not hold makes the exit code 1.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.panel import Panel

from docstore.demo.building import build_online, replace_without_a_gap
from docstore.demo.killing import kill_while_building, kill_while_writing
from docstore.demo.loading import load
from docstore.demo.meaning import find_by_meaning
from docstore.demo.querying import copy_indexes, show_queries
from docstore.demo.stage import Stage
from docstore.errors import StoreError

CHAPTERS: Final[tuple[Callable[[Stage], None], ...]] = (
    load,
    build_online,
    copy_indexes,
    show_queries,
    find_by_meaning,
    replace_without_a_gap,
    kill_while_writing,
    kill_while_building,
)

STORE_NAME: Final = "packages.db"


def run_demo(console: Console, keep: str | None = None) -> int:
    """Run all chapters in a new store, in the directory `keep` or one that is removed; gives the exit code."""
    started = time.perf_counter()
    with ExitStack() as stack:
        directory = Path(keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="docstore-demo-")))
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / STORE_NAME
        if path.exists():
            raise StoreError(f"There is a store at {path} already; the demonstration makes a new one.")
        console.print(
            Panel.fit(
                "[bold]docstore[/bold]: documents in one file, secondary indexes of every kind, queried in ReQL.\n"
                f"Everything below happens now, in {path}.",
                border_style="cyan",
            )
        )
        stage = stack.enter_context(Stage(console, path))
        for chapter in CHAPTERS:
            chapter(stage)
        size_bytes = stage.db.store.engine.size_bytes()
    _close(console, stage, time.perf_counter() - started, size_bytes, path if keep else None)
    return 1 if stage.failures else 0


def _close(console: Console, stage: Stage, seconds: float, size_bytes: int, kept: Path | None) -> None:
    console.print()
    if stage.failures:
        console.print(
            f"[bold red]{stage.failures} of {stage.claims} claims did not hold.[/bold red] Please report this."
        )
        return
    console.print(
        Panel.fit(
            f"[bold green]All {stage.claims} claims held[/bold green], in {seconds:.1f} s and {size_bytes / 2**20:.0f} MB.\n\n"
            "[bold]Where to go next[/bold]\n"
            "  README.md       the language by example, and what to know before you rely on it\n"
            "  docs/reql.md    every term of the language\n"
            "  python          import docstore; from query import r; db = docstore.connect('my.db')\n"
            + (
                f"  docstore stats {kept}    what is in the store that was kept"
                if kept
                else "  docstore demo --keep DIR    the same, and the store stays for you to look into"
            ),
            border_style="green",
        )
    )
