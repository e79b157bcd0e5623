"""The nearest documents of a table without an index: every vector is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from docstore.catalog import TableDefinition
from docstore.documents import decode_document
from docstore.indexes.base import reader
from docstore.indexes.vector.reading import Form, vectors_of
from docstore.indexes.vector.scoring import distances
from docstore.indexes.vector.status import without_vectors
from docstore.indexes.vector.warn import warn
from docstore.storage.engine import ReadTransaction
from query.errors import ReqlQueryLogicError
from query.measures import OF_BITS, measure_named
from query.runtime import Document, Fields, Nearest, Run, Tested
from query.values import Value
from query.vectors import Vector


def nearest_without_index(
    run: Run,
    table: TableDefinition,
    value_of: Callable[[Document], Value],
    fields: Fields,
    what: str,
    wanted: Nearest,
) -> list[tuple[float, Document]]:
    """The documents of a table nearest by the vector that a function gives for them; warns that there is no index."""
    form, query = _form(wanted)
    _warn(table, what, form)
    engine: ReadTransaction = run.transaction.engine
    found_of, read = vectors_of(value_of, form, multi=False), reader(fields, wanted.keep)
    best: list[tuple[float, bytes]] = []
    skipped: Counter[str] = Counter()
    tested = 0
    for chunk in engine.scan_rows(table.space):
        tested += len(chunk)
        places: list[int] = []
        packed: list[bytes] = []
        for place, document in enumerate(chunk.read(read)):
            if document is not None:
                found = found_of(document)
                if found.skipped:
                    skipped.update([one.reason for one in found.skipped])
                for row in found.rows:
                    places.append(place)
                    packed.append(row)
        if packed:
            dists = distances(form, query, b"".join(packed))
            nearest: Any = np.argsort(dists, kind="stable")[: wanted.results]
            best += [(dists[one], chunk.key(places[one])) for one in nearest]
            best = sorted(best)[: wanted.results]
    if wanted.tell is not None:
        wanted.tell(Tested.BY_SCAN, tested)
    if skipped and not best:
        _tell_of_none(what, form, skipped, is_filtered=wanted.keep is not None)
    if wanted.max_dist is not None:
        best = [one for one in best if one[0] <= wanted.max_dist]
    documents = engine.get_many(table.space, [member for _, member in best])
    return [(dist, decode_document(data)) for (dist, _), data in zip(best, documents, strict=True) if data is not None]


def _tell_of_none(what: str, form: Form, skipped: Counter[str], *, is_filtered: bool) -> None:
    """Tell that no document has such a vector; where other documents may have one, that is no error."""
    text = without_vectors(f"The field of get_nearest, {what},", form, skipped)
    if is_filtered or set(skipped) == {"missing"}:
        warn(text)
    else:
        raise ReqlQueryLogicError(text)


def _form(wanted: Nearest) -> tuple[Form, Vector]:
    """The form in which vectors are compared, and the vector that is searched for."""
    given = wanted.vector
    of_bits = type(given) is Vector and given.type == "bits"
    measure = measure_named(wanted.measure) if wanted.measure is not None else "hamming" if of_bits else "cosine"
    if type(given) not in (Vector, list):
        raise ReqlQueryLogicError("Expected a vector or an array of numbers to search for.")
    kind = "bits" if measure in OF_BITS else "float32"
    form = Form({"dimensions": len(given), "measure": measure, "type": kind})
    return form, form.query(given, f"the measure `{measure}`")


def _warn(table: TableDefinition, what: str, form: Form) -> None:
    call = f"index_create(NAME, {what}, vector={{'dimensions': {form.dimensions}, 'measure': '{form.measure}'}})"
    warn(
        f"The query has no index of the table `{table.title}` for the measure `{form.measure}` and looks at every vector; "
        f"r.table('{table.name}').{call} makes one, for get_nearest(..., index=NAME)."
    )
