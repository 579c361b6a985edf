"""What every domain and every region can do: the interface of boxes, other shapes and meshes.

Problems, points, windows of time and files use domains through these two classes only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.cells import Cells
from kanpde.geometry.grid import Grid
from kanpde.geometry.outline import outline_of_box, outline_of_cells
from kanpde.symbols.expression import Axis, Expression, NormalSymbol, Role, exact_number

# Points along each axis of a picture's outline.
_OUTLINE = 33


@dataclass(frozen=True)
class Sample:
    """Points (N, dimension) of a region, with weights (N,) that sum to its measure.

    `normals` (N, dimension) are the outward unit normals, on boundaries that have them.
    """

    points: Array
    weights: Array
    normals: Array | None = None
    # The names of the columns of the points, where there are normals.
    names: tuple[str, ...] = ()

    def places(self, axes: Iterable[str]) -> Array:
        """The points with a column more for the normal along each of these axes, by their names."""
        wanted = [self.names.index(name) for name in axes]
        if not wanted or self.normals is None:
            return self.points
        return np.concatenate([self.points, self.normals[:, wanted]], 1)

    @property
    def importance(self) -> Array:
        """The weights relative to even ones, (N,): exactly one if all are equal."""
        if self.weights.min() == self.weights.max():
            return np.ones(len(self.weights))
        return np.asarray(self.weights * (len(self.weights) / self.weights.sum()))


class Region(ABC):
    """A part of a domain where a condition holds: its interior, a piece of its boundary, points."""

    domain: Domain

    @property
    @abstractmethod
    def label(self) -> str:
        """A few words for a person."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """The number of coordinates that vary on it; 0 for single points."""

    @property
    @abstractmethod
    def measure(self) -> float:
        """Its length, area or volume; the number of points where there are only points."""

    @property
    def fixed(self) -> Mapping[str, float]:
        """The coordinates that have one value on all of it, by the names of their axes."""
        return {}

    @property
    def parts(self) -> tuple[Region, ...]:
        """What it is a union of: itself alone, unless it is one."""
        return (self,)

    @property
    def is_interior(self) -> bool:
        """Whether it is the interior of its domain."""
        return False

    @abstractmethod
    def count(self, interior: int) -> int:
        """How many points it gets if the interior has `interior` points."""

    @abstractmethod
    def sample(self, count: int, seed: int) -> Sample:
        """About `count` points, the same ones for the same seed."""

    def quadrature(self, count: int, seed: int) -> Sample:
        """About `count` points with weights that integrate smooth functions accurately."""
        return self.sample(count, seed)

    @abstractmethod
    def within(self, domain: Domain) -> Region | None:
        """Its part in a restricted domain; None if that is empty.

        Points at the start of a window of time belong to the previous window: they are not in the
        part, unless the window starts where the whole domain does.
        """

    def covers(self, other: Region) -> bool:
        """Whether all of another region lies in it, where that is known."""
        return other.key() == self.key()

    def holds_at(self, points: Array) -> Array:
        """Which points (N, dimension) of the domain lie in it, where it is of full dimension.

        All of them in an interior; a region of several ones has some.
        """
        return np.ones(len(points), bool)

    @property
    def hull(self) -> Domain:
        """A domain around it, by whose axes and holes a network on it is built."""
        return self.domain

    def interface_to(self, other: Region) -> Region | None:
        """Where two regions of full dimension touch, with normals from this to the other one.

        None where they do not, or where that is not known.
        """
        return None

    def meet(self, other: Region) -> Region | None:
        """Where two flat boundaries meet; None where that is not known."""
        return None

    @abstractmethod
    def key(self) -> Hashable:
        """A key that is equal for the same part of the same domain, else different."""

    @abstractmethod
    def to_data(self) -> dict[str, Any]:
        """As JSON data, which `Domain.region_from_data` reads."""

    @property
    def end(self) -> tuple[str, float] | None:
        """The axis and the end of it, if the region is that whole face; else None."""
        if len(self.fixed) != 1:
            return None
        ((name, value),) = self.fixed.items()
        axis = self.domain.axis(name)
        return (name, value) if value in (axis.lower, axis.upper) else None


@dataclass(frozen=True)
class Pole:
    """A circle in a hole of a domain, in the plane of two axes."""

    axes: tuple[str, str]
    centre: tuple[float, float]
    radius: float


@dataclass(frozen=True)
class Corner:
    """Where two smooth pieces of a boundary meet, in the plane of two axes.

    `bisector` is the unit vector through the middle of the domain there; `angle`, from the first
    side to the second, is counted counterclockwise where `sense` is 1, clockwise where it is -1.
    """

    axes: tuple[str, str]
    point: tuple[float, float]
    bisector: tuple[float, float]
    sense: float
    angle: float
    sides: tuple[Region, Region]


class Domain(ABC):
    """Where a problem is posed: axes, an interior and named boundaries."""

    axes: tuple[Axis, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(axis.name for axis in self.axes)

    @property
    def symbols(self) -> tuple[Any, ...]:
        """The SymPy symbols of the axes."""
        return tuple(axis.sympy for axis in self.axes)

    @property
    def dimension(self) -> int:
        return len(self.axes)

    @property
    def time(self) -> Axis | None:
        """The axis of time, if there is one."""
        return next((axis for axis in self.axes if axis.role is Role.TIME), None)

    @property
    def space(self) -> tuple[Axis, ...]:
        """The axes of space."""
        return tuple(axis for axis in self.axes if axis.role is Role.SPACE)

    def axis(self, name: str) -> Axis:
        """The axis of this name; raises KanpdeError where there is none."""
        for axis in self.axes:
            if axis.name == name:
                return axis
        raise KanpdeError(f"the domain has no axis {name}; it has {', '.join(self.names)}")

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """The ends of each axis, by its name."""
        return {axis.name: (axis.lower, axis.upper) for axis in self.axes}

    @property
    def bounds(self) -> tuple[Array, Array]:
        """The lower and the upper corner, (dimension,), of the box that encloses it."""
        lower = np.array([axis.lower for axis in self.axes])
        return lower, np.array([axis.upper for axis in self.axes])

    @property
    def parameters(self) -> tuple[Axis, ...]:
        """The axes of parameters: everything holds for all their values, and nothing ends there."""
        return tuple(axis for axis in self.axes if axis.is_parameter)

    @property
    def product_axes(self) -> tuple[Axis, ...]:
        """The axes whose two ends are parts of the boundary: of a box space and time.

        Of a shape the time alone.
        """
        return tuple(axis for axis in self.axes if not axis.is_parameter)

    @property
    def is_box(self) -> bool:
        """Whether it is a product of intervals, so that an even grid fills it."""
        return len(self.product_axes) + len(self.parameters) == len(self.axes)

    @property
    def normal(self) -> tuple[Expression, ...]:
        """The components of the outward unit normal along the axes of space.

        They stand in the residuals of conditions on its boundary.
        """
        return tuple(Expression(NormalSymbol(axis.name)) for axis in self.space)

    @property
    def poles(self) -> tuple[Pole, ...]:
        """A circle in each hole."""
        return ()

    @property
    def corners(self) -> tuple[Corner, ...]:
        """Where pieces of the boundary meet, of a plane shape."""
        return ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person may want to know of its form."""
        return ()

    def find_uncovered(self, regions: list[Region]) -> list[str]:
        """Pieces of the boundary, beside the ends of `product_axes`, that no region covers."""
        return []

    @property
    @abstractmethod
    def interior(self) -> Region:
        """Where its equations hold."""

    @property
    @abstractmethod
    def boundaries(self) -> Mapping[str, Region]:
        """The named parts of its boundary."""

    def boundary(self, name: str) -> Region:
        """One of the named parts; raises KanpdeError with the names that there are."""
        if name not in self.boundaries:
            raise KanpdeError(
                f"the domain has no boundary {name!r}; it has {', '.join(self.boundaries)}"
            )
        return self.boundaries[name]

    @abstractmethod
    def boundary_at(self, axis: str, value: float) -> Region:
        """The part on which an axis has this value, one of its ends, such as that of a window."""

    @abstractmethod
    def contains(self, points: Array) -> Array:
        """Which of the points (N, dimension) lie in it, boundary included: (N,), bool."""

    @abstractmethod
    def restricted(self, **intervals: tuple[float, float]) -> Domain:
        """The part with these axes cut to these intervals: a window of time, a subdomain."""

    def fix(self, values: Mapping[str, float]) -> Domain:
        """What is left of it where these parameters have these values, without their axes.

        Raises KanpdeError for a kind of domain that cannot.
        """
        raise KanpdeError(f"the parameters of a {type(self).__name__} cannot be fixed")

    @abstractmethod
    def grid(self, counts: int | Mapping[str, int]) -> Grid | Cells:
        """Points for files and pictures: a `Grid` of a box, `Cells` of any other shape."""

    def outline(self) -> Cells:
        """Its cells in space with the named parts of its boundary: what a picture shows of it.

        Of a box with one axis of space, in space and time.
        """
        still = tuple(axis for axis in self.axes if not axis.is_parameter)
        drawn = (self.space if len(self.space) > 1 else still)[:3]
        if self.is_box:
            return outline_of_box(drawn)
        cells = self.grid(_OUTLINE)
        assert isinstance(cells, Cells)
        columns = [self.names.index(axis.name) for axis in drawn]
        samples = {
            name: region.sample(_OUTLINE**2, 0).points[:, columns]
            for name, region in self.boundaries.items()
            if not region.fixed
        }
        return outline_of_cells(cells, samples)

    @property
    def files(self) -> Mapping[Path, Path]:
        """The files that it was read from: as they were given -> where they were found."""
        return {}

    @abstractmethod
    def vanishing(self, region: Region) -> Expression | None:
        """A smooth function that is zero on the region, with a slope there, and positive elsewhere.

        None where there is none: conditions there are trained.
        """

    @abstractmethod
    def key(self) -> Hashable:
        """A key that is different for different domains."""

    @abstractmethod
    def to_data(self) -> dict[str, Any]:
        """As JSON data, which `domain_from_data` reads."""

    @abstractmethod
    def region_from_data(self, data: Mapping[str, Any]) -> Region:
        """The region of `Region.to_data`."""


def lies_in_window(part: Region, domain: Domain) -> bool:
    """Whether the fixed coordinates of a part lie in a restricted domain.

    The start of a window of time belongs to the previous window, unless the whole starts there.
    """
    whole = part.domain.time
    for name, value in part.fixed.items():
        axis = domain.axis(name)
        starts = whole is None or whole.name != name or axis.lower == whole.lower
        if not axis.lower <= value <= axis.upper or (value == axis.lower and not starts):
            return False
    return True


def require_no_parameter(axis: Axis) -> None:
    """Raise KanpdeError for a parameter, where a boundary is asked for."""
    if axis.is_parameter:
        raise KanpdeError(
            f"{axis.name} is a parameter and not space: the domain has no boundary there, and "
            f"conditions hold for all values of {axis.name}"
        )


def distance_to_end(domain: Domain, region: Region) -> Expression | None:
    """The distance to an end of an axis that is the region; None for any other region."""
    if region.end is None:
        return None
    name, value = region.end
    axis = domain.axis(name)
    distance = axis.sympy - exact_number(value)
    return Expression(distance if value == axis.lower else -distance)
