"""A cursor over an index, while others write: each row that nobody touches comes as often, and in the order, as before."""

from __future__ import annotations

import random
from typing import Any

import pytest

from docstore import Connection
from query import r

LONG = "L" * 600
"""Longer than a key: what it begins with is cut, and only the documents tell the order."""

VALUES: list[Any] = [None, 1, 2.5, "a", LONG, LONG + "x", "L" * 505, "L" * 506, "L" * 507, [LONG, 1], [LONG, 2], True]
RANGES: dict[str, list[tuple[Any, Any]]] = {
    "v": [(r.minval, r.maxval), (LONG, "M"), ("A", "z"), (0, LONG + "a"), ("L" * 507, LONG + "x")],
    "c": [([1, r.minval], [4, LONG]), ([0, "L" * 506], [6, r.maxval])],
}
RANGES["m"] = RANGES["v"]
t = r.table("t")


def document(chance: random.Random, number: int) -> dict[str, Any]:
    """A document with drawn values."""
    several = [chance.choice(VALUES) for _ in range(chance.randrange(4))]
    return {"id": number, "v": chance.choice(VALUES), "m": several, "w": number % 7}


@pytest.mark.parametrize("seed", range(8))
def test_rows_that_nobody_touches_come_as_before(db: Connection, seed: int) -> None:
    chance = random.Random(seed)
    r.table_create("t").run(db)
    t.insert([document(chance, number) for number in range(300)]).run(db)
    t.index_create("v").run(db)
    t.index_create("m", multi=True).run(db)
    t.index_create("c", [r.row["w"], r.row["v"]]).run(db)
    t.index_wait().run(db)
    for _ in range(15):
        index = chance.choice(sorted(RANGES))
        query = t.between(*chance.choice(RANGES[index]), index=index)
        if chance.random() < 0.7:
            query = query.order_by(index=chance.choice([index, r.desc(index)]))
        before = [row["id"] for row in query.run(db)]
        touched, seen = set(), []
        for place, row in enumerate(query.run(db, max_batch_rows=chance.choice([1, 7, 50]))):
            seen.append(row["id"])
            if place % 20 == 5:
                number = chance.randrange(300)
                touched.add(number)
                if chance.random() < 0.5:
                    t.get(number).delete().run(db)
                else:
                    t.insert(document(chance, number), conflict="replace").run(db)
        assert [key for key in seen if key not in touched] == [key for key in before if key not in touched]
