"""Geometry: an index gives what a scan gives, distances are those of geographiclib, answers do not depend on order.

Shapes are drawn where geometry on a sphere goes wrong: at the poles, at the antimeridian, along meridians and the
equator, on places of a coarse grid so that points, edges and corners fall on each other.
"""

from __future__ import annotations

from typing import Any

from geographiclib.geodesic import Geodesic
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import docstore
from query import r
from query.errors import ReqlError
from query.geometries import Geometry
from query.geometry.ellipsoid import WGS84, circle_around, distance_between
from query.geometry.geojson import line_object, point_object, polygon_object, shape_of
from query.geometry.relations import includes, intersect
from query.geometry.shapes import Point, Polygon, Shape
from query.geometry.vectors import crossing, of_degrees, orientation

quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

GRID = st.tuples(
    st.sampled_from([-180, -179.5, -90, -1, 0, 0.5, 1, 45, 90, 179, 180]),
    st.sampled_from([-90, -89.5, -45, -1, 0, 0.5, 1, 2, 60, 89, 90]),
)
ANYWHERE = st.tuples(st.floats(-180, 180), st.floats(-90, 90))
PLACES = st.one_of(GRID, ANYWHERE)


def _shape(geometry: Geometry) -> Shape | None:
    try:
        return shape_of(geometry)
    except ReqlError:
        return None


points = PLACES.map(point_object)
lines = st.lists(PLACES, min_size=2, max_size=4).map(line_object)
polygons = st.lists(PLACES, min_size=3, max_size=5).map(polygon_object)
circles = st.builds(
    lambda centre, radius, corners: polygon_object(circle_around(centre, radius, corners, WGS84)),
    PLACES,
    st.sampled_from([1.0, 1_000.0, 200_000.0, 5_000_000.0]),
    st.integers(3, 12),
)
geometries = st.one_of(points, lines, polygons, circles).filter(lambda geometry: _shape(geometry) is not None)


@quick
@given(st.lists(geometries, min_size=1, max_size=8), st.lists(geometries, min_size=1, max_size=4))
def test_an_index_finds_what_a_scan_finds(stored: list[Geometry], wanted: list[Geometry]) -> None:
    with docstore.connect() as db:
        r.table_create("shapes").run(db)
        r.table("shapes").index_create("shape", geo=True).run(db)
        r.table("shapes").insert([{"id": number, "shape": shape} for number, shape in enumerate(stored)]).run(db)
        for geometry in [*wanted, *stored]:
            found = r.table("shapes").get_intersecting(geometry, index="shape")["id"].run(db)
            scanned = r.table("shapes").filter(lambda row, g=geometry: row["shape"].intersects(g))["id"].run(db)
            assert sorted(found) == sorted(scanned), geometry
        assert docstore.check(db).ok


@quick
@given(st.lists(geometries, min_size=1, max_size=8), PLACES, st.sampled_from([1e3, 1e5, 1e6, 5e6]))
def test_the_nearest_through_an_index_are_the_nearest(
    stored: list[Geometry], centre: tuple[float, float], most: float
) -> None:
    place = shape_of(point_object(centre))
    assert isinstance(place, Point)
    with docstore.connect() as db:
        r.table_create("shapes").run(db)
        r.table("shapes").index_create("shape", geo=True).run(db)
        r.table("shapes").insert([{"id": number, "shape": shape} for number, shape in enumerate(stored)]).run(db)
        found = r.table("shapes").get_nearest(list(centre), index="shape", max_dist=most).run(db)
        wanted = [distance_between(place.vector, shape_of(shape), WGS84) for shape in stored]
        assert [one["dist"] for one in found] == sorted(distance for distance in wanted if distance <= most)
        assert all(wanted[one["doc"]["id"]] == one["dist"] for one in found)


@quick
@given(PLACES, PLACES)
def test_distances_are_those_of_geographiclib(one: tuple[float, float], other: tuple[float, float]) -> None:
    first, second = shape_of(point_object(one)), shape_of(point_object(other))
    assert isinstance(first, Point)
    wanted = Geodesic.WGS84.Inverse(one[1], one[0], other[1], other[0])["s12"]
    assert abs(distance_between(first.vector, second, WGS84) - wanted) < 1e-5


@quick
@given(PLACES, st.floats(1, 9_000_000), st.integers(3, 40))
def test_the_corners_of_a_circle_are_a_radius_away(centre: tuple[float, float], radius: float, corners: int) -> None:
    for longitude, latitude in circle_around(centre, radius, corners, WGS84):
        assert -180 <= longitude < 180
        found = Geodesic.WGS84.Inverse(centre[1], centre[0], latitude, longitude)["s12"]
        assert abs(found - radius) < 1e-5


@quick
@given(geometries, geometries)
def test_to_intersect_is_mutual(one: Geometry, other: Geometry) -> None:
    first, second = shape_of(one), shape_of(other)
    assert intersect(first, second) == intersect(second, first)


@quick
@given(geometries, geometries)
def test_what_is_included_intersects_and_is_no_way_off(one: Geometry, other: Geometry) -> None:
    outer, inner = shape_of(one), shape_of(other)
    assume(isinstance(outer, Polygon))
    assert isinstance(outer, Polygon)
    if isinstance(inner, Point) and includes(outer, inner):
        assert intersect(outer, inner)
        assert distance_between(inner.vector, outer, WGS84) == 0


@given(st.lists(GRID, min_size=3, max_size=3))
def test_orientation_changes_sign_with_the_order(places: list[tuple[float, float]]) -> None:
    a, b, c = [of_degrees(*place) for place in places]
    found = orientation(a, b, c)
    assert orientation(b, c, a) == orientation(c, a, b) == found
    assert orientation(a, c, b) == orientation(c, b, a) == -found
    assert (found == 0) == (len({a, b, c}) < 3)


@given(st.lists(GRID, min_size=4, max_size=4))
def test_crossing_does_not_depend_on_direction_or_order(places: list[tuple[float, float]]) -> None:
    a, b, c, d = [of_degrees(*place) for place in places]
    assume(len({a, b, c, d}) == 4)
    found = crossing(a, b, c, d)
    others: list[Any] = [crossing(b, a, c, d), crossing(a, b, d, c), crossing(c, d, a, b)]
    assert set(others) == {found}
