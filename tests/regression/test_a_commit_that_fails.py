"""A transaction whose commit fails before the engine's has begun ends all the same: the write lock was kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from docstore import Connection, faults
from query import r


@pytest.fixture
def interrupted_commits() -> Iterator[None]:
    def interrupt(point: str) -> None:
        if point == "before_commit":
            faults.install(None)
            raise KeyboardInterrupt

    faults.install(interrupt)
    yield
    faults.install(None)


@pytest.fixture
def filled(db: Connection) -> Connection:
    r.table_create("t").run(db)
    return db


def test_an_interrupt_in_a_commit_ends_the_transaction(filled: Connection, interrupted_commits: None) -> None:
    with pytest.raises(KeyboardInterrupt) as caught, filled.transaction():
        r.table("t").insert({"id": 1}).run(filled)
    assert caught.value.__traceback__ is not None  # which keeps the frames, and what they refer to, alive
    assert r.table("t").count().run(filled) == 0
    r.table("t").insert({"id": 2}).run(filled)


def test_an_interrupt_in_the_commit_of_a_query_ends_it(filled: Connection, interrupted_commits: None) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        r.table("t").insert(r.expr([1, 2]).map(lambda n: {"id": n})).run(filled)
    assert caught.value.__traceback__ is not None
    assert r.table("t").count().run(filled) == 0
    r.table("t").insert({"id": 2}).run(filled)
