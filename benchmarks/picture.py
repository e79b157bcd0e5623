"""The picture of the ratios: a bar for each workload, and the line at which both stores are equally fast."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks.measure import Row
from benchmarks.report import ratio

FASTER: Final = "#2a7f62"
SLOWER: Final = "#b4533c"
INCHES_A_ROW: Final = 0.26


def draw(rows: list[Row], documents: int, file: Path) -> None:
    """Write the picture; the ending of the file's name tells in which format."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    ratios = {row.workload.name: found for row in reversed(rows) if (found := ratio(row)) is not None}
    figure = Figure(figsize=(8, 1.2 + INCHES_A_ROW * len(ratios)), layout="constrained")
    axes = figure.add_subplot()
    bars = axes.barh(
        list(ratios), [found - 1 for found in ratios.values()], left=1, height=0.7,
        color=[FASTER if found >= 1 else SLOWER for found in ratios.values()],
    )  # fmt: skip
    axes.set_xscale("log")
    axes.margins(y=0.01)
    least, most = min(*ratios.values(), 1), max(*ratios.values(), 1)
    axes.set_xlim(least / 1.6, most * 1.6)
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if least / 1.6 < tick < most * 1.6]
    axes.set_xticks(ticks, [f"{tick:g} x" for tick in ticks])
    axes.minorticks_off()
    axes.axvline(1, color="black", linewidth=1)
    for bar, found in zip(bars, ratios.values(), strict=True):
        right = found >= 1
        axes.annotate(
            f"{found:.1f}" if found >= 10 else f"{found:.2f}", (found, bar.get_y() + bar.get_height() / 2),
            xytext=(4 if right else -4, 0), textcoords="offset points",
            ha="left" if right else "right", va="center", fontsize=8,
        )  # fmt: skip
    axes.set_title(f"docstore against SQLite (apsw, JSONB), {documents:,} documents: times as fast", fontsize=10)
    axes.tick_params(axis="y", labelsize=8, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    with rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "docstore"}
    ):  # text as text; the same figures, the same file
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)
