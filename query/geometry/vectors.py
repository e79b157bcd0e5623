"""Points of the unit sphere as triples of floats: orientation of three, crossings of two edges, the nearest on an edge.

An edge is the shortest arc between two points. Orientation is exact: where floats cannot tell it is reckoned in
fractions, and where three points are on one great circle, points are thought of as moved by amounts so small that they
change nothing else, each by its own (Edelsbrunner and Mücke, Simulation of Simplicity, 1990). So of three different
points one is always to the left or to the right of the others, and answers about crossings never contradict each other.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import permutations, product
from typing import Final, TypeAlias

Vector: TypeAlias = tuple[float, float, float]

_ORIENTATION_ERROR: Final = 1.6e-15
"""Below it a determinant of three unit vectors in floats may have the wrong sign."""

_REFERENCE: Final = (0.012, 0.0053, 0.00457)
"""Components of the direction that is the first around a vertex; any would do, but it decides to which of the polygons
that meet in a vertex the vertex belongs."""


def of_degrees(longitude: float, latitude: float) -> Vector:
    """The point with these coordinates."""
    phi, theta = math.radians(latitude), math.radians(longitude)
    across = math.cos(phi)
    return (math.cos(theta) * across, math.sin(theta) * across, math.sin(phi))


def to_degrees(point: Vector) -> tuple[float, float]:
    """The longitude and the latitude of a point."""
    x, y, z = point
    return math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.sqrt(x * x + y * y)))


# Arithmetic


def add(a: Vector, b: Vector) -> Vector:
    """The sum."""
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def subtract(a: Vector, b: Vector) -> Vector:
    """The difference."""
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def scale(a: Vector, factor: float) -> Vector:
    """The vector so many times as long."""
    return (a[0] * factor, a[1] * factor, a[2] * factor)


def dot(a: Vector, b: Vector) -> float:
    """The scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vector, b: Vector) -> Vector:
    """The vector product."""
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def normalize(a: Vector) -> Vector:
    """The vector of length 1 in the same direction."""
    length = math.sqrt(dot(a, a))
    return scale(a, 1.0 / length) if length else a


def angle(a: Vector, b: Vector) -> float:
    """The angle between two vectors."""
    across = cross(a, b)
    return math.atan2(math.sqrt(dot(across, across)), dot(a, b))


def normal(a: Vector, b: Vector) -> Vector:
    """A vector at right angles to two points, accurate where they are close together; of some length."""
    found = cross(add(b, a), subtract(b, a))
    return found if any(found) else reference(a)


def reference(a: Vector) -> Vector:
    """The direction that is the first around a point."""
    sizes = [abs(part) for part in a]
    largest = (0 if sizes[0] > sizes[2] else 2) if sizes[0] > sizes[1] else (1 if sizes[1] > sizes[2] else 2)
    other = list(_REFERENCE)
    other[largest - 1] = 1.0
    return normalize(cross(a, (other[0], other[1], other[2])))


# Orientation


def orientation(a: Vector, b: Vector, c: Vector) -> int:
    """1 where the way from a over b to c turns to the left, -1 to the right, 0 only where two of them are the same."""
    found = (a[1] * b[2] - a[2] * b[1]) * c[0] + (a[2] * b[0] - a[0] * b[2]) * c[1] + (a[0] * b[1] - a[1] * b[0]) * c[2]
    if found > _ORIENTATION_ERROR:
        return 1
    if found < -_ORIENTATION_ERROR:
        return -1
    return 0 if a == b or b == c or c == a else _exact_orientation(a, b, c)


def _exact_orientation(a: Vector, b: Vector, c: Vector) -> int:
    from fractions import Fraction

    ordered = sorted([a, b, c])
    places = [ordered.index(point) for point in (a, b, c)]
    sign = 1 if places in ([0, 1, 2], [1, 2, 0], [2, 0, 1]) else -1
    rows = [[Fraction(part) for part in point] for point in ordered]
    for terms in _perturbation():
        total = Fraction(0)
        for factor, entries in terms:
            value = Fraction(factor)
            for row, column in entries:
                value *= rows[row][column]
            total += value
        if total:
            return sign if total > 0 else -sign
    raise AssertionError("the last coefficient of the determinant is 1")


