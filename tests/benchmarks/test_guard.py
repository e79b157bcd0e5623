"""The guard tells what has become slower than a third; its command stores ratios where there are none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("apsw")
pytest.importorskip("tinydb")

from benchmarks import __main__ as command
from benchmarks.__main__ import KINDS, main
from benchmarks.data import Sample, load
from benchmarks.guard import ATTEMPTS, REPETITIONS, ROWS, regressions, stored
from benchmarks.measure import Bench
from benchmarks.store import Store
from benchmarks.workloads import WORKLOADS, Workload

BASELINE = Path(command.__file__).parent / "baseline.json"


class Gauged:
    """A workload of known ratios: what SQLite takes, divided by what docstore takes, attempt by attempt."""

    def __init__(self, ratios: list[float]) -> None:
        self._ratios = ratios
        self.attempts = 0
        self.workload = Workload("known", "unit", self._run, answer=lambda store, sample, result: None, gauge=True)
        self._runs = 0

    def _run(self, store: Store, sample: Sample) -> float:
        if store.name != "docstore":
            return 1.0
        number = max(0, self._runs - 1)  # the first run is the warming one
        self._runs += 1
        self.attempts = number // (REPETITIONS + 1) + 1
        return 1 / self._ratios[min(number // (REPETITIONS + 1), len(self._ratios) - 1)]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Bench(KINDS[:2], Sample.of(load(50)), tmp_path_factory.mktemp("guard")) as bench:
        yield bench


def test_a_ratio_above_a_third_of_the_stored_one_passes(bench: Bench) -> None:
    _, slow = regressions(bench, [Gauged([1.1]).workload], {"known": 3.0}, lambda name: None)
    assert slow == []


def test_a_ratio_below_a_third_is_told_after_all_attempts(bench: Bench) -> None:
    gauged = Gauged([0.9])
    _, slow = regressions(bench, [gauged.workload], {"known": 3.0}, lambda name: None)
    assert slow == ["known: 0.90 times as fast as SQLite; it was 3.00."]
    assert gauged.attempts == ATTEMPTS


def test_a_bad_moment_is_forgiven(bench: Bench) -> None:
    rows, slow = regressions(bench, [Gauged([0.5, 0.5, 1.9]).workload], {"known": 2.0}, lambda name: None)
    assert slow == []
    assert len(rows) == 1


def test_the_stored_ratios_are_of_workloads_that_exist() -> None:
    names = {workload.name for workload in WORKLOADS}
    assert set(stored(BASELINE)) <= names
    assert set(ROWS) <= names


def test_the_command_stores_ratios_and_compares_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "DOCUMENTS", 60)
    monkeypatch.setattr(command, "ROWS", ("get", "scan"))
    file = tmp_path / "baseline.json"
    main(["--guard", str(file)])
    assert stored(file).keys() == {"get", "scan"}
    file.write_text(json.dumps({"ratios": {"get": 1e-6}}))
    main(["--guard", str(file)])
    file.write_text(json.dumps({"ratios": {"get": 1e6}}))
    with pytest.raises(SystemExit, match="Slower than it was:\\nget: "):
        main(["--guard", str(file)])
