"""The first lists of an index that is built on a table with many documents: their centroids, from a sample of the vectors.

Without this all vectors would go into one list that splits again and again, and each would be moved seven times before it
lies where it stays. Training reads a snapshot and holds no lock, however long it takes; lists that turn out too long or
too short are mended like all others (`balance.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np

from docstore.indexes.vector.kmeans import k_means
from docstore.indexes.vector.reading import Form

LEAST_DOCUMENTS: Final = 10_000
"""Below, lists are soon as good by splitting."""

FULL: Final = 1.2
"""Target lengths that a list has at first: of lists with more, more than a few would have to be split while the index is built."""

SAMPLE: Final = 64
LARGEST_SAMPLE: Final = 75_000
"""Vectors that a centroid is made of, and all of them, at most: of more the lists get no better."""

_ROUNDS: Final = 6


def trained(
    form: Form, rows: Iterable[bytes], documents: int, target: int, seed: int, *, goes_on: Callable[[], bool]
) -> Any:
    """Centroids for so many documents from some of their packed vectors; None where there are too few.

    When `goes_on` says no they are given as they are by then.
    """
    lists = round(documents / (FULL * target))
    packed = b"".join(rows)
    if lists < 2 or len(packed) < 2 * lists * form.row_bytes:
        return None
    centroids = k_means(form.for_lists(packed), lists, seed, rounds=_ROUNDS, goes_on=goes_on)
    return centroids[np.isfinite(centroids).all(axis=1)]


def sample_step(documents: int, target: int) -> int:
    """One of how many documents is in the sample."""
    wanted = min(LARGEST_SAMPLE, round(SAMPLE * documents / (FULL * target)))
    return max(1, documents // max(1, wanted))
