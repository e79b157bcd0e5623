"""Vectors to search, queries, and the truth: the ten nearest of each query."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

NEAREST: Final = 10
_INTRINSIC: Final = 20
_QUERIES: Final = 300


@dataclass(frozen=True, slots=True)
class Data:
    """A set of vectors of length 1, and queries with the places of their nearest, all and those of each filter."""

    title: str
    vectors: Any
    queries: Any
    truth: Any

    @property
    def dimensions(self) -> int:
        """Numbers in a vector."""
        return int(self.vectors.shape[1])

    @property
    def side(self) -> Any:
        """How near each vector is to the first query: what a filter against that query is made of."""
        return self.vectors @ self.queries[0]

    def around_first(self, count: int) -> Data:
        """The same with those queries alone that are nearest to the first."""
        places = np.argsort(-(self.queries @ self.queries[0]))[:count]
        return replace(self, queries=self.queries[places], truth=self.truth[places])

    def truth_among(self, passing: Any) -> Any:
        """The nearest of those vectors for which a mask holds, for each query."""
        places = np.flatnonzero(passing)
        return places[nearest(self.vectors[places], self.queries, min(NEAREST, len(places)))]


def nearest(vectors: Any, queries: Any, count: int) -> Any:
    """The places of the nearest by the cosine."""
    found = []
    for start in range(0, len(queries), 50):
        scores = queries[start : start + 50] @ vectors.T
        found.append(np.argpartition(-scores, count - 1, axis=1)[:, :count])
    return np.concatenate(found)


def drawn(count: int, dimensions: int, seed: int = 7) -> Data:
    """Vectors that lie near a curved surface of twenty dimensions, as embeddings do, with noise."""
    chance = np.random.default_rng(seed)
    inner = chance.standard_normal((_INTRINSIC, dimensions)).astype(np.float32)
    bend = chance.standard_normal((_INTRINSIC, dimensions)).astype(np.float32)

    def some(number: int) -> Any:
        latent = chance.standard_normal((number, _INTRINSIC)).astype(np.float32)
        noise = 0.2 * chance.standard_normal((number, dimensions)).astype(np.float32)
        return latent @ inner + np.sin(latent) @ bend + noise

    return made(f"{count:,} x {dimensions}, drawn", some(count), some(_QUERIES))


def read(directory: Path) -> Data:
    """Vectors and queries from the files of a directory."""
    arrays = []
    for name in ("vectors", "queries"):
        path = next(path for path in (directory / f"{name}.npy", directory / f"{name}.f16.npy") if path.exists())
        arrays.append(np.load(path).astype(np.float32))
    vectors, queries = arrays
    return made(f"{len(vectors):,} x {vectors.shape[1]}, {directory.name}", vectors, queries[:_QUERIES])


def made(title: str, vectors: Any, queries: Any) -> Data:
    """A set of data, its vectors made as long as each other, with the truth."""
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return Data(title, vectors, queries, nearest(vectors, queries, NEAREST))


def recall(found: Any, truth: Any) -> float:
    """The share of the nearest that was found."""
    hits = sum(len(set(map(int, one)) & set(map(int, wanted))) for one, wanted in zip(found, truth, strict=True))
    return hits / sum(map(len, truth))
