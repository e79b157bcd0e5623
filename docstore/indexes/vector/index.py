"""A vector index of a table: kept in step with its documents, and searched.

An entry of it is a vector of a document. Everything stands in one map of the store (`records.py`), written in the
transaction of the documents. Any thread may use an index.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Final, cast

from docstore.catalog import IndexDefinition, TableDefinition
from docstore.indexes.base import Update, changing, decoder
from docstore.indexes.function import IndexFunction
from docstore.indexes.refusing import WithoutOrder, WithoutShapes
from docstore.indexes.vector.answers import Wanted, gather, nearest_of
from docstore.indexes.vector.balance import mend, steps_for
from docstore.indexes.vector.codes import coder_of
from docstore.indexes.vector.editing import Editor
from docstore.indexes.vector.filtering import Gathered, Kept, Known
from docstore.indexes.vector.graph import GraphKeeper, comparable_query
from docstore.indexes.vector.lists import State, read_state
from docstore.indexes.vector.one_thread import one_thread
from docstore.indexes.vector.reading import NOTHING, Form, Found, FoundOf, vectors_of
from docstore.indexes.vector.search import EXACT_VECTORS, SPARE, Search, measured_recall
from docstore.indexes.vector.status import status_of, without_vectors
from docstore.indexes.vector.training import LEAST_DOCUMENTS, sample_step, trained
from docstore.indexes.vector.warn import warn
from docstore.keys import primary_key
from docstore.storage.engine import ReadTransaction, WriteTransaction
from docstore.storage.entries import Entry
from query.errors import ReqlQueryLogicError
from query.left_out import LeftOut
from query.measures import measure_named
from query.runtime import Document, Fields, Nearest, NearRows, Run, Tested
from query.vectors import Vector

GRAPH_SPARE: Final = 2
"""Candidates by the graph beyond those wanted whose exact distances are reckoned at first."""


class VectorIndex(WithoutShapes, WithoutOrder):
    """One vector index of a table."""

    geo: Final = False
    compound: Final = False
    paths: Final = None
    refusal = "a vector index.  Only get_nearest can use a vector index"

    def __init__(self, table: TableDefinition, definition: IndexDefinition) -> None:
        self.definition = definition
        self.name = definition.name
        self.multi = definition.multi
        self.form = Form(definition.options)
        self.method = cast(str, definition.options["method"])
        self._table = table
        seed = cast(int, definition.options["seed"])
        self.coder = coder_of(self.form, self.method, seed)
        self._space = definition.space
        self._seed = seed
        self._target = cast(int, definition.options["target_vectors"])
        self._state: State | None = None
        self._kept = Kept()
        self._measured: tuple[bytes, float] = (b"", 0.0)
        has_graph = self.method == "hnsw"
        self._graphs = GraphKeeper(self.form, self._space, definition.options["arguments"]) if has_graph else None
        self._told = threading.local()

    # Keeping it in step

    @cached_property
    def _function(self) -> IndexFunction:
        return IndexFunction(self.definition.function)  # made when it is needed: a search has no use for it

    @cached_property
    def fields(self) -> Fields:
        """See `StoredIndex`."""
        return self._function.fields

    def _found_of(self) -> FoundOf:
        return vectors_of(self._function.bind(), self.form, multi=self.multi)

    def update(self, engine: WriteTransaction, updates: Sequence[Update]) -> int:
        """See `StoredIndex`."""
        updates = changing(self.fields, updates)
        if not updates:
            return 0
        found_of = self._found_of()
        gone: list[bytes] = []
        come: list[tuple[bytes, bytes]] = []
        skipped: Counter[str] = Counter()
        told: dict[str, LeftOut] = {}
        for member, old, new in updates:
            before = NOTHING if old is None else found_of(old)
            after = NOTHING if new is None else found_of(new)
            if before == after:
                continue
            skipped.subtract([one.reason for one in before.skipped])
            skipped.update([one.reason for one in after.skipped])
            for reason, what in after.skipped:
                if reason != "missing":
                    earlier = told.get(reason, LeftOut(self.name, reason, what, 0))
                    told[reason] = earlier._replace(vectors=earlier.vectors + 1)
            if before.rows != after.rows:
                if before.rows:
                    gone.append(member)
                come += [(member, row) for row in after.rows]
        self._told.left_out = list(told.values())
        if not (gone or come or any(skipped.values())):
            return 0
        with one_thread():
            return self._edit(engine, gone, come, skipped)

    def _edit(
        self, engine: WriteTransaction, gone: list[bytes], come: list[tuple[bytes, bytes]], skipped: Counter[str]
    ) -> int:
        editor = Editor(engine, self._space, self.form, self.coder, self._target)
        removed = editor.remove(gone)
        if come:
            editor.add(come)
        head = editor.head
        counts = {reason: head.skipped.get(reason, 0) + skipped[reason] for reason in {*head.skipped, *skipped}}
        head.skipped = {reason: number for reason, number in sorted(counts.items()) if number}
        mend(editor, steps_for(len(come) + removed, self._target), self._seed)
        editor.save()
        return len(come) - removed

    def prepare(self, engine: ReadTransaction, documents: int, goes_on: Callable[[], bool]) -> Any:
        """What to `begin` with on a table of so many documents: the centroids of the first lists; None where few are enough."""
        if documents < LEAST_DOCUMENTS or self.method == "flat" or self.form.type == "bits":
            return None
        rows = self._sample(engine, sample_step(documents, self._target), goes_on)
        with one_thread():
            return trained(self.form, rows, documents, self._target, self._seed, goes_on=goes_on)

    def _sample(self, engine: ReadTransaction, step: int, goes_on: Callable[[], bool]) -> Iterator[bytes]:
        """The vectors of one of so many documents."""
        found_of, decode, passed = self._found_of(), decoder(self.fields), 0
        for chunk in engine.scan_rows(self._table.space):
            for document in chunk.read_some(decode, range(-passed % step, len(chunk), step)):
                yield from found_of(document).rows
            passed += len(chunk)
            if not goes_on():
                return

    def begin(self, engine: WriteTransaction, prepared: Any) -> None:
        """Give the index the lists that it was prepared with, where it has none."""
        editor = Editor(engine, self._space, self.form, self.coder, self._target)
        editor.begin(prepared)
        editor.save()

    def take_left_out(self) -> list[LeftOut]:
        """What this thread's last update left out, one for each reason; asked for once."""
        left_out: list[LeftOut] = getattr(self._told, "left_out", [])
        self._told.left_out = []
        return left_out

    def refusals(self, engine: WriteTransaction, updates: Sequence[Update]) -> dict[bytes, str]:
        """See `StoredIndex`. A strict index refuses what it would leave out, but for documents without a vector."""
        if not self.definition.options.get("strict"):
            return {}
        found_of = self._found_of()
        refused: dict[bytes, str] = {}
        for member, _, new in updates:
            if new is not None:
                wrong = next((one for one in found_of(new).skipped if one.reason != "missing"), None)
                if wrong is not None:
                    refused[member] = f"Index `{self.name}` refuses the document, {wrong.reason}: {wrong.found}."
        return refused

    def vectors(self, rows: Iterable[tuple[bytes, Document]]) -> Iterator[tuple[bytes, Found]]:
        """The vectors that documents should have, for the check."""
        found_of = self._found_of()
        for member, document in rows:
            yield member, found_of(document)

    def entries(self, rows: Iterable[tuple[bytes, Document]]) -> list[Entry]:
        """See `StoredIndex`: the packed vectors with their documents' keys."""
        return [(row, member) for member, found in self.vectors(rows) for row in found.rows]

    # Searching

    def state(self, engine: ReadTransaction) -> State:
        """What there is to know of the index in a transaction."""
        state = self._state = read_state(engine, self._space, self.form, self.coder, self._state)
        return state

    def nearest(self, run: Run, wanted: Nearest) -> list[tuple[float, Document]]:
        """See `query.runtime.NearestIndex`."""
        self._check_measure(wanted.measure)
        engine: ReadTransaction = run.transaction.engine
        state = self.state(engine)
        self._check_vectors(state)
        if self._graphs is not None and self._may_use_graph(state, wanted):
            answers = self._by_graph(self._graphs, run, state, wanted)
            if answers is not None:
                return answers
        known = self._known(engine, wanted)
        search = Search(engine, state, self._table, self._wanted(wanted), known)
        if wanted.rows is not None:
            return search.by_rows(self._rows(engine, state, wanted.rows))
        before_bytes, was_known, tested = known.nbytes, known.passing is not None, known.tested
        answers = search.by_lists(lambda: self._scanned(engine, wanted))
        if wanted.tell is not None:
            if was_known:
                wanted.tell(Tested.BEFORE, 0)
            elif known.tested > tested or known.passing is None:
                wanted.tell(Tested.ONE_BY_ONE, known.tested - tested)
        if known.nbytes != before_bytes:
            self._kept.put(engine, wanted.keep_marker, known, known.nbytes)
        return answers

    def _known(self, engine: ReadTransaction, wanted: Nearest) -> Known:
        """What is known of the filter."""
        found: Known | None = self._kept.get(engine, wanted.keep_marker)
        if found is None:
            found = Known()
            self._kept.put(engine, wanted.keep_marker, found, 0)
        return found

    def _may_use_graph(self, state: State, wanted: Nearest) -> bool:
        filtered = wanted.keep is not None or wanted.rows is not None
        return not filtered and not wanted.exact and state.head.vectors > EXACT_VECTORS

    def _by_graph(
        self, graphs: GraphKeeper, run: Run, state: State, wanted: Nearest
    ) -> list[tuple[float, Document]] | None:
        """The nearest by the graph; None where there is none yet, or where it gives too few."""
        engine: ReadTransaction = run.transaction.engine
        store: Any = run.store
        graph = graphs.current(engine, state.head, store.begin_read)
        if graph is None:
            return None
        query = self._query(wanted)
        ordinals = graph.search(comparable_query(self.form, query), wanted.results + SPARE, wanted.ef_search)
        later = graph.later(engine, self._space, state.head.next_ordinal)
        search = Wanted(query, wanted.results, wanted.max_dist)
        # The graph's order is right but for the last digits: the rest is for vectors that have gone since.
        for some in (ordinals[: wanted.results + GRAPH_SPARE], ordinals):
            answers = nearest_of(engine, state, self._table, search, later + some)
            if len(answers) >= wanted.results or wanted.max_dist is not None:
                return answers
        return None

    def wait_for_graph(self) -> None:
        """Return when no graph is being built in this process."""
        if self._graphs is not None:
            self._graphs.wait()

    def way(self, run: Run, wanted: Nearest) -> str:
        """See `query.runtime.NearestIndex`."""
        if wanted.rows is not None:
            return "the vectors of these rows, exactly"
        state = self.state(run.transaction.engine)
        graph = None if self._graphs is None else self._graphs.graph
        if graph is not None and wanted.keep is None and not wanted.exact and graph.is_for(run.transaction.engine):
            return f"the graph of {len(graph.ordinals):,} vectors, and those that came later"
        return Search(run.transaction.engine, state, self._table, self._wanted(wanted)).way()

    def _wanted(self, wanted: Nearest) -> Wanted:
        exact = wanted.exact or self.method == "flat"
        return Wanted(self._query(wanted), wanted.results, wanted.max_dist, wanted.keep, wanted.probes, exact)

    def _query(self, wanted: Nearest) -> Vector:
        return self.form.query(wanted.vector, f"the index `{self.name}`")

    def _check_vectors(self, state: State) -> None:
        """Tell of an index that can find nothing, since it has left out all there is.

        Documents without a value may get one yet, so that alone is no error; most likely the field's name is wrong.
        """
        if state.head.vectors or not state.head.skipped:
            return
        text = without_vectors(f"Index `{self.name}`", self.form, state.head.skipped)
        if set(state.head.skipped) != {"missing"}:
            raise ReqlQueryLogicError(text)
        warn(text)

    def _check_measure(self, measure: str | None) -> None:
        if measure is not None and measure_named(measure) != self.form.measure:
            raise ReqlQueryLogicError(
                f"Index `{self.name}` is for the measure `{self.form.measure}`, not for `{measure_named(measure)}`: leave "
                "`measure` out, or search with an index for that measure."
            )

    def _scanned(self, engine: ReadTransaction, wanted: Nearest) -> Iterator[bytes]:
        """The keys of the documents that a filter lets through, by a scan of the table."""
        assert wanted.keep is not None
        look, test, tested = decoder(wanted.keep.fields), wanted.keep.test, 0
        for member, data in engine.scan(self._table.space):
            tested += 1
            if test(look(data)):
                yield member
        if wanted.tell is not None:
            wanted.tell(Tested.BY_SCAN, tested)

    def _rows(self, engine: ReadTransaction, state: State, rows: NearRows) -> Gathered:
        """The vectors of rows that another index gives, kept for the next search of the same commit."""
        found: Gathered | None = self._kept.get(engine, rows.marker)
        if found is None:
            keys = list(dict.fromkeys(map(primary_key, rows.keys())))
            row_ids = [row_id for row_id in engine.get_many(self._table.key_space, keys) if row_id is not None]
            found = gather(engine, state, row_ids)
            self._kept.put(engine, rows.marker, found, found.nbytes)
        return found

    def _recall(self, engine: ReadTransaction) -> float | None:
        """The recall of searches with no arguments, measured once in each state of the contents."""
        state = self.state(engine)
        if self.method == "flat" or state.head.vectors <= EXACT_VECTORS:
            return 1.0
        if self._measured[0] != state.head.stamp:
            with one_thread():
                self._measured = (state.head.stamp, measured_recall(engine, state, self._table))
        return self._measured[1]

    def status(self, engine: ReadTransaction) -> Document:
        """What `index_status` tells of the vectors."""
        return status_of(
            engine,
            self._space,
            self.form,
            self.coder.code_bytes,
            self.definition.options,
            self._recall(engine),
        )
