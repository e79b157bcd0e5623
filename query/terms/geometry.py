"""Geometry: points, lines and polygons on the earth, made, measured and compared.

Longitude comes before latitude, in degrees. Lines and the edges of polygons are the shortest ways on a sphere; distances
are those on an ellipsoid. A point can be given as an array of longitude and latitude wherever a vertex, a centre or a
place to search from is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

from query.closures import Closure, Env, as_value, located
from query.errors import ReqlError, ReqlNonExistenceError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.geometries import PSEUDO_TYPE, Geometry
from query.geometry.ellipsoid import Ellipsoid, circle_around, converted, distance_between, ellipsoid_of, unit_of
from query.geometry.geojson import (
    Position,
    check_reference_system,
    checked,
    geometry_of,
    items_of,
    line_object,
    number_of,
    point_argument,
    point_object,
    polygon_object,
    positions_of,
    shape_as,
    shape_of,
    type_of,
)
from query.geometry.relations import includes as is_included
from query.geometry.relations import intersect
from query.geometry.shapes import Point, Polygon, Shape
from query.json_text import shown
from query.measures import distance_between as vector_distance
from query.registry import term
from query.runtime import Stream
from query.term import Term
from query.values import Time, Value
from query.vectors import Vector

DEFAULT_VERTICES: Final = 32

_NUMBERS: Final = frozenset({list, Vector})
"""What a vector may be given as."""


# Made


@term(159, on="r")
def point(longitude: int | float, latitude: int | float) -> Geometry:
    """A point, by its longitude from -180 to 180 and its latitude from -90 to 90 degrees.

    >>> r.point(-122.42, 37.77).run(db)
    {'$reql_type$': 'GEOMETRY', 'coordinates': [-122.42, 37.77], 'type': 'Point'}
    """
    return checked(point_object((longitude, latitude)))


@term(160, on="r", deterministic=False)
def line(start: Value, end: Value, *points: Value) -> Geometry:
    """A line through two or more points, each a point or an array of longitude and latitude.

    Raises ReqlQueryLogicError for two equal or antipodal points in succession.

    >>> r.line([0, 0], r.point(10, 10)).run(db)
    {'$reql_type$': 'GEOMETRY', 'coordinates': [[0, 0], [10, 10]], 'type': 'LineString'}
    """
    return checked(line_object([point_argument(item) for item in (start, end, *points)]))


@term(161, on="r", deterministic=False)
def polygon(first: Value, second: Value, third: Value, *points: Value) -> Geometry:
    """A polygon with three or more corners, each a point or an array of longitude and latitude; the last need not be the first.

    Raises ReqlQueryLogicError where edges cross. `polygon_sub` cuts a hole.

    >>> r.polygon([0, 0], [10, 0], [10, 10]).run(db)["coordinates"]
    [[[0, 0], [10, 0], [10, 10], [0, 0]]]
    """
    return checked(polygon_object([point_argument(item) for item in (first, second, third, *points)]))


@term(165, on="r", deterministic=False)
def circle(
    center: Value,
    radius: Value,
    *,
    num_vertices: int = DEFAULT_VERTICES,
    geo_system: Value = "WGS84",
    unit: Value = "m",
    fill: Value = True,
) -> Geometry:
    """A circle, that is a polygon of `num_vertices` corners, around a point or an array of longitude and latitude.

    `radius` is in the `unit`: `m`, `km`, `mi` (miles), `nm` (nautical miles) or `ft`. `geo_system` is `WGS84`,
    `unit_sphere`, or an ellipsoid `{"a": radius, "f": flattening}`. With `fill=False` it is a line.

    >>> r.circle([0, 0], 10, unit="km").distance(r.point(1, 0), unit="km").round().run(db)
    101
    """
    vertices = _vertex_count(num_vertices)
    ellipsoid, metres = ellipsoid_of(geo_system), unit_of(unit)
    centre = point_argument(center)
    is_filled = fill is not None and fill is not False
    positions = _circle(centre, converted(number_of(radius), metres, "m"), vertices, ellipsoid, is_filled)
    return polygon_object(positions) if is_filled else line_object(positions)


@lru_cache(maxsize=32)
def _circle(
    centre: Position, radius: float, vertices: int, ellipsoid: Ellipsoid, is_filled: bool
) -> tuple[Position, ...]:
    """The positions of a circle that has a shape; remembered, as a filter asks for the same one row by row."""
    positions = tuple(circle_around(centre, radius, vertices, ellipsoid))
    checked(polygon_object(positions) if is_filled else line_object(positions))
    return positions


def _vertex_count(number: int) -> int:
    if not 0 <= number < 2**32:
        raise ReqlQueryLogicError(f"Integer too large: {number}")
    if number == 0:
        raise ReqlQueryLogicError("num_vertices must be positive.")
    return number


@term(167, deterministic=False)
def fill(line: Value) -> Geometry:
    """The polygon whose border is a line; a line that does not end where it begins is closed.

    Raises ReqlQueryLogicError where the line crosses itself.

    >>> r.line([0, 0], [10, 0], [10, 10]).fill().run(db)["type"]
    'Polygon'
    """
    return checked(polygon_object(positions_of(geometry_of(line), "LineString")))


@term(171, deterministic=False)
def polygon_sub(polygon: Value, hole: Value) -> Geometry:
    """A polygon with a hole in the shape of another one, which has to lie in it; neither may have holes already.

    >>> outer, inner = r.polygon([0, 0], [9, 0], [9, 9], [0, 9]), r.polygon([3, 3], [6, 3], [6, 6], [3, 6])
    >>> outer.polygon_sub(inner).includes(r.point(4, 4)).run(db)
    False
    """
    outer, inner = _without_holes(polygon), _without_holes(hole)
    shape = shape_as(outer, "Polygon")
    assert isinstance(shape, Polygon)
    if not is_included(shape, shape_of(inner)):
        raise ReqlQueryLogicError("The second argument to `polygon_sub` is not contained in the first one.")
    rings = [*outer["coordinates"], inner["coordinates"][0]]
    return checked(Geometry({"coordinates": rings, "type": "Polygon"}))


def _without_holes(value: Value) -> Geometry:
    found = geometry_of(value)
    if type_of(found) != "Polygon":
        raise ReqlQueryLogicError(f"Expected a Polygon but found a {type_of(found)}.")
    if len(items_of(found["coordinates"])) > 1:
        raise ReqlQueryLogicError("Expected a Polygon with only an outer shell.  This one has holes.")
    return found


# GeoJSON


@term(157, on="r", deterministic=False)
def geojson(geojson: Value) -> Geometry:
    """The geometry of a GeoJSON object: a `Point`, a `LineString` or a `Polygon`.

    Raises ReqlQueryLogicError for other types, for coordinates out of range, and for a third coordinate.

    >>> r.geojson({"type": "Point", "coordinates": [10, 20]}).to_geojson().run(db)
    {'type': 'Point', 'coordinates': [10, 20]}
    """
    check_reference_system(geojson)
    shape_of(geojson)
    if PSEUDO_TYPE in geojson:
        raise ReqlQueryLogicError("GeoJSON object already had a $reql_type$ field.")
    return Geometry({name: item for name, item in geojson.items() if name != "bbox"})


@term(158)
def to_geojson(geometry: Value) -> dict[str, Value]:
    """The GeoJSON object of a geometry.

    >>> r.point(10, 20).to_geojson().run(db)
    {'coordinates': [10, 20], 'type': 'Point'}
    """
    return geometry_of(geometry).geojson


# Measured and compared


@term(162, on="both", deterministic=False)
def distance(
    value: Value,
    other: Value,
    *,
    geo_system: Value = "WGS84",
    unit: Value = "m",
    measure: str | None = None,
) -> int | float:
    """The distance between two geometries, of which one has to be a point, or how far two vectors are apart.

    Of geometries it is 0 from inside a polygon. `unit` is `m`, `km`, `mi` (miles), `nm` (nautical miles) or `ft`;
    `geo_system` is `WGS84`, `unit_sphere`, or an ellipsoid `{"a": radius, "f": flattening}`.

    Arrays of numbers are taken for vectors. `measure`: `"cosine"`, the default (1 - the cosine, 0 to 2), `"l2"` (with the
    root), `"l1"`, `"inner_product"` (its negative); between vectors of bits `"hamming"`, their default (how many differ),
    or `"jaccard"` (1 - shared / all). Smaller is nearer. Raises ReqlQueryLogicError for vectors of different lengths, for
    NaN, for zeros under cosine.

    >>> r.point(0, 0).distance(r.point(0, 1), unit="km").round().run(db)
    111
    >>> r.distance([1, 0], [0, 2]).run(db)
    1.0
    >>> r.vector([0, 3]).distance([4, 0], measure="l2").run(db)
    5.0
    """
    if type(value) in _NUMBERS and type(other) in _NUMBERS:
        return vector_distance(value, other, measure)
    if measure is not None:
        if not (type(value) is Geometry or type(other) is Geometry):
            return vector_distance(value, other, measure)
        raise ReqlQueryLogicError("The option `measure` is for vectors; geometries have `geo_system` and `unit`.")
    return _geodesic_distance(value, other, geo_system, unit)


def _geodesic_distance(value: Value, other: Value, geo_system: Value, unit: Value) -> float:
    ellipsoid, target = ellipsoid_of(geo_system), unit_of(unit)
    first = geometry_of(value)
    if type_of(first) == "Point":
        place, shape = shape_as(first, "Point"), geometry_of(other)
    else:
        place, shape = shape_as(geometry_of(other), "Point"), first
    assert isinstance(place, Point)
    return converted(distance_between(place.vector, shape_of(shape), ellipsoid), "m", target)


@term(163, deterministic=False)
def intersects(source: object, geometry: Value) -> object:
    """Whether two geometries have a point in common; of a sequence of geometries, those that have one with another.

    Polygons that only share an edge or a corner do not intersect; points on an edge or in a corner intersect the polygon.

    >>> r.circle([0, 0], 1000).intersects(r.point(0, 0)).run(db)
    True
    >>> r.expr([r.point(0, 0), r.point(5, 5)]).intersects(r.circle([0, 0], 1000)).count().run(db)
    1
    """


@intersects.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    first, second = _Remembered(), _Remembered()

    def holds(one: Value, other: Value) -> bool:
        return intersect(first.shape(geometry_of(one)), second.shape(geometry_of(other)))

    return _comparison(compiler, node, holds)


@term(164, deterministic=False)
def includes(source: object, geometry: Value) -> object:
    """Whether a geometry lies wholly inside a polygon; of a sequence of polygons, those that it lies in.

    >>> r.circle([0, 0], 1000).includes(r.point(0, 0)).run(db)
    True
    """


@includes.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    first, second = _Remembered(), _Remembered()

    def holds(one: Value, other: Value) -> bool:
        polygon = first.shape(geometry_of(one), "Polygon")
        assert isinstance(polygon, Polygon)
        return is_included(polygon, second.shape(geometry_of(other)))

    return _comparison(compiler, node, holds)


class _Remembered:
    """The shape of the last geometry: of two that are compared row by row one is most often always the same."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: tuple[Geometry, Shape] | None = None

    def shape(self, geometry: Geometry, wanted: str | None = None) -> Shape:
        """The shape of a geometry, which has to be of a type if one is wanted."""
        last = self._last
        if last is not None and (last[0] is geometry or dict.__eq__(last[0], geometry)):
            return last[1]
        shape = shape_of(geometry) if wanted is None else shape_as(geometry, wanted)
        self._last = (geometry, shape)
        return shape


