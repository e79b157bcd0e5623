"""Vectors, made of numbers. How far they are apart `distance` tells, which is in the chapter on geometry."""

from __future__ import annotations

from query.measures import as_vector
from query.registry import term
from query.values import Value
from query.vectors import Vector


@term(10100, on="r")
def vector(numbers: Value, *, type: str | None = None) -> Vector:  # noqa: A002 - the option's name in the language
    """A vector of numbers: packed, as embeddings are stored, in `type` `"float32"` (the default), `"float16"`, `"int8"` or
    `"bits"` (of zeros and ones).

    A one-dimensional numpy array, or an `array.array`, in a query is a vector by itself. A vector comes back as a numpy
    array, or as the run option `vector_format` says: `"numpy"`, `"list"` or `"raw"`. Raises ReqlQueryLogicError for what
    are no numbers, and for numbers that do not fit.

    >>> r.vector([1, 0.5]).type_of().run(db)
    'PTYPE<VECTOR>'
    >>> r.vector([1, 0.5]).run(db, vector_format="list")
    [1.0, 0.5]
    """
    made = as_vector(numbers, "float32" if type is None else type)  # type: ignore[arg-type]
    if type is None or made.type == type:
        return made
    return Vector(made.numbers(), type)  # type: ignore[arg-type]
