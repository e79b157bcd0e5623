"""The command `python -m benchmarks`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, cast

from rich.console import Console

from benchmarks.data import VARIABLE, Sample, load
from benchmarks.disk_store import DiskStore
from benchmarks.docstore_store import DocstoreStore
from benchmarks.guard import DOCUMENTS, ROWS, as_baseline, regressions, stored
from benchmarks.large import SIZES, growth_table, measure_growth
from benchmarks.lmdb_store import LmdbStore
from benchmarks.measure import Bench, measure_all
from benchmarks.picture import draw
from benchmarks.report import as_json, as_table
from benchmarks.sqlite_store import SqliteStore
from benchmarks.stdlib_store import StdlibStore
from benchmarks.store import Store
from benchmarks.tinydb_store import TinyStore
from benchmarks.workloads import WORKLOADS, Workload

PARTIAL: Final[tuple[Any, ...]] = (StdlibStore, TinyStore, LmdbStore, DiskStore)
"""Stores that run some workloads only, and have no methods for the others."""
TABLE_WIDTH: Final = 140
"""Columns of the table where there is no terminal to ask."""
KINDS: Final = cast("tuple[type[Store], ...]", (DocstoreStore, SqliteStore, *PARTIAL))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run workloads and report."""
    options = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH)
    if options.large is not None:
        _grow(options, console)
    elif options.guard:
        _guard(options, console)
    else:
        _measure(options, console)


def _measure(options: argparse.Namespace, console: Console) -> None:
    workloads = _chosen(options.rows)
    sample = Sample.of(load(options.documents, options.data))
    with console.status("Loading") as status, Bench(KINDS, sample, options.directory) as bench:
        rows = measure_all(bench, workloads, options.repeat, status.update)
    console.print(as_table(rows, len(sample.documents), options.repeat))
    if options.json:
        _write(options.json, as_json(rows, len(sample.documents), options.repeat))
    if options.picture:
        draw(rows, len(sample.documents), options.picture)


def _guard(options: argparse.Namespace, console: Console) -> None:
    """Compare with stored ratios, or store them where there are none yet."""
    sample = Sample.of(load(DOCUMENTS, options.data))
    baseline = stored(options.guard) if options.guard.exists() else dict.fromkeys(ROWS, 0.0)
    with console.status("Loading") as status, _guarded(sample, options.directory) as bench:
        rows, slow = regressions(bench, _chosen(list(baseline)), baseline, status.update)
    console.print(as_table(rows, DOCUMENTS, len(rows[0].figures["docstore"].values)))
    if not options.guard.exists():
        _write(options.guard, as_baseline(rows, DOCUMENTS))
    elif slow:
        raise SystemExit("\n".join(["Slower than it was:", *slow]))


def _guarded(sample: Sample, directory: Path | None) -> Bench:
    return Bench(KINDS[:2], sample, directory, clock=time.process_time)


def _grow(options: argparse.Namespace, console: Console) -> None:
    with console.status("") as status:
        found = measure_growth(options.large or SIZES, options.directory, status.update)
    console.print(growth_table(found))
    if options.json:
        _write(options.json, [asdict(growth) for growth in found])


def _write(file: Path, figures: Any) -> None:
    file.write_text(json.dumps(figures, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="docstore beside SQLite and TinyDB.")
    parser.add_argument("--documents", type=int, default=63_666, help="how many documents the stores hold")
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="which workloads to run: " + ", ".join(_names()))
    parser.add_argument("--repeat", type=int, default=5, help="how often each workload is timed on each store")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the ratios: .svg or .png")
    parser.add_argument("--guard", type=Path, metavar="FILE", help="a quick run, compared with ratios of such a file")
    parser.add_argument("--large", nargs="*", type=int, metavar="N", help="growth, with so many generated documents")
    parser.add_argument("--data", type=Path, metavar="FILE", help=f"documents, JSON lines, gzipped; or in {VARIABLE}")
    parser.add_argument("--directory", type=Path, help="where the stores are made, on the disk to be measured")
    return parser


def _names() -> list[str]:
    return [workload.name for workload in WORKLOADS]


def _chosen(names: Sequence[str] | None) -> list[Workload]:
    unknown = sorted(set(names or ()) - set(_names()))
    if unknown:
        raise SystemExit(f"No such workload: {', '.join(unknown)}. There are: {', '.join(_names())}.")
    return [workload for workload in WORKLOADS if names is None or workload.name in names]


if __name__ == "__main__":
    main()
