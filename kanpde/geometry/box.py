"""Boxes and their faces: products of intervals."""

from __future__ import annotations

import keyword
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.stats import qmc

from kanpde.arrays import Array
from kanpde.checks import require_number
from kanpde.errors import KanpdeError
from kanpde.geometry.domain import (
    Domain,
    Region,
    Sample,
    distance_to_end,
    lies_in_window,
    require_no_parameter,
)
from kanpde.geometry.grid import Grid
from kanpde.geometry.inner import InnerPart
from kanpde.geometry.points import Points, stack_points
from kanpde.geometry.union import Union
from kanpde.symbols.expression import Axis, Expression, Role, Scale, usual_role

# Values that differ from an end by less than this share of the interval are that end.
_ROUNDING = 1e-9
# Gauss-Legendre points on each panel.
_GAUSS = 6


@dataclass(frozen=True)
class Interval:
    """An interval with a role: `Box(x=(0, 1), tau=Interval(0, 5, Role.TIME))`."""

    lower: float
    upper: float
    role: Role = Role.SPACE
    scale: Scale = Scale.LINEAR


def parameter(lower: float, upper: float, scale: str = "linear") -> Interval:
    """The range of a parameter: `Box(x=(0, 1), nu=parameter(0.003, 0.1, scale="log"))`.

    One network is trained for all of its values. With `scale="log"` its points and the network's
    input are even in the logarithm: for ranges over more than a factor of about three.

    Raises KanpdeError for a range that is empty or not finite, and a logarithmic one that does not
    stay above zero.
    """
    place = f"parameter({lower!r}, {upper!r})"
    for end in (lower, upper):
        require_number(f"{place}: an end", end)
    if scale not in [each.value for each in Scale]:
        raise KanpdeError(f'{place}: the scale is "linear" or "log", not {scale!r}')
    if not lower < upper:
        raise KanpdeError(f"{place}: the range is empty; give the smaller end first")
    return Interval(float(lower), float(upper), Role.PARAMETER, _check_scale(place, lower, scale))


def _check_scale(place: str, lower: float, scale: str) -> Scale:
    if scale == Scale.LOG.value and not lower > 0:
        raise KanpdeError(
            f"{place}: a logarithmic range stays above zero; take a positive lower end, or "
            'scale="linear"'
        )
    return Scale(scale)


