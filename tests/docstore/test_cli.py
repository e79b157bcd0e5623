"""The `docstore` command: what it prints, its exit codes, and the imports of JSON lines."""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import docstore
from docstore import importing
from docstore.cli import main
from docstore.demo.stage import Stage
from docstore.importing import LineError, import_lines
from query import r

posts = r.table("posts")


class Outcome:
    """What a run of the command left: its exit code and the two outputs."""

    def __init__(self, code: int, out: str, error: str) -> None:
        self.code, self.out, self.error = code, out, error


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in this process."""
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str | Path, given: str = "") -> Outcome:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        code = main([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return command


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with a few posts and an index."""
    with docstore.connect(str(tmp_path / "app.db")) as db:
        r.table_create("posts").run(db)
        posts.insert([{"id": number, "author": "ann"} for number in range(1_200)]).run(db)
        posts.index_create("author").run(db)
        posts.index_wait().run(db)
    return tmp_path / "app.db"


def lines_of(documents: list[Any]) -> str:
    return "".join(f"{json.dumps(document)}\n" for document in documents)


def test_check_finds_nothing_wrong_with_a_whole_store(run: Run, path: Path) -> None:
    found = run("check", path)
    assert (found.code, found.error) == (0, "")
    assert "no problem found in 1 tables, 1,200 documents, 1 indexes, 1,200 entries" in found.out


def test_check_tells_what_is_wrong_and_fails(run: Run, path: Path) -> None:
    with docstore.connect(str(path)) as db, db.store.begin_write() as transaction:
        space = transaction.catalog.table("test", "posts").index("author").space
        entry = next(transaction.engine.scan_entries(space))
        transaction.writer.remove(space, *entry)
        transaction.commit()
    found = run("check", path)
    assert found.code == 1
    assert "problems" in found.out
    assert "index `author` of test.posts" in found.out


def test_stats_counts_tables_documents_indexes_entries_and_bytes(run: Run, path: Path) -> None:
    found = run("stats", path)
    assert found.code == 0
    assert "test.posts" in found.out
    assert "1,200" in found.out
    assert "bytes" in found.out


def test_indexes_tells_state_and_how_each_is_made(run: Run, path: Path) -> None:
    found = run("indexes", path, "--wait")
    assert found.code == 0
    assert "ready" in found.out
    assert "index_create('author', lambda var_1: var_1['author'])" in found.out


def test_indexes_waits_for_those_that_are_being_built(run: Run, path: Path) -> None:
    code = "import sys, os, docstore; from query import r; db = docstore.connect(sys.argv[1]);"
    code += "r.table('posts').index_create('late', r.row['id']).run(db); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert run("indexes", path, "--wait").code == 0
    with docstore.connect(str(path)) as db:
        assert posts.index_status("late").nth(0)["ready"].run(db)


def test_a_store_that_is_not_there_is_one_line_and_no_new_file(run: Run, tmp_path: Path) -> None:
    for command in ("check", "stats", "indexes"):
        found = run(command, tmp_path / "none.db")
        assert (found.code, found.out) == (1, "")
        assert found.error.startswith("error: ")
        assert found.error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_import_creates_the_table_and_reads_plain_and_compressed_files(run: Run, tmp_path: Path) -> None:
    documents = [{"name": f"n{number}", "n": number} for number in range(10)]
    plain, compressed = tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz"
    plain.write_text(lines_of(documents[:5]) + "\n")
    compressed.write_bytes(gzip.compress(lines_of(documents[5:]).encode()))
    store = tmp_path / "app.db"
    assert run("import", store, "things", plain, "--primary-key", "name").code == 0
    found = run("import", store, "things", compressed)
    assert found.code == 0
    assert "5 inserted" in found.out
    with docstore.connect(str(store)) as db:
        assert list(r.table("things").order_by(index="name").run(db)) == documents


def test_import_reads_standard_input(run: Run, path: Path) -> None:
    assert run("import", path, "more", "-", given=lines_of([{"id": 1}, {"id": 2}])).code == 0
    with docstore.connect(str(path)) as db:
        assert r.table("more").count().run(db) == 2


def test_an_import_of_a_gzip_file_that_is_cut_off_tells_the_line(run: Run, path: Path, tmp_path: Path) -> None:
    rng = random.Random(1)
    whole = gzip.compress(lines_of([{"id": f"{rng.random()}"} for _ in range(20_000)]).encode())
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    found = run("import", path, "more", tmp_path / "cut.jsonl.gz")
    assert found.code == 1
    line = re.search(r"Line ([\d,]+): the gzip file is cut off or damaged here", found.error)
    assert line is not None
    with docstore.connect(str(path)) as db:
        assert r.table("more").count().run(db) == int(line[1].replace(",", "")) - 1


