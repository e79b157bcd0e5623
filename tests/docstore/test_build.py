"""Online builds, the sweeper, and those who do the steps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from docstore import build, faults
from docstore.build import Job, jobs, progress, step
from docstore.check import check_store
from docstore.layout import watermark_key
from docstore.storage.engine import CATALOG_SPACE
from docstore.store import OpenStore, open_store
from docstore.worker import Worker
from query.errors import ReqlOpFailedError
from query.runtime import Change
from tests.docstore.stores import create_index, create_table, field, ids, insert, reading, wire, write

MANY = 3_000


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No background thread: the test takes the steps."""
    monkeypatch.setattr(Worker, "wake", lambda self, own=(): None)


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of a few hundred documents."""
    monkeypatch.setattr(build, "LARGEST_STEP", 400)


@pytest.fixture
def filled(store: OpenStore) -> OpenStore:
    create_table(store)
    insert(store, *[document(number) for number in range(MANY)])
    return store


def document(number: int) -> dict[str, Any]:
    return {"id": number, "a": number % 7, "tags": [number % 3, "x"]}


def a_step(store: OpenStore, hurry: Callable[[], bool] = lambda: False) -> bool:
    """Do a step of the first job; whether there was one."""
    with store.begin_write() as transaction:
        found = jobs(transaction.catalog)
        if found:
            step(transaction, found[0], hurry)
    return bool(found)


def state(store: OpenStore, name: str = "a") -> str:
    with store.begin_read() as transaction:
        return transaction.catalog.table("test", "t").index(name).state


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "waited for too long"
        time.sleep(0.005)


# Steps


def test_a_small_table_is_indexed_at_once(store: OpenStore) -> None:
    create_table(store)
    insert(store, *[document(number) for number in range(1_000)])
    create_index(store, "a", field("a"))
    assert state(store) == "ready"


@pytest.mark.usefixtures("still", "small_steps")
def test_a_build_goes_by_steps_until_it_is_ready(filled: OpenStore) -> None:
    create_index(filled, "a", field("a"))
    seen = []
    while state(filled) == "building":
        with filled.begin_read() as transaction:
            table = transaction.catalog.table("test", "t")
            seen.append(progress(transaction, table, table.index("a")))
        a_step(filled)
        assert check_store(filled).ok
    assert seen == sorted(seen)
    assert seen[0] == 0 and seen[-1] > 0.9
    with reading(filled) as (run, table):
        assert ids(table.index(run, "a").get_all(run, [3], None, None)) == list(range(3, MANY, 7))
        assert run.transaction.engine.get(CATALOG_SPACE, watermark_key(table.definition.index("a").space)) is None


@pytest.mark.usefixtures("still", "small_steps")
def test_writes_during_a_build_are_in_the_index(filled: OpenStore) -> None:
    create_index(filled, "a", field("a"))
    create_index(filled, "tags", field("tags"), multi=True)
    number = 0
    while a_step(filled):
        write(
            filled,
            Change(document(number), None),
            Change(document(number + 1), {"id": number + 1, "a": "new", "tags": ["new", "x"]}),
            Change(document(MANY - 1 - number), {"id": MANY - 1 - number, "a": "new"}),
            Change(None, {"id": number + 0.5, "a": "new"}),
            Change(None, {"id": MANY + number, "a": "new"}),
        )
        number += 2
        assert check_store(filled).ok
    with reading(filled) as (run, table):
        assert table.index(run, "a").count(run, ["new"]) == 4 * number // 2


@pytest.mark.usefixtures("still")
def test_a_step_makes_way_when_another_writer_waits(filled: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "STEP_SECONDS", 0.0)
    create_index(filled, "a", field("a"))
    a_step(filled, lambda: True)
    with filled.begin_read() as transaction:
        table = transaction.catalog.table("test", "t")
        assert 0 < progress(transaction, table, table.index("a")) < 0.2
    a_step(filled)
    assert state(filled) == "ready"


@pytest.mark.usefixtures("still", "small_steps")
def test_an_index_that_is_dropped_while_it_is_built_is_swept(filled: OpenStore) -> None:
    create_index(filled, "a", field("a"))
    a_step(filled)
    with filled.begin_write() as transaction:
        table = transaction.catalog.table("test", "t")
        job = Job(table.index("a").space, table.id)
        transaction.catalog = transaction.catalog.drop_index(table, "a")
    with filled.begin_write() as transaction:
        step(transaction, job, lambda: False)
    while a_step(filled):
        assert check_store(filled).ok
    with filled.begin_read() as transaction:
        assert next(transaction.engine.scan_entries(job.space), None) is None


@pytest.mark.usefixtures("still", "small_steps")
def test_a_dropped_table_is_swept_with_its_indexes(filled: OpenStore) -> None:
    create_index(filled, "a", field("a"))
    a_step(filled)
    with filled.begin_write() as transaction:
        spaces = {transaction.catalog.table("test", "t").space: "map"}
        transaction.catalog = transaction.catalog.drop_table("test", "t")
        spaces = dict(transaction.catalog.dead)
    steps = 0
    while a_step(filled):
        steps += 1
    assert steps > MANY // 400
    with filled.begin_read() as transaction:
        for space, kind in spaces.items():
            engine = transaction.engine
            assert next(engine.scan(space) if kind == "map" else engine.scan_entries(space), None) is None


@pytest.mark.usefixtures("still", "small_steps")
def test_a_renamed_index_and_table_go_on_being_built(filled: OpenStore) -> None:
    create_index(filled, "a", field("a"))
    a_step(filled)
    with filled.begin_write() as transaction:
        table = transaction.catalog.table("test", "t")
        transaction.catalog = transaction.catalog.rename_index(table, "a", "b")
        transaction.catalog = transaction.catalog.change_table("test", "t", new_name="u")
    while a_step(filled):
        pass
    with reading(filled, "u") as (run, found):
        assert found.index(run, "b").count(run, [3]) == len(range(3, MANY, 7))


@pytest.mark.usefixtures("still")
def test_a_document_that_breaks_a_unique_index_fails_the_build(filled: OpenStore) -> None:
    create_index(filled, "a", field("a"), unique=True)
    a_step(filled)
    assert state(filled) == "failed"
    with filled.begin_read() as transaction:
        table = transaction.catalog.table("test", "t")
        assert "Duplicate key in unique index `a`" in (table.index("a").error or "")
        table_id = table.id
    with pytest.raises(ReqlOpFailedError, match="could not be built: Duplicate key"):
        filled.build_until_ready(table_id)
    assert insert(filled, {"id": "x", "a": 1}) == [None]


@pytest.mark.usefixtures("still", "small_steps")
def test_a_unique_index_refuses_while_it_is_built(filled: OpenStore) -> None:
    create_index(filled, "same", field("id"), unique=True)
    a_step(filled)
    (error,) = write(filled, Change(document(5), {"id": 5, "a": 5}))
    assert error is None
    while a_step(filled):
        pass
    assert state(filled, "same") == "ready"


# Those who do the steps


def test_the_background_thread_builds_and_ends(filled: OpenStore) -> None:
    create_index(filled, "a", field("a"))
    wait_until(lambda: state(filled) == "ready")
    wait_until(lambda: filled._worker._thread is None)


def test_the_background_thread_sweeps(filled: OpenStore) -> None:
    with filled.begin_write() as transaction:
        transaction.catalog = transaction.catalog.drop_table("test", "t")

    def swept() -> bool:
        with filled.begin_read() as transaction:
            return not transaction.catalog.dead

    wait_until(swept)


@pytest.mark.usefixtures("still")
def test_whoever_waits_builds(filled: OpenStore) -> None:
    for name in ("a", "tags"):
        create_index(filled, name, field(name), multi=True)
    with filled.begin_read() as transaction:
        table_id = transaction.catalog.table("test", "t").id
    filled.build_until_ready(table_id, ["tags"])
    assert (state(filled, "tags"), state(filled)) == ("ready", "building")
    filled.build_until_ready(table_id)
    assert state(filled) == "ready"
    with pytest.raises(ReqlOpFailedError, match="Index `x` was not found"):
        filled.build_until_ready(table_id, ["x"])


@pytest.mark.usefixtures("still", "small_steps")
def test_a_wait_can_be_interrupted_between_steps(filled: OpenStore) -> None:
    create_index(filled, "a", field("a"))
    left = iter([None, None])

    def interrupt() -> None:
        if next(left, "end") == "end":
            raise KeyboardInterrupt

    with filled.begin_read() as transaction:
        table_id = transaction.catalog.table("test", "t").id
    with pytest.raises(KeyboardInterrupt):
        filled.build_until_ready(table_id, None, interrupt)
    assert state(filled) == "building"
    filled.build_until_ready(table_id)
    assert state(filled) == "ready"


@pytest.mark.usefixtures("small_steps")
def test_many_may_build_and_write_at_once(filled: OpenStore) -> None:
    create_index(filled, "a", wire(lambda row: [row["a"], row["id"]]))
    with filled.begin_read() as transaction:
        table_id = transaction.catalog.table("test", "t").id
    errors: list[BaseException] = []

    def guarded(work: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - handed to the main thread
                errors.append(error)

        return run

    def writer(first: int) -> None:
        for number in range(first, first + 40):
            write(filled, Change(document(number), None), Change(None, {"id": f"new{number}", "a": 1}))

    works = [lambda: filled.build_until_ready(table_id)] * 2 + [lambda: writer(100), lambda: writer(2_000)]
    threads = [threading.Thread(target=guarded(work)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert state(filled) == "ready"


def test_an_error_of_a_step_fails_the_index_and_is_told(filled: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("defect")

    monkeypatch.setattr(build, "_build", broken)
    with filled.begin_write() as transaction:
        table = transaction.catalog.table("test", "t")
        transaction.catalog = transaction.catalog.create_index(table, "a", field("a"))
    wait_until(lambda: state(filled) == "failed")
    with pytest.raises(ReqlOpFailedError, match="ZeroDivisionError: defect"):
        filled.build_until_ready(table.id)


@pytest.fixture
def no_faults() -> Iterator[None]:
    yield
    faults.install(None)


@pytest.mark.usefixtures("still", "small_steps", "no_faults")
@pytest.mark.parametrize("point", ["before_watermark", "after_watermark", "before_commit"])
def test_a_step_that_dies_leaves_nothing_behind(filled: OpenStore, point: str) -> None:
    create_index(filled, "a", field("a"))
    a_step(filled)

    def die(name: str) -> None:
        if name == point:
            raise KeyboardInterrupt

    faults.install(die)
    with pytest.raises(KeyboardInterrupt):
        a_step(filled)
    faults.install(None)
    assert check_store(filled).ok
    while a_step(filled):
        pass
    assert state(filled) == "ready"


@pytest.mark.usefixtures("small_steps")
def test_a_build_goes_on_when_the_store_is_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "app.db")
    with monkeypatch.context() as patch:
        patch.setattr(Worker, "wake", lambda self, own=(): None)
        store = open_store(path)
        create_table(store)
        insert(store, *[document(number) for number in range(MANY)])
        create_index(store, "a", field("a"))
        a_step(store)
        store.close()
    store = open_store(path)
    wait_until(lambda: state(store) == "ready")
    assert check_store(store).ok
    store.close()


def test_closing_during_a_build_stops_at_the_next_step(filled: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "LARGEST_STEP", 1)
    monkeypatch.setattr(build, "CHUNK", 1)
    create_index(filled, "a", field("a"))
    began = time.monotonic()
    filled._worker.stop()
    assert time.monotonic() - began < 1
