"""The workloads that write: documents in bulk and one by one, index builds, and what both cost on the disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from benchmarks.data import Sample
from benchmarks.store import INDEXES, Store, Table
from benchmarks.workloads.workload import Answer, Run, Workload

THREADS: Final = 16


def _insert(table: Table) -> Run:
    return lambda store, sample: store.insert_all(table, sample.documents)


def _found_sizes(store: Store, sample: Sample, result: Any) -> Answer:
    return sum(document["size"] for document in store.scan())


def _found_by_indexes(store: Store, sample: Sample, result: Any) -> Answer:
    sections = [store.count("section", section) for section in sample.sections]
    return sections + [store.count("depends", name) for name in sample.dependencies]


def _updated_sizes(store: Store, sample: Sample, result: Any) -> Answer:
    """What the updated documents hold now: it tells lost and doubled updates."""
    return [(document["id"], document["installed_size"]) for key in sample.keys if (document := store.get(key))]


def _durable(store: Store, sample: Sample) -> None:
    store.be_durable(True)


def _not_durable(store: Store, sample: Sample) -> None:
    store.be_durable(False)


def _update_by_threads(store: Store, sample: Sample) -> None:
    def work(keys: list[str]) -> None:
        for key in keys:
            store.update_one("packages", key)

    _in_threads([partial(work, sample.keys[start::THREADS]) for start in range(THREADS)])


def _in_threads(works: list[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(len(works)) as threads:
        for done in [threads.submit(work) for work in works]:
            done.result()


def _durable_p99(store: Store, sample: Sample) -> float:
    """The 99th percentile, in ms, of durable writes by many threads."""
    waits: list[float] = []

    def work(keys: list[str]) -> None:
        for key in keys:
            begin = time.perf_counter()
            store.update_one("packages", key)
            waits.append(time.perf_counter() - begin)

    _in_threads([partial(work, sample.keys[start::THREADS]) for start in range(THREADS)])
    return _p99_ms(waits)


def _p99_ms(waits: list[float]) -> float:
    return sorted(waits)[int(len(waits) * 0.99)] * 1_000


def _write_during_build(store: Store, sample: Sample) -> float:
    """The 99th percentile, in ms, of single writes to a table while it is given a multi index."""
    waits: list[float] = []
    built = threading.Event()

    def write() -> None:
        number = 0
        while not built.is_set():
            begin = time.perf_counter()
            store.update_one("plain", sample.keys[number % len(sample.keys)])
            waits.append(time.perf_counter() - begin)
            number += 1
            time.sleep(0.0005)

    def build() -> None:
        try:
            store.build_index("plain", "depends")
        finally:
            built.set()

    _in_threads([write, build])
    return _p99_ms(waits)


def _build(index: str, goal: float) -> Workload:
    return Workload(
        f"build_{index}",
        "document",
        lambda store, sample: store.build_index("plain", index),
        operations=Sample.count,
        answer=lambda store, sample, result: store.count_entries("plain", index),
        tidy=lambda store, sample: store.drop_index("plain", index),
        goal=goal,
    )


def _bytes_per_document(store: Store, sample: Sample) -> float:
    store.insert_all("packages", sample.documents)
    return store.size_bytes() / len(sample.documents)


def _updates(name: str, run: Run, prepare: Run, goal: float | None = None) -> Workload:
    return Workload(
        name,
        "update",
        run,
        operations=lambda sample: len(sample.keys),
        answer=_updated_sizes,
        prepare=prepare,
        tidy=_not_durable,
        writes=True,
        goal=goal,
    )


def _update_each(store: Store, sample: Sample) -> None:
    for key in sample.keys:
        store.update_one("packages", key)


def _update_sections(store: Store, sample: Sample) -> None:
    for section in sample.sections:
        store.update_section(section)


def _section_sizes(store: Store, sample: Sample, result: Any) -> Answer:
    return [
        sorted((document["id"], document["installed_size"]) for document in store.get_all("section", section))
        for section in sample.sections
    ]


WRITING: Final = (
    Workload("insert", "document", _insert("plain"), Sample.count, _found_sizes, place="fresh", goal=1.4),
    Workload(
        "insert_indexed", "document", _insert("packages"), Sample.count, _found_by_indexes, place="fresh", goal=0.85
    ),
    Workload(
        "insert_indexed_at_once",
        "document",
        lambda store, sample: store.insert_at_once("packages", sample.documents),
        Sample.count,
        _found_by_indexes,
        place="fresh",
        goal=0.85,
    ),
    *(_build(index, 0.5 if index == "depends" else 0.35) for index in INDEXES),
    _updates("update_hard", _update_each, _durable, 0.85),  # the first of the updates: the limits run no other
    _updates("update_soft", _update_each, _not_durable, 1.0),
    _updates("update_hard_threads", _update_by_threads, _durable),
    Workload(
        "update_hard_threads_p99",
        "ms",
        _durable_p99,
        answer=lambda store, sample, result: None,
        prepare=_durable,
        tidy=_not_durable,
        writes=True,
        gauge=True,
    ),
    Workload(
        "update_section",
        "document",
        _update_sections,
        operations=Sample.in_sections,
        answer=_section_sizes,
        goal=1.5,
        writes=True,
    ),
    Workload(
        "update_all",
        "document",
        lambda store, sample: store.update_all(),
        operations=Sample.count,
        answer=lambda store, sample, result: sum(document["installed_size"] for document in store.scan()),
        goal=1.5,
        writes=True,
    ),
    Workload(
        "write_during_build_p99",
        "ms",
        _write_during_build,
        answer=lambda store, sample, result: None,
        tidy=lambda store, sample: store.drop_index("plain", "depends"),
        gauge=True,
    ),
    Workload(
        "size",
        "bytes a document",
        _bytes_per_document,
        answer=lambda store, sample, result: None,
        place="fresh",
        gauge=True,
        goal=1.0,
    ),
)