@dataclass(frozen=True)
class Face(Region):
    """The part of a box on which some coordinates have fixed values (a face, edge or corner)."""

    domain: Box
    values: tuple[tuple[str, float], ...]

    @property
    def fixed(self) -> dict[str, float]:
        return dict(self.values)

    @property
    def label(self) -> str:
        return ", ".join(f"{name} = {value:g}" for name, value in self.values) or "the interior"

    @property
    def dimension(self) -> int:
        return self.domain.dimension - len(self.values)

    @property
    def measure(self) -> float:
        free = [a for a in self.domain.axes if a.name not in self.fixed]
        return math.prod(a.length for a in free)

    @property
    def is_interior(self) -> bool:
        return not self.values

    def key(self) -> Hashable:
        return self.domain.key(), self.values

    def place(self, unit: Array) -> Array:
        """Map points of the unit cube, (N, free), into the region, (N, dimension)."""
        fixed = self.fixed
        out = np.empty((len(unit), self.domain.dimension))
        column = 0
        for k, axis in enumerate(self.domain.axes):
            if axis.name in fixed:
                out[:, k] = fixed[axis.name]
            else:
                out[:, k] = axis.place(unit[:, column])
                column += 1
        return out

    def count(self, interior: int) -> int:
        if self.is_interior:
            return interior
        return max(16, interior // 8) if self.dimension else 1

    def sample(self, count: int, seed: int) -> Sample:
        """`count` scrambled Sobol points; one point where nothing varies."""
        if self.dimension == 0:
            unit = np.empty((1, 0))
        else:
            sobol = qmc.Sobol(self.dimension, scramble=True, rng=np.random.default_rng(seed))
            exponent = max(0, math.ceil(math.log2(max(count, 1))))
            unit = sobol.random_base2(exponent)[:count]
        weights = np.full(len(unit), self.measure / len(unit))
        return Sample(self.place(unit), weights, self._normals(len(unit)), self.domain.names)

    def quadrature(self, count: int, seed: int) -> Sample:
        """Gauss-Legendre points on panels along each free axis; the seed moves the panels.

        At fixed points a network finds functions whose integral these points get wrong.
        """
        if self.dimension == 0:
            return self.sample(count, seed)
        random = np.random.default_rng(seed)
        panels = max(1, round(count ** (1 / self.dimension) / _GAUSS) - 1)
        lines = [_gauss_panels(panels, random.random()) for _ in range(self.dimension)]
        points = np.meshgrid(*(nodes for nodes, _ in lines), indexing="ij")
        weights = np.meshgrid(*(weights for _, weights in lines), indexing="ij")
        unit = np.stack([p.ravel() for p in points], 1)
        product = np.prod([w.ravel() for w in weights], axis=0)
        normals = self._normals(len(unit))
        return Sample(self.place(unit), self.measure * product, normals, self.domain.names)

    def _normals(self, count: int) -> Array | None:
        if self.end is None:
            return None
        name, value = self.end
        normals = np.zeros((count, self.domain.dimension))
        axis = self.domain.axis(name)
        normals[:, self.domain.names.index(name)] = 1 if value == axis.upper else -1
        return normals

    def meet(self, other: Region) -> Face | None:
        fixed = {**self.fixed, **other.fixed}
        if len(fixed) != len(self.fixed) + len(other.fixed):
            return None
        return Face(self.domain, tuple(sorted(fixed.items())))

    def within(self, domain: Domain) -> Face | None:
        assert isinstance(domain, Box)
        return Face(domain, self.values) if lies_in_window(self, domain) else None

    def to_data(self) -> dict[str, Any]:
        return {"parts": [self.fixed]}


class Box(Domain):
    """A product of intervals, `Box(x=(-1, 1), t=(0, 1))`; an axis named t is time.

    Raises KanpdeError for an interval that is empty or not finite.
    """

    def __init__(self, /, **intervals: tuple[float, float] | Interval) -> None:
        if not intervals:
            raise KanpdeError("a Box needs at least one interval: Box(x=(0, 1))")
        for name in intervals:
            if not name.isidentifier() or keyword.iskeyword(name) or name == "self":
                raise KanpdeError(f"Box: {name!r} cannot name an axis; take a name of Python")
        self.axes = tuple(_axis(n, v) for n, v in intervals.items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Box) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def __repr__(self) -> str:
        return (
            "Box(" + ", ".join(f"{n}=({a:g}, {b:g})" for n, (a, b) in self.intervals.items()) + ")"
        )

    def key(self) -> Hashable:
        return tuple((a.name, a.lower, a.upper, a.role, a.scale) for a in self.axes)

    @cached_property
    def interior(self) -> Face:
        return Face(self, ())

    @property
    def boundaries(self) -> dict[str, Region]:
        """The faces, named as in "x = -1"."""
        axes = self.product_axes
        faces = (Face(self, ((a.name, e),)) for a in axes for e in (a.lower, a.upper))
        return {face.label: face for face in faces}

    def face(self, **fixed: float) -> Face:
        """The face, edge or corner with these coordinates: `box.face(t=0)`.

        Raises KanpdeError for an unknown axis or a value outside of the box.
        """
        if not fixed:
            raise KanpdeError("face() needs a coordinate: box.face(t=0)")
        for name, value in fixed.items():
            self._check_inside(name, value)
            require_no_parameter(self.axis(name))
            low, high = self.intervals[name]
            if len(fixed) < self.dimension and self._snap(name, value) not in (low, high):
                raise KanpdeError(
                    f"face({name}={value:g}) is not on the boundary of the box: {name} ends at "
                    f"{low:g} and {high:g}; box.point(...) gives a point inside"
                )
        return self._fix(fixed)

    def faces(self, *axes: Axis) -> Union:
        """Both ends of each of these axes; of all space axes if none is named."""
        named = axes or self.space
        for axis in named:
            if not isinstance(axis, Axis) or axis.name not in self.names:
                raise KanpdeError(f"faces({axis}): the axes of the box are {', '.join(self.names)}")
            require_no_parameter(axis)
        return Union(
            tuple(Face(self, ((a.name, end),)) for a in named for end in (a.lower, a.upper))
        )

    def point(self, **coordinates: float) -> Face:
        """A point of space, for a gauge: `box.point(x=0, y=0)`, at all times and parameters.

        With a value for the time as well it is that point at that time alone. Raises KanpdeError
        for a missing coordinate of space, and for a value outside of the box.
        """
        missing = [axis.name for axis in self.space if axis.name not in coordinates]
        if missing or not coordinates:
            raise KanpdeError(f"point() needs a value for {', '.join(missing or self.names)}")
        for name, value in coordinates.items():
            self._check_inside(name, value)
        return self._fix(coordinates)

    def points(self, **coordinates: Any) -> Points:
        """Given points, one array for each axis: `box.points(x=[...], t=[...])`."""
        stacked = stack_points(self, coordinates)
        for name, column in zip(self.names, stacked.T, strict=True):
            for value in (column.min(), column.max()):
                self._check_inside(name, float(value))
        return Points(self, stacked)

    def region(self, *, name: str | None = None, **intervals: tuple[float, float]) -> InnerPart:
        """The part between these values, for materials: `box.region(x=(0, 0.5))`.

        Raises KanpdeError for an unknown axis, or an interval that is empty or leaves the box.
        """
        if not intervals:
            raise KanpdeError("region() needs an interval: box.region(x=(0, 0.5))")
        for axis, ends in intervals.items():
            if axis not in {a.name for a in self.space}:
                names = ", ".join(a.name for a in self.space)
                raise KanpdeError(f"region({axis}=...): the axes of space are {names}")
            inner = Box(**{axis: ends}).axes[0]
            for value in (inner.lower, inner.upper):
                self._check_inside(axis, value)
        snapped = {
            n: (self._snap(n, float(a)), self._snap(n, float(b))) for n, (a, b) in intervals.items()
        }
        words = ", ".join(f"{a:g} < {n} < {b:g}" for n, (a, b) in snapped.items())
        return InnerPart(self, self.restricted(**snapped), name or words)

    def boundary_at(self, axis: str, value: float) -> Face:
        return self.face(**{axis: value})

    def contains(self, points: Array) -> Array:
        low, high = self.bounds
        slack = _ROUNDING * (high - low)
        return np.asarray(((points >= low - slack) & (points <= high + slack)).all(1))

    def restricted(self, **intervals: tuple[float, float]) -> Box:
        return Box(
            **{
                a.name: Interval(*intervals.get(a.name, (a.lower, a.upper)), a.role, a.scale)
                for a in self.axes
            }
        )

    def grid(self, counts: int | Mapping[str, int]) -> Grid:
        """Even coordinates along each axis, ends included."""
        chosen = counts if isinstance(counts, Mapping) else dict.fromkeys(self.names, counts)
        return Grid({a.name: a.place(np.linspace(0, 1, chosen[a.name])) for a in self.axes})

    def fix(self, values: Mapping[str, float]) -> Box:
        rest = {
            a.name: Interval(a.lower, a.upper, a.role, a.scale)
            for a in self.axes
            if a.name not in values
        }
        return Box(**rest)

    def vanishing(self, region: Region) -> Expression | None:
        """The distance to a face."""
        return distance_to_end(self, region)

    def to_data(self) -> dict[str, Any]:
        data: dict[str, Any] = {"box": {name: list(ends) for name, ends in self.intervals.items()}}
        roles = {a.name: a.role.value for a in self.axes if a.role is not usual_role(a.name)}
        scales = {a.name: a.scale.value for a in self.axes if a.scale is not Scale.LINEAR}
        return data | ({"roles": roles} if roles else {}) | ({"scales": scales} if scales else {})

    def region_from_data(self, data: Mapping[str, Any]) -> Region:
        if "points" in data:
            return Points(self, np.array(data["points"], float))
        parts = tuple(
            Face(self, tuple(sorted((str(n), float(v)) for n, v in fixed.items())))
            for fixed in data["parts"]
        )
        return parts[0] if len(parts) == 1 else Union(parts)

    def _fix(self, fixed: Mapping[str, float]) -> Face:
        """The part with these coordinates; values within rounding of an end are that end."""
        return Face(self, tuple(sorted((n, self._snap(n, float(v))) for n, v in fixed.items())))

    def _snap(self, name: str, value: float) -> float:
        low, high = self.intervals[name]
        near = _ROUNDING * (high - low)
        return next((end for end in (low, high) if abs(value - end) <= near), value)

    def _check_inside(self, name: str, value: float) -> None:
        if name not in self.intervals:
            raise KanpdeError(f"the box has no axis {name}; it has {', '.join(self.names)}")
        require_number(f"the coordinate {name}", value)
        low, high = self.intervals[name]
        slack = _ROUNDING * (high - low)
        if not low - slack <= value <= high + slack:
            raise KanpdeError(
                f"{name} = {value:g} lies outside of the box, where {name} goes from "
                f"{low:g} to {high:g}"
            )


def _gauss_panels(panels: int, shift: float) -> tuple[Array, Array]:
    """Nodes and weights on [0, 1], cut at (k + shift) / panels."""
    inner = (np.arange(panels) + shift) / panels
    cuts = np.concatenate([[0.0], inner, [1.0]])
    nodes, weights = np.polynomial.legendre.leggauss(_GAUSS)
    widths = np.diff(cuts)[:, None]
    return (cuts[:-1, None] + widths * (nodes + 1) / 2).ravel(), (widths * weights / 2).ravel()


def box_from_data(data: Mapping[str, Any]) -> Box:
    """The box of `Box.to_data`."""
    roles = {n: Role(r) for n, r in data.get("roles", {}).items()}
    scales = {n: Scale(s) for n, s in data.get("scales", {}).items()}
    for name in data["box"]:
        if not name.isidentifier():
            raise KanpdeError(f"{name[:60]!r} is not the name of an axis")
    return Box(
        **{
            n: Interval(
                float(a), float(b), roles.get(n, usual_role(n)), scales.get(n, Scale.LINEAR)
            )
            for n, (a, b) in data["box"].items()
        }
    )


def _axis(name: str, interval: tuple[float, float] | Interval) -> Axis:
    role = interval.role if isinstance(interval, Interval) else usual_role(name)
    scale = interval.scale if isinstance(interval, Interval) else Scale.LINEAR
    pair: Any = interval
    if isinstance(interval, Interval):
        pair = (interval.lower, interval.upper)
    if not isinstance(pair, (tuple, list, np.ndarray)) or np.shape(pair) != (2,):
        raise KanpdeError(
            f"Box({name}=...) needs two numbers, {name}=(lower, upper), not {interval!r}"
        )
    try:
        low, high = (float(v) for v in pair)
    except (TypeError, ValueError, OverflowError):
        raise KanpdeError(
            f"Box({name}=...) needs two numbers, {name}=(lower, upper), not {interval!r}"
        ) from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise KanpdeError(f"Box({name}=({low:g}, {high:g})): the interval is empty or not finite")
    if not math.isfinite(high - low):
        raise KanpdeError(f"Box({name}=({low:g}, {high:g})): the interval is too long")
    return Axis(name, low, high, role, _check_scale(f"Box({name}=...)", low, scale.value))
