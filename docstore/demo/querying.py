"""Chapters: the indexes on another table, and the queries that use them."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any, Final

from rich.markup import escape

from docstore.cursor import Cursor
from docstore.demo.loading import COPIES, read_packages
from docstore.demo.queries import QUERIES, archive, large_editors, packages
from docstore.demo.stage import Stage, timed
from query import Query
from query.explain import Part

RUNS: Final = 5
"""Runs of each query; the fastest is told."""

COPY: Final = """\
for status in archive.index_status().run(db):
    packages.index_create(status["index"], status["function"]).run(db)
packages.index_wait().run(db)"""


def copy_indexes(stage: Stage) -> None:
    """Give the table of the packages the indexes of the archive, from their stored functions."""
    stage.chapter(
        "An index knows how it is made",
        "Its status has its function as a binary, from which the same index can be made on another table.",
    )
    db = stage.db
    stage.code(COPY)
    for status in archive.index_status().run(db):
        packages.index_create(status["index"], status["function"]).run(db)
    made, seconds = timed(lambda: packages.index_wait().run(db))
    stage.rows([{"entries": status["entries"], "made by": status["query"]} for status in made])
    same = [status["query"] for status in made] == [status["query"] for status in archive.index_status().run(db)]
    stage.claim(same, f"{len(made)} indexes of 4,000 documents, each as in the other table, in {seconds:.2f} s")


def show_queries(stage: Stage) -> None:
    """Show each query: its text, its answer, its time, and how it was run."""
    stage.chapter(
        "Queries",
        f"Each with its answer, its time (the fastest of {RUNS} runs) and where its rows come from, as explain tells.",
    )
    wrong = []
    all_packages = read_packages()
    for make, in_python in QUERIES:
        answer = _show(stage, make)
        if answer != in_python(all_packages, COPIES):
            wrong.append(make.__name__)
    stage.console.print("[bold]The whole plan of the last one[/bold], after a run")
    stage.code(f"{_source(large_editors)}.explain(db, run=True)")
    stage.note(escape(str(large_editors().explain(stage.db, run=True)).partition("\n")[2]).replace("\n", "\n  "))
    stage.console.print()
    found = f"; not so: {', '.join(wrong)}" if wrong else ""
    stage.claim(not wrong, f"all {len(QUERIES)} answers are those of plain Python over the same documents{found}")


def _show(stage: Stage, make: Callable[[], Query]) -> Any:
    """Show one query; gives its answer."""
    query = make()
    answer, milliseconds = _run(stage, query)
    stage.console.print(f"[bold]{make.__doc__}[/bold]")
    stage.code(_source(make))
    single = answer if isinstance(answer, dict) else {"answer": answer}
    stage.rows(answer if isinstance(answer, list) else [single])
    stage.note(f"{milliseconds:.2f} ms: {escape(_rows_from(query.explain(stage.db).part))}")
    stage.console.print()
    return answer


def _run(stage: Stage, query: Query) -> tuple[Any, float]:
    """The answer of a query and the milliseconds of its fastest run."""

    def once() -> Any:
        found = query.run(stage.db)
        return list(found) if isinstance(found, Cursor) else found

    runs = [timed(once) for _ in range(RUNS)]
    return runs[0][0], min(seconds for _, seconds in runs) * 1000


def _source(make: Callable[[], Query]) -> str:
    """What a function returns, as it is written."""
    body = inspect.getsource(make).partition("return ")[2].rstrip()
    if body.startswith("(\n"):
        body = textwrap.dedent(body[1:-1].strip("\n")).rstrip()
    return body.replace("\n.", "\n    .")


def _rows_from(part: Part) -> str:
    """Where a plan's rows come from: the title of its first leaf."""
    while part.parts:
        part = part.parts[0]
    rows = dict(part.details).get("rows")
    return f"{part.title}; rows: {rows}" if rows else part.title
