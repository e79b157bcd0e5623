"""The command `python -m benchmarks.vectors`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.vectors.data import Data, drawn, read
from benchmarks.vectors.others import others
from benchmarks.vectors.ours import filters, searches, store, turnover, writing
from benchmarks.vectors.report import Line, as_table

PARTS: Final = {"search": searches, "filters": filters, "writing": writing, "turnover": turnover}
PEERS: Final = "peers"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _parser().parse_args(arguments)
    data = read(options.data) if options.data else drawn(options.count, options.dimensions)
    lines = measure(data, options.rows, Console(stderr=True))
    Console(width=None if sys.stdout.isatty() else 140).print(as_table(data.title, lines))


def measure(data: Data, parts: Sequence[str], console: Console) -> list[Line]:
    """The lines of some parts."""
    lines: list[Line] = []
    with tempfile.TemporaryDirectory() as directory, store(Path(directory), data) as db:
        # The search builds the indexes that the others use.
        needed = [part for part in PARTS if part in parts or (part == "search" and set(parts) - {PEERS})]
        for name in needed:
            for line in PARTS[name](db, data):
                console.print(line)
                lines.append(line)
    if PEERS in parts:
        for line in others(data):
            console.print(line)
            lines.append(line)
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vectors", description="Searches of vectors.")
    parser.add_argument("--data", type=Path, metavar="DIR", help="a directory with vectors.npy and queries.npy")
    parser.add_argument("--count", type=int, default=100_000, help="how many vectors are drawn, where none are given")
    parser.add_argument("--dimensions", type=int, default=128, help="how many numbers a drawn vector has")
    parser.add_argument(
        "--rows", nargs="+", default=[*PARTS, PEERS], choices=[*PARTS, PEERS], help="which parts to measure"
    )
    return parser


if __name__ == "__main__":
    main()
