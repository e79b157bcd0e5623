"""The benchmarks run, and all stores answer alike; how fast they are is not a test's affair."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("apsw")
pytest.importorskip("tinydb")

from benchmarks.__main__ import KINDS, main
from benchmarks.data import Sample, load
from benchmarks.measure import AnswerMismatchError, Bench, Figures
from benchmarks.report import as_json
from benchmarks.workloads import WORKLOADS, Workload

DOCUMENTS = 300


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Bench(KINDS, Sample.of(load(DOCUMENTS)), tmp_path_factory.mktemp("bench")) as bench:
        yield bench


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_every_workload_gives_the_same_answer_on_every_store(bench: Bench, workload: Workload) -> None:
    row = bench.measure(workload, 1)
    assert {"docstore", "sqlite"} <= row.figures.keys()
    assert all(value > 0 for figures in row.figures.values() for value in figures.values)


def test_a_different_answer_is_an_error(bench: Bench) -> None:
    wrong = Workload("wrong", "query", run=lambda store, sample: store.name)
    with pytest.raises(AnswerMismatchError, match="docstore and sqlite differ"):
        bench.measure(wrong, 1)


def test_ratios_are_taken_pair_by_pair() -> None:
    ours, theirs = Figures("docstore", (1.0, 10.0, 1.0)), Figures("sqlite", (2.0, 20.0, 4.0))
    assert ours.ratio(theirs) == 2.0


def test_too_few_documents_are_repeated_as_others(tmp_path: Path) -> None:
    source = load(10)
    more = load(25, _written(tmp_path / "ten.jsonl.gz", source))
    assert more[:10] == source
    assert len({document["id"] for document in more}) == 25
    assert more[10]["size"] != source[0]["size"]


def test_the_command_prints_a_table_and_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "results.json"
    main(["--documents", "50", "--repeat", "2", "--rows", "get", "scan", "--json", str(target)])
    assert "get" in capsys.readouterr().out
    rows = {row["name"]: row for row in json.loads(target.read_text())["rows"]}
    assert rows["scan"]["ratio"] > 0
    assert len(rows["get"]["stores"]["sqlite"]["values"]) == 2


def test_the_command_draws_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "ratios.svg"
    main(["--documents", "50", "--repeat", "1", "--rows", "get", "scan", "--picture", str(picture)])
    assert picture.read_text().lstrip().startswith("<?xml")


def test_durable_writes_are_beside_those_of_the_disk_alone(tmp_path: Path) -> None:
    workload = next(workload for workload in WORKLOADS if workload.name == "update_hard")
    with Bench(KINDS, Sample.of(load(60)), tmp_path) as bench:
        row = bench.measure(workload, 1)
    (found,) = as_json([row], DOCUMENTS, 1)["rows"]
    assert found["share_of_limit"].keys() == {"lmdb alone", "disk alone"}


def test_an_unknown_row_is_refused() -> None:
    with pytest.raises(SystemExit, match="No such workload: gett"):
        main(["--rows", "gett"])


def _written(path: Path, documents: list[dict[str, object]]) -> Path:
    import gzip

    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps(document) + "\n" for document in documents)
    return path
