"""Blocks of code that Ctrl-C does not break off."""

from __future__ import annotations

import _signal  # what `signal` wraps: its enums would cost 4 us a write
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGINT
from threading import current_thread, main_thread
from types import FrameType


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A block that Ctrl-C does not break off: what handles it is called at the block's end. Any thread but the main one is
    never interrupted."""
    handler = _signal.getsignal(SIGINT) if current_thread() is main_thread() else None
    if not callable(handler):
        yield
        return
    caught: list[tuple[int, FrameType | None]] = []
    _signal.signal(SIGINT, lambda number, frame: caught.append((number, frame)))
    try:
        yield
    finally:
        _signal.signal(SIGINT, handler)
        if caught:
            handler(*caught[0])
