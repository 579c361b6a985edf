"""The corners of a plane shape: where two pieces of its boundary meet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kanpde.arrays import Array
from kanpde.geometry.domain import Corner

if TYPE_CHECKING:
    from kanpde.geometry.solids.shape import Shape

# Ends of pieces that are so near, relative to the size of the shape, meet.
_NEAR = 1e-7
# The step along a piece that tells its direction, as a share of the parameter.
_STEP = 1e-6


@dataclass(frozen=True)
class _End:
    """An end of a piece: its facet, its place, the direction away from it, the outward normal."""

    facet: int
    point: Array
    direction: Array
    normal: Array


def find_corners(shape: Shape) -> tuple[Corner, ...]:
    """The corners with their angles, measured through the shape; none in space."""
    solid = shape.solid
    if len(solid.coordinates) != 2:
        return ()
    ends = [end for number in range(len(solid.facets)) for end in _ends(shape, number)]
    found = []
    for k, one in enumerate(ends):
        for other in ends[k + 1 :]:
            if np.linalg.norm(one.point - other.point) < _NEAR * shape.size:
                found.append(_corner(shape, one, other))
    return tuple(found)


def _ends(shape: Shape, number: int) -> list[_End]:
    facet = shape.solid.facets[number]
    found = []
    for low, high in facet.intervals:
        if facet.is_whole and np.allclose(*facet.place(np.array([[low], [high]])).points):
            continue  # a closed curve
        step = _STEP * (high - low)
        for at, inward in ((low, low + step), (high, high - step)):
            places = facet.place(np.array([[at], [inward]]))
            along, normal = places.points[1] - places.points[0], places.normals[0]
            # Of an arc the chord is turned: by 1e-6, and r^2 was taken for a singular function.
            direction = along - (along @ normal) * normal
            direction = direction / np.linalg.norm(direction)
            found.append(_End(number, places.points[0], direction, places.normals[0]))
    return found


def _corner(shape: Shape, one: _End, other: _End) -> Corner:
    # From the first side through the shape, which lies behind its normal, to the second one.
    sense = -1.0 if _cross(one.direction, -one.normal) < 0 else 1.0
    turn = math.atan2(
        sense * _cross(one.direction, other.direction), float(one.direction @ other.direction)
    )
    angle = turn if turn > 1e-9 else turn + 2 * math.pi
    half = sense * angle / 2
    cos, sin = math.cos(half), math.sin(half)
    x, y = one.direction
    first, second = shape.solid.coordinates
    return Corner(
        (first, second),
        (float(one.point[0]), float(one.point[1])),
        (float(cos * x - sin * y), float(sin * x + cos * y)),
        sense,
        angle,
        (shape.boundary_piece(one.facet), shape.boundary_piece(other.facet)),
    )


def _cross(a: Array, b: Array) -> float:
    return float(a[0] * b[1] - a[1] * b[0])
