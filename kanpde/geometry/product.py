"""A body in space times an interval for each further axis (time, parameters), and its parts.

Shapes and what is read from files differ in the body; over the further axes they are alike.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.box import Box, Interval
from kanpde.geometry.cells import Cells
from kanpde.geometry.domain import Domain, Region, lies_in_window, require_no_parameter
from kanpde.geometry.points import Points, stack_points
from kanpde.symbols.expression import Axis

# Ends of further axes are met within this share of their length.
_ROUNDING = 1e-9


class ProductDomain(Domain):
    """A body in space, times an interval for each further axis."""

    # What it is called in messages, and what to do where it cannot be cut.
    noun: ClassVar[str]
    cut_advice: ClassVar[str] = ""

    @property
    @abstractmethod
    def extra(self) -> tuple[Axis, ...]:
        """The axes beside those of space: time, parameters."""

    @abstractmethod
    def with_extra(self, extra: tuple[Axis, ...]) -> ProductDomain:
        """The same body over other further axes."""

    @abstractmethod
    def contains_in_space(self, points: Array) -> Array:
        """Which points of space (N, space dimension) lie in the body: (N,), bool."""

    @property
    def body_axes(self) -> tuple[Axis, ...]:
        """The axes of the body."""
        return self.axes[: len(self.axes) - len(self.extra)]

    @property
    def product_axes(self) -> tuple[Axis, ...]:
        return tuple(axis for axis in self.extra if not axis.is_parameter)

    def fix(self, values: Mapping[str, float]) -> ProductDomain:
        return self.with_extra(tuple(axis for axis in self.extra if axis.name not in values))

    def extend(self, intervals: Mapping[str, tuple[float, float] | Interval]) -> tuple[Axis, ...]:
        """Its further axes and new ones; raises KanpdeError for an axis that it has."""
        twice = [name for name in intervals if name in self.names]
        if twice:
            raise KanpdeError(f"over({twice[0]}=...): the {self.noun} has this axis already")
        return (*self.extra, *Box(**intervals).axes)

    def find_end(self, axis: Axis, value: float) -> tuple[str, float]:
        """A further axis and the end of it that is meant; raises KanpdeError for another value."""
        require_no_parameter(axis)
        for end in (axis.lower, axis.upper):
            if abs(value - end) <= _ROUNDING * (axis.upper - axis.lower):
                return axis.name, end
        raise KanpdeError(
            f"face({axis.name}={value:g}): {axis.name} ends at {axis.lower:g} and {axis.upper:g}"
        )

    def points(self, **coordinates: Any) -> Points:
        """Given points, one array for each axis; raises KanpdeError for one outside."""
        stacked = stack_points(self, coordinates)
        outside = np.flatnonzero(np.logical_not(self.contains(stacked)))
        if len(outside):
            place = stacked[outside[0]]
            where = ", ".join(f"{n} = {v:g}" for n, v in zip(self.names, place, strict=True))
            raise KanpdeError(f"the point {where} lies outside of the {self.noun}")
        return Points(self, stacked)

    def point(self, **coordinates: float) -> Points:
        """One point, with every coordinate given: for a gauge, `plate.point(x=0, y=0)`."""
        return self.points(**{name: [value] for name, value in coordinates.items()})

    def contains(self, points: Array) -> Array:
        own = len(self.body_axes)
        inside = np.ones(len(points), bool)
        for k, axis in enumerate(self.extra):
            slack = _ROUNDING * (axis.upper - axis.lower)
            column = points[:, own + k]
            inside &= (column >= axis.lower - slack) & (column <= axis.upper + slack)
        inside[inside] = self.contains_in_space(np.ascontiguousarray(points[inside][:, :own]))
        return np.asarray(inside)

    def restricted(self, **intervals: tuple[float, float]) -> ProductDomain:
        """With these further axes cut; raises KanpdeError for an axis of space."""
        for axis in self.body_axes:
            given = intervals.get(axis.name)
            if given is not None and tuple(given) != (axis.lower, axis.upper):
                raise KanpdeError(f"a {self.noun} cannot be cut along {axis.name}{self.cut_advice}")
        if not self.extra:
            return self
        ends = [intervals.get(a.name, (a.lower, a.upper)) for a in self.extra]
        return self.with_extra(tuple(a.cut(*e) for a, e in zip(self.extra, ends, strict=True)))

    def cells_over(self, cells: Cells, times: int) -> Cells:
        """Cells of the body at so many even times; a parameter has its middle value."""
        fixed = {a.name: a.middle for a in self.extra if not a.is_time}
        if fixed:
            cells = cells.fix(fixed)
        if self.time is None:
            return cells
        return cells.over(self.time.name, np.linspace(self.time.lower, self.time.upper, times))

    def extra_key(self) -> tuple[Any, ...]:
        """The further axes in a key."""
        return tuple((a.name, a.lower, a.upper, a.role, a.scale) for a in self.extra)

    def extra_data(self) -> dict[str, Any]:
        """The further axes as JSON data, under the key "over"; nothing where there are none."""
        if not self.extra:
            return {}
        further = {a.name: Interval(a.lower, a.upper, a.role, a.scale) for a in self.extra}
        return {"over": Box(**further).to_data()}

    def points_from_data(self, data: Mapping[str, Any]) -> Points | None:
        """The points of `Points.to_data`; None where the data are of another region."""
        if "points" not in data:
            return None
        return Points(self, np.array(data["points"], float).reshape(-1, self.dimension))


class ProductPart(Region):
    """A part of the body, or of its boundary, with fixed values of some further axes."""

    domain: ProductDomain
    values: tuple[tuple[str, float], ...]

    @property
    @abstractmethod
    def space_measure(self) -> float:
        """Its length, area or volume in space."""

    @abstractmethod
    def on(self, domain: Domain) -> Self:
        """The same part of a restricted domain."""

    @property
    def fixed(self) -> dict[str, float]:
        return dict(self.values)

    @property
    def free(self) -> tuple[Axis, ...]:
        """The further axes that vary on it."""
        return tuple(a for a in self.domain.extra if a.name not in self.fixed)

    @property
    def extent(self) -> float:
        """The product of the lengths of the free axes."""
        return math.prod(a.length for a in self.free)

    @property
    def measure(self) -> float:
        return self.space_measure * self.extent

    def within(self, domain: Domain) -> Self | None:
        return self.on(domain) if lies_in_window(self, domain) else None

    def place(self, points: Array, rest: Array) -> Array:
        """Points in space with their further coordinates, `rest` in the unit cube."""
        columns, k = list(points.T), 0
        for axis in self.domain.extra:
            if axis.name in self.fixed:
                columns.append(np.full(len(points), self.fixed[axis.name]))
            else:
                columns.append(axis.place(rest[:, k]))
                k += 1
        return np.stack(columns, 1)

    def widen(self, normals: Array) -> Array:
        """Normals in space as those of the domain: zero along further axes."""
        return np.concatenate([normals, np.zeros((len(normals), len(self.domain.extra)))], 1)

    def cross_nodes(self, nodes: Array, shares: Array) -> tuple[Array, Array]:
        """Products (K, free) of nodes in [0, 1] along the free axes, and their weights (K,)."""
        rest, weights = np.empty((1, 0)), np.ones(1)
        for axis in self.free:
            along = np.tile(nodes, len(rest))[:, None]
            rest = np.concatenate([np.repeat(rest, len(nodes), 0), along], 1)
            weights = np.outer(weights, shares * axis.length).ravel()
        return rest, weights


def values_from_data(data: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """The fixed values of a part, of its JSON data."""
    return tuple(sorted((str(n), float(v)) for n, v in data["fixed"].items()))
