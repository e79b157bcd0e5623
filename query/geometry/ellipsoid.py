"""Distances on an ellipsoid, by geodesics (Karney, 2013), and circles.

The distance to a line or a polygon is that to its nearest point on the sphere, as RethinkDB reckons it: of shapes as
large as continents it may be a little too large.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from query.errors import ReqlQueryLogicError
from query.geometry.geojson import Position, field_of, number_of, text_of
from query.geometry.shapes import Point, Polygon, Shape
from query.geometry.vectors import Vector, to_degrees
from query.values import Value, check_number

if TYPE_CHECKING:
    from geographiclib.geodesic import Geodesic

_METRES: Final = {"m": 1.0, "km": 1000.0, "mi": 1609.344, "nm": 1852.0, "ft": 0.3048}


class Ellipsoid(NamedTuple):
    """A flattened sphere: the radius of its equator in metres, and by which part the poles are nearer."""

    radius: float
    flattening: float

    @property
    def pole_radius(self) -> float:
        """The distance of the poles from the centre."""
        return (1.0 - self.flattening) * self.radius


WGS84: Final = Ellipsoid(6378137.0, 1.0 / 298.257223563)
UNIT_SPHERE: Final = Ellipsoid(1.0, 0.0)
_NAMED: Final = {"WGS84": WGS84, "unit_sphere": UNIT_SPHERE}


def ellipsoid_of(system: Value) -> Ellipsoid:
    """The ellipsoid of the option `geo_system`: a name, or `{"a": radius, "f": flattening}`."""
    if type(system) is dict:
        radius, flattening = number_of(field_of(system, "a")), number_of(field_of(system, "f"))
        if radius <= 0:
            raise ReqlQueryLogicError("The equator radius `a` must be positive.")
        if not 0 <= flattening < 1:
            raise ReqlQueryLogicError("The flattening `f` must be in the range [0, 1).")
        return Ellipsoid(radius, flattening)
    name = text_of(system)
    if name not in _NAMED:
        raise ReqlQueryLogicError(f'Unrecognized geo system "{name}" (valid options: "WGS84", "unit_sphere").')
    return _NAMED[name]


def unit_of(unit: Value) -> str:
    """The option `unit`, if it is one."""
    name = text_of(unit)
    if name not in _METRES:
        raise ReqlQueryLogicError(f"Unrecognized distance unit `{name}`.")
    return name


def converted(distance: float, unit: str, into: str) -> float:
    """A distance in another unit."""
    return distance * (_METRES[unit] / _METRES[into])


def distance_between(point: Vector, shape: Shape, ellipsoid: Ellipsoid) -> float:
    """The metres between a point and the nearest point of a shape."""
    if isinstance(shape, Polygon) and not shape.rings:
        raise ReqlQueryLogicError("The polygon is empty. It must have at least an outer shell.")
    nearest = shape.vector if isinstance(shape, Point) else shape.nearest(point)
    if nearest == point:
        return 0.0
    (from_longitude, from_latitude), (longitude, latitude) = to_degrees(point), to_degrees(nearest)
    geodesic = _geodesic(ellipsoid)
    found: dict[str, float] = geodesic.Inverse(from_latitude, from_longitude, latitude, longitude, geodesic.DISTANCE)
    return found["s12"]


def circle_around(centre: Position, radius: float, vertices: int, ellipsoid: Ellipsoid) -> list[Position]:
    """The positions of a circle of so many vertices, the first again at the end; `radius` in metres."""
    check_radius(radius, ellipsoid)
    longitude, latitude = centre
    geodesic = _geodesic(ellipsoid)
    found = [
        _position(geodesic.Direct(latitude, longitude, -180.0 + 360.0 / vertices * place, radius))
        for place in range(vertices)
    ]
    return [*found, found[0]]


def check_radius(radius: float, ellipsoid: Ellipsoid) -> None:
    """ReqlQueryLogicError for the radius of no circle."""
    if radius <= 0:
        raise ReqlQueryLogicError("Radius must be positive")
    largest = 0.5 * math.pi * min(ellipsoid.radius, ellipsoid.pole_radius)
    if radius >= largest:
        raise ReqlQueryLogicError(
            "Radius must be smaller than a quarter of the circumference along the minor axis of the reference "
            f"ellipsoid.  Got {radius:.20g}, but must be smaller than {largest:.20g}."
        )


def _position(found: dict[str, Any]) -> Position:
    longitude = check_number(found["lon2"])
    return -180.0 if longitude == 180 else longitude, check_number(found["lat2"])


@lru_cache(maxsize=16)
def _geodesic(ellipsoid: Ellipsoid) -> Geodesic:
    from geographiclib.geodesic import Geodesic

    return Geodesic(ellipsoid.radius, ellipsoid.flattening)
