"""Chapter: documents go in."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Final

from docstore.demo.stage import Stage, timed
from query import r

COPIES: Final = 10
"""Copies of each package in `archive`: with 4,000 documents an index is built before one can look at its progress bar."""


def load(stage: Stage) -> None:
    """Load the packages, and a larger table of copies to build indexes on."""
    stage.chapter(
        "Documents go in",
        "4,000 packages of Debian 12, as its archive describes them. A table holds documents of any shape.",
    )
    db, packages = stage.db, read_packages()
    r.table_create("packages").run(db)
    r.table_create("archive").run(db)
    stage.code('r.table("packages").insert(packages).run(db)')
    summary, seconds = timed(lambda: r.table("packages").insert(packages).run(db))
    stage.claim(summary["inserted"] == len(packages), f"{len(packages):,} documents inserted in {seconds:.2f} s")
    stage.code('r.table("archive").insert(copy for package in packages for copy in copies_of(package)).run(db)')
    summary, seconds = timed(lambda: r.table("archive").insert(_copies(packages)).run(db))
    stage.claim(
        summary["inserted"] == COPIES * len(packages),
        f"{summary['inserted']:,} more, each under {COPIES} ids, from a generator, in {seconds:.2f} s: "
        "small tables are indexed too fast to watch",
    )


def read_packages() -> list[dict[str, Any]]:
    """The documents that ship with the demonstration."""
    data = files("docstore.demo").joinpath("packages.jsonl.gz").read_bytes()
    return [json.loads(line) for line in gzip.decompress(data).splitlines()]


def _copies(packages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for number in range(COPIES):
        for package in packages:
            yield {**package, "id": f"{package['id']}#{number}"}
