"""New values of some top-level fields, put into documents as they are stored.

Compiled code does it without decoding what stays; without it, the document is decoded and encoded again, with the same result.
Only null, booleans, numbers, texts and binaries can be put in: what is merged into a document, and what may not be written,
needs more than that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from docstore import native
from docstore.documents import MAX_DOCUMENT_BYTES, Document, decode_document, encode_document
from query.errors import ReqlError
from query.patches import PLAIN

Splice = Callable[[bytes], "bytes | None"]
"""Gives of one document after the other its bytes with the new values; None where that is not as simple."""


def splicer(names: tuple[str, ...], changes: list[Document]) -> Splice:
    """What is to be called with one document for each of `changes`, each of which has a value for all of `names`."""
    if native.AVAILABLE and len(names) <= native.splicing.MAX_NAMES_OF_A_SPLICER:
        return native.splicing.Splicer(names, changes, MAX_DOCUMENT_BYTES)
    return splicer_in_python(changes)


def splicer_in_python(changes: Sequence[Document]) -> Splice:
    """The same, done by decoding and encoding all of a document."""
    remaining = iter(changes)

    def splice(data: bytes) -> bytes | None:
        change = next(remaining)
        if not PLAIN.issuperset(map(type, change.values())):
            return None
        try:
            return encode_document({**decode_document(data), **change})
        except ReqlError:
            return None

    return splice
