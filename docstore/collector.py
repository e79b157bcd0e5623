"""Python's garbage collector, paused while a large batch of documents or entries is made.

The collector runs when many objects have been made and few freed, and then looks at every object of the program. A batch
makes some 200,000 tuples and dicts, all of which are wanted and none of which is part of a cycle: without the pause,
20,000 documents with four indexes take a quarter longer, and more in a program that holds much.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collector() -> Iterator[None]:
    """No collection inside. Of several threads inside at once the first to leave ends the pause for all."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
