"""Domains that are read from files: a body in space, over time or a parameter."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.box import Interval, box_from_data
from kanpde.geometry.cells import Cells
from kanpde.geometry.domain import Region, distance_to_end
from kanpde.geometry.meshes.body import Body
from kanpde.geometry.meshes.part import BodyPart
from kanpde.geometry.product import ProductDomain, values_from_data
from kanpde.symbols.expression import Axis, Expression

# Ends of further axes are met within this share of their length.
_ROUNDING = 1e-9
# Values of one field in files at most: a fine mesh is written at fewer times.
_MOST_VALUES = 6_000_000


def check_scale(kind: str, scale: float) -> None:
    """Raise KanpdeError for a factor that is not a positive number."""
    if not (isinstance(scale, (int, float)) and np.isfinite(scale) and scale > 0):
        raise KanpdeError(f"{kind}(scale={scale!r}): give a positive number, such as 1e-3")


class BodyDomain(ProductDomain):
    """A body in space, times an interval for each further axis."""

    noun = "mesh"

    body: Body
    _extra: tuple[Axis, ...]
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
        self.body, self._extra = body, extra
        low, high = body.bounds
        ends = zip(body.names, low.tolist(), high.tolist(), strict=True)
        self.axes = (*(Axis(name, a, b) for name, a, b in ends), *extra)

    def over(self, **intervals: tuple[float, float] | Interval) -> Self:
        """The same over time or a parameter: `mesh.over(t=(0, 1))`.

        Raises KanpdeError for an interval that is empty or not finite, or an axis that it has.
        """
        return self.with_extra(self.extend(intervals))

    @property
    def extra(self) -> tuple[Axis, ...]:
        return self._extra

    def with_extra(self, extra: tuple[Axis, ...]) -> Self:
        other = copy.copy(self)
        other._set(self.body, extra)
        return other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BodyDomain) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

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
        for axis in self.product_axes:
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
        return BodyPart(self, values=(self.find_end(axis, value),))

    def boundary_at(self, axis: str, value: float) -> BodyPart:
        return self.face(**{axis: value})

    # --- the domain --------------------------------------------------------------------

    def contains_in_space(self, points: Array) -> Array:
        return self.body.contains(points)

    def grid(self, counts: int | Mapping[str, int]) -> Cells:
        """Its cells, at even times; a parameter has the value in the middle of its axis."""
        chosen = counts if isinstance(counts, Mapping) else dict.fromkeys(self.names, counts)
        space = self.axes[: self.body.dimension]
        spacing = max((a.upper - a.lower) / max(chosen[a.name] - 1, 1) for a in space)
        cells = self.body.make_cells(spacing)
        most = max(2, _MOST_VALUES // len(cells.nodes))
        return self.cells_over(cells, 0 if self.time is None else min(chosen[self.time.name], most))

    def vanishing(self, region: Region) -> Expression | None:
        """The distance from an end of a further axis; none for the boundary in space."""
        return distance_to_end(self, region)

    def key(self) -> Hashable:
        return self.body.digest, self.extra_key()

    def to_data(self) -> dict[str, Any]:
        return {**self.body.to_data(), **self.extra_data()}

    def over_data(self, data: Mapping[str, Any]) -> Self:
        """The same over the further axes of `to_data`."""
        return self.with_extra(box_from_data(data["over"]).axes) if "over" in data else self

    def region_from_data(self, data: Mapping[str, Any]) -> Region:
        points = self.points_from_data(data)
        if points is not None:
            return points
        boundary, regions = data["boundary"], data["regions"]
        part = BodyPart(
            self,
            None if boundary is None else tuple(str(n) for n in boundary),
            None if regions is None else tuple(str(n) for n in regions),
            values_from_data(data),
        )
        self.body.find_facets(part.boundary or ())
        self.body.check_regions(part.regions or ())
        return part
