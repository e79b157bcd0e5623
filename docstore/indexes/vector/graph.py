"""HNSW: a graph of the vectors in memory, for those who mostly read. faiss-cpu makes it; it is an optional extra.

The graph is built in the background from the vectors in one snapshot, and thrown away with the process. It needs no journal
of its own: ordinals ascend and are never given twice, so the vectors that came later are the records from its last ordinal
on, which are searched one by one; and a vector that went has no record any more. When a tenth of the vectors has come
or gone since, a new graph is built. Who has no graph yet, reads an older snapshot than the graph's, or has a filter,
searches the lists.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from math import sqrt
from typing import Any, Final

import numpy as np

from docstore.indexes.vector.arguments import has_graphs, warn_without_graphs
from docstore.indexes.vector.reading import Form, of_length_1
from docstore.indexes.vector.records import ORDINAL_PREFIX, Head, ordinal_key, read_head, unpack_vector_record
from docstore.storage.engine import ReadTransaction
from query.errors import ReqlError
from query.vectors import Vector

EF_SEARCH: Final = (40, 64, 100, 160, 250, 400)
"""Candidates of a search by a graph: the first that find `ENOUGH` of the nearest of some of its vectors, unless told."""

ENOUGH: Final = 0.96

_SAMPLE: Final = 100
_NEAREST: Final = 10

STALE_SHARE: Final = 10
"""A graph is built anew when a tenth of the vectors has come or gone."""

_BATCH: Final = 1_000
"""Vectors that are added at once: the end of the process waits for no more."""

_METRICS: Final = {
    "cosine": "METRIC_INNER_PRODUCT",
    "inner_product": "METRIC_INNER_PRODUCT",
    "l1": "METRIC_L1",
    "l2": "METRIC_L2",
}
"""What faiss calls the measures, of which cosine is that of vectors of length 1. Bits have no graph."""


class Graph:
    """A graph of the vectors of one snapshot."""

    def __init__(self, snapshot: int, next_ordinal: int, ordinals: Any) -> None:
        self.snapshot = snapshot
        self.next_ordinal = next_ordinal
        self.ordinals = ordinals
        self.index: Any = None
        self.ef_search = EF_SEARCH[0]
        self._parameters: dict[int, Any] = {}

    def is_for(self, engine: ReadTransaction) -> bool:
        """Whether a transaction sees the vectors of the graph, but for those that have gone since."""
        return engine.id < 0 or engine.id >= self.snapshot

    def is_stale(self, vectors: int, next_ordinal: int) -> bool:
        """Whether so much has changed since that a new graph is better."""
        come = next_ordinal - self.next_ordinal
        gone = len(self.ordinals) + come - vectors
        return (come + gone) * STALE_SHARE > max(vectors, 1)

    def search(self, numbers: Any, wanted: int, ef_search: int | None) -> list[int]:
        """The ordinals of the nearest vectors, about so many, the nearest first."""
        count = min(wanted, len(self.ordinals))
        found = self._places(numbers[None, :], count, max(ef_search or self.ef_search, count))[0]
        ordinals: list[int] = self.ordinals[found[found >= 0]].tolist()
        return ordinals

    def _places(self, queries: Any, count: int, width: int) -> Any:
        parameters = self._parameters.get(width)
        if parameters is None:
            parameters = self._parameters[width] = _faiss().SearchParametersHNSW(efSearch=width)
        return self.index.search(queries, count, params=parameters)[1]

    def measure(self, rows: Any, metric: int) -> None:
        """Find out how many candidates it takes: among random vectors more than among others."""
        queries = rows[:: max(1, len(rows) // _SAMPLE)][:_SAMPLE]
        count = min(_NEAREST, len(rows))
        nearest = _faiss().knn(queries, rows, count, metric=metric)[1]
        for self.ef_search in EF_SEARCH:
            found = self._places(queries, count, self.ef_search)
            if np.mean([np.isin(some, wanted).mean() for some, wanted in zip(found, nearest, strict=True)]) >= ENOUGH:
                return

    def later(self, engine: ReadTransaction, space: int, next_ordinal: int) -> list[int]:
        """The ordinals of the vectors that have come since, up to the next that will be given out."""
        if next_ordinal == self.next_ordinal:
            return []
        high = bytes([ORDINAL_PREFIX[0] + 1])
        return [int.from_bytes(key[1:], "big") for key, _ in engine.scan(space, ordinal_key(self.next_ordinal), high)]


class GraphKeeper:
    """The graph of one index, built anew in the background when it is stale."""

    def __init__(self, form: Form, space: int, arguments: Any) -> None:
        self._form = form
        self._space = space
        self._m: int = arguments.get("m", 16)
        self._ef_construction: int = arguments.get("ef_construction", 64)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._failed = False
        self.graph: Graph | None = None

    def current(self, engine: ReadTransaction, head: Head, begin_read: Callable[[], Any]) -> Graph | None:
        """The graph for a transaction, with the head that it sees; None where there is none, which one is then being built."""
        graph = self.graph
        if graph is None or (graph.is_for(engine) and graph.is_stale(head.vectors, head.next_ordinal)):
            self._begin(begin_read)
        return graph if graph is not None and graph.is_for(engine) else None

    def wait(self) -> None:
        """Return when no graph is being built."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _begin(self, begin_read: Callable[[], Any]) -> None:
        with self._lock:
            if self._failed or (self._thread is not None and self._thread.is_alive()):
                return
            if not has_graphs():
                self._failed = True
                warn_without_graphs()
                return
            self._thread = threading.Thread(
                target=self._build, args=(begin_read,), name="docstore graph builder", daemon=True
            )
            atexit.register(self._stop)
            self._thread.start()

    def _stop(self) -> None:
        self._stopping.set()
        self.wait()

    def _build(self, begin_read: Callable[[], Any]) -> None:
        try:
            with begin_read() as transaction:
                graph, rows = self._read(transaction.engine)
        except ReqlError:
            return  # the store was closed meanwhile
        if self._fill(graph, rows):
            self.graph = graph
        atexit.unregister(self._stop)

    def _read(self, engine: ReadTransaction) -> tuple[Graph, Any]:
        """The vectors of a snapshot, as the graph compares them."""
        ordinals: list[int] = []
        packed: list[bytes] = []
        for key, data in engine.scan(self._space, ORDINAL_PREFIX, bytes([ORDINAL_PREFIX[0] + 1])):
            ordinals.append(int.from_bytes(key[1:], "big"))
            packed.append(unpack_vector_record(data)[1])
        graph = Graph(engine.id, read_head(engine, self._space).next_ordinal, np.array(ordinals, np.int64))
        return graph, comparable(self._form, b"".join(packed))

    def _fill(self, graph: Graph, rows: Any) -> bool:
        """Make the graph of some rows; False where it was told to stop."""
        library = _faiss()
        metric = getattr(library, _METRICS[self._form.measure])
        graph.index = library.IndexHNSWFlat(self._form.dimensions, self._m, metric)
        graph.index.hnsw.efConstruction = self._ef_construction
        for start in range(0, len(rows), _BATCH):
            if self._stopping.is_set():
                return False
            graph.index.add(rows[start : start + _BATCH])
        if len(rows):
            graph.measure(rows, metric)
        return True


def _faiss() -> Any:
    import faiss

    return faiss


def comparable_query(form: Form, query: Vector) -> Any:
    """A vector that is searched for as a graph compares it."""
    if form.measure != "cosine":
        return query.numpy().astype(np.float32, copy=False)
    wide = query.numpy().astype(np.float64)
    return (wide / sqrt(wide @ wide)).astype(np.float32)


def comparable(form: Form, packed: bytes) -> Any:
    """Packed vectors as a graph compares them: for `cosine` of length 1."""
    rows = np.ascontiguousarray(form.array(packed), np.float32)
    if form.measure == "cosine":
        rows = of_length_1(rows)
    return rows
