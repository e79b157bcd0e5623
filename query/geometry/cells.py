"""The grid of the sphere, by which indexes find shapes: six faces, each cell divided into four, thirty times over.

A cell is a number of 64 bits; the cells inside it are the numbers up to some distance below and above it. So a shape that
shares a place with a wanted shape has a cell that lies inside a cell of the wanted one, which is a range of numbers, or
is around it, which is one of few numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from query.geometry.shapes import Line, Point, Polygon, Shape
from query.geometry.vectors import Vector

INDEX_CELLS: Final = 8
"""Cells that a shape has in an index, about; RethinkDB's number. More make finding finer, and indexes larger."""

QUERY_CELLS: Final = 16

Cells: TypeAlias = tuple[int, int]
"""Cells from one number up to another, both among them."""

_FACE_BIT: Final = 1 << 60


def cells_of(shape: Shape) -> set[int]:
    """The cells of a shape in an index: together they cover it."""
    from query.geometry.native import cell_of

    return {cell_of(shape.vector)} if isinstance(shape, Point) else _covering(shape, INDEX_CELLS)


def cells_wanted(shape: Shape) -> list[Cells]:
    """All cells that a shape which has something in common with this one may have in an index, in order."""
    from query.geometry.native import cell_of, neighbours

    if isinstance(shape, Polygon):
        return _related(_covering(shape, QUERY_CELLS))
    # A place on the border of two cells may be in one for a point, and in the other for a line through it.
    if isinstance(shape, Point):
        return _related({cell_of(near) for near in neighbours(shape.vector)})
    moved = zip(*map(neighbours, shape.vertices), strict=True)
    return _related({cell for vertices in moved for cell in _covering(Line(vertices), QUERY_CELLS)})


def cells_around(centre: Vector, angle: float) -> list[Cells]:
    """As `cells_wanted`, of all within an angle around a point."""
    from query.geometry.native import cap_covering

    return _related(set(cap_covering(centre, angle, QUERY_CELLS)))


def _covering(shape: Line | Polygon, most: int) -> set[int]:
    from query.geometry.native import covering

    return set(covering(shape.native, most))


def _related(cells: Iterable[int]) -> list[Cells]:
    """The cells inside these and around them, as few ranges as they make."""
    ranges: set[Cells] = set()
    for cell in cells:
        bit = cell & -cell
        ranges.add((cell - bit + 1, cell + bit - 1))
        while bit < _FACE_BIT:
            bit <<= 2
            around = (cell & -bit) | bit
            if (around, around) in ranges:
                break
            ranges.add((around, around))
    joined: list[Cells] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined
