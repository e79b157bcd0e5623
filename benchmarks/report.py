"""The report: a table of ratios for people, JSON for programs."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from benchmarks.measure import Figures, Row

OURS: Final = "docstore"
PEER: Final = "sqlite"
LIMITS: Final = ("lmdb alone", "disk alone")
PACKAGES: Final = ("apsw", "lmdb", "msgspec", "tinydb")


def as_table(rows: list[Row], documents: int, repetitions: int) -> Table:
    """What is printed: microseconds per unit (a gauge's own unit), and how many times as fast as SQLite that is."""
    table = Table(
        title=f"{documents:,} documents, medians of {repetitions}",
        caption="Times in microseconds per unit; ratios above 1: docstore is the faster one. ± is the spread. "
        "limit: the part of our time that LMDB / the disk alone take.",
    )
    others = [name for name in _stores(rows) if name not in (OURS, PEER, *LIMITS)]
    table.add_column("workload", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    for name in (OURS, PEER):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("ratio", justify="right", style="bold")
    table.add_column("goal", justify="right")
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("limit", justify="right", no_wrap=True)
    for row in rows:
        figures = row.figures
        table.add_row(
            row.workload.name,
            row.workload.unit,
            _with_spread(figures.get(OURS)),
            _with_spread(figures.get(PEER)),
            _verdict(row),
            "" if row.workload.goal is None else f"{row.workload.goal:.2f}",
            *(_short(figures.get(name)) for name in others),
            _share(row),
        )
    return table


def as_json(rows: list[Row], documents: int, repetitions: int) -> dict[str, Any]:
    """The same with every figure, and what it was measured on."""
    return {
        "documents": documents,
        "repetitions": repetitions,
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "python": platform.python_version(),
        },
        "versions": {name: _version(name) for name in PACKAGES},
        "rows": [
            {
                "name": row.workload.name,
                "unit": row.workload.unit if row.workload.gauge else f"us per {row.workload.unit}",
                "ratio": ratio(row),
                "goal": row.workload.goal,
                "share_of_limit": _shares_of_limits(row),
                "stores": {
                    name: {"median": figures.median, "spread": figures.spread, "values": figures.values}
                    for name, figures in row.figures.items()
                },
            }
            for row in rows
        ],
    }


def ratio(row: Row) -> float | None:
    """How many times as fast as SQLite."""
    if OURS not in row.figures or PEER not in row.figures:
        return None
    return row.figures[OURS].ratio(row.figures[PEER])


def _shares_of_limits(row: Row) -> dict[str, float]:
    """The part of our time that LMDB alone would take, or an append to a file that is forced to the disk."""
    if OURS not in row.figures:
        return {}
    return {name: row.figures[OURS].ratio(row.figures[name]) for name in LIMITS if name in row.figures}


def _stores(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.figures))


def _verdict(row: Row) -> Text:
    found = ratio(row)
    if found is None:
        return Text("-")
    goal = row.workload.goal
    return Text(f"{found:.2f}", style="" if goal is None else "green" if found >= goal else "red")


def _share(row: Row) -> str:
    """LMDB's, and the disk's after a stroke."""
    return " / ".join(f"{share:.0%}" for share in _shares_of_limits(row).values())


def _with_spread(figures: Figures | None) -> str:
    return "-" if figures is None else f"{_short(figures)} ±{figures.spread / 2:.0%}"


def _short(figures: Figures | None) -> str:
    if figures is None:
        return "-"
    return f"{figures.median:.2f}" if figures.median < 100 else f"{figures.median:,.0f}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
