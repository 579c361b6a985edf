"""Low-discrepancy points inside of a solid, closer together around small holes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import qmc

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Pole

if TYPE_CHECKING:
    from kanpde.geometry.solids.solid import Solid

# Holes whose radius is below this share of the size of the solid get points of their own, and this
# share of all points. A cylinder in a channel had 50 of 1,100 points within two diameters, and the
# flow is decided there.
_SMALL, _SHARE = 0.08, 0.5
# Points by which the part of a ring around a hole that lies in the solid is measured.
_RING = 2**14
_TRIES = 12


def sobol(dimension: int, count: int, random: np.random.Generator) -> Array:
    """`count` scrambled Sobol points of the unit cube, (count, dimension)."""
    points: Array = qmc.Sobol(dimension, scramble=True, rng=random).random_base2(
        max(0, math.ceil(math.log2(max(count, 1))))
    )[:count]
    return points


def sample_inside(
    solid: Solid, count: int, free: int, random: np.random.Generator
) -> tuple[Array, Array]:
    """Points (count, d + free) and weights (count,) that sum to the area or volume of the solid.

    The last columns are in the unit interval.
    """
    small = [h for h in solid.holes if h.radius < _SMALL * math.sqrt(solid.content)]
    near = round(_SHARE * count / len(small)) if small else 0
    parts = [_even(solid, count - near * len(small), free, random)]
    parts += [_around(solid, hole, near, free, random) for hole in small]
    points = np.concatenate(parts)
    if not small:
        return points, np.full(count, solid.content / count)
    density = np.full(count, (count - near * len(small)) / count / solid.content)
    for hole in small:
        density += near / count * _density(solid, hole, points)
    weights = 1 / density
    return points, weights * (solid.content / weights.sum())


def _even(solid: Solid, count: int, free: int, random: np.random.Generator) -> Array:
    lower, upper = solid.bounds
    own = len(lower)

    def place(cube: Array) -> Array:
        cube[:, :own] = lower + (upper - lower) * cube[:, :own]
        return cube

    share = solid.content / float(np.prod(upper - lower))
    return _accept(solid, count, share, lambda n: place(sobol(own + free, n, random)))


def _around(solid: Solid, hole: Pole, count: int, free: int, random: np.random.Generator) -> Array:
    """Points around a hole, even in the angle and in the logarithm of the distance."""

    def draw(number: int) -> Array:
        return _place(solid, hole, sobol(2 + free, number, random))

    return _accept(solid, count, _seen(solid, hole), draw)


def _place(solid: Solid, hole: Pole, cube: Array) -> Array:
    angle = 2 * math.pi * cube[:, 0]
    radius = hole.radius * np.exp(_reach(solid, hole) * cube[:, 1])
    ring = np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None]
    return np.concatenate([np.array(hole.centre) + ring, cube[:, 2:]], 1)


def _reach(solid: Solid, hole: Pole) -> float:
    """The logarithm of the largest distance in the solid over the radius."""
    lower, upper = solid.bounds
    centre = np.array(hole.centre)
    far = float(np.linalg.norm(np.maximum(centre - lower, upper - centre)))
    return math.log(far / hole.radius)


def _seen(solid: Solid, hole: Pole) -> float:
    """The share of the points around a hole that lie in the solid."""
    cube = sobol(2, _RING, np.random.default_rng(0))
    return max(float((solid.level(_place(solid, hole, cube)) < 0).mean()), 1e-3)


def _density(solid: Solid, hole: Pole, points: Array) -> Array:
    """That of `_around`, by area, at points in the solid."""
    off = points[:, :2] - np.array(hole.centre)
    square = (off**2).sum(1)
    whole = 2 * math.pi * _reach(solid, hole) * _seen(solid, hole)
    return np.where(square >= hole.radius**2, 1 / (whole * square), 0.0)


def _accept(solid: Solid, count: int, share: float, draw: Callable[[int], Array]) -> Array:
    own = len(solid.coordinates)
    wanted = 1.02 * count / share + 16
    for _ in range(_TRIES):
        found = draw(int(wanted))
        found = found[solid.level(found[:, :own]) < 0]
        if len(found) >= count:
            return np.asarray(found[:count])
        wanted *= 1.3
    raise KanpdeError(f"{solid} is so thin that few points lie in it")
