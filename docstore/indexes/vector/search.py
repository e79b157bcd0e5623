"""The nearest vectors of an index, and the documents that they belong to.

| way       | when                                                       | what is searched                               |
|-----------|------------------------------------------------------------|------------------------------------------------|
| exact     | asked for; `flat`; few vectors; a filter, of not very many  | all lists                                      |
| lists     | otherwise                                                  | the lists with the nearest centroids            |
| rows      | another index gives the rows of the filter                 | the vectors of these rows, all of them          |

**Never short.** With a filter, or where a document has several vectors, candidates are taken in the order of their
distance until enough are found; where those of the lists that were searched do not suffice, twice as many lists are, in
the end all. When reading candidate after candidate would cost more than one scan of the table, the scan tells what the
filter lets through (`filtering.py`).

**Far enough.** How many candidates, or lists, it takes is another number for each kind of vectors. Scores of bits say how near
a vector may well be, so a search goes on until they are beyond the answers; and further lists are searched when answers come
from the farther half of those that were.

**What is said is so.** Scores only choose candidates. Every answer's document is read in the same transaction, and its
distance is reckoned from the vector itself, in doubles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from typing import Any, Final, cast

import numpy as np

from docstore.catalog import TableDefinition
from docstore.indexes.base import decoder
from docstore.indexes.vector.answers import Answer, Wanted, gather_vectors, passing_of, there, with_documents
from docstore.indexes.vector.centering import coder_in
from docstore.indexes.vector.codes import HOPE, HOPE_IN_LISTS, Bits, BitScorer, Bytes, NativeBitScorer, least
from docstore.indexes.vector.filtering import DOUBTED, LEAST_TESTED, SAMPLED, Gathered, Known, Passing
from docstore.indexes.vector.lists import State
from docstore.indexes.vector.records import member_key, ordinal_key, unpack_places, unpack_vector_record, vectors_at
from docstore.indexes.vector.scoring import Score, distances, scorer
from docstore.storage.engine import ReadTransaction
from query.runtime import Keep
from query.vectors import Vector

EXACT_VECTORS: Final = 10_000
"""Up to so many vectors all lists are searched."""

EXACT_NUMBERS: Final = 40_000_000
"""With a filter, all lists are searched up to so many numbers in them: some 5 ms."""

DEFAULT_PROBES: Final = 10
"""Lists that are searched at least; more the more there are."""

WIDE_BITS: Final = 384
"""Bits of the codes of vectors with so many numbers that their neighbours lie in twice as many lists."""

TELLING: Final = 10
"""Answers that tell whether others are nearer; one alone would often say that it is the nearest."""

LATE: Final = 0.1
"""The share of answers in the last half of the lists searched that tells of others behind these."""

FAR: Final = 4
"""How many times as many lists are searched with a filter at first, and at most when all is beyond `max_dist`."""

FILTERED: Final = 8
"""How many times as many candidates are taken with a filter at first."""

GROWTH: Final = 4
"""How many times as many when too few were."""

PASSING: Final = 8
"""How many times as many candidates by codes are looked at that pass a filter: with 1, one far from the query has 0.94."""

SPARE: Final = 8
"""Candidates beyond those wanted whose exact distances are reckoned: scores are of float32."""

DOUBTFUL: Final = 64
"""How many times as many candidates by codes are looked at where these may be nearer than what was found."""

SCANNED_BYTES: Final = 16 * 2**20
"""Codes of bits that are all scored, without a look at centroids: 300,000 of 384 numbers, in a millisecond."""

REFINED: Final = 2
REFINED_LEAST: Final = 20
"""Candidates by codes whose vectors are read at first: so many for each answer, and some."""

WIDE: Final = 2
"""How many times as many are chosen, to be read where those do not suffice."""

ROUGH: Final = 4
MORE_ROUGH: Final = 8
"""Candidates by bits for each that is chosen, which are scored anew by signs against numbers: at first, and after that."""


Fetch = Callable[[Any], tuple[list[bytes], bytes]]
"""Gives the documents' keys of candidates by their places, and their packed vectors, one after the other."""


