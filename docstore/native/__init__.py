"""Compiled code for the places where most time goes; everything works without it, only slower.

`pages`, `scans` and `rows` read LMDB's pages where they lie in the memory map, and `documents` decodes MessagePack from
there, so that between the disk's cache and the Python objects of a document nothing is copied and nothing is called. What
they replace stays as it was: the engine's cursors and msgspec's coders. That is what runs where the package was installed
without a C compiler, in write transactions, and, asked for by the environment variable `DOCSTORE_NATIVE=0`, everywhere; and
it is the oracle of the tests.

| module       | replaces                                          | gain, measured on 63,666 package records          |
|--------------|---------------------------------------------------|---------------------------------------------------|
| `pages`      | py-lmdb's cursors, where rows are only read       | with the next, a scan of one field 0.15 us a row, not 0.65 |
| `scans`      | the same cursors, where an index is read          | `between` 1.35 us a document, not 1.6               |
| `documents`  | msgspec's decoders of documents                   | a document 0.85 us, not 1.05                      |
| `encoding`   | msgspec's encoder of documents                    | a document 0.5 us, not 1.0                        |
| `conditions` | nothing: rows that cannot pass are not decoded    | `filter(...).count()` 0.16 us a row, not 0.67     |
| `bits`       | numpy on arrays put side by side                  | 50,000 vectors searched 2,700 times a CPU second, not 930 |
| `vectors`    | numpy in doubles                                  | 40 exact distances of 384 numbers 5 us, not 17    |
| `points`     | nothing: a `get` needs no transaction             | `get` of a prepared query 2.7 us, not 5.9         |
| `making`     | the entries of indexes on plain fields            | an entry of a multi index 0.32 us, not 1.2         |
| `splicing`   | decoding, merging and encoding in updates of many | a new value in a stored document 0.3 us, not 3.1  |
| `blocks`     | nothing: the end of a block cannot be interrupted before it begins | none                     |
| `keys`       | the forms of strings as keys                      | 0.06 us, not 0.25                                 |

Whatever the compiled decoders do not expect (and they expect nothing but what the encoder writes) they hand to the decoder
in Python, so no error is theirs.
"""

from __future__ import annotations

from typing import Final

from query.native import WANTED

try:
    from docstore.native import (
        bits,
        blocks,
        documents,
        encoding,
        keys,
        making,
        pages,
        points,
        scans,
        splicing,
        vectors,
    )
except ImportError:  # installed without a compiler
    bits = blocks = documents = encoding = keys = making = pages = points = scans = splicing = vectors = None  # type: ignore[assignment]

AVAILABLE: Final = pages is not None and WANTED
"""Whether the compiled code is there and wanted."""

__all__ = [
    "AVAILABLE",
    "bits",
    "blocks",
    "documents",
    "encoding",
    "keys",
    "making",
    "pages",
    "points",
    "scans",
    "splicing",
    "vectors",
]
