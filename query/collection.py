"""Bulk work without Python's cyclic garbage collector.

Work that makes some ten thousand lists and dicts in one go, none of which is garbage, makes the collector walk all objects
of the process again and again: with 60,000 documents in memory that was two thirds of the time of an index build. So
bulk work pauses it. Reference counting frees memory meanwhile as always; only cycles wait.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

BULK: Final = 500
"""Objects from which it is worth while."""

_lock: Final = threading.Lock()
_depth = 0
_was_enabled = False


@contextmanager
def paused_collection() -> Iterator[None]:
    """No cyclic collection inside the block, which must be short; blocks of several threads may overlap."""
    global _depth, _was_enabled
    with _lock:
        if _depth == 0:
            _was_enabled = gc.isenabled()
            gc.disable()
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0 and _was_enabled:
                gc.enable()
