"""GeoJSON objects to shapes, and coordinates to GeoJSON objects. The errors, and the order of checks, are RethinkDB's.

Longitude comes first. A line has two or more positions; each ring of a polygon has at least four, the last is the first,
and rings after the first are holes in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, TypeAlias

from query.errors import ReqlNonExistenceError, ReqlQueryLogicError
from query.geometries import Geometry
from query.geometry.shapes import Line, Point, Polygon, Shape, ring_edges
from query.geometry.vectors import Vector, of_degrees
from query.json_text import pretty, shown
from query.runtime import type_error
from query.values import Value

Position: TypeAlias = tuple[float, float]
"""A longitude and a latitude in degrees."""

_NUMBERS: Final = frozenset({int, float})
_UNSUPPORTED: Final = frozenset(
    {"MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection", "Feature", "FeatureCollection"}
)


# What an object has


def geometry_of(value: Value) -> Geometry:
    """A value that has to be a geometry; ReqlQueryLogicError where it is none."""
    if type(value) is not Geometry:
        raise ReqlQueryLogicError(lambda: f"Not a GEOMETRY pseudotype: `{shown(value)}`.")
    return value


def field_of(value: Value, name: str) -> Value:
    """A field that an object has to have."""
    if not isinstance(value, dict):
        raise type_error("OBJECT", value)
    if name not in value:
        raise ReqlNonExistenceError(lambda: f"No attribute `{name}` in object:\n{pretty(value)}")
    return value[name]


def items_of(value: Value) -> list[Value]:
    """The elements of what has to be an array."""
    if type(value) is not list:
        raise type_error("ARRAY", value)
    return value


def number_of(value: Value) -> int | float:
    """What has to be a number."""
    if type(value) not in _NUMBERS:
        raise type_error("NUMBER", value)
    number: int | float = value
    return number


def text_of(value: Value) -> str:
    """What has to be a string."""
    if type(value) is not str:
        raise type_error("STRING", value)
    return value


def type_of(geometry: Value) -> str:
    """The `type` of a geometry."""
    return text_of(field_of(geometry, "type"))


# Positions


def position_of(value: Value) -> Position:
    """The longitude and latitude of a position, in whatever range."""
    parts = items_of(value)
    if len(parts) < 2:
        raise ReqlQueryLogicError("Too few coordinates.  Need at least longitude and latitude.")
    if len(parts) > 3:
        raise ReqlQueryLogicError(
            f"Too many coordinates.  GeoJSON position should have no more than three coordinates, but got {len(parts)}."
        )
    if len(parts) == 3:
        raise ReqlQueryLogicError("A third altitude coordinate in GeoJSON positions was found, but is not supported.")
    return number_of(parts[0]), number_of(parts[1])


def positions_of(geometry: Value, wanted: str) -> list[Position]:
    """The positions of a geometry of that type: one, those of a line, those of a polygon's shell."""
    found = type_of(geometry)
    if found != wanted:
        raise wrong_type(wanted, found)
    coordinates = field_of(geometry, "coordinates")
    if wanted == "Point":
        return [position_of(coordinates)]
    return [position_of(item) for item in items_of(coordinates)]


def point_argument(value: Value) -> Position:
    """The position of a term's argument: a point, or a pair of numbers."""
    if type(value) is Geometry:
        return positions_of(value, "Point")[0]
    parts = items_of(value)
    if len(parts) != 2:
        raise ReqlQueryLogicError(
            f"Expected point coordinate pair.  Got {len(parts)} element array instead of a 2 element one."
        )
    return number_of(parts[0]), number_of(parts[1])


def wrong_type(wanted: str, found: str) -> ReqlQueryLogicError:
    """The error for a geometry of another type."""
    return ReqlQueryLogicError(f"Expected geometry of type `{wanted}` but found `{found}`.")


def vector_of(position: Position) -> Vector:
    """The point of the sphere; ReqlQueryLogicError where longitude or latitude are out of range."""
    longitude, latitude = position
    if not -180 <= longitude <= 180:
        raise ReqlQueryLogicError(f"Longitude must be between -180 and 180.  Got {longitude:.20g}.")
    if not -90 <= latitude <= 90:
        raise ReqlQueryLogicError(f"Latitude must be between -90 and 90.  Got {latitude:.20g}.")
    return of_degrees(-180.0 if longitude == 180 else longitude, latitude)


# Coordinates to objects


def point_object(position: Position) -> Geometry:
    """A point."""
    return Geometry({"coordinates": list(position), "type": "Point"})


def line_object(positions: Sequence[Position]) -> Geometry:
    """A line."""
    return Geometry({"coordinates": _listed(positions), "type": "LineString"})


def polygon_object(shell: Sequence[Position]) -> Geometry:
    """A polygon without holes; its shell is closed where it is not."""
    closed = [*shell, shell[0]] if shell and shell[0] != shell[-1] else shell
    return Geometry({"coordinates": [_listed(closed)], "type": "Polygon"})


