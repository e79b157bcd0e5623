"""The workloads that read: by key, over indexes, and all documents of a table without any.

Sequences are received document by document and not kept: what is timed is the store, and not the garbage collector on its
way through a growing list.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from benchmarks.data import Document, Sample
from benchmarks.store import Conditions, Store
from benchmarks.workloads.workload import Answer, Run, Workload

LIMIT: Final = 20
LARGE: Final = 10_000
"""An `installed_size` (KiB) that one document in 14 exceeds."""
CONDITIONS: Final[Conditions] = ("libs", 1_000, "optional")
BOUNDS: Final = (100, 10_000)
TAG: Final = "role::program"


def drain(found: Iterable[Any]) -> None:
    """Receive everything and keep nothing."""
    deque(found, maxlen=0)


def _each(ask: Callable[[Store, Any], Any], questions: Callable[[Sample], Iterable[Any]]) -> Run:
    """Ask for single values, one after the other."""

    def run(store: Store, sample: Sample) -> None:
        for question in questions(sample):
            ask(store, question)

    return run


def _all(ask: Callable[[Store, Any], Iterable[Document]], questions: Callable[[Sample], Iterable[Any]]) -> Run:
    """Ask for sequences, and receive them."""

    def run(store: Store, sample: Sample) -> None:
        for question in questions(sample):
            drain(ask(store, question))

    return run


def _answers(
    ask: Callable[[Store, Any], Any], questions: Callable[[Sample], Iterable[Any]], normal: Callable[[Any], Any]
) -> Callable[[Store, Sample, Any], Answer]:
    return lambda store, sample, result: [normal(ask(store, question)) for question in questions(sample)]


def _single(
    name: str,
    ask: Callable[[Store, Any], Any],
    questions: Callable[[Sample], Iterable[Any]],
    normal: Callable[[Any], Any] = lambda value: value,
    *,
    unit: str = "query",
    per: Callable[[Sample], int] | None = None,
    goal: float | None = None,
) -> Workload:
    """A workload of queries that give one value each."""
    return Workload(
        name=name,
        unit=unit,
        run=_each(ask, questions),
        operations=per or (lambda sample: len(list(questions(sample)))),
        answer=_answers(ask, questions, normal),
        goal=goal,
    )


def _sequence(
    name: str,
    ask: Callable[[Store, Any], Iterable[Document]],
    questions: Callable[[Sample], Iterable[Any]],
    normal: Callable[[Any], Any],
    per: Callable[[Sample], int],
    *,
    unit: str = "document out",
    goal: float | None = None,
) -> Workload:
    """A workload of queries that give documents."""
    return Workload(
        name=name,
        unit=unit,
        run=_all(ask, questions),
        operations=per,
        answer=_answers(ask, questions, normal),
        goal=goal,
    )


def _by_id(found: Iterable[Document]) -> list[Document]:
    return sorted(found, key=lambda document: document["id"])


def _joined_ids(found: Iterable[Document]) -> list[tuple[str, str]]:
    return sorted((pair["left"]["id"], pair["right"]["id"]) for pair in found)


def _index_order(found: Iterable[Document]) -> list[tuple[str, int]]:
    """Where several have the same index value, stores may give either."""
    return [(document["section"], document["installed_size"]) for document in found]


def _rounded(averages: dict[str, float]) -> dict[str, float]:
    return {section: round(average, 6) for section, average in averages.items()}


def _once(sample: Sample) -> Iterable[None]:
    return (None,)


def _often(sample: Sample) -> Iterable[None]:
    return (None,) * sample.repeats


SCANNED: Final = "document scanned"

READING: Final = (
    _single("get", lambda store, key: store.get(key), lambda sample: sample.keys, goal=1.6),
    _single("get_prepared", lambda store, key: store.get_prepared(key), lambda sample: sample.keys, goal=2.5),
    _sequence(
        "get_all_simple",
        lambda store, section: store.get_all("section", section),
        lambda sample: sample.sections,
        _by_id,
        Sample.in_sections,
        goal=1.8,
    ),
    _sequence(
        "get_all_multi",
        lambda store, name: store.get_all("depends", name),
        lambda sample: sample.dependencies,
        _by_id,
        Sample.with_dependencies,
        goal=1.8,
    ),
    _sequence(
        "between_compound",
        lambda store, section: store.between(section, *BOUNDS),
        lambda sample: sample.sections,
        _by_id,
        lambda sample: sample.within(*BOUNDS),
        goal=1.8,
    ),
    _sequence("scan", lambda store, _: store.scan(), _once, _by_id, Sample.count, goal=2.2),
    _single(
        "filter_count", lambda store, _: store.count_larger(LARGE), _once, unit=SCANNED, per=Sample.count, goal=1.8
    ),
    _sequence(
        "filter_documents", lambda store, _: store.larger(LARGE), _once, _by_id, Sample.count, unit=SCANNED, goal=1.0
    ),
    _single(
        "filter3_count",
        lambda store, _: store.count_matching(CONDITIONS),
        _once,
        unit=SCANNED,
        per=Sample.count,
        goal=1.8,
    ),
    _sequence(
        "filter3_documents",
        lambda store, _: store.matching(CONDITIONS),
        _once,
        _by_id,
        Sample.count,
        unit=SCANNED,
        goal=1.0,
    ),
    _single("filter_contains_count", lambda store, _: store.count_tagged(TAG), _once, unit=SCANNED, per=Sample.count),
    _single("group_avg", lambda store, _: store.averages(), _once, _rounded, unit=SCANNED, per=Sample.count, goal=1.8),
    _single("group_count", lambda store, _: store.counts(), _once, unit=SCANNED, per=Sample.count, goal=1.8),
    _single("sum", lambda store, _: store.total(), _once, unit=SCANNED, per=Sample.count, goal=1.8),
    _single("max", lambda store, _: store.largest()["size"], _once, unit=SCANNED, per=Sample.count, goal=1.8),
    _sequence(
        "order_by_limit",
        lambda store, _: store.smallest(LIMIT),
        _once,
        lambda found: [document["size"] for document in found],
        Sample.count,
        unit=SCANNED,
        goal=0.9,
    ),
    _sequence(
        "order_by_index_limit",
        lambda store, _: store.first(LIMIT),
        _often,
        _index_order,
        lambda sample: sample.repeats,
        unit="query",
    ),
    _single("min_index", lambda store, _: store.least(), _often, lambda document: _index_order([document])),
    _single("max_index", lambda store, _: store.last(), _often, lambda document: _index_order([document])),
    _single(
        "count_simple", lambda store, section: store.count("section", section), lambda sample: sample.sections * 50
    ),
    _single("count_multi", lambda store, name: store.count("depends", name), lambda sample: sample.dependencies * 25),
    _sequence(
        "eq_join",
        lambda store, limit: store.join(limit),
        lambda sample: (sample.joined,),
        _joined_ids,
        lambda sample: sample.joined,
        unit="row joined",
        goal=1.0,
    ),
    Workload("open", "opening", lambda store, sample: store.reopen()),
)
