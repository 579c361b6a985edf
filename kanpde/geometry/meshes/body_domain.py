"""Domains that are read from files: a body in space, over time or a parameter."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.box import Box, Interval, box_from_data
from kanpde.geometry.cells import Cells
from kanpde.geometry.domain import Domain, Region
from kanpde.geometry.meshes.body import Body
from kanpde.geometry.meshes.part import BodyPart
from kanpde.geometry.points import Points
from kanpde.symbols.expression import Axis, Expression, exact_number

# Ends of further axes are met within this share of their length.
_ROUNDING = 1e-9
# Values of one field in files at most: a fine mesh is written at fewer times.
_MOST_VALUES = 6_000_000


def check_scale(kind: str, scale: float) -> None:
    """Raise KanpdeError for a factor that is not a positive number."""
    if not (isinstance(scale, (int, float)) and np.isfinite(scale) and scale > 0):
        raise KanpdeError(f"{kind}(scale={scale!r}): give a positive number, such as 1e-3")


class BodyDomain(Domain):
    """A body in space, times an interval for each further axis."""

    body: Body
    extra: tuple[Axis, ...]
    # As it was given, and where it was found.
    given: Path
    path: Path

    @property
    def files(self) -> Mapping[Path, Path]:
        """The file that it was read from, by the name that the problem file has for it.

        With the file of arrays that belongs to an XDMF file.
        """
        both = [(self.given, self.path)]
        if self.path.suffix.lower() == ".xdmf":
            both.append((self.given.with_suffix(".h5"), self.path.with_suffix(".h5")))
        return {given: found for given, found in both if found.is_file()}

    def _set(self, body: Body, extra: tuple[Axis, ...]) -> None:
        self.body, self.extra = body, extra
        low, high = body.bounds
        ends = zip(body.names, low.tolist(), high.tolist(), strict=True)
        self.axes = (*(Axis(name, a, b) for name, a, b in ends), *extra)

    def over(self, **intervals: tuple[float, float] | Interval) -> Self:
        """The same over time or a parameter: `mesh.over(t=(0, 1))`.

        Raises KanpdeError for an interval that is empty or not finite, or an axis that it has.
        """
        twice = [name for name in intervals if name in self.names]
        if twice:
            raise KanpdeError(f"over({twice[0]}=...): the mesh has this axis already")
        return self._with((*self.extra, *Box(**intervals).axes))

    def _with(self, extra: tuple[Axis, ...]) -> Self:
        """The same with other further axes."""
        other = copy.copy(self)
        other._set(self.body, extra)
        return other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BodyDomain) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    @property
    def product_axes(self) -> tuple[Axis, ...]:
        """The axes whose ends are parts of the boundary: those beside space."""
        return self.extra

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person may want to know of the file."""
        return self.body.notes

    def find_uncovered(self, regions: list[Region]) -> list[str]:
        """Parts of the boundary, with their length or area, that no region covers."""
        own = [r for r in regions if isinstance(r, BodyPart) and r.boundary is not None]
        covered = [self.body.find_facets(r.boundary or ()) for r in own]
        return self.body.describe_uncovered(
            np.concatenate(covered) if covered else np.empty(0, np.int64)
        )

    # --- regions -----------------------------------------------------------------------

    @property
    def interior(self) -> BodyPart:
        return BodyPart(self)

    @property
    def boundaries(self) -> Mapping[str, Region]:
        """The named parts, and the ends of further axes as in "t = 0"."""
        found: dict[str, Region] = {name: BodyPart(self, (name,)) for name in self.body.parts}
        for axis in self.extra:
            for end in (axis.lower, axis.upper):
                found[f"{axis.name} = {end:g}"] = BodyPart(self, values=((axis.name, end),))
        return found

    def boundary(self, *which: str) -> BodyPart:
        """Named parts of the boundary, all of it if none is named: `mesh.boundary("inlet")`.

        Raises KanpdeError, with near names, for a part that is not there.
        """
        for name in which:
            if not isinstance(name, str):
                raise KanpdeError(f"boundary({name!r}): name a part as a text")
        self.body.find_facets(which)
        return BodyPart(self, tuple(which))

    def region(self, *which: str) -> BodyPart:
        """Named parts of the inside, such as materials: `mesh.region("steel")`.

        Raises KanpdeError, with near names, for a region that is not there.
        """
        if not which:
            raise KanpdeError(f"region() needs a name; {', '.join(self.body.regions) or 'no name'}")
        self.body.check_regions(which)
        return BodyPart(self, regions=tuple(which))

    def face(self, **fixed: float) -> BodyPart:
        """The state at an end of a further axis: `mesh.face(t=0)`.

        Raises KanpdeError for an axis of space, or a value that is not an end.
        """
        if len(fixed) != 1:
            raise KanpdeError("face() of a mesh needs one coordinate: mesh.face(t=0)")
        ((name, value),) = fixed.items()
        axis = self.axis(name)
        if axis not in self.extra:
            raise KanpdeError(
                f"face({name}={value:g}): a mesh has named parts instead; take "
                f"boundary(...) with {', '.join(self.body.parts)}"
            )
        for end in (axis.lower, axis.upper):
            if abs(value - end) <= _ROUNDING * (axis.upper - axis.lower):
                return BodyPart(self, values=((name, end),))
        raise KanpdeError(
            f"face({name}={value:g}): {name} ends at {axis.lower:g} and {axis.upper:g}"
        )

    def boundary_at(self, axis: str, value: float) -> BodyPart:
        return self.face(**{axis: value})

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
        if len(outside):
            place = stacked[outside[0]]
            where = ", ".join(f"{n} = {v:g}" for n, v in zip(self.names, place, strict=True))
            raise KanpdeError(f"the point {where} lies outside of the mesh")
        return Points(self, stacked)

    def point(self, **coordinates: float) -> Points:
        """One point, with every coordinate given: for a gauge, `mesh.point(x=0, y=0)`."""
        return self.points(**{name: [value] for name, value in coordinates.items()})

    # --- the domain --------------------------------------------------------------------

    def contains(self, points: Array) -> Array:
        own = self.body.dimension
        inside = np.ones(len(points), bool)
        for k, axis in enumerate(self.extra):
            slack = _ROUNDING * (axis.upper - axis.lower)
            column = points[:, own + k]
            inside &= (column >= axis.lower - slack) & (column <= axis.upper + slack)
        inside[inside] = self.body.contains(np.ascontiguousarray(points[inside][:, :own]))
        return np.asarray(inside)

    def restricted(self, **intervals: tuple[float, float]) -> Self:
        """With these further axes cut; raises KanpdeError for an axis of space."""
        for axis in self.axes[: self.body.dimension]:
            given = intervals.get(axis.name)
            if given is not None and tuple(given) != (axis.lower, axis.upper):
                raise KanpdeError(f"a mesh cannot be cut along {axis.name}")
        ends = [intervals.get(a.name, (a.lower, a.upper)) for a in self.extra]
        cut = zip(self.extra, ends, strict=True)
        return self._with(tuple(Axis(a.name, float(e[0]), float(e[1]), a.role) for a, e in cut))

    def grid(self, counts: int | Mapping[str, int]) -> Cells:
        """Its cells, at even times; a parameter has the value in the middle of its axis."""
        chosen = counts if isinstance(counts, Mapping) else dict.fromkeys(self.names, counts)
        space = self.axes[: self.body.dimension]
        spacing = max((a.upper - a.lower) / max(chosen[a.name] - 1, 1) for a in space)
        cells = self.body.make_cells(spacing)
        fixed = {a.name: (a.lower + a.upper) / 2 for a in self.extra if not a.is_time}
        if fixed:
            cells = cells.fix(fixed)
        if self.time is not None:
            most = max(2, _MOST_VALUES // len(cells.nodes))
            times = min(chosen[self.time.name], most)
            cells = cells.over(self.time.name, np.linspace(self.time.lower, self.time.upper, times))
        return cells

    def vanishing(self, region: Region) -> Expression | None:
        """The distance from an end of a further axis; none for the boundary in space."""
        if region.end is None:
            return None
        name, value = region.end
        axis = self.axis(name)
        distance = axis.sympy - exact_number(value)
        return Expression(distance if value == axis.lower else -distance)

    def key(self) -> Hashable:
        return self.body.digest, tuple((a.name, a.lower, a.upper, a.role) for a in self.extra)

    def to_data(self) -> dict[str, Any]:
        data = self.body.to_data()
        if self.extra:
            further = {a.name: Interval(a.lower, a.upper, a.role) for a in self.extra}
            data["over"] = Box(**further).to_data()
        return data

    def over_data(self, data: Mapping[str, Any]) -> Self:
        """The same over the further axes of `to_data`."""
        return self._with(box_from_data(data["over"]).axes) if "over" in data else self

    def region_from_data(self, data: Mapping[str, Any]) -> Region:
        if "points" in data:
            return Points(self, np.array(data["points"], float).reshape(-1, self.dimension))
        boundary, regions = data["boundary"], data["regions"]
        values = tuple(sorted((str(n), float(v)) for n, v in data["fixed"].items()))
        part = BodyPart(
            self,
            None if boundary is None else tuple(str(n) for n in boundary),
            None if regions is None else tuple(str(n) for n in regions),
            values,
        )
        self.body.find_facets(part.boundary or ())
        self.body.check_regions(part.regions or ())
        return part
