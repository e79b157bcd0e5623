"""The same vectors in numpy and in libraries of vectors: those that are installed, and which are not.

All are asked for identifiers alone, and told to use one thread where they can be. LanceDB and Chroma have threads of their own;
the CPU time of all of them counts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
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
        except ModuleNotFoundError as error:
            missing = error.name or library
            yield Line(library, "left out", note=f"not installed: pip install {missing.replace('_', '-')}")
            continue
        try:
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


def _hnswlib(data: Data) -> Iterator[Line]:
    import hnswlib

    index = hnswlib.Index("cosine", data.dimensions)
    index.init_index(len(data.vectors), M=16, ef_construction=64)
    index.set_num_threads(1)
    yield Line("hnswlib", "build", seconds=timed(lambda: index.add_items(data.vectors)))
    index.set_ef(64)
    yield measured(data, "hnswlib, ef 64", lambda query: index.knn_query(query, NEAREST)[0][0])


def _lancedb(data: Data) -> Iterator[Line]:
    import lancedb
    import pyarrow

    flat = pyarrow.array(data.vectors.reshape(-1))
    vectors = pyarrow.FixedSizeListArray.from_arrays(flat, data.dimensions)
    rows = pyarrow.table({"id": np.arange(len(data.vectors)), "vector": vectors})
    with tempfile.TemporaryDirectory() as directory:
        table = lancedb.connect(directory).create_table("items", rows)
        build = partial(table.create_index, metric="cosine", index_type="IVF_HNSW_SQ", vector_column_name="vector")
        yield Line("LanceDB IVF_HNSW_SQ", "build", seconds=timed(build))

        def search(query: Any, refine: int) -> Any:
            found = table.search(query).distance_type("cosine").nprobes(20).refine_factor(refine).limit(NEAREST)
            return found.select(["id", "_distance"]).to_arrow()["id"].to_pylist()

        for refine in (1, 5):
            yield measured(data, f"LanceDB, 20 probes, refine {refine}", partial(search, refine=refine))


def _chromadb(data: Data) -> Iterator[Line]:
    import chromadb

    client = chromadb.EphemeralClient(chromadb.Settings(anonymized_telemetry=False))
    hnsw = {"space": "cosine", "max_neighbors": 16, "ef_construction": 64, "ef_search": 64, "num_threads": 1}
    items = client.create_collection("items", configuration={"hnsw": hnsw}, embedding_function=None)

    def build() -> None:
        for start in range(0, len(data.vectors), _CHROMA_BATCH):
            rows = data.vectors[start : start + _CHROMA_BATCH]
            items.add(ids=[str(start + place) for place in range(len(rows))], embeddings=rows)

    yield Line("Chroma", "build", seconds=timed(build))

    def search(query: Any) -> list[int]:
        return [int(found) for found in items.query(query_embeddings=[query], n_results=NEAREST, include=[])["ids"][0]]

    yield measured(data, "Chroma, ef 64", search)
    client.delete_collection("items")


_CHROMA_BATCH: Final = 5_000
"""Chroma refuses more rows at once than SQLite takes variables."""


def _insert_all(db: Any, insert: str, rows: list[Any]) -> None:
    with db:
        db.executemany(insert, rows)


LIBRARIES: Final[dict[str, Callable[[Data], Iterator[Line]]]] = {
    "faiss": _faiss,
    "usearch": _usearch,
    "hnswlib": _hnswlib,
    "sqlite_vec": _sqlite_vec,
    "lancedb": _lancedb,
    "chromadb": _chromadb,
}
"""What measures a library, by the name that it is imported by."""