@lru_cache
def _perturbation() -> list[list[tuple[int, list[tuple[int, int]]]]]:
    """The coefficients of a determinant whose entries are moved by powers of something infinitely small, largest first.

    Each is a sum of products of the entries that are not moved. The first is the determinant itself.
    """
    coefficients: dict[int, list[tuple[int, list[tuple[int, int]]]]] = {}
    for columns in permutations(range(3)):
        factor = 1 if columns in ((0, 1, 2), (1, 2, 0), (2, 0, 1)) else -1
        for moved in product((False, True), repeat=3):
            exponent = sum(2 ** (3 * row + 2 - columns[row]) for row in range(3) if moved[row])
            entries = [(row, columns[row]) for row in range(3) if not moved[row]]
            coefficients.setdefault(exponent, []).append((factor, entries))
    return [coefficients[exponent] for exponent in sorted(coefficients)]


def ordered_left(a: Vector, b: Vector, c: Vector, around: Vector) -> bool:
    """Whether turning left around a point from a one meets b before c, or with it."""
    turns = (orientation(b, around, a) >= 0) + (orientation(c, around, b) >= 0) + (orientation(a, around, c) > 0)
    return turns >= 2


# Edges


def crossing(a: Vector, b: Vector, c: Vector, d: Vector) -> int:
    """1 where the edges ab and cd cross inside both, 0 where they share a vertex, -1 where neither."""
    left, right = orientation(a, b, c), orientation(a, b, d)
    if left == right and left:
        return -1
    if not left or not right:
        return 0 if a in (c, d) or b in (c, d) else -1
    return 1 if orientation(c, d, b) == left and orientation(c, d, a) == -left else -1


def crosses_at_vertex(a: Vector, b: Vector, c: Vector, d: Vector) -> bool:
    """Whether edges that share a vertex cross there, in the sense in which crossings of a border tell in from out."""
    if a == b or c == d:
        return False
    if a == d:
        return ordered_left(reference(a), c, b, a)
    if b == c:
        return ordered_left(reference(b), d, a, b)
    if a == c:
        return ordered_left(reference(a), d, b, a)
    return b == d and ordered_left(reference(b), c, a, b)


def intersection(a: Vector, b: Vector, c: Vector, d: Vector) -> Vector:
    """The point in which two edges cross."""
    first, second = normalize(normal(a, b)), normalize(normal(c, d))
    found = normalize(normal(first, second))
    if dot(found, add(add(a, b), add(c, d))) < 0:
        found = scale(found, -1)
    if ordered_left(a, found, b, first) and ordered_left(c, found, d, second):
        return found
    # They are nearly parallel: the end that is nearest, of those that lie on the other edge.
    ends = [(end, c, d, second) for end in (a, b)] + [(end, a, b, first) for end in (c, d)]
    inside = [end for end, start, stop, around in ends if ordered_left(start, end, stop, around)]
    return min(inside, key=lambda end: (_square(subtract(found, end)), end), default=found)


def _square(a: Vector) -> float:
    return dot(a, a)


def _is_beside(point: Vector, a: Vector, b: Vector, across: Vector) -> bool:
    """Whether the nearest point of the great circle through a and b lies between them; `across` is their normal."""
    return dot(cross(point, across), a) > 0 and dot(cross(across, point), b) > 0


def distance_to_edge(point: Vector, a: Vector, b: Vector) -> float:
    """The angle between a point and the nearest point of an edge."""
    across = normal(a, b)
    if _is_beside(point, a, b, across):
        return math.asin(min(1.0, abs(dot(point, across)) / math.sqrt(dot(across, across))))
    nearest = min(_square(subtract(point, a)), _square(subtract(point, b)))
    return 2 * math.asin(min(1.0, 0.5 * math.sqrt(nearest)))


def nearest_on_edge(point: Vector, a: Vector, b: Vector) -> Vector:
    """The point of an edge that is nearest to a point."""
    across = normal(a, b)
    found = subtract(point, scale(across, dot(point, across) / dot(across, across)))
    if _is_beside(found, a, b, across):
        return normalize(found)
    return a if _square(subtract(point, a)) <= _square(subtract(point, b)) else b
