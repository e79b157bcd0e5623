"""Compiled code for the places where most time goes; everything works without it, only slower.

`pages` reads LMDB's pages where they lie in the memory map, and `documents` decodes MessagePack from there, so that between
the disk's cache and the Python objects of a document nothing is copied and nothing is called. What they replace stays as
it was: the engine's cursors and msgspec's decoders. That is what runs where the package was installed without a
C compiler, in write transactions, and, asked for by the environment variable `DOCSTORE_NATIVE=0`, everywhere; and it is the
oracle of the tests.

| module         | replaces                                    | gain, measured on 63,666 package records                  |
|----------------|---------------------------------------------|-----------------------------------------------------------|
| `pages`        | py-lmdb's cursors, where only rows are read | a row of a scan 0.02 us, not 0.40; a row by key 0.2, not 0.4 |
| `documents`    | msgspec's decoders of documents             | one field of twelve 0.08 us, not 0.25                     |

Whatever the compiled decoders do not expect (and they expect nothing but what the encoder writes) they hand to the decoder
in Python, so no error is theirs.
"""

from __future__ import annotations

import os
from typing import Final

try:
    from docstore.native import documents, pages
except ImportError:  # installed without a compiler
    documents = pages = None  # type: ignore[assignment]

AVAILABLE: Final = pages is not None and os.environ.get("DOCSTORE_NATIVE", "1") != "0"
"""Whether the compiled code is there and wanted."""

__all__ = ["AVAILABLE", "documents", "pages"]
