"""The pieces of boundaries in space: parallelograms, discs, spheres, and what turns about an axis.

All stand on the z-axis around the origin; motions bring them elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.geometry.solids.curves import round_distance
from kanpde.geometry.solids.piece import Piece, Places
from kanpde.symbols.expression import exact_number

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Patch(Piece):
    """A surface on the unit square."""

    @property
    def parameters(self) -> int:
        return 2


@dataclass(frozen=True)
class Parallelogram(Patch):
    """corner + u first + v second, with the outward unit normal."""

    corner: Vector
    first: Vector
    second: Vector
    normal: Vector

    def place(self, unit: Array) -> Places:
        first, second = np.array(self.first), np.array(self.second)
        points = np.array(self.corner) + unit[:, :1] * first + unit[:, 1:] * second
        area = float(np.linalg.norm(np.cross(first, second)))
        return Places(points, np.tile(self.normal, (len(unit), 1)), np.full(len(unit), area))

    def vanishing(self, symbols: Sequence[Any], inside: bool) -> Any:
        return plane_distance(symbols, self.corner, self.normal, inside)


@dataclass(frozen=True)
class Cap(Patch):
    """The disc of a radius at a height z, with the normal up (1) or down (-1)."""

    radius: float
    height: float
    up: int

    def place(self, unit: Array) -> Places:
        # The square root makes the stretch even.
        r, angle = self.radius * np.sqrt(unit[:, 0]), 2 * math.pi * unit[:, 1]
        points = np.stack([r * np.cos(angle), r * np.sin(angle), 0 * r + self.height], 1)
        area = math.pi * self.radius**2
        return Places(points, np.tile([0.0, 0.0, self.up], (len(r), 1)), np.full(len(r), area))

    def vanishing(self, symbols: Sequence[Any], inside: bool) -> Any:
        return plane_distance(symbols, (0, 0, self.height), (0, 0, self.up), inside)


@dataclass(frozen=True)
class Sphere(Patch):
    """The sphere around the origin."""

    radius: float

    def place(self, unit: Array) -> Places:
        # Even in z, so the stretch is even (Archimedes).
        z, angle = 2 * unit[:, 0] - 1, 2 * math.pi * unit[:, 1]
        r = np.sqrt(np.clip(1 - z**2, 0, None))
        normals = np.stack([r * np.cos(angle), r * np.sin(angle), z], 1)
        area = np.full(len(z), 4 * math.pi * self.radius**2)
        return Places(self.radius * normals, normals, area)

    def vanishing(self, symbols: Sequence[Any], inside: bool) -> Any:
        return round_distance(symbols, exact_number(self.radius), inside)


@dataclass(frozen=True)
class Tube(Patch):
    """The side of a cylinder or cone: its radius goes linearly from `lower` to `upper`."""

    lower: float
    upper: float
    bottom: float
    top: float

    def place(self, unit: Array) -> Places:
        slope = self.upper - self.lower
        height = self.top - self.bottom
        r, angle = self.lower + slope * unit[:, 0], 2 * math.pi * unit[:, 1]
        side = math.hypot(height, slope)
        cos, sin = np.cos(angle), np.sin(angle)
        points = np.stack([r * cos, r * sin, self.bottom + height * unit[:, 0]], 1)
        normals = np.stack([cos * height, sin * height, 0 * cos - slope], 1) / side
        return Places(points, normals, 2 * math.pi * r * side)

    def vanishing(self, symbols: Sequence[Any], inside: bool) -> Any:
        if self.lower != self.upper:
            return None
        return round_distance(symbols[:2], exact_number(self.lower), inside)


@dataclass(frozen=True)
class TorusSurface(Patch):
    """A tube of radius `small` around the circle of radius `large` in the plane z = 0."""

    large: float
    small: float

    def place(self, unit: Array) -> Places:
        around, along = 2 * math.pi * unit.T
        cos, sin = np.cos(along), np.sin(along)
        normals = np.stack([np.cos(around) * cos, np.cos(around) * sin, np.sin(around)], 1)
        centre = self.large * np.stack([cos, sin, 0 * cos], 1)
        stretch = 4 * math.pi**2 * self.small * (self.large + self.small * np.cos(around))
        return Places(centre + self.small * normals, normals, stretch)

    def vanishing(self, symbols: Sequence[Any], inside: bool) -> Any:
        x, y, z = symbols
        off = sympy.sqrt(x**2 + y**2) - exact_number(self.large)
        return round_distance([off, z], exact_number(self.small), inside)


def plane_distance(
    symbols: Sequence[Any], point: Sequence[float], normal: Sequence[float], inside: bool
) -> Any:
    """The distance from a plane, positive against its normal for `inside`."""
    sign = -1 if inside else 1
    return sum(
        exact_number(sign * float(n)) * (s - exact_number(float(p)))
        for n, s, p in zip(normal, symbols, point, strict=True)
        if n
    )
