"""The measures of distance between vectors: their names, and what each says of two vectors. Smaller is nearer.

| measure         | distance                                                    | of bits |
|-----------------|-------------------------------------------------------------|---------|
| `cosine`        | 1 - the cosine of the angle: 0 to 2                          |         |
| `l2`            | the root of the sum of squared differences                  |         |
| `l1`            | the sum of absolute differences                             |         |
| `inner_product` | the negative of the sum of products                         |         |
| `hamming`       | how many bits differ                                        | yes     |
| `jaccard`       | 1 - bits in both / bits in either; of two without any bit 0 | yes     |

The names that pgvector, vecs and Milvus have for these are understood too. All is reckoned in doubles.
"""

from __future__ import annotations

from typing import Any, Final

from query.errors import ReqlNonExistenceError, ReqlQueryLogicError
from query.values import Value, type_name
from query.vectors import Vector, VectorType

MEASURES: Final = ("cosine", "l2", "l1", "inner_product", "hamming", "jaccard")

OF_BITS: Final = frozenset({"hamming", "jaccard"})
"""The measures of vectors of bits; the others are of numbers."""

_ALIASES: Final = {
    "cosine_distance": "cosine",
    "vector_cosine_ops": "cosine",
    "l2_distance": "l2",
    "euclidean": "l2",
    "vector_l2_ops": "l2",
    "l1_distance": "l1",
    "manhattan": "l1",
    "vector_l1_ops": "l1",
    "ip": "inner_product",
    "dot": "inner_product",
    "max_inner_product": "inner_product",
    "vector_ip_ops": "inner_product",
}

_NEAREST: Final = {"tanimoto": "jaccard"}
"""Measures that others have and we have not, each with the nearest that we have."""


def measure_named(name: Value) -> str:
    """The measure that a user means by a name; ReqlQueryLogicError where there is none.

    >>> measure_named("L2"), measure_named("max_inner_product")
    ('l2', 'inner_product')
    """
    text = name.lower() if type(name) is str else ""
    known = _ALIASES.get(text, text)
    if known in MEASURES:
        return known
    if text in _NEAREST:
        raise ReqlQueryLogicError(f"There is no measure `{name}`; the nearest is `{_NEAREST[text]}`.")
    found = f"`{name}`" if type(name) is str else type_name(name)
    raise ReqlQueryLogicError(f"Expected a measure ({', '.join(MEASURES)}) but found {found}.")


def as_vector(value: Value, kind: VectorType = "float32") -> Vector:
    """A vector, or an array of numbers as one; ReqlQueryLogicError for anything else, as null a ReqlNonExistenceError."""
    if type(value) is Vector:
        return value
    if type(value) is list:
        return Vector(value, kind)
    error = ReqlNonExistenceError if value is None else ReqlQueryLogicError
    raise error(f"Expected a vector or an array of numbers but found {type_name(value)}.")


def fault(vector: Vector, measure: str) -> str | None:
    """Why a vector has no distance by a measure; None where it has one."""
    if (vector.type == "bits") != (measure in OF_BITS):
        wanted = "bits" if measure in OF_BITS else "numbers"
        return f"expected a vector of {wanted} for the measure `{measure}` but found one of {vector.type}"
    if vector.type == "bits":
        return None
    numbers = vector.numpy()
    if numbers.dtype.kind == "f":
        import numpy as np

        if not np.isfinite(numbers).all():
            return f"expected finite numbers but found {'nan' if np.isnan(numbers).any() else 'infinity'}"
    if measure == "cosine" and not numbers.any():
        return "expected a vector that is not zero for the measure `cosine` but found zeros"
    return None


def distance_between(left: Value, right: Value, measure: Value = None) -> int | float:
    """How far two vectors are apart. Without a measure, `cosine`, and `hamming` between bits.

    ReqlQueryLogicError where they are no vectors, of different lengths, or have no such distance.
    """
    of_bits = (type(left) is Vector and left.type == "bits") or (type(right) is Vector and right.type == "bits")
    name = measure_named(measure) if measure is not None else "hamming" if of_bits else "cosine"
    kind: VectorType = "bits" if name in OF_BITS else "float32"
    vectors = [as_vector(left, kind), as_vector(right, kind)]
    first, second = vectors
    if first.dimensions != second.dimensions:
        raise ReqlQueryLogicError(
            f"Expected two vectors of one length but found {first.dimensions} and {second.dimensions} numbers."
        )
    for vector in vectors:
        wrong = fault(vector, name)
        if wrong is not None:
            raise ReqlQueryLogicError(f"Cannot reckon a distance: {wrong}.")
    # An array's numbers are doubles, of which a vector would have kept the first digits.
    numbers = [given if type(given) is list else vector for given, vector in zip((left, right), vectors, strict=True)]
    if kind == "bits":
        numbers = list(vectors)
    return exact_distance(doubles(numbers[0]), doubles(numbers[1]), name)


def doubles(numbers: Vector | list[int | float]) -> Any:
    """The numbers as a numpy array of doubles, of bits as one of bools."""
    import numpy as np

    if type(numbers) is Vector:
        found = numbers.numpy()
        return found if numbers.type == "bits" else found.astype(np.float64)
    return np.array(numbers, np.float64)


def exact_distance(left: Any, right: Any, measure: str) -> int | float:
    """The distance of two numpy arrays of doubles, or of bools for a measure of bits.

    Raises ReqlQueryLogicError where it is beyond what a double can be.
    """
    import numpy as np

    if measure == "hamming":
        return int((left != right).sum())
    if measure == "jaccard":
        either = int((left | right).sum())
        return 1 - int((left & right).sum()) / either if either else 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        if measure == "l1":
            found = np.abs(left - right).sum()
        elif measure == "l2":
            found = np.sqrt(np.square(left - right).sum())
        elif measure == "inner_product":
            found = -(left @ right)
        else:
            found = 1 - (left / np.linalg.norm(left)) @ (right / np.linalg.norm(right))
            found = min(max(found, 0.0), 2.0)
    if not np.isfinite(found):
        raise ReqlQueryLogicError("Non-finite number: the distance is beyond what a double can be.")
    return float(found) + 0.0