def _listed(positions: Sequence[Position]) -> list[Value]:
    return [list(position) for position in positions]


# Objects to shapes


def shape_of(geometry: Value) -> Shape:
    """The shape of a geometry; an error that says why there is none."""
    kind = type_of(geometry)
    coordinates = field_of(geometry, "coordinates")
    make = _SHAPES.get(kind)
    if make is not None:
        return make(coordinates)
    if kind in _UNSUPPORTED:
        raise ReqlQueryLogicError(f"GeoJSON type `{kind}` is not supported.")
    raise ReqlQueryLogicError(f"Unrecognized GeoJSON type `{kind}`.")


def check_reference_system(geojson: Value) -> None:
    """ReqlQueryLogicError for an object with coordinates of another kind."""
    if not isinstance(geojson, dict):
        raise type_error("OBJECT", geojson)
    if geojson.get("crs") is not None:
        raise ReqlQueryLogicError(
            "Non-default coordinate reference systems are not supported in GeoJSON objects.  "
            "Make sure the `crs` field of the geometry is null or non-existent."
        )


def checked(geometry: Geometry) -> Geometry:
    """A geometry that was made of arguments, if it has a shape."""
    shape_of(geometry)
    return geometry


def shape_as(geometry: Geometry, wanted: str) -> Shape:
    """The shape of a geometry that has to be of a type."""
    found = type_of(geometry)
    coordinates = field_of(geometry, "coordinates")
    if found != wanted:
        raise wrong_type(wanted, found)
    return _SHAPES[wanted](coordinates)


def _vertices(coordinates: Value) -> tuple[Vector, ...]:
    return tuple([vector_of(position_of(item)) for item in coordinates])


def _point(coordinates: Value) -> Point:
    return Point(vector_of(position_of(coordinates)))


def _line(coordinates: Value) -> Line:
    if len(items_of(coordinates)) < 2:
        raise ReqlQueryLogicError("GeoJSON LineString must have at least two positions.")
    vertices = _vertices(coordinates)
    for before, after in pairwise(vertices):
        if before == after or before == (-after[0], -after[1], -after[2]):
            raise ReqlQueryLogicError("Invalid LineString.  Are there antipodal or duplicate vertices?")
    return Line(vertices)


def _polygon(coordinates: Value) -> Polygon:
    return _assembled(tuple([_ring(item) for item in items_of(coordinates)]))


def _ring(coordinates: Value) -> tuple[Vector, ...]:
    if len(items_of(coordinates)) < 4:
        raise ReqlQueryLogicError("GeoJSON LinearRing must have at least four positions.")
    vertices = _vertices(coordinates)
    if vertices[0] != vertices[-1]:
        raise ReqlQueryLogicError("First and last vertex of GeoJSON LinearRing must be identical.")
    return _normal_ring(vertices[:-1])


@lru_cache(maxsize=256)
def _normal_ring(vertices: tuple[Vector, ...]) -> tuple[Vector, ...]:
    from query.geometry.native import normal_ring

    ring = None if len(set(vertices)) < len(vertices) else normal_ring(vertices)
    if ring is None:
        raise ReqlQueryLogicError(
            "Invalid LinearRing.  Are there antipodal or duplicate vertices? Is it self-intersecting?"
        )
    return tuple(ring)


@lru_cache(maxsize=256)
def _assembled(rings: tuple[tuple[Vector, ...], ...]) -> Polygon:
    """The polygon of a shell and holes; where a hole has an edge in common with the shell, it opens it."""
    from query.geometry.native import normal_ring, polygon

    if len(rings) > 1:
        rings = _without_shared_edges(rings)
    normal = [normal_ring(ring) for ring in rings]
    native = None if None in normal else polygon([ring for ring in normal if ring is not None])
    if native is None:
        raise ReqlQueryLogicError("Some edges in GeoJSON polygon could not be used.  Are they intersecting?")
    return Polygon([ring for ring in normal if ring is not None], native)


def _without_shared_edges(rings: tuple[tuple[Vector, ...], ...]) -> tuple[tuple[Vector, ...], ...]:
    directed = [*ring_edges(rings[0]), *[edge for ring in rings[1:] for edge in ring_edges(ring[::-1])]]
    counts = Counter(directed)
    left = [edge for edge in directed if not counts[edge[::-1]]]
    if len(left) == len(directed):
        return rings
    following: dict[Vector, list[Vector]] = {}
    for start, end in left:
        following.setdefault(start, []).append(end)
    found: list[tuple[Vector, ...]] = []
    while following:
        ring = [next(iter(following))]
        while (ends := following.get(ring[-1])) is not None:
            end = ends.pop()
            if not ends:
                del following[ring[-1]]
            if end == ring[0]:
                break
            ring.append(end)
        found.append(tuple(ring))
    return tuple(found)


_SHAPES: Final[dict[str, Callable[[Value], Shape]]] = {"Point": _point, "LineString": _line, "Polygon": _polygon}
