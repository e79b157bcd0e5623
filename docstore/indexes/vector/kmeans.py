"""k-means: centroids of a sample of vectors, the same ones for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

ROUNDS: Final = 10
"""After ten rounds of a sample of embeddings recall gains nothing more."""

SAMPLE: Final = 256
"""Vectors that a centroid is made of, at most."""

_PART: Final = 4_096
"""Rows that are compared with the centroids at once: so the products of a million vectors need no memory to speak of."""


def nearest(rows: Any, centroids: Any) -> Any:
    """The place of the nearest centroid of each row."""
    halves = 0.5 * np.einsum("ij,ij->i", centroids, centroids)
    found = np.empty(len(rows), np.int64)
    for start in range(0, len(rows), _PART):
        part = rows[start : start + _PART]
        found[start : start + _PART] = np.argmax(part @ centroids.T - halves, axis=1)
    return found


def _always() -> bool:
    return True


def k_means(rows: Any, number: int, seed: int, *, rounds: int = ROUNDS, goes_on: Callable[[], bool] = _always) -> Any:
    """At most so many centroids of a matrix of float32; fewer where there are fewer different rows.

    A centroid that no row is nearest to is put beside that of the most rows, so that it takes half of them.
    """
    chance = np.random.default_rng(seed)
    if len(rows) > SAMPLE * number:
        rows = rows[np.sort(chance.choice(len(rows), SAMPLE * number, replace=False))]
    number = min(number, len(rows))
    centroids = rows[np.sort(chance.choice(len(rows), number, replace=False))].astype(np.float32)
    for _ in range(rounds):
        if not goes_on():
            break
        places = nearest(rows, centroids)
        counts = np.bincount(places, minlength=number)
        order = np.argsort(places, kind="stable")
        filled = np.flatnonzero(counts)
        starts = np.concatenate(([0], np.cumsum(counts)[:-1]))[filled]
        centroids[filled] = np.add.reduceat(np.take(rows, order, axis=0), starts, axis=0) / counts[filled, None]
        for empty in np.flatnonzero(counts == 0):
            largest = int(np.argmax(counts))
            if counts[largest] < 2:
                break
            noise = chance.standard_normal(centroids.shape[1]).astype(np.float32)
            centroids[empty] = centroids[largest] + noise * (1e-3 * (np.abs(centroids[largest]).mean() + 1e-12))
            counts[empty] = counts[largest] = counts[largest] // 2
    return centroids