def test_an_import_of_standard_input_may_be_compressed(path: Path) -> None:
    given = gzip.compress(lines_of([{"id": 1}, {"id": 2}]).encode())
    command = [sys.executable, "-m", "docstore", "import", str(path), "more", "-"]
    subprocess.run(command, input=given, check=True, capture_output=True)
    with docstore.connect(str(path)) as db:
        assert r.table("more").count().run(db) == 2


def test_an_import_passes_over_a_byte_order_mark(run: Run, path: Path) -> None:
    assert run("import", path, "more", "-", given="\ufeff" + lines_of([{"id": 1}])).code == 0


@pytest.mark.parametrize(
    ("conflict", "code", "wanted"),
    [
        ("error", 1, {"id": 1, "author": "ann"}),
        ("replace", 0, {"id": 1, "likes": 5}),
        ("update", 0, {"id": 1, "author": "ann", "likes": 5}),
    ],
)
def test_import_resolves_conflicts_as_told(run: Run, path: Path, conflict: str, code: int, wanted: object) -> None:
    found = run("import", path, "posts", "-", "--conflict", conflict, given=lines_of([{"id": 1, "likes": 5}]))
    assert found.code == code
    assert ("Duplicate primary key" in found.error) == (code == 1)
    with docstore.connect(str(path)) as db:
        assert posts.get(1).run(db) == wanted


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"id": 3', "expected a JSON object but found '{\"id\": 3'"),
        ("[1, 2]", "expected a JSON object, one a line, but found"),
        ('{"id": NaN}', "expected a JSON object"),
        ("[" * 100_000, "expected a JSON object"),
        ('{"a": {"$reql_type$": "MOON"}}', "Unknown $reql_type$"),
        ('{"id": ' + "[" * 150 + "]" * 150 + "}", "Nesting depth limit"),
    ],
)
def test_a_bad_line_is_named_and_the_lines_above_it_are_kept(run: Run, path: Path, line: str, told: str) -> None:
    found = run("import", path, "more", "-", given=f'{{"id": 1}}\n\n{{"id": 2}}\n{line}\n{{"id": 4}}\n')
    assert found.code == 1
    assert "error: Line 4: " in found.error
    assert told in found.error
    assert found.error.count("\n") == 1
    with docstore.connect(str(path)) as db:
        assert sorted(row["id"] for row in r.table("more").run(db)) == [1, 2]


def test_import_takes_the_pseudo_types_of_rethinkdb(run: Run, path: Path) -> None:
    time = {"$reql_type$": "TIME", "epoch_time": 1.5, "timezone": "+00:00"}
    data = {"$reql_type$": "BINARY", "data": "AAE="}
    assert run("import", path, "more", "-", given=lines_of([{"id": 1, "at": [time], "data": data}])).code == 0
    with docstore.connect(str(path)) as db:
        found = r.table("more").get(1).run(db)
    assert found == {"id": 1, "at": [datetime.fromtimestamp(1.5, UTC)], "data": b"\x00\x01"}


def test_import_commits_batch_by_batch(db: docstore.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH_DOCUMENTS", 10)
    r.table_create("posts").run(db)
    seen: list[int] = []

    def note(_: object) -> None:
        seen.append(posts.count().run(db))

    lines = [json.dumps({"id": number}).encode() for number in range(25)]
    with pytest.raises(LineError) as caught:
        import_lines(db, "posts", [*lines, b"oh"], on_batch=note)
    assert caught.value.line == 26
    assert seen == [10, 20, 25]


def test_a_file_that_cannot_be_read_is_one_line(run: Run, path: Path) -> None:
    found = run("import", path, "posts", path.parent / "none.jsonl")
    assert found.code == 1
    assert "No such file or directory" in found.error
    assert found.error.count("\n") == 1


def test_an_unknown_command_is_a_mistake_of_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["undo"])
    assert caught.value.code == 2
    assert "invalid choice" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"docstore {docstore.__version__}\n"


def test_the_demonstration_holds_all_its_claims_and_keeps_its_store(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "docstore", "demo", "--keep", str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, ""), found.stdout + found.stderr
    assert "NOT TRUE" not in found.stdout
    assert "claims held" in found.stdout
    assert (tmp_path / "packages.db").exists()
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "already" in again.stderr


def test_a_claim_of_the_demonstration_that_does_not_hold_is_counted(tmp_path: Path) -> None:
    told = io.StringIO()
    with Stage(Console(file=told), tmp_path / "app.db") as stage:
        stage.claim(True, "fire is hot")
        stage.claim(False, "the moon is cheese")
    assert (stage.claims, stage.failures) == (2, 1)
    assert "NOT TRUE: the moon is cheese" in told.getvalue()
