"""The best codes of bits are those that numpy finds on arrays put side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from docstore.indexes.vector.codes import BitScorer, NativeBitScorer
from docstore.indexes.vector.rotation import drawn as rotation_of
from docstore.indexes.vector.scoring import Prepared
from docstore.native import bits


@pytest.fixture(params=["words one by one", "eight words at once"], autouse=True)
def wide(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both ways to count bits, as far as this processor has them."""
    bits.use_wide(request.param == "eight words at once")
    yield
    bits.use_wide(True)


Codes = list[tuple[Any, Prepared]]


def drawn(seed: int, words: int, counts: list[int]) -> Codes:
    """Codes in several arrays, some of them views of larger ones that may not be written to."""
    chance = np.random.default_rng(seed)
    parts, start = [], 1000
    for count in counts:
        wide = chance.integers(0, 2**64, (words, count + 5), dtype=np.uint64)
        wide.setflags(write=False)
        columns = wide[:, 2 : 2 + count] if count % 2 else np.ascontiguousarray(wide[:, :count])
        lengths = chance.uniform(0.5, 2, count).astype(np.float32)
        parts.append((np.arange(start, start + count, dtype=np.uint64), Prepared(columns, lengths)))
        start += count
    return parts


def both(dimensions: int, measure: str, parts: Codes) -> tuple[BitScorer, Any, NativeBitScorer, Any]:
    """The two that choose for one query, with the codes as each takes them."""
    rotation = rotation_of(dimensions, 5)
    numbers = np.random.default_rng(3).standard_normal(dimensions).astype(np.float32)
    plain = BitScorer(measure, numbers, rotation, 0.0, 0.05)
    native = NativeBitScorer(measure, numbers, rotation, 0.0, 0.05)
    return plain, [plain.part(*one) for one in parts], native, [native.part(*one) for one in parts]


def in_order(found: tuple[Any, Any]) -> tuple[list[int], list[float]]:
    """Ordinals by their scores, and these."""
    scores, ordinals = found
    order = np.argsort(scores, kind="stable")
    return ordinals[order].tolist(), scores[order].tolist()


@pytest.mark.parametrize("measure", ["cosine", "inner_product", "l2", "l1"])
@pytest.mark.parametrize(("dimensions", "counts"), [(256, [1]), (384, [300, 1, 0, 1_001, 64]), (700, [2_000, 0])])
def test_all_codes_have_the_scores_that_numpy_reckons(measure: str, dimensions: int, counts: list[int]) -> None:
    parts = drawn(1, -(-dimensions // 64), counts)
    plain, plain_parts, native, native_parts = both(dimensions, measure, parts)
    total = sum(counts)
    wanted, wanted_scores = in_order(plain.best(plain_parts, None, total, total))
    found, found_scores = in_order(native.best(native_parts, None, total, total))
    assert sorted(found) == sorted(wanted)
    assert found_scores == pytest.approx(wanted_scores, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("measure", ["cosine", "inner_product", "l2"])
@pytest.mark.parametrize(("rough", "kept"), [(1, 1), (40, 10), (300, 299), (5_000, 20)])
def test_the_best_by_rough_scores_are_chosen_and_of_these_the_best_by_better_ones(
    measure: str, rough: int, kept: int
) -> None:
    parts = drawn(2, 4, [700, 1, 1_300, 24, 2_975])
    plain, plain_parts, native, native_parts = both(200, measure, parts)
    left_out = np.random.default_rng(4).random(5_000) < 0.3
    everything, _ = plain.best(plain_parts, left_out, 5_000, 5_000)
    for mask in (None, left_out):
        scores, ordinals = native.best(native_parts, mask, rough, kept)
        assert len(scores) == len(set(ordinals.tolist())) == min(kept, 5_000 if mask is None else len(everything))
        assert mask is None or not mask[ordinals.astype(np.int64) - 1000].any()
        # What is worse than all that was chosen roughly cannot be among the best: bits are few, and many as good.
        wanted, _ = in_order(plain.best(plain_parts, mask, rough, kept))
        if rough >= 5_000:
            assert len(set(wanted) & set(ordinals.tolist())) >= kept - 1
    assert native.best(native_parts, np.ones(5_000, np.bool_), rough, kept)[0].tolist() == []


@pytest.mark.parametrize("measure", ["cosine", "inner_product"])
def test_the_rough_choice_is_that_of_the_least_differing_bits(measure: str) -> None:
    parts = [
        (ordinals, Prepared(one.rows, np.ones_like(one.squares))) for ordinals, one in drawn(6, 4, [513, 512, 2_000])
    ]
    _, _, native, native_parts = both(256, measure, parts)
    rotation = rotation_of(256, 5)
    numbers = np.random.default_rng(3).standard_normal(256).astype(np.float32)
    words = np.packbits(rotation.turn(numbers[None, :])[0] > 0).view("<u8")
    columns = np.concatenate([part.rows for _, part in parts], axis=1)
    differing = np.bitwise_count(columns ^ words[:, None]).sum(axis=0)
    _, ordinals = native.best(native_parts, None, 100, 100)
    assert sorted(differing[ordinals.astype(np.int64) - 1000]) == sorted(differing)[:100]


def test_what_does_not_fit_is_an_error() -> None:
    ((ordinals, prepared),) = drawn(5, 4, [10])
    none = np.empty(0, np.uint32)
    query = bits.Query(np.ones(256, np.float32), none, 256, "cosine", 0.0)
    part = bits.Part(prepared.rows, ordinals, prepared.squares)
    room = np.empty(5, np.float32), np.empty(5, np.uint64)
    part.fetch()  # says nothing, whatever the memory is
    with pytest.raises(ValueError, match="contiguous rows of words"):
        bits.Part(prepared.rows[:, ::2], ordinals[::2], prepared.squares[::2])
    with pytest.raises(ValueError, match="Expected an array of 80 bytes but found 72"):
        bits.Part(prepared.rows, ordinals[1:], prepared.squares)
    with pytest.raises(ValueError, match="Expected codes of 4 words but found 3"):
        query.best([bits.Part(prepared.rows[:3], ordinals, prepared.squares)], None, 10, *room)
    with pytest.raises(ValueError, match="Expected to be told of 20 codes but found 19"):
        query.best([part, part], np.zeros(19, np.uint8), 10, *room)
    with pytest.raises(TypeError):
        query.best([ordinals], None, 10, *room)
    with pytest.raises(ValueError, match="Expected at most 128 numbers, in blocks of 64, but found 256"):
        bits.Query(np.ones(256, np.float32), none, 128, "cosine", 0.0)
    with pytest.raises(IndexError):
        bits.Query(np.ones(64, np.float32), np.full(64, 128, np.uint32), 64, "cosine", 0.0)
    with pytest.raises(ValueError, match="Expected rounds for 64 numbers but found one for 3"):
        bits.Query(np.ones(64, np.float32), np.zeros(67, np.uint32), 64, "cosine", 0.0)
