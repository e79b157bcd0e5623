"""What the tests of vector indexes share: vectors by chance, a table of them, an index on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from docstore import Connection
from query.builder import r

NUMBERS = {"float32": np.float32, "float16": np.float16, "int8": np.int8, "bits": np.bool_}


def drawn(count: int, dimensions: int, kind: str = "float32", seed: int = 1) -> dict[int, Any]:
    """Vectors by chance, by their numbers."""
    chance = np.random.default_rng(seed)
    if kind == "bits":
        rows = chance.integers(0, 2, (count, dimensions)).astype(bool)
    else:
        rows = (chance.standard_normal((count, dimensions)) * 30).astype(NUMBERS[kind])
    return dict(enumerate(rows))


def insert(db: Connection, vectors: dict[int, Any], **fields: Any) -> None:
    """Put documents with these vectors into the table."""
    r.table("t").insert([{"id": key, "v": one, "n": key % 10, **fields} for key, one in vectors.items()]).run(db)


def create(db: Connection, name: str = "v", **vector: Any) -> None:
    """An index on `v`, ready."""
    r.table("t").index_create(name, r.row["v"], vector=vector).run(db)
    r.table("t").index_wait(name).run(db)


def status(db: Connection, name: str = "v") -> Any:
    return r.table("t").index_status(name).run(db)[0]["vector"]


def graph_of(db: Connection) -> Any:
    """The index `v`."""
    with db.store.begin_read() as transaction:
        return transaction.schema.table("test", "t").stored_index(transaction.catalog.table("test", "t").index("v"))
