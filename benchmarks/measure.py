"""Runs workloads on stores, in turn, and compares what they answer.

For each workload: once on each store, not timed, with the answers compared; then repetitions, A B C, A B C and so on, so that
what else the machine does meets all of them alike. A ratio is taken within a repetition, and the median of these is
reported. Before each run garbage is collected; what existed before the first is frozen out of the collector's sight, so
that a store does not pay for the documents that the benchmark holds. The collector stays on, as in a program.
"""

from __future__ import annotations

import gc
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.data import Sample
from benchmarks.store import INDEXES, Store, opened
from benchmarks.workloads import Answer, Workload


class AnswerMismatchError(Exception):
    """Two stores gave different answers to the same workload."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one store took for one workload, a figure a repetition: microseconds per unit, or what a gauge measured."""

    store: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of the figures."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """How far the figures lie apart, as a part of the median."""
        return (max(self.values) - min(self.values)) / self.median

    def ratio(self, other: Figures) -> float:
        """How many times as much the other one took, pair by pair."""
        return statistics.median(theirs / ours for ours, theirs in zip(self.values, other.values, strict=True))


@dataclass(frozen=True, slots=True)
class Row:
    """A workload and its figures, by the stores' names."""

    workload: Workload
    figures: dict[str, Figures]


class Bench:
    """Loaded stores, one of each kind, in a temporary directory on a real disk. A context manager."""

    def __init__(
        self,
        kinds: Sequence[type[Store]],
        sample: Sample,
        directory: Path | None = None,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._clock = clock
        self._kinds = kinds
        self._sample = sample
        self._parent = directory
        self._stores: list[Store] = []

    def __enter__(self) -> Bench:
        self._directory = Path(tempfile.mkdtemp(prefix="docstore-bench-", dir=self._parent))
        for number, kind in enumerate(self._kinds):
            store = opened(kind, self._directory / str(number))
            self._stores.append(store)
            _create_tables(store)
            for table in ("packages", "plain"):
                store.insert_all(table, self._sample.documents)
        gc.collect()
        gc.freeze()
        return self

    def __exit__(self, *_: object) -> None:
        gc.unfreeze()
        for store in self._stores:
            store.close()
        shutil.rmtree(self._directory)

    def measure(self, workload: Workload, repetitions: int) -> Row:
        """Run a workload on all stores that can."""
        stores = [store for store in self._stores if store.workloads is None or workload.name in store.workloads]
        self._compare(workload, stores)
        values: dict[str, list[float]] = {store.name: [] for store in stores}
        for _ in range(repetitions):
            for store in stores:
                values[store.name].append(self._figure(workload, store, self._sample_for(store)))
        if workload.writes:
            self._check_writes(workload, stores)
        return Row(workload, {name: Figures(name, tuple(found)) for name, found in values.items()})

    def _sample_for(self, store: Store) -> Sample:
        return self._sample if store.most_queries is None else self._sample.cut(store.most_queries)

    def _compare(self, workload: Workload, stores: Sequence[Store]) -> None:
        """Run it once on each store, which warms up, and compare the answers: those to a cut sample among themselves."""
        expected: dict[int | None, tuple[str, Answer]] = {None: (stores[0].name, self._answer(workload, stores[0]))}
        for store in stores[1:]:
            if store.most_queries not in expected:
                cut = self._sample_for(store)
                expected[store.most_queries] = (stores[0].name, self._answer(workload, stores[0], cut))
            self._demand_equal(workload, expected[store.most_queries], (store.name, self._answer(workload, store)))

    def _check_writes(self, workload: Workload, stores: Sequence[Store]) -> None:
        """Compare what is stored after all repetitions."""
        answers = [(store.name, workload.answer(store, self._sample, None)) for store in stores]
        for answer in answers[1:]:
            self._demand_equal(workload, answers[0], answer)

    def _answer(self, workload: Workload, store: Store, sample: Sample | None = None) -> Answer:
        sample = sample or self._sample_for(store)
        with self._place(workload, store) as place:
            workload.prepare(place, sample)
            result = workload.run(place, sample)
            answer = workload.answer(place, sample, result)
            workload.tidy(place, sample)
        return answer

    def _demand_equal(self, workload: Workload, ours: tuple[str, Answer], theirs: tuple[str, Answer]) -> None:
        if ours[1] != theirs[1]:
            raise AnswerMismatchError(
                f"{workload.name}: {ours[0]} and {theirs[0]} differ. {_first_difference(ours[1], theirs[1])}"
            )

    def _figure(self, workload: Workload, store: Store, sample: Sample) -> float:
        with self._place(workload, store) as place:
            workload.prepare(place, sample)
            gc.collect()
            begin = self._clock()
            result = workload.run(place, sample)
            seconds = self._clock() - begin
            workload.tidy(place, sample)
        return float(result) if workload.gauge else seconds / workload.operations(sample) * 1e6

    @contextmanager
    def _place(self, workload: Workload, store: Store) -> Iterator[Store]:
        """The store that a workload runs in."""
        if workload.place == "loaded":
            yield store
            return
        directory = self._directory / "fresh"
        fresh = opened(type(store), directory)
        try:
            _create_tables(fresh)
            yield fresh
        finally:
            fresh.close()
            shutil.rmtree(directory)


def _create_tables(store: Store) -> None:
    store.create_table("packages", INDEXES)
    store.create_table("plain", ())


def _first_difference(ours: Any, theirs: Any) -> str:
    """Where two answers part, for whoever has to find out why."""
    if isinstance(ours, list) and isinstance(theirs, list):
        for number, (one, other) in enumerate(zip(ours, theirs, strict=False)):
            if one != other:
                return f"At {number}: {_first_difference(one, other)}"
        return f"{len(ours)} and {len(theirs)} items."
    return f"{str(ours)[:200]} against {str(theirs)[:200]}"


def measure_all(
    bench: Bench, workloads: Sequence[Workload], repetitions: int, progress: Callable[[str], None]
) -> list[Row]:
    """All rows, one after the other."""
    rows = []
    for workload in workloads:
        progress(workload.name)
        rows.append(bench.measure(workload, repetitions))
    return rows
