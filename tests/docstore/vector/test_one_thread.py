"""Vectors are written with products of matrices in one thread, and the process has its number of threads back afterwards."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from docstore.indexes.vector.one_thread import one_thread


def threads() -> int:
    """The number of threads of numpy's own BLAS."""
    found = [
        one["num_threads"] for one in ThreadpoolController().info() if Path(np.__file__).parent.name in one["filepath"]
    ]
    if not found:
        pytest.skip("numpy comes without a BLAS whose threads can be told")
    return int(found[0])


@pytest.fixture(autouse=True)
def _two_threads() -> Any:
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        yield


def test_products_take_one_thread_inside_a_block() -> None:
    before = threads()
    for _ in range(3):
        with one_thread():
            assert threads() == 1
            with one_thread():
                assert threads() == 1
            assert threads() == 1
        assert threads() == before


def test_blocks_of_two_threads_leave_the_number_as_it_was() -> None:
    before, inside, go_on = threads(), threading.Event(), threading.Event()

    def other() -> None:
        with one_thread():
            inside.set()
            go_on.wait(10)

    thread = threading.Thread(target=other)
    with one_thread():
        thread.start()
        inside.wait(10)
    go_on.set()
    thread.join()
    assert threads() == before
