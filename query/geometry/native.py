"""What `s2geometry` is asked: whole polygons, and the grid of the sphere. The only module that loads it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import s2geometry

from query.geometry.vectors import Vector

_JITTER: Final = 1e-15
"""How far a place may be off by rounding: an angle of some nanometres on the earth."""


def native_point(point: Vector) -> Any:
    """A point."""
    return s2geometry.S2Point_FromRaw(*point)


def polyline(vertices: Sequence[Vector]) -> Any:
    """A line."""
    made = s2geometry.S2Polyline()
    made.InitFromS2Points([native_point(vertex) for vertex in vertices])
    return made


def normal_ring(vertices: Sequence[Vector]) -> list[Vector] | None:
    """A ring that turns left around the smaller part of the sphere; None where it crosses or touches itself."""
    loop = _loop(vertices)
    if not loop.IsValid():
        return None
    return list(vertices) if loop.IsNormalized() else list(vertices)[::-1]


def polygon(rings: Sequence[Sequence[Vector]]) -> Any:
    """A polygon of valid rings; None where these cross or share edges."""
    made = s2geometry.S2Polygon()
    made.InitNested([_loop(ring) for ring in rings])
    return made if made.IsValid() else None


def _loop(vertices: Sequence[Vector]) -> Any:
    loop = s2geometry.S2Loop()
    loop.Init([native_point(vertex) for vertex in vertices])
    return loop


# The grid


def cell_of(point: Vector) -> int:
    """The number of the smallest cell around a point."""
    number: int = s2geometry.S2CellId(native_point(point)).id()
    return number


def covering(region: Any, most: int) -> list[int]:
    """The numbers of cells that cover a line or a polygon, about so many at most."""
    coverer = s2geometry.S2RegionCoverer()
    coverer.set_max_cells(most)
    return [cell.id() for cell in coverer.GetCovering(region)]


def cap_covering(centre: Vector, angle: float, most: int) -> list[int]:
    """The numbers of cells that cover all within an angle around a point."""
    height = min(2.0, 2 * math.sin(min(angle, math.pi) / 2) ** 2)
    return covering(s2geometry.S2Cap.FromCenterHeight(native_point(centre), height), most)


def neighbours(point: Vector) -> list[Vector]:
    """The point, and points around it that are as far from it as rounding may move it."""
    x, y, z = point
    moved = (-_JITTER, _JITTER)
    return [
        point,
        *[(x + d, y, z) for d in moved],
        *[(x, y + d, z) for d in moved],
        *[(x, y, z + d) for d in moved],
    ]
