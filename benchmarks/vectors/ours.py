"""What `docstore` does with the vectors: searches, filters, writes while an index is built, turnover."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

import docstore
from benchmarks.vectors.data import NEAREST, Data, recall
from benchmarks.vectors.report import Line
from query import r

TABLE: Final = r.table("items")
SHARES: Final = (50.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.1)
"""Per cent of the rows that pass a filter."""

AGAINST: Final = (50.0, 10.0, 2.0, 0.5)
"""Per cent of the rows that pass a filter that is anti-correlated with the query: those farthest from it."""

AROUND: Final = 30
"""Queries near the first one, against which that filter is."""

BATCH: Final = 100


def store(directory: Path, data: Data) -> docstore.Connection:
    """A new store with a document for each vector, and a field for each share of the rows."""
    db = docstore.connect(directory / "vectors.db")
    r.table_create("items").run(db)
    side = data.side.tolist()
    TABLE.insert({**document(place, row), "side": side[place]} for place, row in enumerate(data.vectors)).run(db)
    return db


def document(place: int, vector: Any) -> dict[str, Any]:
    """One document; its field `p1.0` is 0 in one of a hundred, and so on."""
    groups = {f"p{share}": place % round(100 / share) for share in SHARES}
    return {"id": place, "title": f"Number {place}", "vector": vector, **groups}


def build(db: docstore.Connection, data: Data, name: str, **vector: Any) -> Line:
    """Build an index beside a thread that writes; the CPU time of both, and the slowest hundredth of the writes."""
    waits: list[float] = []
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            started = time.perf_counter()
            TABLE.get(0).update({"touched": started}).run(db)
            waits.append(time.perf_counter() - started)
            time.sleep(0.005)

    writer = threading.Thread(target=write)
    started = time.process_time()
    writer.start()
    TABLE.index_create(name, r.row["vector"], vector={"dimensions": data.dimensions, **vector}).run(db)
    TABLE.index_wait(name).run(db)
    seconds = time.process_time() - started
    stop.set()
    writer.join()
    late = sorted(waits)[int(len(waits) * 0.99)] * 1000
    return Line(f"docstore {name}", "build", seconds=seconds, note=f"writers' 99th percentile {late:.0f} ms")


def search(db: docstore.Connection, data: Data, title: str, index: str, truth: Any = None, **options: Any) -> Line:
    """Run every query, cold and warm."""
    truth = data.truth if truth is None else truth
    queries: list[Any] = list(data.queries)

    def run(query: Any) -> list[int]:
        found = TABLE.get_nearest(query, index=index, max_results=NEAREST, **options).run(db)
        return [row["doc"]["id"] for row in found]

    first = timed(lambda: run(queries[0]))
    for query in queries[:20]:
        run(query)
    found: list[list[int]] = []
    seconds = timed(lambda: found.extend([run(query) for query in queries]))
    assert all(len(one) == len(wanted) for one, wanted in zip(found, truth, strict=True)), "an answer is short"
    return Line(title, "search", len(queries) / seconds, recall(found, truth), note=f"first {first * 1000:.1f} ms")


def searches(db: docstore.Connection, data: Data) -> Iterator[Line]:
    """Every method, at its defaults and at a few numbers of lists."""
    yield build(db, data, "auto")
    yield search(db, data, "docstore auto", "auto")
    yield search(db, data, "docstore exact", "auto", exact=True)
    yield build(db, data, "ivfflat", method="ivfflat")
    for probes in (16, 32, 64):
        yield search(db, data, f"docstore ivfflat, {probes} lists", "ivfflat", probes=probes)
    yield build(db, data, "hnsw", method="hnsw")
    search(db, data, "", "hnsw")  # begins to build the graph
    yield Line("docstore hnsw", "graph", seconds=timed(lambda: _wait_for_graph(db)))
    for ef_search in (40, 100):
        yield search(db, data, f"docstore hnsw, ef {ef_search}", "hnsw", ef_search=ef_search)


def _wait_for_graph(db: docstore.Connection) -> None:
    with db.store.begin_read() as transaction:
        table: Any = transaction.schema.table("test", "items")
        table.stored_index(transaction.catalog.table("test", "items").index("hnsw")).wait_for_graph()


def filters(db: docstore.Connection, data: Data) -> Iterator[Line]:
    """Filters that let a share of the rows through: without an index, with one, and one against the query."""
    for share in SHARES:
        passing = np.arange(len(data.vectors)) % round(100 / share) == 0
        truth = data.truth_among(passing)
        name = f"p{share}"
        options = {"filter": r.row[name] == 0}
        yield search(db, data, f"docstore, filter of {share} %", "auto", truth, **options)
        if share <= 5:
            TABLE.index_create(name).run(db)
            TABLE.index_wait(name).run(db)
            yield search(db, data, f"docstore, {share} % by an index", "auto", truth, **options)
            TABLE.index_drop(name).run(db)
    around, side = data.around_first(AROUND), data.side
    for share in AGAINST:
        limit = float(np.quantile(side, share / 100))
        truth = around.truth_among(side <= limit)
        title = f"docstore, filter of the {share} % farthest from the query"
        yield search(db, around, title, "auto", truth, filter=r.row["side"] <= limit)


def writing(db: docstore.Connection, data: Data) -> Iterator[Line]:
    """Inserts in batches with the index in place, and replacing all vectors."""
    chance = np.random.default_rng(3)
    fresh = data.vectors[chance.permutation(len(data.vectors))[:5_000]]
    rows = [document(len(data.vectors) + place, row) for place, row in enumerate(fresh)]

    def insert() -> None:
        for start in range(0, len(rows), BATCH):
            TABLE.insert(rows[start : start + BATCH]).run(db)

    seconds = timed(insert)
    yield Line("docstore auto", f"insert, {BATCH} at once", len(rows) / seconds)
    TABLE.between(len(data.vectors), r.maxval).delete().run(db)


def turnover(db: docstore.Connection, data: Data) -> Iterator[Line]:
    """Replace all vectors in ten rounds by those of other documents."""
    order = np.random.default_rng(4).permutation(len(data.vectors))

    def replace() -> None:
        for start in range(0, len(order), 1_000):
            places = range(start, min(start + 1_000, len(order)))
            rows = [document(place, data.vectors[order[place]]) for place in places]
            TABLE.insert(rows, conflict="replace").run(db)

    seconds = timed(replace)
    yield Line("docstore auto", "replace all", len(order) / seconds)
    place_of = np.empty(len(order), np.int64)
    place_of[order] = np.arange(len(order))
    yield search(db, data, "docstore auto, after all was replaced", "auto", place_of[data.truth])
    yield search(db, data, "docstore ivfflat, the same, 32 lists", "ivfflat", place_of[data.truth], probes=32)


def timed(work: Callable[[], object]) -> float:
    """The CPU seconds that some work takes."""
    started = time.process_time()
    work()
    return time.process_time() - started
