"""The `docstore` command.

    docstore demo [--keep DIR]                      the demonstration
    docstore check STORE                            prove every index against every document
    docstore stats STORE                            tables, documents, indexes, entries, bytes
    docstore indexes STORE [--wait]                 the state of every index; wait for those being built
    docstore import STORE TABLE FILE                JSON lines into a table
    docstore backup STORE COPY                      a compact copy of a store that may be in use

Exit codes: 0, all well; 1, an error, or something is wrong with the store or with a document; 2, the command was not
understood; 130, interrupted. Users' errors are one red line on standard error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

import docstore
from docstore.connection import Connection
from docstore.importing import ImportSummary, import_lines, open_lines
from docstore.progress import wait_with_bars
from docstore.settings import SYSTEM
from query import Query, r
from query.errors import ReqlError

PIPED_WIDTH: Final = 200
"""Columns of output that is no terminal's: what reads it may want whole lines."""

console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives its exit code."""
    options = command_parser().parse_args(arguments)
    try:
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except ReqlError as error:
        _tell(str(error))
    except OSError as error:
        _tell(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        errors.print("[red]interrupted[/red]; what was committed stays.")
        return 130
    return 1


def _tell(error: str) -> None:
    """An error on one line, of bearable length."""
    line = " ".join(error.split())
    errors.print(f"[red]error:[/red] {escape(line if len(line) <= 500 else f'{line[:497]}...')}")


def command_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(
        prog="docstore", description="An embedded document database, queried in ReQL: its tools."
    )
    parser.add_argument("--version", action="version", version=f"docstore {docstore.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str, store: bool = True) -> Any:
        made = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        made.set_defaults(command=command)
        if store:
            made.add_argument("store", metavar="STORE", help="the store's file")
        return made

    demo = add("demo", _demo, "show what the database does, on real documents", store=False)
    demo.add_argument("--keep", metavar="DIR", help="keep the store that the demonstration makes, in this directory")
    add("check", _check, "prove every index against every document, and every document and count")
    add("stats", _stats, "tell the tables, with their documents, indexes, entries and bytes")
    indexes = add("indexes", _indexes, "tell the state of every index")
    indexes.add_argument("--wait", action="store_true", help="wait until all are ready, building along")
    loading = add("import", _import, "insert JSON lines, one document a line, into a table")
    loading.add_argument("table", metavar="TABLE", help="the table; it is created if it is not there")
    loading.add_argument("file", metavar="FILE", help="a file, plain or compressed with gzip; - is standard input")
    loading.add_argument("--db", default="test", metavar="NAME", help="the table's database (default: test)")
    loading.add_argument(
        "--primary-key", default="id", metavar="FIELD", help="of a table that is created (default: id)"
    )
    loading.add_argument(
        "--conflict",
        choices=["error", "replace", "update"],
        default="error",
        help="what to do with a document whose primary key is there already (default: error)",
    )
    backup = add("backup", _backup, "write a compact copy of a store, which may be in use meanwhile")
    backup.add_argument("copy", metavar="COPY", help="the file to make")
    return parser


# The commands


def _demo(options: argparse.Namespace) -> int:
    from docstore.demo import run_demo

    return run_demo(console, options.keep)


def _check(options: argparse.Namespace) -> int:
    with console.status("checking"):
        report = docstore.check(options.store)
    numbers = f"{report.tables:,} tables, {report.documents:,} documents, {report.indexes:,} indexes, {report.entries:,} entries"
    if report.ok:
        console.print(f"[green]no problem found[/green] in {numbers}")
        return 0
    console.print(f"[red]{report.found:,} problems[/red] in {numbers}")
    for problem in report.problems:
        console.print(f"  {escape(problem)}")
    if report.found > len(report.problems):
        console.print(f"  and {report.found - len(report.problems):,} more")
    return 1


def _stats(options: argparse.Namespace) -> int:
    with docstore.connect(options.store, create=False, read_only=True) as db, db.snapshot():
        shown = Table(show_footer=True)
        total = [0, 0, 0]
        rows: list[tuple[str, ...]] = []
        for table, query in _tables(db):
            states = query.index_status().run(db)
            numbers = [query.count().run(db), len(states), sum(state["entries"] for state in states)]
            total = [before + number for before, number in zip(total, numbers, strict=True)]
            rows.append((table, *(f"{number:,}" for number in numbers)))
        shown.add_column("table", footer="total")
        for title, number in zip(("documents", "indexes", "entries"), total, strict=True):
            shown.add_column(title, footer=f"{number:,}", justify="right")
        for row in rows:
            shown.add_row(*row)
        console.print(shown)
        console.print(f"{options.store}: {db.store.engine.size_bytes():,} bytes")
    return 0


def _tables(db: Connection) -> list[tuple[str, Query]]:
    """All tables of all databases: what they are called, and the query of each."""
    return [
        (f"{database}.{table}", r.db(database).table(table))
        for database in r.db_list().run(db)
        if database != SYSTEM
        for table in r.db(database).table_list().run(db)
    ]


def _indexes(options: argparse.Namespace) -> int:
    with docstore.connect(options.store, create=False, read_only=not options.wait) as db:
        if options.wait:
            wait_with_bars(console, db, _building(db))
        shown = Table("table", "index", "state", "entries", "made by")
        shown.columns[3].justify = "right"
        failed = False
        for table, query in _tables(db):
            for state in query.index_status().run(db):
                failed = failed or "error" in state
                shown.add_row(table, state["index"], _state(state), f"{state['entries']:,}", escape(state["query"]))
        console.print(shown)
    return 1 if failed else 0


def _backup(options: argparse.Namespace) -> int:
    with console.status("copying"), docstore.connect(options.store, create=False, read_only=True) as db:
        before = db.store.engine.size_bytes()
        db.backup(options.copy)
    with docstore.connect(options.copy, create=False, read_only=True) as copied:
        console.print(f"{options.copy}: {copied.store.engine.size_bytes():,} bytes, of {before:,}")
    return 0


def _state(state: dict[str, Any]) -> str:
    if "error" in state:
        return f"[red]failed[/red]: {escape(state['error'])}"
    if not state["ready"]:
        return f"[yellow]building[/yellow], {state['progress']:.0%}"
    return "[yellow]ready, outdated[/yellow]" if state["outdated"] else "[green]ready[/green]"


def _building(db: Connection) -> list[tuple[str, Query, str]]:
    """The indexes that are being built: what each is called, its table, its name."""
    return [
        (f"{table}.{state['index']}", query, state["index"])
        for table, query in _tables(db)
        for state in query.index_status().run(db)
        if not state["ready"] and "error" not in state
    ]


def _import(options: argparse.Namespace) -> int:
    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.fields[documents]:,} documents"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    with (
        open_lines(options.file, sys.stdin.buffer) as (lines, bytes_read, size_bytes),
        docstore.connect(options.store, db=options.db) as db,
    ):
        if not r.db(options.db).table_list().contains(options.table).run(db):
            r.table_create(options.table, primary_key=options.primary_key).run(db)
        with bars:
            task = bars.add_task("", total=size_bytes, documents=0)

            def show(summary: ImportSummary) -> None:
                bars.update(task, completed=bytes_read(), documents=summary.documents)

            summary = import_lines(db, options.table, lines, conflict=options.conflict, on_batch=show)
            bars.update(task, total=size_bytes or 1, completed=size_bytes or 1)
    told = ", ".join(f"{number:,} {name}" for name, number in summary.counts.items() if number) or "nothing to import"
    console.print(told)
    if summary.first_error is not None:
        _tell(summary.first_error)
        return 1
    return 0
