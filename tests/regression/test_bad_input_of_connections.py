"""Every path and option that cannot be is told by an error of the store, and so is a store in memory after a fork."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import docstore
import query
from query import r


@pytest.mark.parametrize("path", [5, "", b"", "a\0b", ["a"], "/proc/store.db", "/dev/null", "/"])
def test_a_path_that_no_store_can_have(path: Any) -> None:
    with pytest.raises(docstore.NotAStoreError):
        docstore.connect(path)


def test_a_link_to_nowhere(tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "nowhere" / "store.db")
    with pytest.raises(docstore.NotAStoreError, match=r"link\.db"):
        docstore.connect(link)


def test_a_path_of_bytes_is_a_path(tmp_path: Path) -> None:
    with docstore.connect(os.fsencode(tmp_path / "bytes.db")) as db:
        assert db.path == str(tmp_path / "bytes.db")


@pytest.mark.parametrize("seconds", ["1", -1, None, float("nan"), True])
def test_a_timeout_that_is_none(seconds: Any, tmp_path: Path) -> None:
    with pytest.raises(query.ReqlDriverCompileError, match="busy_timeout"):
        docstore.connect(tmp_path / "store.db", busy_timeout=seconds)
    assert not list(tmp_path.iterdir())


def test_a_store_in_memory_is_refused_in_the_child_of_a_fork(memory_db: docstore.Connection) -> None:
    r.table_create("t").run(memory_db)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            r.table("t").insert({"id": 1}).run(memory_db)
        except docstore.ForkedError:
            with docstore.connect() as own:
                r.table_create("t").run(own)
                status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert r.table("t").count().run(memory_db) == 0


@pytest.mark.parametrize("wait", ["1", -1, None])
def test_a_wait_for_a_row_that_is_none(wait: Any, memory_db: docstore.Connection) -> None:
    with pytest.raises(query.ReqlDriverError, match="wait"):
        r.range(3).run(memory_db).next(wait=wait)
    assert r.range(3).run(memory_db).next(wait=0.5) == 0


def test_a_constant_array_is_an_array_too(memory_db: docstore.Connection) -> None:
    with pytest.raises(query.ReqlResourceLimitError, match="Array over size limit `2`"):
        r.expr([1, 2, 3]).run(memory_db, array_limit=2)
    assert r.expr([1, 2]).run(memory_db, array_limit=2) == [1, 2]


def test_an_interrupt_ends_a_count_of_numbers(memory_db: docstore.Connection) -> None:
    timer = threading.Timer(0.1, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        r.range(10**9).count().run(memory_db)
    assert time.monotonic() - began < 5
    timer.join()
