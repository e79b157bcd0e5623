"""The distances of vectors and the nearest of them, reckoned plainly in doubles."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

MEASURES: dict[str, Callable[[Any, Any], float]] = {
    "cosine": lambda a, b: 1 - (a @ b) / np.sqrt((a @ a) * (b @ b)),
    "l2": lambda a, b: np.sqrt(((a - b) ** 2).sum()),
    "l1": lambda a, b: np.abs(a - b).sum(),
    "inner_product": lambda a, b: -(a @ b),
    "hamming": lambda a, b: (a != b).sum(),
    "jaccard": lambda a, b: 1 - (a * b).sum() / ((a + b) > 0).sum() if (a + b).any() else 0.0,
}


def distances(vectors: dict[Any, Any], query: Any, measure: str) -> dict[Any, float]:
    """The distance of each vector."""
    wanted = np.asarray(query).astype(np.float64)
    return {key: float(MEASURES[measure](np.asarray(one).astype(np.float64), wanted)) for key, one in vectors.items()}


def check_nearest(found: list[Any], vectors: dict[Any, Any], query: Any, measure: str, wanted: int) -> None:
    """That an answer has the right distances, in order, and misses nothing nearer."""
    known = distances(vectors, query, measure)
    dists = [row["dist"] for row in found]
    keys = [row["doc"]["id"] for row in found]
    assert len(keys) == len(set(keys)) == min(wanted, len(vectors))
    assert dists == sorted(dists)
    np.testing.assert_allclose(dists, [known[key] for key in keys], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(dists, sorted(known.values())[:wanted], rtol=1e-5, atol=1e-5)


def recall(found: Iterable[Any], vectors: dict[Any, Any], query: Any, measure: str, wanted: int) -> float:
    """The share of the nearest that was found."""
    known = distances(vectors, query, measure)
    nearest = set(sorted(known, key=lambda key: known[key])[:wanted])
    return len(nearest & {row["doc"]["id"] for row in found}) / len(nearest)
