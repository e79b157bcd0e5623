"""What a workload is: what it asks of a store, in what unit, and how answers are compared.

A workload runs in one of two places: in the `loaded` store that all share, or in a `fresh` one with empty tables, made for
each repetition.
What it leaves behind there is tidied away, but for updates: these every store runs equally often, so that they still hold
the same.

Most are timed, and what they give is the time of one operation. A *gauge* measures something else and gives its figure itself.

`goal` is how many times as fast as SQLite a workload has to be at least.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from benchmarks.data import Sample
from benchmarks.store import Store

Answer: TypeAlias = Any
Run: TypeAlias = Callable[[Store, Sample], Any]


@dataclass(frozen=True, slots=True)
class Workload:
    """One row of the report."""

    name: str
    unit: str
    run: Run
    operations: Callable[[Sample], int] = lambda sample: 1
    """How many units one run consists of."""
    answer: Callable[[Store, Sample, Any], Answer] = lambda store, sample, result: result
    """What is compared, made of what a run gave; not timed."""
    prepare: Run = lambda store, sample: None
    tidy: Run = lambda store, sample: None
    goal: float | None = None
    place: Literal["loaded", "fresh"] = "loaded"
    writes: bool = False
    """Whether a run changes what is stored: then every store must run it equally often."""
    gauge: bool = False
