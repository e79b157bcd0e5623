"""The growth benchmark runs, on few documents, and its table is complete."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("apsw")
pytest.importorskip("tinydb")

from benchmarks.__main__ import main
from benchmarks.large import generated, growth_of, growth_table, key_of


def test_the_same_seed_gives_the_same_documents() -> None:
    assert list(generated(50)) == list(generated(50))
    assert list(generated(50, seed=1)) != list(generated(50))
    assert [document["id"] for document in generated(5)] == [key_of(number) for number in range(5)]


def test_keys_are_not_in_the_order_of_insertion() -> None:
    keys = [key_of(number) for number in range(100)]
    assert any(first > second for first, second in pairwise(keys))


def test_every_figure_of_a_size_is_measured(tmp_path: Path) -> None:
    found = growth_of(400, tmp_path)
    assert found.documents == 400
    assert all(getattr(found, name) > 0 for name in found.__dataclass_fields__ if name != "rss_anon_mb")
    assert list(tmp_path.iterdir()) == []
    assert growth_table([found, found]).row_count == len(found.__dataclass_fields__) - 1


def test_the_command_writes_the_figures_of_each_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "growth.json"
    main(["--large", "200", "400", "--json", str(file), "--directory", str(tmp_path)])
    assert [row["documents"] for row in json.loads(file.read_text())] == [200, 400]
    assert "last / first" in capsys.readouterr().out
