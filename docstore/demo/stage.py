"""What the chapters of the demonstration have in common: where they print, the open store, and the claims they prove."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table

import docstore
from docstore.check import Report

Result = TypeVar("Result")


class Stage:
    """The console, the store of the demonstration, and how many claims there were. A context manager."""

    def __init__(self, console: Console, path: Path) -> None:
        self.console = console
        self.path = path
        self.claims = 0
        self.failures = 0
        self.db = docstore.connect(str(path))
        self._chapters = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.db.close()

    def reopen(self) -> float:
        """Open the store anew; the seconds that it took."""
        started = time.perf_counter()
        self.db = docstore.connect(str(self.path), create=False)
        return time.perf_counter() - started

    # Showing

    def chapter(self, title: str, text: str) -> None:
        """Begin a chapter."""
        self._chapters += 1
        self.console.print()
        self.console.print(Rule(f"[bold]{self._chapters}. {title}[/bold]", align="left", style="cyan"))
        self.console.print(text)
        self.console.print()

    def code(self, source: str) -> None:
        """Show some Python."""
        self.console.print(
            Syntax(source, "python", theme="ansi_dark", background_color="default", padding=(0, 2), word_wrap=True)
        )

    def note(self, text: str) -> None:
        """Say what was seen."""
        self.console.print(f"  {text}", style="dim")

    def rows(self, rows: list[dict[str, Any]]) -> None:
        """Show a few documents as a table."""
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = Table(*names, header_style="bold", pad_edge=True)
        for name, column in zip(names, table.columns, strict=True):
            column.overflow = "ellipsis"
            column.no_wrap = True
            if all(isinstance(row.get(name, 0), int | float) for row in rows):
                column.justify = "right"
        for row in rows:
            table.add_row(*(_cell(row.get(name)) for name in names))
        self.console.print(table)

    # Proving

    def claim(self, holds: bool, text: str) -> None:
        """Tell a claim and whether it holds."""
        self.claims += 1
        self.failures += not holds
        self.console.print(f"  [bold {'green]✓' if holds else 'red]✗ NOT TRUE:'}[/] {text}")

    def check(self) -> Report:
        """Check the whole store, as a claim."""
        with self.console.status("  docstore check"):
            report, seconds = timed(lambda: docstore.check(self.db))
        numbers = f"{report.documents:,} documents, {report.entries:,} index entries"
        self.claim(report.ok, f"check: every index agrees with every document, both ways ({numbers}; {seconds:.1f} s)")
        for problem in report.problems[:5]:
            self.note(escape(problem))
        return report


def _cell(value: Any) -> str:
    if type(value) is float:
        return f"{value:,.1f}"
    return f"{value:,}" if type(value) is int else escape(str(value))


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """What some work gives, and the seconds that it took."""
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started
