"""Domains of any form: solids, and solids over time or a parameter."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.box import Interval
from kanpde.geometry.cells import Cells
from kanpde.geometry.domain import Corner, Pole, Region
from kanpde.geometry.inner import InnerPart
from kanpde.geometry.product import ProductDomain, values_from_data
from kanpde.geometry.solids.cells import make_cells
from kanpde.geometry.solids.corners import find_corners
from kanpde.geometry.solids.naming import (
    describe_contacts,
    describe_uncovered,
    find_facets,
    name_solid,
)
from kanpde.geometry.solids.part import Part
from kanpde.geometry.solids.vanishing import vanishing_product
from kanpde.symbols.expression import Axis, Expression

if TYPE_CHECKING:
    from kanpde.geometry.solids.solid import Solid

# A point so near, relative to the size of the solid, counts as in it.
_ROUNDING = 1e-9


class Shape(ProductDomain):
    """A solid, times an interval for each further axis."""

    noun = "shape"
    cut_advice = "; use & Rectangle(...)"

    @property
    @abstractmethod
    def solid(self) -> Solid:
        """The part in space."""

    def over(self, **intervals: tuple[float, float] | Interval) -> Shape:
        """The shape over time or a parameter: `plate.over(t=(0, 1))`.

        Raises KanpdeError for an interval that is empty or not finite, or an axis that it has.
        """
        return self.with_extra(self.extend(intervals))

    def with_extra(self, extra: tuple[Axis, ...]) -> Shape:
        return Extruded(self.solid, extra) if extra else self.solid

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
        for axis in self.product_axes:
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

    def region(self, solid: Solid, name: str | None = None) -> InnerPart:
        """The part that lies in a solid, for materials: `plate.region(sheet - disk)`.

        Raises KanpdeError for what is not a solid on the same axes.
        """
        inner = self.solid.cut_to(solid)
        return InnerPart(self, inner.with_extra(self.extra), name or name_solid(solid))

    def face(self, **fixed: float) -> Part:
        """The flat part of the boundary with this coordinate: `plate.face(x=2)`, `face(t=0)`.

        Raises KanpdeError for an unknown axis or a value at which the boundary is not flat.
        """
        if len(fixed) != 1:
            raise KanpdeError("face() of a shape needs one coordinate: shape.face(x=1)")
        ((name, value),) = fixed.items()
        axis = self.axis(name)
        if axis in self.extra:
            return self._part(None, (self.find_end(axis, value),))
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

    def boundary_piece(self, number: int) -> Part:
        """One facet of the boundary, by its number."""
        return self._part((number,))

    def _part(
        self, facets: tuple[int, ...] | None, values: tuple[tuple[str, float], ...] = ()
    ) -> Part:
        return Part(self, facets, values)

    # --- the domain --------------------------------------------------------------------

    def contains_in_space(self, points: Array) -> Array:
        return np.asarray(self.solid.level(points) <= _ROUNDING * self.size)

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
        return self.solid.text, self.extra_key()

    def to_data(self) -> dict[str, Any]:
        return {"shape": self.solid.to_tree(), **self.extra_data()}

    def region_from_data(self, data: Mapping[str, Any]) -> Region:
        points = self.points_from_data(data)
        if points is not None:
            return points
        facets = data["facets"]
        chosen = None if facets is None else tuple(int(k) for k in facets)
        return self._part(chosen, values_from_data(data))


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