def _comparison(compiler: Compiler, node: Term, holds: Callable[[Value, Value], bool]) -> Closure:
    """A closure of what holds for a geometry, or of the geometries of a sequence for which it holds."""
    source, geometry = compiler.any(node.args[0]), compiler.value(node.args[1])

    def compare(env: Env) -> Any:
        found = source(env)
        try:
            if type(found) is list:
                return list(_chosen(found, geometry(env), holds, node))
            if type(found) is Stream:
                other = geometry(env)
                return found.selected(lambda: _chosen(found.rows(), other, holds, node))
            return _of_one(as_value(found), geometry(env), holds, node)
        except ReqlError as error:
            raise located(error, node) from None

    return compare


def _chosen(rows: Iterable[Value], other: Value, holds: Callable[[Value, Value], bool], node: Term) -> Iterator[Value]:
    return (row for row in rows if _holds_of(row, other, holds, node))


def _holds_of(row: Value, other: Value, holds: Callable[[Value, Value], bool], node: Term) -> bool:
    if type(row) is list:
        raise ReqlQueryLogicError(f"Cannot perform {node.kind.name} on a sequence of sequences.", node)
    try:
        return _of_one(row, other, holds, node)
    except ReqlNonExistenceError:
        return False


def _of_one(found: Value, other: Value, holds: Callable[[Value, Value], bool], node: Term) -> bool:
    if type(found) is Time:
        raise ReqlQueryLogicError(f"Cannot call `{node.kind.name}` on objects of type `PTYPE<TIME>`.", node)
    if not isinstance(found, dict):
        error = ReqlNonExistenceError if found is None else ReqlQueryLogicError
        raise error(f"Cannot perform {node.kind.name} on a non-object non-sequence `{shown(found)}`.", node)
    return holds(found, other)
