"""The rotation that spreads what a vector says over all of its numbers, before their signs are kept (`codes.Bits`).

It is two rounds of a permutation, of changed signs and of Hadamard matrices of 64. It is drawn when an index gets its first
vector, and stands in the store from then on: codes are right only by the rotation that they were made with, and what a
generator of random numbers draws from a seed may be another thing in another version of NumPy.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np

from docstore.errors import CorruptStoreError

LEAST_BITS: Final = 256

BLOCK: Final = 64

ROUNDS: Final = 2


class Rotation:
    """A rotation of vectors, as long as the dimensions made up to a multiple of 64, and at least 256 long."""

    def __init__(self, dimensions: int, moves: bytes) -> None:
        """`moves` has for each round, and each place in it, where its number comes from, doubled, and 1 more where its
        sign changes; in four bytes each, little endian.
        """
        self.dimensions = dimensions
        self.size = rotated_size(dimensions)
        self.moves = moves
        if len(moves) != ROUNDS * self.size * 4:
            raise _not_one(self.size, moves)
        rounds = np.frombuffer(moves, "<u4").reshape(ROUNDS, self.size)
        self._orders = rounds >> 1
        if not np.array_equal(np.sort(self._orders, axis=1), np.broadcast_to(np.arange(self.size), rounds.shape)):
            raise _not_one(self.size, moves)
        self._signs = 1 - 2 * (rounds & 1).astype(np.float32)

    def turn(self, rows: Any) -> Any:
        """The rows, rotated."""
        turned = np.zeros((len(rows), self.size), np.float32)
        turned[:, : self.dimensions] = rows
        for order, signs in zip(self._orders, self._signs, strict=True):
            blocks = (turned[:, order] * signs).reshape(-1, BLOCK)
            turned = (blocks @ _hadamard()).reshape(len(rows), self.size)
        return turned


def rotated_size(dimensions: int) -> int:
    """The numbers of a vector of so many dimensions after its rotation."""
    return max(LEAST_BITS, -(-dimensions // BLOCK) * BLOCK)


@lru_cache(maxsize=16)
def drawn(dimensions: int, seed: int) -> Rotation:
    """A rotation by chance, for an index that has none."""
    size = rotated_size(dimensions)
    # NumPy imports this when it is first asked for, which takes 10 ms: a search has no use for it.
    chance = np.random.default_rng(seed)
    rounds = [2 * chance.permutation(size) + 1 - chance.integers(0, 2, size) for _ in range(ROUNDS)]
    return Rotation(dimensions, np.concatenate(rounds).astype("<u4").tobytes())


@lru_cache(maxsize=1)
def _hadamard() -> Any:
    places = np.arange(BLOCK, dtype=np.uint8)
    odd = np.bitwise_count(places[:, None] & places) & 1  # it is -1 where the places share an odd number of bits
    return (1 - 2 * odd.astype(np.float32)) / np.float32(np.sqrt(BLOCK))


def _not_one(size: int, moves: bytes) -> CorruptStoreError:
    return CorruptStoreError(
        f"Expected a rotation of {size} numbers, {ROUNDS * size * 4} bytes, in the record `r` of a vector index, but found "
        f"{len(moves)} bytes: {moves[:16].hex()}."
    )
