"""The benchmarks of vectors run, at a size that measures nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rich.console import Console

from benchmarks.vectors.__main__ import PARTS, PEERS, measure
from benchmarks.vectors.data import Data, drawn
from benchmarks.vectors.others import others
from benchmarks.vectors.report import Line


@pytest.mark.slow
def test_every_part_gives_lines_with_recall() -> None:
    lines = measure(drawn(12_000, 32), [*PARTS, PEERS], Console(quiet=True))
    searched = [line for line in lines if line.what == "search"]
    assert len(searched) > 10
    assert all(line.recall is not None and line.recall > 0.5 for line in searched)


def test_a_part_is_measured_alone() -> None:
    lines = measure(drawn(300, 8), [PEERS], Console(quiet=True))
    assert not any(line.who.startswith("docstore") for line in lines)
    assert lines[0].who == "numpy exact"


def test_a_library_that_fails_is_left_out_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: Data) -> Iterator[Line]:
        yield Line("numpy", "build", seconds=1.0)
        raise AttributeError("no such extension")

    monkeypatch.setattr("benchmarks.vectors.others.LIBRARIES", {"numpy": broken, "not_a_library": broken})
    lines = list(others(drawn(1_000, 8)))
    assert [line.note for line in lines if line.what == "left out"] == [
        "AttributeError: no such extension",
        "not installed: pip install not-a-library",
    ]
