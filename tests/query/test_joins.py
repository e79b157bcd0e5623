"""Joins by an index whose keys have few documents, many, or more than are held at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import docstore
from docstore import Connection
from query import r

FEW, MANY = 10, 3_000

left, right = r.table("left"), r.table("right")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    with docstore.connect(str(tmp_path / "store")) as opened:
        for name in ("left", "right"):
            r.table_create(name).run(opened)
        left.insert([{"id": number, "key": "few" if number % 3 else "many"} for number in range(250)]).run(opened)
        left.insert([{"id": -1, "key": "none"}, {"id": -2, "key": None}, {"id": -3}]).run(opened)
        right.insert(
            [{"id": number, "key": "few" if number < FEW else "many", "n": number} for number in range(FEW + MANY)]
        ).run(opened)
        right.index_create("key").run(opened)
        right.index_create("pair", [r.row["key"], r.row["key"]]).run(opened)
        right.index_create("all", [r.row["key"]], multi=True).run(opened)
        right.index_wait().run(opened)
        yield opened


def pairs(found: Any) -> list[tuple[int, int]]:
    return sorted((pair["left"]["id"], pair["right"]["id"]) for pair in found)


def wanted(ids: range) -> list[tuple[int, int]]:
    """What a join of the left rows with these ids gives."""
    return [(number, other) for number in ids for other in (range(FEW) if number % 3 else range(FEW, FEW + MANY))]


@pytest.mark.parametrize("index", ["key", "all"])
def test_a_key_may_have_more_documents_than_are_held_at_once(db: Connection, index: str) -> None:
    ids = range(60)
    assert pairs(left.get_all(*ids).eq_join("key", right, index=index).run(db)) == wanted(ids)


def test_compound_keys_may_have_many_documents_too(db: Connection) -> None:
    ids = range(7)
    found = left.get_all(*ids).eq_join(lambda row: [row["key"], row["key"]], right, index="pair").run(db)
    assert pairs(found) == wanted(ids)


def test_the_order_is_that_of_the_left_rows_and_of_the_index(db: Connection) -> None:
    found = left.order_by(index="id").eq_join("key", right, index="key").run(db)
    ids = [(pair["left"]["id"], pair["right"]["id"]) for pair in found]
    assert ids == wanted(range(250))


def test_a_join_goes_on_after_what_was_read_has_been_deleted(db: Connection) -> None:
    found = iter(left.order_by(index="id").eq_join("key", right, index="key").run(db))
    first = [next(found)["right"]["id"] for _ in range(1_500)]
    assert first == list(range(FEW, FEW + 1_500))
    right.filter(r.row["id"] > 2_500).delete().run(db)
    assert max(pair["right"]["id"] for pair in found) == 2_500


def test_left_rows_without_a_partner_are_in_no_pair(db: Connection) -> None:
    assert list(left.get_all(-1, -2, -3).eq_join("key", right, index="key").run(db)) == []
