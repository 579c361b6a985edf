"""Boxes, their faces and points: where the conditions of a problem hold."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import qmc

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.symbols.expression import Axis


@dataclass(frozen=True)
class Face:
    """The part of a box on which some coordinates have fixed values (a face, edge or corner)."""

    box: Box
    fixed: tuple[tuple[str, float], ...]

    def key(self) -> Hashable:
        """What tells this region from others: equal for the same part of the same box."""
        return tuple(self.box.intervals.items()), self.fixed

    @property
    def label(self) -> str:
        return ", ".join(f"{name} = {value:g}" for name, value in self.fixed) or "the interior"

    @property
    def free(self) -> int:
        """The number of coordinates that vary."""
        return self.box.dimension - len(self.fixed)

    def place(self, unit: Array) -> Array:
        """Map points of the unit cube, (N, free), into the region, (N, dimension)."""
        fixed = dict(self.fixed)
        out = np.empty((len(unit), self.box.dimension))
        column = 0
        for k, axis in enumerate(self.box.axes):
            if axis.name in fixed:
                out[:, k] = fixed[axis.name]
            else:
                out[:, k] = axis.lower + (axis.upper - axis.lower) * unit[:, column]
                column += 1
        return out

    def sample(self, count: int, seed: int) -> Array:
        """`count` scrambled Sobol points (N, dimension); one point where nothing varies."""
        if self.free == 0:
            return self.place(np.empty((1, 0)))
        sobol = qmc.Sobol(self.free, scramble=True, rng=np.random.default_rng(seed))
        exponent = max(0, math.ceil(math.log2(max(count, 1))))
        return self.place(sobol.random_base2(exponent)[:count])


@dataclass(frozen=True)
class Faces:
    """A union of faces."""

    parts: tuple[Face, ...]

    @property
    def label(self) -> str:
        return "; ".join(part.label for part in self.parts)


@dataclass(frozen=True, eq=False)
class Points:
    """Given points of a box, (N, dimension)."""

    box: Box
    coordinates: Array

    def key(self) -> Hashable:
        """What tells these points from others: equal for equal points of the same box."""
        shape = self.coordinates.shape
        return tuple(self.box.intervals.items()), shape, self.coordinates.tobytes()

    @property
    def label(self) -> str:
        return f"{len(self.coordinates)} points"


Region = Face | Faces | Points


class Box(Face):
    """A product of intervals, `Box(x=(-1, 1), t=(0, 1))`; t is time.

    Raises KanpdeError for an interval that is empty or not finite.
    """

    axes: tuple[Axis, ...]

    def __init__(self, **intervals: tuple[float, float]) -> None:
        if not intervals:
            raise KanpdeError("a Box needs at least one interval: Box(x=(0, 1))")
        object.__setattr__(self, "axes", tuple(_axis(n, v) for n, v in intervals.items()))
        object.__setattr__(self, "fixed", ())
        object.__setattr__(self, "box", self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Box) and self.intervals == other.intervals

    def __hash__(self) -> int:
        return hash(tuple(self.intervals.items()))

    def __repr__(self) -> str:
        return (
            "Box(" + ", ".join(f"{n}=({a:g}, {b:g})" for n, (a, b) in self.intervals.items()) + ")"
        )

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        return {axis.name: (axis.lower, axis.upper) for axis in self.axes}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(axis.name for axis in self.axes)

    @property
    def dimension(self) -> int:
        return len(self.axes)

    @property
    def time(self) -> Axis | None:
        """The axis named t, if there is one."""
        return next((axis for axis in self.axes if axis.name == "t"), None)

    @property
    def space(self) -> tuple[Axis, ...]:
        """The axes other than time."""
        return tuple(axis for axis in self.axes if axis.name != "t")

    def face(self, **fixed: float) -> Face:
        """The face, edge or corner with these coordinates: `box.face(t=0)`.

        Raises KanpdeError for an unknown axis or a value outside of the box.
        """
        if not fixed:
            raise KanpdeError("face() needs a coordinate: box.face(t=0)")
        for name, value in fixed.items():
            self._inside(name, value)
            low, high = self.intervals[name]
            if len(fixed) < self.dimension and self._snap(name, value) not in (low, high):
                raise KanpdeError(
                    f"face({name}={value:g}) is not on the boundary of the box: {name} ends at "
                    f"{low:g} and {high:g}; box.point(...) gives a point inside"
                )
        return self._fixed(fixed)

    def faces(self, *axes: Axis) -> Faces:
        """Both ends of each of these axes; of all space axes if none is named."""
        named = axes or self.space
        for axis in named:
            if not isinstance(axis, Axis) or axis.name not in self.names:
                raise KanpdeError(f"faces({axis}): the axes of the box are {', '.join(self.names)}")
        return Faces(
            tuple(Face(self, ((a.name, end),)) for a in named for end in (a.lower, a.upper))
        )

    def point(self, **coordinates: float) -> Face:
        """One point, with every coordinate given: for a gauge, `box.point(x=0, y=0)`."""
        missing = [name for name in self.names if name not in coordinates]
        if missing:
            raise KanpdeError(f"point() needs a value for {', '.join(missing)}")
        for name, value in coordinates.items():
            self._inside(name, value)
        return self._fixed(coordinates)

    def points(self, **coordinates: Any) -> Points:
        """Given points, one array for each axis: `box.points(x=[...], t=[...])`."""
        if set(coordinates) != set(self.names):
            raise KanpdeError(
                f"points() needs exactly the axes {', '.join(self.names)}, "
                f"not {', '.join(coordinates) or 'none'}"
            )
        columns = np.broadcast_arrays(*(np.asarray(coordinates[n], float) for n in self.names))
        stacked = np.stack([column.ravel() for column in columns], 1)
        if not len(stacked):
            raise KanpdeError("points() needs at least one point")
        for name, column in zip(self.names, stacked.T, strict=True):
            for value in (column.min(), column.max()):
                self._inside(name, float(value))
        return Points(self, stacked)

    def grid(self, count: int | Mapping[str, int]) -> tuple[Array, ...]:
        """Even coordinates along each axis, ends included."""
        counts = count if isinstance(count, Mapping) else dict.fromkeys(self.names, count)
        return tuple(np.linspace(a.lower, a.upper, counts[a.name]) for a in self.axes)

    def _fixed(self, fixed: Mapping[str, float]) -> Face:
        """The part with these coordinates; one that is an end but for rounding is that end."""
        return Face(self, tuple(sorted((n, self._snap(n, float(v))) for n, v in fixed.items())))

    def _snap(self, name: str, value: float) -> float:
        low, high = self.intervals[name]
        near = 1e-9 * (high - low)
        return next((end for end in (low, high) if abs(value - end) <= near), value)

    def _inside(self, name: str, value: float) -> None:
        if name not in self.intervals:
            raise KanpdeError(f"the box has no axis {name}; it has {', '.join(self.names)}")
        low, high = self.intervals[name]
        slack = 1e-9 * (high - low)
        if not low - slack <= value <= high + slack:
            raise KanpdeError(
                f"{name} = {value:g} lies outside of the box, where {name} goes from "
                f"{low:g} to {high:g}"
            )


def _axis(name: str, interval: tuple[float, float]) -> Axis:
    try:
        low, high = (float(v) for v in interval)
    except (TypeError, ValueError):
        raise KanpdeError(
            f"Box({name}=...) needs two numbers, {name}=(lower, upper), not {interval!r}"
        ) from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise KanpdeError(f"Box({name}=({low:g}, {high:g})): the interval is empty or not finite")
    return Axis(name, low, high)
