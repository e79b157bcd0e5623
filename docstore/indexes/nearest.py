"""The search for the shapes nearest to a point: in rounds, each within a larger circle, until there are enough.

The circle grows by what the last round found, as RethinkDB's does, so that a search that would have to leave the
hemisphere ends in the same error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from query.errors import ReqlQueryLogicError
from query.geometry.cells import Cells, cells_around
from query.geometry.ellipsoid import (
    Ellipsoid,
    check_radius,
    converted,
    distance_between,
    ellipsoid_of,
    unit_of,
)
from query.geometry.geojson import number_of, point_argument, vector_of
from query.geometry.shapes import Shape
from query.geometry.vectors import Vector
from query.values import Value

DEFAULT_DISTANCE: Final = 100_000
DEFAULT_RESULTS: Final = 100

_FIRST_RADIUS: Final = 10.0 / 6378137.0
"""Of the equator's radius: ten metres on the earth."""

_GROWTH: Final = 2.0
_WANTED_IN_A_ROUND: Final = 100.0

_CORNERS: Final = 8
_MARGIN: Final = 1.01


class Search:
    """One search: the rounds to go, and what was found."""

    def __init__(self, centre: Vector, ellipsoid: Ellipsoid, unit: str, most: int, largest: float) -> None:
        self._centre = centre
        self._ellipsoid = ellipsoid
        self._unit = unit
        self._most = most
        self._largest = largest
        self._found: list[tuple[float, bytes]] = []

    @classmethod
    def of(cls, target: Value, options: Mapping[str, Value]) -> Search:
        """The search that the arguments of `get_nearest` ask for."""
        centre = point_argument(target)
        ellipsoid = ellipsoid_of(options.get("geo_system", "WGS84"))
        unit = unit_of(options.get("unit", "m"))
        largest: float = DEFAULT_DISTANCE
        if "max_dist" in options:
            largest = converted(number_of(options["max_dist"]), unit, "m")
            if largest <= 0:
                raise ReqlQueryLogicError("max_dist must be positive.")
        most = DEFAULT_RESULTS
        if "max_results" in options:
            most = _whole(options["max_results"])
            if most <= 0:
                raise ReqlQueryLogicError("max_results must be positive.")
        return cls(vector_of(centre), ellipsoid, unit, most, largest)

    def add(self, member: bytes, shape: Shape) -> None:
        """Take a shape of a document in."""
        self._found.append((distance_between(self._centre, shape, self._ellipsoid), member))

    def rounds(self) -> Iterator[list[Cells]]:
        """The cells to look at, round by round; what is in them is to be added before the next."""
        done, radius = 0.0, min(self._largest, _FIRST_RADIUS * self._ellipsoid.radius)
        before = 0
        while True:
            self._check(radius)
            yield cells_around(self._centre, self._angle(radius))
            within = sum(distance <= radius for distance, _ in self._found)
            if radius >= self._largest or within >= self._most:
                return
            if within > before:
                density = (within - before) / (math.pi * (radius * radius - done * done))
                following = math.sqrt(_WANTED_IN_A_ROUND / math.pi / density + radius * radius)
            else:
                following = radius * _GROWTH
            done, radius, before = radius, min(following, self._largest), within

    def results(self) -> list[tuple[float, bytes]]:
        """The nearest, in order, with their distances in the unit asked for."""
        near = sorted([found for found in self._found if found[0] <= self._largest])[: self._most]
        return [(converted(distance, "m", self._unit), member) for distance, member in near]

    def _check(self, radius: float) -> None:
        """An error where RethinkDB could not draw an octagon around a circle that large."""
        ellipsoid = self._ellipsoid
        distortion = ellipsoid.radius / ellipsoid.pole_radius
        try:
            check_radius(radius * _MARGIN / math.cos(math.pi / _CORNERS) * distortion, ellipsoid)
        except ReqlQueryLogicError as error:
            raise ReqlQueryLogicError(
                "The distance has become too large for continuing the indexed nearest traversal.  "
                f"Consider specifying a smaller `max_dist` parameter.  ({error.message})"
            ) from None

    def _angle(self, radius: float) -> float:
        """The angle on the sphere within which everything lies that is so near on the ellipsoid, and a little more."""
        ellipsoid = self._ellipsoid
        return min(math.pi, radius * ellipsoid.radius / ellipsoid.pole_radius**2 * _MARGIN)


def _whole(value: Value) -> int:
    number = number_of(value)
    if number != int(number):
        raise ReqlQueryLogicError(f"Number not an integer: {number!r}")
    return int(number)
