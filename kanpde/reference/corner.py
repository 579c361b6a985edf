"""Creeping flow at a corner between a fixed wall and a sliding one.

The velocity jumps where lid and wall meet, so the vorticity grows like 1/r there. The leading
term solves the biharmonic equation in closed form: the paint scraper of Taylor (1962), in
Batchelor, An Introduction to Fluid Dynamics (1967), section 4.8. Taking it out of the lid-driven
cavity leaves a smooth problem (Botella and Peyret 1998, section 3).
"""

from typing import NamedTuple

import numpy as np

from kanpde.arrays import Array

# psi = B Y + angle (C X + D Y): psi = 0 on both walls, d psi/dY = -1 on the lid Y = 0 and
# d psi/dX = 0 on the wall X = 0, where the angle is pi / 2.
_C = 1.0 / (np.pi**2 / 4.0 - 1.0)
_D = np.pi / 2.0 * _C
_B = -(np.pi**2) / 4.0 * _C


class Stream(NamedTuple):
    """A stream function psi, its first derivatives and its Laplacian, arrays of one shape."""

    value: Array
    dx: Array
    dy: Array
    laplacian: Array


def scraper(x: Array, depth: Array) -> Stream:
    """The flow in x > 0, depth > 0 under a lid at depth 0 of speed 1 away from the wall x = 0.

    Derivatives are by x and depth. The corner itself belongs to the wall: the velocity is zero
    there.
    """
    y = np.where((x == 0.0) & (depth == 0.0), 1e-150, depth)
    angle = np.arctan2(y, x)
    square = x * x + y * y
    linear = _C * x + _D * y
    return Stream(
        _B * y + angle * linear,
        _C * angle - linear * y / square,
        _B + _D * angle + linear * x / square,
        2.0 * (_D * x - _C * y) / square,
    )


def left_corner(x: Array, y: Array) -> Stream:
    """The scraper's flow at the corner (0, 1) of the unit square under its lid y = 1."""
    s = scraper(x, 1.0 - y)
    return Stream(s.value, s.dx, -s.dy, s.laplacian)


def right_corner(x: Array, y: Array) -> Stream:
    """The same at the corner (1, 1): the mirror image, as the lid runs into this wall."""
    s = left_corner(1.0 - x, y)
    return Stream(s.value, -s.dx, s.dy, s.laplacian)


def both_corners(x: Array, y: Array) -> Stream:
    """The sum of both."""
    left, right = left_corner(x, y), right_corner(x, y)
    return Stream(*(a + b for a, b in zip(left, right, strict=True)))
