"""The pieces of plane boundaries: segments and arcs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.geometry.solids.piece import Piece, Places
from kanpde.symbols.expression import exact_number


@dataclass(frozen=True)
class Segment(Piece):
    """A straight side, with the interior on its left."""

    start: tuple[float, float]
    stop: tuple[float, float]

    @property
    def parameters(self) -> int:
        return 1

    @property
    def _normal(self) -> tuple[float, float]:
        dx, dy = (b - a for a, b in zip(self.start, self.stop, strict=True))
        length = math.hypot(dx, dy)
        # Adding zero turns -0.0 into 0.0, which is printed plainly.
        return dy / length + 0.0, -dx / length + 0.0

    def place(self, unit: Array) -> Places:
        start, stop = np.array(self.start), np.array(self.stop)
        points = start + unit * (stop - start)
        count, length = len(unit), float(np.hypot(*(stop - start)))
        return Places(points, np.tile(self._normal, (count, 1)), np.full(count, length))

    def vanishing(self, symbols: Sequence[Any], inside: bool) -> Any:
        sign = -1 if inside else 1
        return sum(
            exact_number(sign * n) * (s - exact_number(a))
            for n, s, a in zip(self._normal, symbols, self.start, strict=True)
            if n
        )


@dataclass(frozen=True)
class Arc(Piece):
    """A part of the ellipse with half axes `radii`, counterclockwise between two angles."""

    centre: tuple[float, float]
    radii: tuple[float, float]
    start: float = 0.0
    stop: float = 2 * math.pi

    @property
    def parameters(self) -> int:
        return 1

    def place(self, unit: Array) -> Places:
        angle = self.start + (self.stop - self.start) * unit[:, 0]
        a, b = self.radii
        cos, sin = np.cos(angle), np.sin(angle)
        normals = np.stack([b * cos, a * sin], 1)
        speed = np.hypot(b * cos, a * sin)
        points = np.array(self.centre) + np.stack([a * cos, b * sin], 1)
        return Places(points, normals / speed[:, None], speed * (self.stop - self.start))

    def vanishing(self, symbols: Sequence[Any], inside: bool) -> Any:
        a, b = map(exact_number, self.radii)
        x, y = (s - exact_number(c) for s, c in zip(symbols, self.centre, strict=True))
        if a == b:
            return round_distance([x, y], a, inside)
        level = (1 - (x / a) ** 2 - (y / b) ** 2) / 2 * (1 if inside else -1)
        # Rvachev's normalisation, omega / sqrt(omega^2 + |grad omega|^2).
        return level / sympy.sqrt(level**2 + (x / a**2) ** 2 + (y / b**2) ** 2)


def round_distance(offsets: Sequence[Any], radius: Any, inside: bool) -> Any:
    """A distance from the circle or sphere around the origin.

    Inside a polynomial, since the distance has a kink in the centre; outside the distance itself.
    """
    square = sum(v**2 for v in offsets)
    if inside:
        return (radius**2 - square) / (2 * radius)
    return sympy.sqrt(square) - radius
