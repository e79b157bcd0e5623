"""Codes of bits are compared and picked out as numpy does it on arrays put side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from docstore.native import bits


def drawn(seed: int, words: int, counts: list[int]) -> tuple[list[Any], Any]:
    """Arrays of codes, some of them views of larger ones that may not be written to, and a query's words."""
    chance = np.random.default_rng(seed)

    def draw(count: int) -> Any:
        wide = chance.integers(0, 2**64, (words, count + 5), dtype=np.uint64)
        wide.setflags(write=False)
        return wide[:, 2 : 2 + count] if count % 2 else np.ascontiguousarray(wide[:, :count])

    return [draw(count) for count in counts], chance.integers(0, 2**64, words, dtype=np.uint64)


@pytest.mark.parametrize("words", [1, 2, 4, 6, 12])
@pytest.mark.parametrize("counts", [[1], [7], [300, 1, 0, 1_001, 64]], ids=str)
def test_differing_bits_are_counted_through_all_arrays(words: int, counts: list[int]) -> None:
    parts, query = drawn(words, words, counts)
    found = np.empty(sum(counts), np.uint16)
    bits.differing(parts, query, found)
    wanted = np.bitwise_count(np.concatenate(parts, axis=1) ^ query[:, None]).sum(axis=0)
    assert found.tolist() == wanted.tolist()


@pytest.mark.parametrize("share", [0, 0.1, 1])
def test_codes_are_taken_from_all_arrays(share: float) -> None:
    parts, _ = drawn(3, 4, [300, 1, 0, 1_001, 64])
    places = np.flatnonzero(np.random.default_rng(1).random(1_366) < share)
    found = np.empty((4, len(places)), np.uint64)
    bits.taken(parts, places, found)
    assert (found == np.concatenate(parts, axis=1)[:, places]).all()


def test_what_does_not_fit_is_an_error() -> None:
    parts, query = drawn(5, 4, [10, 20])
    with pytest.raises(ValueError, match="Expected 3 contiguous rows"):
        bits.differing(parts, query[:3], np.empty(30, np.uint16))
    with pytest.raises(ValueError, match="Expected room for all vectors but found 29"):
        bits.differing(parts, query, np.empty(29, np.uint16))
    with pytest.raises(ValueError, match="Expected 4 contiguous rows"):
        bits.differing([parts[0][:, ::2]], query, np.empty(30, np.uint16))
    with pytest.raises(IndexError):
        bits.taken(parts, np.array([30]), np.empty((4, 1), np.uint64))
    with pytest.raises(ValueError, match="ascend"):
        bits.taken(parts, np.array([15, 3]), np.empty((4, 2), np.uint64))
