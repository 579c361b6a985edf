"""Primitives of space: cuboid, ball, cylinder, cone, torus, half-space.

Those that turn about an axis are given upright, along the last coordinate; `turned` lays them down.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.solids.checks import read_centre, read_intervals, read_number
from kanpde.geometry.solids.patches import Cap, Parallelogram, Sphere, TorusSurface, Tube
from kanpde.geometry.solids.piece import Motion, MovedPiece, Piece
from kanpde.geometry.solids.solid import NamedPrimitive


class Cuboid(NamedPrimitive):
    """A box as a solid: `Cuboid(x=(0, 1), y=(0, 1), z=(0, 2))`."""

    kind = "cuboid"

    def __init__(self, name: str | None = None, **intervals: tuple[float, float]) -> None:
        self.coordinates, ends = read_intervals("Cuboid", 3, intervals)
        self._lower, self._upper = np.array(ends).T
        self.name = name

    @property
    def extent(self) -> tuple[Array, Array]:
        return self._lower, self._upper

    def level(self, points: Array) -> Array:
        off = np.maximum(self._lower - points, points - self._upper)
        outside = np.sqrt((np.maximum(off, 0) ** 2).sum(1))
        return np.asarray(outside + np.minimum(off.max(1), 0))

    def pieces(self, bounds: tuple[Array, Array]) -> tuple[Piece, ...]:
        found = []
        length = self._upper - self._lower
        for k, name in enumerate(self.coordinates):
            first, second = (np.eye(3)[j] * length[j] for j in range(3) if j != k)
            for value, sign in ((self._lower[k], -1.0), (self._upper[k], 1.0)):
                corner = self._lower.copy()
                corner[k] = value
                found.append(
                    Parallelogram(
                        f"{name} = {value:g}",
                        _three(corner), _three(first), _three(second), _three(sign * np.eye(3)[k]),
                    )
                )  # fmt: skip
        return tuple(found)

    def to_tree(self) -> dict[str, Any]:
        ends = zip(self.coordinates, self._lower.tolist(), self._upper.tolist(), strict=True)
        return self._tree(ends={n: [a, b] for n, a, b in ends})


class _Placed(NamedPrimitive):
    """A primitive around a centre; `_own_pieces` stand around the origin."""

    _centre: tuple[float, ...]

    def _own_pieces(self) -> Sequence[Piece]:
        raise NotImplementedError

    @property
    def _reach(self) -> tuple[Array, Array]:
        raise NotImplementedError

    @property
    def extent(self) -> tuple[Array, Array]:
        centre = np.array(self._centre)
        lower, upper = self._reach
        return centre + lower, centre + upper

    def pieces(self, bounds: tuple[Array, Array]) -> tuple[Piece, ...]:
        rest = Motion.rest(3)
        motion = Motion(rest.turn, 1.0, self._centre)
        return tuple(MovedPiece(p.name, p, motion) for p in self._own_pieces())

    def _off(self, points: Array) -> tuple[Array, Array]:
        """The distance from the upright axis and the height above the centre."""
        off = points - np.array(self._centre)
        return np.hypot(off[:, 0], off[:, 1]), off[:, 2]

    def _tree(self, **numbers: Any) -> dict[str, Any]:
        centre = dict(zip(self.coordinates, self._centre, strict=True))
        return super()._tree(centre=centre, **numbers)


class Ball(_Placed):
    """A ball: `Ball(x=0, y=0, z=0, radius=1)`."""

    kind = "ball"

    def __init__(self, radius: float, name: str | None = None, **centre: float) -> None:
        self.coordinates, self._centre = read_centre("Ball", 3, centre)
        self._radius = read_number("Ball: the radius", radius, above=0)
        self.name = name

    @property
    def _reach(self) -> tuple[Array, Array]:
        return np.full(3, -self._radius), np.full(3, self._radius)

    def level(self, points: Array) -> Array:
        return np.asarray(np.linalg.norm(points - np.array(self._centre), axis=1) - self._radius)

    def _own_pieces(self) -> Sequence[Piece]:
        return (Sphere("surface", self._radius),)

    def to_tree(self) -> dict[str, Any]:
        return self._tree(radius=self._radius)


class Cone(_Placed):
    """A cone or a frustum on its base: `Cone(x=0, y=0, z=0, radius=1, height=2, top=0.5)`.

    The centre is that of the base; `top` is the radius at the height.
    """

    kind = "cone"

    def __init__(
        self,
        radius: float,
        height: float,
        top: float = 0.0,
        name: str | None = None,
        **centre: float,
    ) -> None:
        title = type(self).__name__
        self.coordinates, self._centre = read_centre(title, 3, centre)
        self._radius = read_number(f"{title}: the radius", radius, above=0)
        self._height = read_number(f"{title}: the height", height, above=0)
        self._top = read_number(f"{title}: the radius at the top", top, above=-1e-300)
        self.name = name

    @property
    def _reach(self) -> tuple[Array, Array]:
        wide = max(self._radius, self._top)
        return np.array([-wide, -wide, 0.0]), np.array([wide, wide, self._height])

    def level(self, points: Array) -> Array:
        r, z = self._off(points)
        slope = (self._top - self._radius) / self._height
        side = (r - self._radius - slope * z) / math.hypot(1, slope)
        return np.asarray(np.maximum(side, np.maximum(-z, z - self._height)))

    def _own_pieces(self) -> Sequence[Piece]:
        side = Tube("side", self._radius, self._top, 0.0, self._height)
        ends: list[Piece] = [Cap("bottom", self._radius, 0.0, -1), side]
        if self._top > 0:
            ends.append(Cap("top", self._top, self._height, 1))
        return ends

    def to_tree(self) -> dict[str, Any]:
        return self._tree(radius=self._radius, height=self._height, top=self._top)


class Cylinder(Cone):
    """A cylinder on its base: `Cylinder(x=0, y=0, z=0, radius=1, height=2)`."""

    kind = "cylinder"

    def __init__(
        self, radius: float, height: float, name: str | None = None, **centre: float
    ) -> None:
        super().__init__(radius, height, radius, name, **centre)

    def to_tree(self) -> dict[str, Any]:
        return self._tree(radius=self._radius, height=self._height)


class Torus(_Placed):
    """A ring in the plane of the first two coordinates: `Torus(x=0, y=0, z=0, radii=(2, 0.5))`.

    The radii are those of the circle in its middle and of the tube around it.
    """

    kind = "torus"

    def __init__(
        self, radii: tuple[float, float], name: str | None = None, **centre: float
    ) -> None:
        self.coordinates, self._centre = read_centre("Torus", 3, centre)
        self._large, self._small = (read_number("Torus: a radius", r, above=0) for r in radii)
        if not self._small < self._large:
            raise KanpdeError(
                f"Torus: the tube's radius {self._small:g} must be below {self._large:g}"
            )
        self.name = name

    @property
    def _reach(self) -> tuple[Array, Array]:
        wide = self._large + self._small
        upper = np.array([wide, wide, self._small])
        return -upper, upper

    def level(self, points: Array) -> Array:
        r, z = self._off(points)
        return np.asarray(np.hypot(r - self._large, z) - self._small)

    def _own_pieces(self) -> Sequence[Piece]:
        return (TorusSurface("surface", self._large, self._small),)

    def to_tree(self) -> dict[str, Any]:
        return self._tree(radii=[self._large, self._small])


class HalfSpace(NamedPrimitive):
    """All points behind a plane: `HalfSpace(through=(0, 0, 0), normal=(0, 0, 1))` is z < 0."""

    kind = "half-space"

    def __init__(
        self,
        through: Sequence[float],
        normal: Sequence[float],
        axes: Sequence[str] = ("x", "y", "z"),
        name: str | None = None,
    ) -> None:
        self.coordinates, self.name = tuple(axes), name
        self._through = tuple(read_number("HalfSpace: through", v) for v in through)
        direction = np.array([read_number("HalfSpace: the normal", v) for v in normal])
        length = float(np.linalg.norm(direction))
        if len(self._through) != 3 or len(direction) != 3 or not length > 0:
            raise KanpdeError("HalfSpace needs three numbers: through=(0, 0, 0), normal=(0, 0, 1)")
        self._normal = direction / length + 0.0

    @property
    def extent(self) -> tuple[Array, Array]:
        lower, upper = np.full(3, -np.inf), np.full(3, np.inf)
        for k in range(3):
            if abs(self._normal[k]) == 1:
                (upper if self._normal[k] > 0 else lower)[k] = self._through[k]
        return lower, upper

    def level(self, points: Array) -> Array:
        return np.asarray((points - np.array(self._through)) @ self._normal)

    def pieces(self, bounds: tuple[Array, Array]) -> tuple[Piece, ...]:
        lower, upper = bounds
        reach = float(np.linalg.norm(upper - lower))
        least = np.eye(3)[int(np.abs(self._normal).argmin())]
        first = np.cross(self._normal, least)
        first /= np.linalg.norm(first)
        second = np.cross(self._normal, first)
        middle = (lower + upper) / 2
        middle = middle - ((middle - np.array(self._through)) @ self._normal) * self._normal
        corner = middle - reach * (first + second) / 2 * 1.01
        one, two = (_three(1.01 * reach * v) for v in (first, second))
        return (Parallelogram("plane", _three(corner), one, two, _three(self._normal)),)

    def to_tree(self) -> dict[str, Any]:
        return self._tree(through=list(self._through), normal=self._normal.tolist())


def _three(vector: Array) -> tuple[float, float, float]:
    a, b, c = (float(v) for v in vector)
    return a, b, c


def _placed(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": data.get("name"), **{n: data["centre"][n] for n in data["axes"]}}


READERS = {
    "cuboid": lambda d: Cuboid(d.get("name"), **{n: tuple(d["ends"][n]) for n in d["axes"]}),
    "ball": lambda d: Ball(d["radius"], **_placed(d)),
    "cone": lambda d: Cone(d["radius"], d["height"], d["top"], **_placed(d)),
    "cylinder": lambda d: Cylinder(d["radius"], d["height"], **_placed(d)),
    "torus": lambda d: Torus(tuple(d["radii"]), **_placed(d)),
    "half-space": lambda d: HalfSpace(d["through"], d["normal"], d["axes"], d.get("name")),
}