class Search:
    """One search in one transaction; `known` is what is known of its filter."""

    def __init__(
        self,
        engine: ReadTransaction,
        state: State,
        table: TableDefinition,
        wanted: Wanted,
        known: Known | None = None,
    ) -> None:
        self.engine = engine
        self.state = state
        self.table = table
        self.wanted = wanted
        self.form = state.form
        self._rough: Score | None = None
        self.known = Known() if known is None else known
        self._passing = self.known.passing
        self._searched: set[int] = set()
        self._distant: Any = None
        """The scores of the lists' centroids, once they were asked for."""
        self._ordinals: list[Any] = []
        self._scores: list[Any] = []
        self._chooser: BitScorer | NativeBitScorer | None = None
        self._parts: list[Any] = []
        """The codes of bits that were looked at, for the chooser."""
        self._gone: Any = None
        self._candidates = (REFINED * wanted.results + REFINED_LEAST) * state.coder.doubt
        self._share = ROUGH
        self._is_beyond = False
        self._is_enough = False
        self._nearest: list[bytes] = []
        """The documents of the answers, and of those that come next where these are few."""

    @cached_property
    def score(self) -> Score:
        """What scores vectors."""
        return scorer(self.form, self.wanted.query)

    def by_rows(self, gathered: Gathered) -> list[Answer]:
        """The nearest of some documents, all of which the filter lets through."""
        if not gathered.members:
            return []
        picked = self._pick(self.score(gathered.prepared), gathered.at, None)
        assert picked is not None
        return picked

    def by_lists(self, scan: Callable[[], Iterable[bytes]]) -> list[Answer]:
        """The nearest by lists; `scan` gives the keys of the documents that the filter lets through."""
        if self._keep is not None and self.known.is_spent(self.state.head.vectors):
            self._apply_filter(scan)
        if self._passing is not None:
            gathered = self._gathered(self._passing)
            if gathered is not None:
                return self.by_rows(gathered)
        results, exact = self.wanted.results, self._is_exact()
        if not exact:
            self._begin_codes()
            if self._scans_codes():
                return self._by_all_codes(scan)
        lists = self.state.head.lists
        first = probes = lists if exact else self._probes(lists)
        while True:
            numbers = self._nearest_lists(probes)
            last = self._last_of(numbers, probes)
            self._search(numbers)
            answers = self._answers()
            if answers is None:
                found = self._apply_filter(scan)
                if found.gathered is not None:
                    return self.by_rows(found.gathered)
                continue
            if len(self._searched) >= lists:
                return answers
            if len(answers) >= results and self._is_enough and not self._come_from(last):
                return answers
            if self._is_beyond and probes >= FAR * first:
                return answers
            probes *= 2

    def _last_of(self, numbers: list[int], probes: int) -> set[int]:
        """The farther half of so many lists, which are to be searched, where it is to tell whether they are enough."""
        if self.wanted.probes is not None or self.wanted.keep is not None or probes >= self.state.head.lists:
            return set()
        return set(numbers).difference(self._nearest_lists(probes // 2))

    def _come_from(self, lists: set[int]) -> bool:
        """Whether some answers are in these lists, so that others may well be in those behind.

        Documents of several vectors do not tell in which list the nearest of these is.
        """
        if not lists:
            return False
        found = self.engine.get_many(self.state.space, [member_key(member) for member in self._nearest])
        places = [unpack_places(data) for data in found if data is not None]
        late = sum([len(some) == 1 and some[0][1] in lists for some in places])
        # A long vector has a large product with queries that its list is far from.
        return late > (0 if self.form.measure == "inner_product" else LATE * len(found))

    def _begin_codes(self) -> None:
        """Score by codes, where there are such."""
        coder = self.state.coder
        if isinstance(coder, Bits):
            known = coder_in(self.engine, self.state.space, coder, self.state.head)
            self._chooser = known.chooser(self.wanted.query, HOPE if self._scans_codes() else HOPE_IN_LISTS)
        elif isinstance(coder, Bytes):
            self._rough = coder.scorer(self.wanted.query)

    def _scans_codes(self) -> bool:
        """Whether the codes of all vectors are scored: of bits these are read in less time than it takes to choose."""
        head, coder = self.state.head, self.state.coder
        few = head.vectors * coder.code_bytes <= SCANNED_BYTES
        return self.wanted.probes is None and isinstance(coder, Bits) and few

    def _by_all_codes(self, scan: Callable[[], Iterable[bytes]]) -> list[Answer]:
        assert self._chooser is not None
        with self.state.codes(self.engine) as codes:
            self._ordinals = [part.ordinals for part in codes]
            self._parts = [self._chooser.part(part.ordinals, part.prepared) for part in codes]
            self.state.fetch_once(self._parts)
            self._gone = self.state.gone(self.engine, codes)
            answers = self._answers()
            if answers is None:
                found = self._apply_filter(scan)
                answers = self._answers() or [] if found.gathered is None else self.by_rows(found.gathered)
            self._ordinals, self._parts = [], []
        return answers

    @property
    def _keep(self) -> Keep | None:
        """The filter, as long as it has to be asked."""
        return self.wanted.keep if self._passing is None else None

    def _gathered(self, passing: Passing) -> Gathered | None:
        """What passes the filter, side by side; None where it is yet to be picked out of the lists."""
        vectors, form = self.state.head.vectors, self.form
        if passing.gathered is None and passing.is_worth_gathering(vectors, form.dimensions, form.row_bytes):
            passing.gathered = gather_vectors(self.engine, self.state, passing.ordinals)
        return passing.gathered

    def _apply_filter(self, scan: Callable[[], Iterable[bytes]]) -> Passing:
        """Find out which vectors pass the filter, once and for all."""
        found = self.known.passing
        if found is None:
            found = self.known.passing = passing_of(self.engine, self.state, scan())
        self._passing = found
        return found

    def _answers(self) -> list[Answer] | None:
        """The answers in the lists that were searched; None where a scan of the table would find them sooner."""
        if not self._ordinals:
            return []
        if self._chooser is not None:
            return self._answers_by_codes(self._best_bits)
        scores = _joined(self._scores)
        if self._rough is not None:
            return self._answers_by_codes(partial(self._best_bytes, scores))
        scores, ordinals = self._those_passing(scores, _joined(self._ordinals))
        return self._pick(scores, partial(self._fetch, ordinals), self._keep)

    def _answers_by_codes(self, best: Callable[[int], tuple[Any, Any]]) -> list[Answer] | None:
        """The answers among the candidates that are best by their codes, of more of these until there are enough."""
        kept = WIDE * self._candidates
        if self.wanted.keep is not None:
            kept *= FILTERED
        while True:
            scores, candidates = best(kept)
            answers = self._pick(scores, partial(self._fetch, candidates), self._keep)
            enough = answers is not None and len(answers) >= self.wanted.results and self._is_enough
            if answers is None or enough or self._is_beyond or kept >= sum(map(len, self._ordinals)):
                return answers
            kept *= GROWTH
            self._share = MORE_ROUGH

    def _best_bytes(self, scores: Any, kept: int) -> tuple[Any, Any]:
        """The best of what passes the filter, by codes of a byte a number, and their ordinals."""
        scores, ordinals = self._those_passing(scores, _joined(self._ordinals))
        best = least(scores, kept)
        return scores[best], ordinals[best]

    def _best_bits(self, kept: int) -> tuple[Any, Any]:
        """The same by codes of bits."""
        assert self._chooser is not None
        left_out = self._gone
        if self._passing is not None:
            refused = ~self._passing.among(_joined(self._ordinals))
            left_out = refused if left_out is None else refused | left_out
        return self._chooser.best(self._parts, left_out, self._share * kept, kept)

    def _those_passing(self, scores: Any, ordinals: Any) -> tuple[Any, Any]:
        """Of some candidates those that pass the filter, where it is known which do."""
        if self._passing is None:
            return scores, ordinals
        mask = self._passing.among(ordinals)
        return scores[mask], ordinals[mask]

    def way(self) -> str:
        """What a search by lists looks at first, in a few words."""
        lists = self.state.head.lists
        exact = self._is_exact()
        if not exact and self._scans_codes():
            return f"the codes of all {self.state.head.vectors:,} vectors, and the best of these"
        probes = lists if exact else min(lists, self._probes(lists))
        if probes == lists:
            tested = ", the nearest of them tested until enough pass the filter" if self.wanted.keep is not None else ""
            return f"all {self.state.head.vectors:,} vectors, exactly{tested}"
        more = ", more until enough pass the filter" if self.wanted.keep is not None else ""
        return f"{probes:,} of {lists:,} lists, of {self.state.head.vectors:,} vectors{more}"

    # Which lists

    def _is_exact(self) -> bool:
        head = self.state.head
        if self.wanted.exact or head.vectors <= EXACT_VECTORS:
            return True
        return self.wanted.keep is not None and head.vectors * self.form.dimensions <= EXACT_NUMBERS

    def _probes(self, lists: int) -> int:
        """How many lists are searched first."""
        given = self.wanted.probes
        if given is None:
            slope = 3 if not self.state.coder.bits else 6 if self.state.coder.bits >= WIDE_BITS else 1.7
            given = max(DEFAULT_PROBES, min(lists // 3, round(24 + slope * lists**0.5)))
        if self.wanted.keep is not None:
            given *= FAR
        return max(given, 2 * self.wanted.results * lists // max(1, self.state.head.vectors))

    def _nearest_lists(self, count: int) -> list[int]:
        """Those of so many lists with the nearest centroids that were not searched yet, in any order."""
        layout = self.state.layout(self.engine)
        numbers = layout.numbers
        if count < len(numbers):
            if self._distant is None:
                self._distant = self.score(layout.prepared(self.form))
            numbers = layout.array[np.argpartition(self._distant, count)[:count]].tolist()
        return [number for number in numbers if number not in self._searched] if self._searched else numbers

    def _search(self, numbers: list[int]) -> None:
        """Score the vectors of some lists."""
        state, engine = self.state, self.engine
        if self._chooser is not None:
            self._look_at_codes(self._chooser, numbers)
        elif self._rough is None:
            whole = state.whole(engine) if len(numbers) == state.head.lists else None
            for ordinals, prepared in [whole] if whole else (state.exact(engine, number) for number in numbers):
                if len(ordinals):
                    self._ordinals.append(ordinals)
                    self._scores.append(self.score(prepared))
        else:
            for number in numbers:
                data = state.list(engine, number)
                if len(data.ordinals):
                    self._ordinals.append(data.ordinals)
                    self._scores.append(self._rough(data.prepared))
        self._searched.update(numbers)

    def _look_at_codes(self, chooser: BitScorer | NativeBitScorer, numbers: list[int]) -> None:
        """Have the codes of some lists be chosen from."""
        found = self.state.lists(self.engine, numbers)
        self._ordinals += [data.ordinals for data in found]
        for data in found:
            if data.part is None:
                data.part = chooser.part(data.ordinals, data.prepared)
        self._parts += [data.part for data in found]

    # Candidates to answers

    def _pick(self, scores: Any, fetch: Fetch, keep: Keep | None) -> list[Answer] | None:
        """The answers among candidates; None where a scan of the table would find them sooner."""
        wanted = self.wanted
        found: dict[bytes, float] = {}
        refused: set[bytes] = set()
        tested: set[bytes] = set()
        # Scores of codes do not tell which of two is nearer: all of the candidates by codes are looked at, or twice as
        # many as are wanted.
        # What a filter lets through may all be far from the query, where codes tell the least.
        more = 1 if wanted.keep is None else PASSING
        by_codes = self._rough is not None or self._chooser is not None
        enough = more * self._candidates if by_codes else wanted.results
        first = self._candidates if by_codes else wanted.results + SPARE
        for places in _by_score(scores, first):
            members, packed = fetch(places)
            if keep is not None and wanted.max_dist is None:  # with a bound, what is beyond it is not worth a test
                self._test(members, keep, tested, refused)
            dists = distances(self.form, wanted.query, packed)
            nearest: dict[bytes, float] = {}
            for member, dist in zip(members, dists, strict=True):
                if member not in refused and dist < nearest.get(member, found.get(member, np.inf)):
                    nearest[member] = dist
            if wanted.max_dist is not None:
                nearest = {member: dist for member, dist in nearest.items() if dist <= wanted.max_dist}
                if keep is not None:
                    self._test(list(nearest), keep, tested, refused)
            found |= {member: dist for member, dist in nearest.items() if member not in refused}
            self._is_beyond = wanted.max_dist is not None and max(dists, default=0.0) > wanted.max_dist
            is_sure = self._is_sure(scores[places], found)
            if (len(found) >= enough and is_sure) or (self._is_beyond and min(dists) > cast(float, wanted.max_dist)):
                break
            if keep is not None and self._prefers_scan(enough, len(found), len(tested), keep):
                return None
        self._is_enough = is_sure and (keep is None or len(found) >= enough)
        self._nearest = sorted(found, key=found.__getitem__)[: max(wanted.results, TELLING)]
        return with_documents(self.engine, self.table, found, wanted.results)

    def _is_sure(self, scores: Any, found: dict[bytes, float]) -> bool:
        """Whether candidates after those with these scores have hardly a chance to be among the nearest.

        By many that have, codes tell too little of these vectors: then it is left at that.
        """
        results = max(self.wanted.results, TELLING)
        if self._chooser is None or len(found) >= DOUBTFUL * self._candidates:
            return True
        farthest = self.wanted.max_dist
        if len(found) >= results:
            farthest = float(np.partition(np.fromiter(found.values(), float, len(found)), results - 1)[results - 1])
        bound = None if farthest is None else self._chooser.bound(farthest)
        return bound is None or not len(scores) or float(scores.max()) > bound

    def _test(self, members: list[bytes], keep: Keep, tested: set[bytes], refused: set[bytes]) -> None:
        """Note which documents the filter refuses, of those not tested yet."""
        decode, test = decoder(keep.fields), keep.test
        fresh = [member for member in dict.fromkeys(members) if member not in tested]
        tested.update(fresh)
        self.known.tested += len(fresh)
        for member, data in zip(fresh, self.engine.get_many(self.table.space, fresh), strict=True):
            if not test(decode(there(self.table, data))):
                refused.add(member)

    def _prefers_scan(self, enough: int, found: int, tested: int, keep: Keep) -> bool:
        """Whether it is time for a scan of the table."""
        known, vectors = self.known, self.state.head.vectors
        if tested < LEAST_TESTED:
            return False
        if known.share is None:
            step = max(1, self.state.head.next_ordinal // SAMPLED)
            keys = [ordinal_key(one) for one in range(0, self.state.head.next_ordinal, step)]
            records = self.engine.get_many(self.state.space, keys)
            members = list(dict.fromkeys([unpack_vector_record(data)[0] for data in records if data is not None]))
            refused: set[bytes] = set()
            self._test(members, keep, set(), refused)
            known.share = max(0, len(members) - len(refused) - DOUBTED) / SAMPLED
        return known.prefers_scan(vectors, enough, found, tested)

    def _fetch(self, ordinals: Any, places: Any) -> tuple[list[bytes], bytes]:
        members, packed = vectors_at(self.engine, self.state.space, ordinals[places])
        if len(members) < len(ordinals[places]):
            there(self.table, None)
        return members, packed


def measured_recall(engine: ReadTransaction, state: State, table: TableDefinition) -> float:
    """The share of the ten nearest of some vectors of an index that are found by lists."""
    head, form = state.head, state.form
    samples = max(4, min(_SAMPLES, _SAMPLED_NUMBERS // (head.vectors * form.dimensions)))
    step = max(1, head.next_ordinal // samples)
    shares = []
    for first in range(0, head.next_ordinal, step):
        record = next(engine.scan(state.space, ordinal_key(first), ordinal_key(first + step)), None)
        if record is not None:
            query = Vector.packed(form.type, unpack_vector_record(record[1])[1], form.dimensions)
            found = Search(engine, state, table, Wanted(query, _NEAREST)).by_lists(tuple)
            exact = Search(engine, state, table, Wanted(query, _NEAREST, exact=True)).by_lists(tuple)
            bound = exact[-1][0] + 1e-9 * abs(exact[-1][0]) if exact else 0.0
            shares.append(sum([dist <= bound for dist, _ in found]) / max(1, len(exact)))
    return round(sum(shares) / max(1, len(shares)), 4)


_NEAREST: Final = 10
_SAMPLES: Final = 32
_SAMPLED_NUMBERS: Final = 1_000_000_000
"""Numbers that are looked at to measure recall: some tenths of a second."""


def _joined(parts: list[Any]) -> Any:
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _by_score(scores: Any, first: int) -> Iterator[Any]:
    """The places of candidates, the best first, in batches that grow: arrays, or a slice of all."""
    if first >= len(scores):
        yield slice(None)
        return
    order = np.argpartition(scores, first)
    yield order[:first]
    rest, size = order[first:], 2 * first
    while len(rest):
        if size < len(rest):
            order = np.argpartition(scores[rest], size)
            rest, batch = rest[order[size:]], rest[order[:size]]
        else:
            rest, batch = rest[:0], rest
        yield batch
        size = min(2 * size, _LARGEST_BATCH)


_LARGEST_BATCH: Final = 2_048
