"""The names that others have for what a vector index takes: aliases of ours, and what to say of those that are none.

Milvus' and vecs' names come from their documentation of indexes; so do the arguments that belong to a search there, or to
a method that there is none of here.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from query.errors import ReqlQueryLogicError

METHOD_ALIASES: Final = {
    "autoindex": "auto",
    "bin_flat": "flat",
    "ivf_flat": "ivfflat",
    "bin_ivf_flat": "ivfflat",
    "ivf_sq8": "ivfsq8",
    "ivf_rabitq": "ivfrabitq",
    "ivf_pq": "ivfrabitq",
}

NEAREST_METHODS: Final = {
    "annoy": "hnsw",
    "diskann": "ivfrabitq",
    "ivf_sq8h": "ivfsq8",
    "ivf_sq8_hybrid": "ivfsq8",
    "rnsg": "hnsw",
    "nsg": "hnsw",
    "scann": "ivfrabitq",
}
"""Methods that others have and we have not, each with the nearest that we have."""

ARGUMENT_ALIASES: Final = {
    "dim": "dimensions",
    "dimension": "dimensions",
    "metric_type": "measure",
    "index_type": "method",
    "nlist": "n_lists",
    "lists": "n_lists",
    "M": "m",
    "efConstruction": "ef_construction",
}

OF_IVF_PQ: Final = frozenset({"m", "nbits"})
"""The arguments of `IVF_PQ` that the method made in its place has no use for."""

_OF_PROBES: Final = "belongs to a search: get_nearest(..., probes=...)"
_OF_EF_SEARCH: Final = "belongs to a search: get_nearest(..., ef_search=...), with the method `hnsw`"
_OF_RNSG: Final = "belongs to the method RNSG, which there is none of; the nearest is `hnsw` with its {}"
_ELSEWHERE: Final = {
    "probes": _OF_PROBES,
    "nprobe": _OF_PROBES,
    "ef": _OF_EF_SEARCH,
    "ef_search": _OF_EF_SEARCH,
    "efSearch": _OF_EF_SEARCH,
    "n_trees": "belongs to the method ANNOY, which there is none of; the nearest is `hnsw` with its `m`",
    "search_k": "belongs to searches by ANNOY, which there is none of; the nearest is get_nearest(..., ef_search=...), with the "
    "method `hnsw`",
    "nbits": "belongs to the method IVF_PQ, which there is none of; the nearest is `ivfrabitq`, of one bit a number",
    "out_degree": _OF_RNSG.format("`m`"),
    "knng": _OF_RNSG.format("`m`"),
    "candidate_pool_size": _OF_RNSG.format("`ef_construction`"),
    "search_length": _OF_RNSG.format("`ef_construction`"),
    "replace": "belongs to vecs; here a new index takes the place of another by index_rename(NEW, OLD, overwrite=True)",
    "multi": "belongs beside `vector`: index_create(NAME, multi=True, vector={...})",
}
"""Arguments that do not belong to an index, and where they belong."""


def unknown_argument(name: str, known: Sequence[str]) -> ReqlQueryLogicError:
    """The error for an argument that a vector index does not take: what it belongs to, or what may be meant."""
    if name in _ELSEWHERE:
        return ReqlQueryLogicError(f"A vector index takes no argument `{name}`: it {_ELSEWHERE[name]}.")
    close = get_close_matches(name.lower(), [*known, *ARGUMENT_ALIASES], 1)
    meant = f" Perhaps `{close[0]}` is meant." if close else ""
    return ReqlQueryLogicError(
        f"Unrecognized argument `{name}` of a vector index.{meant} Its arguments: {', '.join(known)}."
    )
