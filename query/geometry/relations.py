"""Whether two shapes intersect, and whether a polygon includes another shape.

- A point intersects what it is the nearest point of: a corner and an edge belong to a polygon.
- Lines intersect where edges cross or share a vertex.
- A line intersects a polygon where a piece of it is inside; polygons where their insides have something in common, so
  that neighbours that share an edge or a corner do not.
- A polygon includes a line of which no piece is outside, and a polygon whose inside is part of its own.
"""

from __future__ import annotations

from query.geometry.shapes import Line, Point, Polygon, Shape
from query.geometry.vectors import Vector, angle, crosses_at_vertex, crossing, intersection


def intersect(one: Shape, other: Shape) -> bool:
    """Whether two shapes have something in common."""
    if isinstance(other, Point):
        one, other = other, one
    if isinstance(one, Point):
        return other.touches(one.vector)
    if isinstance(one, Line):
        if isinstance(other, Line):
            return any(crossing(*edge, *with_edge) >= 0 for edge in one.edges for with_edge in other.edges)
        one, other = other, one
    assert isinstance(one, Polygon)
    if not one.rings:
        return False
    if isinstance(other, Line):
        return _has_piece(other, one, inside=True)
    assert isinstance(other, Polygon)
    return bool(other.rings) and bool(one.native.Intersects(other.native))


def includes(polygon: Polygon, shape: Shape) -> bool:
    """Whether a shape is wholly inside a polygon."""
    if isinstance(shape, Point):
        return polygon.touches(shape.vector)
    if isinstance(shape, Line):
        return not _has_piece(shape, polygon, inside=False)
    return bool(polygon.native.Contains(shape.native))


def _has_piece(line: Line, polygon: Polygon, *, inside: bool) -> bool:
    """Whether some piece of a line is inside a polygon, or outside.

    Along each edge the places are collected where the line comes in or goes out; each two of them bound a piece, which
    is one if the two are not the same.
    """
    is_in = polygon.contains(line.vertices[0]) == inside
    for start, end in line.edges:
        places = _crossings(start, end, polygon)
        if is_in:
            places.append((0.0, start))
        is_in = len(places) % 2 == 1
        if is_in:
            places.append((1.0, end))
        places.sort()
        if places[::2] != places[1::2]:
            return True
    return False


def _crossings(start: Vector, end: Vector, polygon: Polygon) -> list[tuple[float, Vector]]:
    """Where an edge crosses the border of a polygon: the part of the way, and the point."""
    found: list[tuple[float, Vector]] = []
    for first, second in polygon.edges:
        crossed = crossing(start, end, first, second)
        if crossed > 0:
            point = intersection(start, end, first, second)
            before, after = angle(point, start), angle(point, end)
            found.append((before / (before + after), point))
        elif crossed == 0 and crosses_at_vertex(start, end, first, second):
            found.append((0.0, start) if start in (first, second) else (1.0, end))
    return found
