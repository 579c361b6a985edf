"""Primitives of the plane: rectangle, polygon, disc, ellipse, sector, half-plane."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.solids.checks import read_centre, read_intervals, read_number
from kanpde.geometry.solids.curves import Arc, Segment
from kanpde.geometry.solids.piece import Piece
from kanpde.geometry.solids.solid import NamedPrimitive

Point = tuple[float, float]


class Polygon(NamedPrimitive):
    """A polygon by its corners, in either sense: `Polygon([(0, 0), (1, 0), (0, 1)])`.

    Raises KanpdeError for fewer than three corners, or sides that cross.
    """

    kind = "polygon"

    def __init__(
        self,
        corners: Sequence[Sequence[float]],
        axes: Sequence[str] = ("x", "y"),
        name: str | None = None,
    ) -> None:
        points = [tuple(read_number("Polygon: a corner", v) for v in c) for c in corners]
        if len(points) < 3 or any(len(p) != 2 for p in points):
            raise KanpdeError("Polygon needs at least three corners of two numbers each")
        self.coordinates, self.name = tuple(axes), name
        array = np.array(points)
        _check_crossings(array)
        x, y = array.T
        area = float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2
        if area == 0:
            raise KanpdeError("Polygon: its corners lie on one line")
        self._corners = array if area > 0 else array[::-1].copy()

    @property
    def extent(self) -> tuple[Array, Array]:
        return self._corners.min(0), self._corners.max(0)

    def level(self, points: Array) -> Array:
        """The distance from the nearest side, negative inside."""
        starts, stops = self._corners, np.roll(self._corners, -1, axis=0)
        best = np.full(len(points), np.inf)
        inside = np.zeros(len(points), bool)
        for a, b in zip(starts, stops, strict=True):
            side, off = b - a, points - a
            share = np.clip(off @ side / (side @ side), 0, 1)
            best = np.minimum(best, ((off - share[:, None] * side) ** 2).sum(1))
            crosses = (a[1] > points[:, 1]) != (b[1] > points[:, 1])
            with np.errstate(divide="ignore", invalid="ignore"):
                at = a[0] + (points[:, 1] - a[1]) * side[0] / side[1]
            inside ^= crosses & (points[:, 0] < at)
        return np.asarray(np.where(inside, -1, 1) * np.sqrt(best))

    def pieces(self, bounds: tuple[Array, Array]) -> tuple[Piece, ...]:
        corners = [(float(a), float(b)) for a, b in self._corners]
        ends = zip(corners, [*corners[1:], corners[0]], strict=True)
        return tuple(Segment(self._side_name(k, a, b), a, b) for k, (a, b) in enumerate(ends))

    def _side_name(self, number: int, start: Point, stop: Point) -> str:
        return f"side {number + 1}"

    def to_tree(self) -> dict[str, Any]:
        return self._tree(corners=self._corners.tolist())


class Rectangle(Polygon):
    """A rectangle along the axes: `Rectangle(x=(-2, 2), y=(0, 1))`."""

    kind = "rectangle"

    def __init__(self, name: str | None = None, **intervals: tuple[float, float]) -> None:
        names, ((a, b), (c, d)) = read_intervals("Rectangle", 2, intervals)
        super().__init__([(a, c), (b, c), (b, d), (a, d)], names, name)

    def _side_name(self, number: int, start: Point, stop: Point) -> str:
        k = 0 if start[0] == stop[0] else 1
        return f"{self.coordinates[k]} = {start[k]:g}"

    def to_tree(self) -> dict[str, Any]:
        lower, upper = self.extent
        ends = zip(self.coordinates, lower.tolist(), upper.tolist(), strict=True)
        return self._tree(ends={n: [a, b] for n, a, b in ends})


class Ellipse(NamedPrimitive):
    """An ellipse along the axes: `Ellipse(x=0, y=0, radii=(2, 1))`."""

    kind = "ellipse"

    def __init__(
        self, radii: tuple[float, float], name: str | None = None, **centre: float
    ) -> None:
        self.coordinates, self._centre = read_centre("Ellipse", 2, centre)
        self._radii = tuple(read_number("Ellipse: a radius", r, above=0) for r in radii)
        if len(self._radii) != 2:
            raise KanpdeError("Ellipse needs two radii: radii=(2, 1)")
        self.name = name

    @property
    def extent(self) -> tuple[Array, Array]:
        centre, radii = np.array(self._centre), np.array(self._radii)
        return centre - radii, centre + radii

    def level(self, points: Array) -> Array:
        """The distance for a circle; else less than it, with the same sign."""
        scaled = (points - np.array(self._centre)) / np.array(self._radii)
        return np.asarray(min(self._radii) * (np.hypot(*scaled.T) - 1))

    def pieces(self, bounds: tuple[Array, Array]) -> tuple[Piece, ...]:
        (a, b), (x, y) = self._radii, self._centre
        return (Arc("curve", (x, y), (a, b)),)

    def to_tree(self) -> dict[str, Any]:
        centre = dict(zip(self.coordinates, self._centre, strict=True))
        return self._tree(centre=centre, radii=list(self._radii))


class Disk(Ellipse):
    """A disc: `Disk(x=0, y=0, radius=0.5)`."""

    kind = "disk"

    def __init__(self, radius: float, name: str | None = None, **centre: float) -> None:
        read_centre("Disk", 2, centre)
        size = read_number("Disk: the radius", radius, above=0)
        super().__init__((size, size), name, **centre)

    def to_tree(self) -> dict[str, Any]:
        centre = dict(zip(self.coordinates, self._centre, strict=True))
        return self._tree(centre=centre, radius=self._radii[0])


class Sector(NamedPrimitive):
    """A sector of a disc between two angles: `Sector(x=0, y=0, radius=1, angles=(0, 1.5 * pi))`.

    Angles are in radians, counterclockwise from the first axis, less than a full turn apart.
    """

    kind = "sector"

    def __init__(
        self,
        radius: float,
        angles: tuple[float, float],
        name: str | None = None,
        **centre: float,
    ) -> None:
        self.coordinates, self._centre = read_centre("Sector", 2, centre)
        self._radius = read_number("Sector: the radius", radius, above=0)
        self._start, self._stop = (read_number("Sector: an angle", a) for a in angles)
        if not 0 < self._stop - self._start <= 2 * math.pi:
            raise KanpdeError(
                f"Sector: the angles {self._start:g} and {self._stop:g} must be in order, at most "
                "a full turn apart"
            )
        self.name = name

    @property
    def extent(self) -> tuple[Array, Array]:
        centre = np.array(self._centre)
        turns = np.arange(math.ceil(2 * self._start / math.pi), 2 * self._stop / math.pi + 1e-12)
        angles = np.array([self._start, self._stop, *(turns * math.pi / 2)])
        rim = centre + self._radius * np.stack([np.cos(angles), np.sin(angles)], 1)
        all_points = np.concatenate([[centre], rim])
        return all_points.min(0), all_points.max(0)

    def level(self, points: Array) -> Array:
        off = points - np.array(self._centre)
        sides = []
        for angle, sign in ((self._start, -1), (self._stop, 1)):
            along = off @ np.array([math.cos(angle), math.sin(angle)])
            across = sign * (off @ np.array([-math.sin(angle), math.cos(angle)]))
            sides.append((along, across))
        wide = self._stop - self._start > math.pi
        join = np.minimum if wide else np.maximum
        wedge = join(sides[0][1], sides[1][1])
        if self._stop - self._start == 2 * math.pi:
            # A slit: all but the ray itself, from which the distance is taken.
            along, across = sides[0]
            wedge = -np.where(along > 0, np.abs(across), np.hypot(along, across))
        return np.asarray(np.maximum(np.hypot(*off.T) - self._radius, wedge))

    def pieces(self, bounds: tuple[Array, Array]) -> tuple[Piece, ...]:
        x, y = self._centre
        first, last = (
            (x + self._radius * math.cos(a), y + self._radius * math.sin(a))
            for a in (self._start, self._stop)
        )
        return (
            Segment("first side", (x, y), first),
            Arc("arc", (x, y), (self._radius, self._radius), self._start, self._stop),
            Segment("second side", last, (x, y)),
        )

    def to_tree(self) -> dict[str, Any]:
        centre = dict(zip(self.coordinates, self._centre, strict=True))
        return self._tree(centre=centre, radius=self._radius, angles=[self._start, self._stop])


class HalfPlane(NamedPrimitive):
    """All points behind a line: `HalfPlane(through=(0, 0), normal=(0, 1))` is y < 0."""

    kind = "half-plane"

    def __init__(
        self,
        through: Sequence[float],
        normal: Sequence[float],
        axes: Sequence[str] = ("x", "y"),
        name: str | None = None,
    ) -> None:
        self.coordinates, self.name = tuple(axes), name
        self._through = tuple(read_number("HalfPlane: through", v) for v in through)
        direction = tuple(read_number("HalfPlane: the normal", v) for v in normal)
        if len(self._through) != 2 or len(direction) != 2 or not math.hypot(*direction) > 0:
            raise KanpdeError("HalfPlane needs two numbers each: through=(0, 0), normal=(0, 1)")
        length = math.hypot(*direction)
        self._normal = tuple(v / length + 0.0 for v in direction)

    @property
    def extent(self) -> tuple[Array, Array]:
        lower, upper = np.full(2, -np.inf), np.full(2, np.inf)
        for k in range(2):
            if abs(self._normal[k]) == 1:
                (upper if self._normal[k] > 0 else lower)[k] = self._through[k]
        return lower, upper

    def level(self, points: Array) -> Array:
        return np.asarray((points - np.array(self._through)) @ np.array(self._normal))

    def pieces(self, bounds: tuple[Array, Array]) -> tuple[Piece, ...]:
        # The line through the bounds: an even line would miss none of them.
        lower, upper = bounds
        reach = float(np.linalg.norm(upper - lower))
        along = np.array([-self._normal[1], self._normal[0]])
        middle = np.array(self._through)
        middle = middle + (((lower + upper) / 2 - middle) @ along) * along
        start, stop = middle - reach * along, middle + reach * along
        return (
            Segment("line", (float(start[0]), float(start[1])), (float(stop[0]), float(stop[1]))),
        )

    def to_tree(self) -> dict[str, Any]:
        return self._tree(through=list(self._through), normal=list(self._normal))


def _check_crossings(corners: Array) -> None:
    """Raise KanpdeError for two sides that cross."""
    following = np.roll(corners, -1, axis=0)
    count = len(corners)
    for i in range(count):
        for j in range(i + 2, count):
            if (j + 1) % count == i:
                continue
            if _cross(corners[i], following[i], corners[j], following[j]):
                raise KanpdeError(f"Polygon: the sides {i + 1} and {j + 1} cross each other")


def _cross(a: Array, b: Array, c: Array, d: Array) -> bool:
    def side(p: Array, q: Array, r: Array) -> float:
        return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def _named(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": data.get("name")}


READERS = {
    "polygon": lambda d: Polygon(d["corners"], d["axes"], **_named(d)),
    "rectangle": lambda d: Rectangle(d.get("name"), **{n: tuple(d["ends"][n]) for n in d["axes"]}),
    "ellipse": lambda d: Ellipse(
        tuple(d["radii"]), **_named(d), **{n: d["centre"][n] for n in d["axes"]}
    ),
    "disk": lambda d: Disk(d["radius"], **_named(d), **{n: d["centre"][n] for n in d["axes"]}),
    "sector": lambda d: Sector(
        d["radius"], tuple(d["angles"]), **_named(d), **{n: d["centre"][n] for n in d["axes"]}
    ),
    "half-plane": lambda d: HalfPlane(d["through"], d["normal"], d["axes"], **_named(d)),
}
