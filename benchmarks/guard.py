"""The guard against regressions: the ratios of a quick run beside those that are stored.

Ratios and not seconds, since both stores meet the same machine; of the processor's time and not the clock's, since other
programs on it take turns as they like; with a margin of a factor of `MARGIN`, since they also take the caches. A row that falls
below is measured `ATTEMPTS` times before it counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import Bench, Row
from benchmarks.report import ratio
from benchmarks.workloads import Workload

MARGIN: Final = 3.0
ATTEMPTS: Final = 3
ROWS: Final = (
    "get", "get_prepared", "get_all_simple", "get_all_multi", "between_compound", "scan", "filter_count", "filter3_count",
    "group_avg", "count_simple", "eq_join", "insert", "insert_indexed", "build_section", "update_soft", "update_all",
)  # fmt: skip
"""Quick rows, and of each part of the store at least one; none that waits for the disk."""
DOCUMENTS: Final = 5_000
REPETITIONS: Final = 3


def stored(file: Path) -> dict[str, float]:
    """The ratios of a file, by workload."""
    baseline: dict[str, float] = json.loads(file.read_text())["ratios"]
    return baseline


def as_baseline(rows: Sequence[Row], documents: int) -> dict[str, Any]:
    """What such a file holds."""
    found = {row.workload.name: ratio(row) for row in rows}
    return {
        "documents": documents,
        "ratios": {name: round(value, 3) for name, value in found.items() if value is not None},
    }


def regressions(
    bench: Bench,
    workloads: Sequence[Workload],
    baseline: dict[str, float],
    progress: Callable[[str], None],
) -> tuple[list[Row], list[str]]:
    """What was measured, the best attempt of each row, and a sentence for each row that is too slow."""
    rows, slow = [], []
    for workload in workloads:
        progress(workload.name)
        best, found = _measured(bench, workload)
        least = baseline[workload.name] / MARGIN
        for _ in range(ATTEMPTS - 1):
            if found >= least:
                break
            row, again = _measured(bench, workload)
            best, found = (row, again) if again > found else (best, found)
        rows.append(best)
        if found < least:
            slow.append(f"{workload.name}: {found:.2f} times as fast as SQLite; it was {baseline[workload.name]:.2f}.")
    return rows, slow


def _measured(bench: Bench, workload: Workload) -> tuple[Row, float]:
    row = bench.measure(workload, REPETITIONS)
    found = ratio(row)
    assert found is not None
    return row, found
