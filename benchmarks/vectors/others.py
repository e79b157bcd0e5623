"""The same vectors in numpy and in libraries of vectors, those that are installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Final

import numpy as np

from benchmarks.vectors.data import NEAREST, Data, recall
from benchmarks.vectors.ours import timed
from benchmarks.vectors.report import Line


def measured(data: Data, title: str, run: Callable[[Any], Any]) -> Line:
    """Run every query, after a few."""
    for query in data.queries[:20]:
        run(query)
    found: list[Any] = []
    seconds = timed(lambda: found.extend([run(query) for query in data.queries]))
    return Line(title, "search", len(data.queries) / seconds, recall(found, data.truth))


def others(data: Data) -> Iterator[Line]:
    """All that are installed."""
    yield measured(data, "numpy exact", lambda query: np.argpartition(-(data.vectors @ query), NEAREST)[:NEAREST])
    for library, lines in LIBRARIES.items():
        try:
            import_module(library)
            yield from lines(data)
        except Exception as error:  # noqa: BLE001 - what another library cannot do here must not end the run
            yield Line(library, "left out", note=f"{type(error).__name__}: {error}"[:80])


def _faiss(data: Data) -> Iterator[Line]:
    import faiss

    library: Any = faiss
    library.omp_set_num_threads(1)
    lists = max(16, len(data.vectors) // 256)
    quantizer = library.IndexFlatIP(data.dimensions)
    index = library.IndexIVFFlat(quantizer, data.dimensions, lists, library.METRIC_INNER_PRODUCT)
    yield Line("faiss IVF", "build", seconds=timed(lambda: (index.train(data.vectors), index.add(data.vectors))))
    for probes in (16, 32, 64):
        index.nprobe = probes
        yield measured(
            data, f"faiss IVF, {probes} of {lists} lists", lambda query: index.search(query[None], NEAREST)[1][0]
        )
    graph = library.IndexHNSWFlat(data.dimensions, 16, library.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = 64
    yield Line("faiss HNSW", "build", seconds=timed(lambda: graph.add(data.vectors)))
    for ef_search in (40, 100):
        graph.hnsw.efSearch = ef_search
        yield measured(data, f"faiss HNSW, ef {ef_search}", lambda query: graph.search(query[None], NEAREST)[1][0])


def _usearch(data: Data) -> Iterator[Line]:
    from usearch.index import Index

    index = Index(ndim=data.dimensions, metric="cos", connectivity=16, expansion_add=64, expansion_search=64)
    keys = np.arange(len(data.vectors))
    yield Line("usearch", "build", seconds=timed(lambda: index.add(keys, data.vectors, threads=1)))
    yield measured(data, "usearch, ef 64", lambda query: index.search(query, NEAREST, threads=1).keys)


def _sqlite_vec(data: Data) -> Iterator[Line]:
    import apsw
    import sqlite_vec

    db = apsw.Connection(":memory:")  # the sqlite3 of many Pythons loads no extensions
    db.enable_load_extension(True)
    db.load_extension(sqlite_vec.loadable_path())
    db.execute(f"CREATE VIRTUAL TABLE items USING vec0(v float[{data.dimensions}] distance_metric=cosine)")
    rows = [(place, row.tobytes()) for place, row in enumerate(data.vectors)]
    insert = "INSERT INTO items(rowid, v) VALUES (?, ?)"
    yield Line("sqlite-vec", "build", seconds=timed(lambda: _insert_all(db, insert, rows)))
    find = "SELECT rowid FROM items WHERE v MATCH ? AND k = ?"
    yield measured(
        data, "sqlite-vec exact", lambda query: [row[0] for row in db.execute(find, (query.tobytes(), NEAREST))]
    )


def _insert_all(db: Any, insert: str, rows: list[Any]) -> None:
    with db:
        db.executemany(insert, rows)


LIBRARIES: Final[dict[str, Callable[[Data], Iterator[Line]]]] = {
    "faiss": _faiss,
    "usearch": _usearch,
    "sqlite_vec": _sqlite_vec,
}
"""What measures a library, by the name that it is imported by."""
