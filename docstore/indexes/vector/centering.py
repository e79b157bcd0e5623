"""What codes of bits need beside the vectors: the rotation, and the middle that they are taken from, as the store has them."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import numpy as np

from docstore.indexes.vector.codes import Bits, Coder
from docstore.indexes.vector.records import Head, read_middle, read_rotation
from docstore.storage.engine import ReadTransaction

CENTERED_FROM: Final = 1_000
"""Vectors that tell where the middle lies; up to `search.EXACT_VECTORS` nobody looks at codes."""


C = TypeVar("C", bound=Coder)


def coder_in(engine: ReadTransaction, space: int, coder: C, head: Head) -> C:
    """The coder of an index for what it has in a transaction."""
    if not isinstance(coder, Bits):
        return coder
    dimensions = coder.form.dimensions
    return coder.by(  # type: ignore[return-value]
        head.middle, lambda: (read_rotation(engine, space, head), read_middle(engine, space, head, dimensions))
    )


def middle_of(rows: Any) -> Any:
    """The middle of some vectors, which are of length 1 where only the angle counts."""
    return rows.mean(axis=0, dtype=np.float64).astype("<f4")
