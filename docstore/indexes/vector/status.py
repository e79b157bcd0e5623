"""What `index_status` tells of a vector index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from docstore.indexes.vector.arguments import has_graphs
from docstore.indexes.vector.reading import Form
from docstore.indexes.vector.records import LIST_PREFIX, read_head, unpack_list
from docstore.indexes.vector.search import EXACT_VECTORS
from docstore.indexes.vector.segments import segments_of
from docstore.storage.engine import ReadTransaction
from query.runtime import Document
from query.values import Value


def status_of(
    engine: ReadTransaction,
    space: int,
    form: Form,
    code_bytes: int,
    options: Mapping[str, Value],
    recall: float | None,
) -> Document:
    """The state of an index.

    `bytes` are those of the vectors, or codes of them, in lists; `dead_share` is the share of the codes side by side that
    belongs to vectors which are gone, a quarter at most; `recall` is the share of the ten nearest that a search finds,
    measured on some of the vectors; `balance` is the longest list in target lengths.
    """
    head = read_head(engine, space)
    gone = sum([segment.gone for segment in segments_of(head)])
    sizes = []
    for _, data in engine.scan(space, LIST_PREFIX, bytes([LIST_PREFIX[0] + 1])):
        sizes.append(unpack_list(data)[1])
    return {
        "advice": _advice(head.vectors, head.skipped, options, recall),
        "arguments": options["arguments"],
        "balance": round(max(sizes, default=0) / options["target_vectors"], 3),
        "bytes": sum(sizes) * code_bytes,
        "dead_share": round(gone / max(1, gone + head.vectors), 3),
        "dimensions": form.dimensions,
        "lists": head.lists,
        "measure": form.measure,
        "method": options["method"],
        "recall": recall,
        "skipped": dict(head.skipped),
        "type": form.type,
        "vectors": head.vectors,
    }


def without_vectors(holder: str, form: Form, skipped: Mapping[str, int]) -> str:
    """What to tell of an index, or a field, that has no vectors, though there are documents."""
    reasons = [f"{number:,} as `{reason}`" for reason, number in sorted(skipped.items(), key=lambda one: -one[1])]
    what = "bits" if form.type == "bits" else "numbers"
    return (
        f"{holder} holds no vectors, so that nothing can be found: expected are vectors of {form.dimensions:,} "
        f"{what}, and left out are {', '.join(reasons)}. "
        + ("Is that the right field?" if set(skipped) == {"missing"} else "Look at what writes them.")
    )


_MANY_OF_BITS: Final = 1_000_000
"""Vectors of 256 bits that are compared in some 10 ms."""


_LITTLE: Final = 0.9
"""Recall that is worth an advice."""


def _advice(vectors: int, skipped: Mapping[str, int], options: Mapping[str, Value], recall: float | None) -> str:
    """What its owner could do for the index; empty where all is well."""
    wrong = {reason: number for reason, number in skipped.items() if reason != "missing"}
    if not vectors and not wrong:
        return "No document has a vector yet." if skipped else ""
    if wrong:
        reason = max(wrong, key=lambda one: wrong[one])
        number = sum(wrong.values())
        left_out = "1 vector is left out," if number == 1 else f"{number:,} vectors are left out, most"
        return f"{left_out} as `{reason}`: look at what writes them."
    if options["method"] == "hnsw" and not has_graphs():
        return "A graph needs faiss-cpu, which is not installed: pip install 'docstore[hnsw]'."
    if options["type"] == "bits" and vectors > _MANY_OF_BITS:
        return "Bits have no lists: so many vectors are all compared in every search, which takes a hundredth of a second or more."
    if options["method"] == "flat" and options["type"] != "bits" and vectors > 20 * EXACT_VECTORS:
        return "So many vectors are searched one by one: the method `auto` would keep them in lists."
    if recall is not None and recall < _LITTLE:
        return f"A search finds {recall:.0%} of the nearest: with more `probes`, or by another method, it finds more."
    return ""
