"""Growth: the same operations on stores of more and more generated documents.

What has to stay as it is: the time of a read by key, of a read and a count by index, of a single write, and of opening the
store; and the memory that the process has for itself (RssAnon: without the pages of the file). What may grow in proportion:
an index build and a scan, given per document. Each store is measured in a process of its own, its memory included.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from rich.table import Table

import docstore
from benchmarks.data import Document
from query import r

SIZES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
"""The largest takes 4 GB of disk and five minutes."""
BATCH: Final = 1_000
PER_BUCKET: Final = 20
"""Documents with the same value of the index that is read: as many in every store."""
OPERATIONS: Final = 2_000
OPENINGS: Final = 5
MEMORY_EVERY_SECONDS: Final = 0.02
WORDS: Final = ("amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "heath", "inlet", "juniper")

documents_of = r.table("documents")


@dataclass(frozen=True, slots=True)
class Growth:
    """The figures of one size: microseconds, but where the name says otherwise."""

    documents: int
    get: float
    get_all: float
    count: float
    update_soft: float
    update_hard: float
    insert_one: float
    open_ms: float
    rss_anon_mb: float
    insert: float
    build: float
    scan: float
    filter_count: float
    bytes: float


def generated(count: int, seed: int = 2_026) -> Iterator[Document]:
    """Documents of some 250 bytes; the same seed gives the same ones."""
    draw = random.Random(seed)
    for number in range(count):
        yield {
            "id": key_of(number),
            "bucket": number // PER_BUCKET,
            "kind": draw.choice(WORDS),
            "amount": draw.randrange(1_000_000),
            "tags": draw.sample(WORDS, 3),
            "text": " ".join(draw.choices(WORDS, k=20)),
        }


def key_of(number: int) -> str:
    """The id of the generated document of a number."""
    return f"{number * 2_654_435_761 % 2**32:08x}-{number}"


def measure_growth(
    sizes: Sequence[int], directory: Path | None, progress: Callable[[str], None] = lambda text: None
) -> list[Growth]:
    """The figures of each size, in turn."""
    found = []
    for size in sizes:
        progress(f"{size:,} documents")
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            found.append(process.submit(growth_of, size, directory).result())
    return found


def growth_of(count: int, directory: Path | None) -> Growth:
    """The figures of one size, in a store that is made for it and removed."""
    place = Path(tempfile.mkdtemp(prefix="docstore-growth-", dir=directory))
    try:
        with _PeakMemory() as memory:
            return _growth(count, place / "store.docstore", memory)
    finally:
        shutil.rmtree(place)


def _growth(count: int, file: Path, memory: _PeakMemory) -> Growth:
    draw = random.Random(count)
    with docstore.connect(file) as db:
        r.table_create("documents").run(db)
        insert = _seconds(lambda: _insert_all(db, count)) / count
        build = _seconds(lambda: _build(db)) / count
    openings = [_seconds(lambda: _open(file)) for _ in range(OPENINGS)]
    with docstore.connect(file) as db:
        keys = [key_of(draw.randrange(count)) for _ in range(OPERATIONS)]
        buckets = [draw.randrange(count // PER_BUCKET) for _ in range(OPERATIONS // 10)]
        scan = _seconds(lambda: sum(1 for _ in documents_of.run(db))) / count
        filtered = _seconds(lambda: documents_of.filter(r.row["amount"] > 500_000).count().run(db)) / count
        return Growth(
            documents=count,
            get=_each(keys, lambda key: documents_of.get(key).run(db)),
            get_all=_each(buckets, lambda bucket: list(documents_of.get_all(bucket, index="bucket").run(db))),
            count=_each(buckets, lambda bucket: documents_of.get_all(bucket, index="bucket").count().run(db)),
            update_soft=_each(keys, lambda key: _update(db, key, "soft")),
            update_hard=_each(keys[:300], lambda key: _update(db, key, "hard")),
            insert_one=_each(range(OPERATIONS // 4), lambda number: _insert_one(db, number)),
            open_ms=statistics.median(openings) * 1e3,
            rss_anon_mb=memory.peak_mb(),
            insert=insert * 1e6,
            build=build * 1e6,
            scan=scan * 1e6,
            filter_count=filtered * 1e6,
            bytes=file.stat().st_blocks * 512 / count,
        )


def _insert_all(db: docstore.Connection, count: int) -> None:
    documents = generated(count)
    while batch := list(islice(documents, BATCH)):
        documents_of.insert(batch, durability="soft").run(db)
    documents_of.sync().run(db)


def _build(db: docstore.Connection) -> None:
    documents_of.index_create("bucket").run(db)
    documents_of.index_wait("bucket").run(db)


def _open(file: Path) -> None:
    with docstore.connect(file) as db:
        documents_of.get(key_of(0)).run(db)


def _update(db: docstore.Connection, key: str, durability: str) -> Any:
    return documents_of.get(key).update({"amount": r.row["amount"] + 1}, durability=durability).run(db)


def _insert_one(db: docstore.Connection, number: int) -> Any:
    return documents_of.insert({"id": f"new-{number}", "bucket": -number}, durability="soft").run(db)


def _seconds(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _each(questions: Sequence[Any], ask: Callable[[Any], Any]) -> float:
    """The median of what each question takes, in microseconds."""
    ask(questions[0])
    return statistics.median([_seconds(lambda: ask(question)) for question in questions]) * 1e6  # noqa: B023


class _PeakMemory:
    """Looks again and again at how much memory the process has for itself. A context manager."""

    def __enter__(self) -> _PeakMemory:
        self._peak_kb = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def peak_mb(self) -> float:
        """The most so far; 0 where the system does not tell."""
        return self._peak_kb / 1024

    def _watch(self) -> None:
        while not self._ended.wait(MEMORY_EVERY_SECONDS):
            self._peak_kb = max(self._peak_kb, _rss_anon_kb())


def _rss_anon_kb() -> int:
    file = Path(f"/proc/{os.getpid()}/status")
    lines = file.read_text().splitlines() if file.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)


def growth_table(found: Sequence[Growth]) -> Table:
    """A row for each figure, a column for each size, and by how much the largest exceeds the smallest."""
    table = Table(
        title="Growth with the number of documents",
        caption="Microseconds, where the name says nothing else; peak of RssAnon. From `insert` on: per document.",
    )
    table.add_column("", no_wrap=True)
    for growth in found:
        table.add_column(f"{growth.documents:,}", justify="right")
    table.add_column("last / first", justify="right", style="bold")
    for name in asdict(found[0]):
        if name == "documents":
            continue
        if name == "insert":
            table.add_section()
        values = [getattr(growth, name) for growth in found]
        factor = values[-1] / values[0] if values[0] else 0.0
        table.add_row(name, *(f"{value:.1f}" for value in values), f"{factor:.2f}")
    return table
