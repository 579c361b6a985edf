"""Domains of any form: solids, and solids over time or a parameter."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.box import Box, Interval
from kanpde.geometry.cells import Cells
from kanpde.geometry.domain import Corner, Domain, Pole, Region
from kanpde.geometry.points import Points
from kanpde.geometry.solids.cells import make_cells
from kanpde.geometry.solids.corners import find_corners
from kanpde.geometry.solids.naming import describe_contacts, describe_uncovered, find_facets
from kanpde.geometry.solids.part import Part
from kanpde.geometry.solids.vanishing import vanishing_product
from kanpde.symbols.expression import Axis, Expression

if TYPE_CHECKING:
    from kanpde.geometry.solids.solid import Solid

# A point so near, relative to the size of the solid, counts as in it.
_ROUNDING = 1e-9


class Shape(Domain):
    """A solid, times an interval for each further axis."""

    @property
    @abstractmethod
    def solid(self) -> Solid:
        """The part in space."""

    @property
    @abstractmethod
    def extra(self) -> tuple[Axis, ...]:
        """The axes beside those of the solid: time, parameters."""

    def over(self, **intervals: tuple[float, float] | Interval) -> Shape:
        """The shape over time or a parameter: `plate.over(t=(0, 1))`.

        Raises KanpdeError for an interval that is empty or not finite, or an axis that it has.
        """
        twice = [name for name in intervals if name in self.names]
        if twice:
            raise KanpdeError(f"over({twice[0]}=...): the shape has this axis already")
        return Extruded(self.solid, (*self.extra, *Box(**intervals).axes))

    @property
    def product_axes(self) -> tuple[Axis, ...]:
        return self.extra

    @property
    def size(self) -> float:
        """The diagonal of the box around the solid."""
        lower, upper = self.solid.bounds
        return float(np.linalg.norm(upper - lower))

    # --- regions -----------------------------------------------------------------------

    @cached_property
    def interior(self) -> Region:
        return self._part(None)

    @property
    def boundaries(self) -> Mapping[str, Region]:
        """The visible pieces of the boundary by their names, and the ends of further axes."""
        found: dict[str, Region] = {
            name: self._part((k,)) for k, name in enumerate(self.solid.facet_names)
        }
        for axis in self.extra:
            for end in (axis.lower, axis.upper):
                found[f"{axis.name} = {end:g}"] = self._part(None, ((axis.name, end),))
        return found

    def boundary(self, *which: str | Solid | Region) -> Part:
        """Pieces of the boundary, by name or by the solid or the face that they come from.

        All of it if none is named: `plate.boundary(hole)`, `plate.boundary(sheet.face(x=2))`,
        `plate.boundary("disk")`. Raises KanpdeError for what is not on the boundary.
        """
        facets = find_facets(self.solid, which)
        return self._part(facets)

    def face(self, **fixed: float) -> Part:
        """The flat part of the boundary with this coordinate: `plate.face(x=2)`, `face(t=0)`.

        Raises KanpdeError for an unknown axis or a value at which the boundary is not flat.
        """
        if len(fixed) != 1:
            raise KanpdeError("face() of a shape needs one coordinate: shape.face(x=1)")
        ((name, value),) = fixed.items()
        axis = self.axis(name)
        if axis.name in [a.name for a in self.extra]:
            near = _ROUNDING * (axis.upper - axis.lower)
            for end in (axis.lower, axis.upper):
                if abs(value - end) <= near:
                    return self._part(None, ((name, end),))
            raise KanpdeError(
                f"face({name}={value:g}): {name} ends at {axis.lower:g} and {axis.upper:g}"
            )
        k = self.names.index(name)
        flat = []
        for number, facet in enumerate(self.solid.facets):
            column = facet.outermost[:, k]
            if np.abs(column - value).max() <= 1e-9 * self.size:
                flat.append(number)
        if not flat:
            raise KanpdeError(f"face({name}={value:g}): no side of the shape lies there")
        return self._part(tuple(flat))

    def boundary_at(self, axis: str, value: float) -> Part:
        return self.face(**{axis: value})

    def point(self, **coordinates: float) -> Points:
        """One point, with every coordinate given: for a gauge, `shape.point(x=0, y=0)`."""
        return self.points(**{name: [value] for name, value in coordinates.items()})

    def points(self, **coordinates: Any) -> Points:
        """Given points, one array for each axis; raises KanpdeError for one outside."""
        if set(coordinates) != set(self.names):
            raise KanpdeError(
                f"points() needs exactly the axes {', '.join(self.names)}, "
                f"not {', '.join(coordinates) or 'none'}"
            )
        columns = np.broadcast_arrays(*(np.asarray(coordinates[n], float) for n in self.names))
        stacked = np.stack([column.ravel() for column in columns], 1)
        if not len(stacked):
            raise KanpdeError("points() needs at least one point")
        outside = np.flatnonzero(np.logical_not(self.contains(stacked)))
        if outside.size:
            place = stacked[outside[0]]
            where = ", ".join(f"{n} = {v:g}" for n, v in zip(self.names, place, strict=True))
            raise KanpdeError(f"the point {where} lies outside of the shape")
        return Points(self, stacked)

    def boundary_piece(self, number: int) -> Part:
        """One facet of the boundary, by its number."""
        return self._part((number,))

    def _part(
        self, facets: tuple[int, ...] | None, values: tuple[tuple[str, float], ...] = ()
    ) -> Part:
        return Part(self, facets, values)

    # --- the domain --------------------------------------------------------------------

    def contains(self, points: Array) -> Array:
        own = len(self.solid.coordinates)
        inside = self.solid.level(points[:, :own]) <= _ROUNDING * self.size
        for k, axis in enumerate(self.extra):
            slack = _ROUNDING * (axis.upper - axis.lower)
            column = points[:, own + k]
            inside &= (column >= axis.lower - slack) & (column <= axis.upper + slack)
        return np.asarray(inside)

    def restricted(self, **intervals: tuple[float, float]) -> Shape:
        """With these further axes cut; raises KanpdeError for an axis of space."""
        for axis in self.solid.axes:
            given = intervals.get(axis.name)
            if given is not None and tuple(given) != (axis.lower, axis.upper):
                raise KanpdeError(f"a shape cannot be cut along {axis.name}; use & Rectangle(...)")
        if not self.extra:
            return self
        cut = []
        for axis in self.extra:
            low, high = intervals.get(axis.name, (axis.lower, axis.upper))
            cut.append(Axis(axis.name, float(low), float(high), axis.role))
        return Extruded(self.solid, tuple(cut))

    def grid(self, counts: int | Mapping[str, int]) -> Cells:
        chosen = counts if isinstance(counts, Mapping) else dict.fromkeys(self.names, counts)
        return make_cells(self, chosen)

    def find_uncovered(self, regions: list[Region]) -> list[str]:
        return describe_uncovered(self.solid, regions)

    @property
    def poles(self) -> tuple[Pole, ...]:
        return self.solid.holes

    @cached_property
    def corners(self) -> tuple[Corner, ...]:
        return find_corners(self)

    @property
    def notes(self) -> tuple[str, ...]:
        return describe_contacts(self.solid)

    def vanishing(self, region: Region) -> Expression | None:
        """A product of smooth functions, one for each primitive of the region.

        None where one of them also vanishes inside of the shape, or on a piece beside the region.
        """
        return vanishing_product(self, region)

    def key(self) -> Hashable:
        return self.solid.text, tuple((a.name, a.lower, a.upper, a.role) for a in self.extra)

    def to_data(self) -> dict[str, Any]:
        data: dict[str, Any] = {"shape": self.solid.to_tree()}
        if self.extra:
            data["over"] = Box(
                **{a.name: Interval(a.lower, a.upper, a.role) for a in self.extra}
            ).to_data()
        return data

    def region_from_data(self, data: Mapping[str, Any]) -> Region:
        if "points" in data:
            return Points(self, np.array(data["points"], float).reshape(-1, self.dimension))
        facets = data["facets"]
        values = tuple(sorted((str(n), float(v)) for n, v in data["fixed"].items()))
        return self._part(None if facets is None else tuple(int(k) for k in facets), values)


class Extruded(Shape):
    """A solid over further axes."""

    def __init__(self, solid: Solid, extra: tuple[Axis, ...]) -> None:
        self._solid, self._extra = solid, extra
        self.axes = (*solid.axes, *extra)

    @property
    def solid(self) -> Solid:
        return self._solid

    @property
    def extra(self) -> tuple[Axis, ...]:
        return self._extra

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Extruded) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def __repr__(self) -> str:
        ends = ", ".join(f"{a.name}=({a.lower:g}, {a.upper:g})" for a in self.extra)
        return f"{self.solid} over {ends}"
