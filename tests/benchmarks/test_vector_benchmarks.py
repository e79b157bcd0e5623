"""The benchmarks of vectors run, at a size that measures nothing."""

from __future__ import annotations

import pytest
from rich.console import Console

from benchmarks.vectors.__main__ import PARTS, measure
from benchmarks.vectors.data import drawn


@pytest.mark.slow
def test_every_part_gives_lines_with_recall() -> None:
    lines = measure(drawn(12_000, 32), list(PARTS), Console(quiet=True))
    searched = [line for line in lines if line.what == "search"]
    assert len(searched) > 10
    assert all(line.recall is not None and line.recall > 0.5 for line in searched)
