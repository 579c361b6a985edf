"""Harmonic functions on a rectangle with round holes, by least squares.

Each hole has a logarithm and the powers of 1 / (z - c) (Trefethen, ANZIAM J. 60, 2018); the outer
sides have logarithms outside of them (the method of fundamental solutions; Barnett & Betcke, J.
Comput. Phys. 227, 2008). The function solves Laplace's equation exactly and misses the conditions
on the boundary a little. The maximum principle bounds the error by that miss.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from kanpde.arrays import AnyArray, Array
from kanpde.reference.core import Reference

Circle = tuple[float, float, float]

# Powers for each hole, logarithms along each side and their distance from it, relative to the
# shorter side, and points for each unknown.
_POWERS, _SOURCES, _DISTANCE, _POINTS = 24, 70, 0.18, 3


def harmonic(
    sides: tuple[tuple[float, float], tuple[float, float]],
    values: Mapping[Circle, float],
    fluxes: Mapping[Circle, float],
) -> Reference:
    """The harmonic u that is zero on the sides of a rectangle, given on the rims of its holes.

    Args:
        sides: the ends of x and of y.
        values: u on the rims of these holes (x, y, radius).
        fluxes: the derivative of u along the normal that points into these holes.
    """
    holes = [*values, *fluxes]
    sources = _sources(sides)
    rows, targets = [], []
    for points in _side_points(sides, _POINTS):
        rows.append(_basis(points, holes, sources)[0])
        targets.append(np.zeros(len(points)))
    for hole, value in values.items():
        points, _ = _rim(hole, 8 * _POWERS)
        rows.append(_basis(points, holes, sources)[0])
        targets.append(np.full(len(points), value))
    for hole, flux in fluxes.items():
        points, out = _rim(hole, 8 * _POWERS)
        slopes = _basis(points, holes, sources)[1]
        # The normal of the plate points into the hole; a slope over a radius counts as a value.
        along = -(slopes * out[:, None]).real
        rows.append(hole[2] * along)
        targets.append(np.full(len(points), hole[2] * flux))
    matrix, target = np.concatenate(rows), np.concatenate(targets)
    scale = np.linalg.norm(matrix, axis=0)
    found = np.linalg.lstsq(matrix / scale, target, rcond=1e-15)[0] / scale
    miss = float(np.abs(matrix @ found - target).max())

    def evaluate(x: ArrayLike, y: ArrayLike) -> dict[str, Array]:
        z = np.asarray(x, float) + 1j * np.asarray(y, float)
        flat = z.ravel()
        parts = [
            _basis(flat[at : at + 4096], holes, sources)[0] @ found
            for at in range(0, flat.size, 4096)
        ]
        return {"u": np.concatenate(parts or [np.empty(0)]).reshape(z.shape)}

    method = "logarithms and poles by least squares (Trefethen, 2018; Barnett & Betcke, 2008)"
    return Reference(evaluate, ("u",), method, max(miss, 1e-13))


def _sources(sides: tuple[tuple[float, float], tuple[float, float]]) -> AnyArray:
    """Places outside of the rectangle, (k,), complex."""
    (a, b), (c, d) = sides
    off = _DISTANCE * min(b - a, d - c)
    grown = (a - off, b + off), (c - off, d + off)
    return np.concatenate(list(_side_points(grown, 1)))


def _side_points(
    sides: tuple[tuple[float, float], tuple[float, float]], times: int
) -> list[AnyArray]:
    (a, b), (c, d) = sides
    count = times * _SOURCES
    share = (1 - np.cos(np.pi * (np.arange(count) + 0.5) / count)) / 2
    x, y = a + (b - a) * share, c + (d - c) * share
    found: list[AnyArray] = [x + 1j * c, x + 1j * d, a + 1j * y, b + 1j * y]
    return found


def _rim(hole: Circle, count: int) -> tuple[AnyArray, AnyArray]:
    """Points of a rim and the direction away from the centre, (count,), complex."""
    x, y, radius = hole
    out = np.exp(2j * np.pi * np.arange(count) / count)
    return x + 1j * y + radius * out, out


def _basis(points: AnyArray, holes: list[Circle], sources: AnyArray) -> tuple[Array, AnyArray]:
    """Values (N, k), real, and complex slopes (N, k): the derivative along n is Re(slope n)."""
    values: list[Array] = []
    slopes: list[AnyArray] = []
    for x, y, radius in holes:
        ratio = radius / (points - (x + 1j * y))
        powers = ratio[:, None] ** np.arange(1, _POWERS + 1)
        change = -np.arange(1, _POWERS + 1) * powers * ratio[:, None] / radius
        values += [-np.log(np.abs(ratio))[:, None], powers.real, powers.imag]
        slopes += [ratio[:, None] / radius, change, -1j * change]
    off = points[:, None] - sources
    values += [np.log(np.abs(off)), np.ones((len(points), 1))]
    slopes += [1 / off, np.zeros((len(points), 1))]
    return np.concatenate(values, 1), np.concatenate(slopes, 1)
