"""`Point`, `Line` and `Polygon` on the sphere, and what can be asked of one of them and a point.

A polygon is its rings, each turning left around the smaller part of the sphere; what is inside an odd number of them is
inside the polygon. So a hole is a ring inside another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, NamedTuple, TypeAlias

from query.geometry.vectors import (
    Vector,
    crosses_at_vertex,
    crossing,
    distance_to_edge,
    dot,
    nearest_on_edge,
    normal,
    normalize,
    ordered_left,
    reference,
)

_START: Final = normalize((0.00457, 1.0, 0.0321))
"""Where the ways begin whose crossings with a ring are counted; hardly anybody's vertex."""

_NEAR: Final = 1e-24
"""The square of an angle that is far more than rounding makes."""

Edge: TypeAlias = tuple[Vector, Vector]


class Point(NamedTuple):
    """A place."""

    vector: Vector

    def touches(self, point: Vector) -> bool:
        """Whether a point is this one."""
        return self.vector == point


class Line:
    """A line of edges from vertex to vertex."""

    def __init__(self, vertices: Sequence[Vector]) -> None:
        self.vertices = vertices

    @property
    def edges(self) -> Iterator[Edge]:
        """Its edges in order."""
        return pairwise(self.vertices)

    def nearest(self, point: Vector) -> Vector:
        """The point of the line that is nearest to a point."""
        return _nearest(point, self.edges)

    def touches(self, point: Vector) -> bool:
        """Whether a point is on the line."""
        return _is_near(point, self._normals) and self.nearest(point) == point

    @cached_property
    def _normals(self) -> list[Vector]:
        return [normal(*edge) for edge in self.edges]

    @cached_property
    def native(self) -> Any:
        """The same for `s2geometry`."""
        from query.geometry.native import polyline

        return polyline(self.vertices)


class Polygon:
    """What lies within rings of vertices, given without repeating the first; there may be none."""

    def __init__(self, rings: Sequence[Sequence[Vector]], native: Any) -> None:
        self.rings = rings
        self.native = native

    @property
    def edges(self) -> Iterator[Edge]:
        """The edges of all rings."""
        return (edge for ring in self.rings for edge in ring_edges(ring))

    def contains(self, point: Vector) -> bool:
        """Whether a point is inside; of polygons that meet in a point, exactly one contains it."""
        if any(point in ring for ring in self.rings):
            return sum(_ring_contains(ring, point) for ring in self.rings) % 2 == 1
        from query.geometry.native import native_point

        return bool(self.native.Contains(native_point(point)))

    def nearest(self, point: Vector) -> Vector:
        """The point of the polygon that is nearest to a point: the point itself where it is inside."""
        return point if self.contains(point) else _nearest(point, self.edges)

    def touches(self, point: Vector) -> bool:
        """Whether a point is inside, on an edge or in a corner."""
        if not self.rings:
            return False
        return self.contains(point) or (_is_near(point, self._normals) and _nearest(point, self.edges) == point)

    @cached_property
    def _normals(self) -> list[Vector]:
        return [normal(*edge) for edge in self.edges]


Shape: TypeAlias = Point | Line | Polygon


def ring_edges(ring: Sequence[Vector]) -> Iterator[Edge]:
    """The edges of a ring, the one that closes it too."""
    return zip(ring, [*ring[1:], ring[0]], strict=True)


def _ring_contains(ring: Sequence[Vector], point: Vector) -> bool:
    if point in ring:
        return _contains_vertex(ring, ring.index(point))
    # A way from a vertex of which it is known whether it is inside.
    return _contains_vertex(ring, 0) ^ _parity(ring, ring[0]) ^ _parity(ring, point)


def _contains_vertex(ring: Sequence[Vector], place: int) -> bool:
    vertex = ring[place]
    return ordered_left(reference(vertex), ring[place - 1], ring[(place + 1) % len(ring)], vertex)


def _parity(ring: Sequence[Vector], point: Vector) -> bool:
    """Whether the way from `_START` to a point crosses a ring an odd number of times."""
    crossed = False
    for start, end in ring_edges(ring):
        found = crossing(_START, point, start, end)
        crossed ^= found > 0 or (found == 0 and crosses_at_vertex(_START, point, start, end))
    return crossed


def _is_near(point: Vector, normals: Iterable[Vector]) -> bool:
    """Whether a point is so near to one of some great circles that it may be on it."""
    return any(dot(point, across) ** 2 <= _NEAR * dot(across, across) for across in normals)


def _nearest(point: Vector, edges: Iterable[Edge]) -> Vector:
    start, end = min(edges, key=lambda edge: distance_to_edge(point, *edge))
    return nearest_on_edge(point, start, end)
