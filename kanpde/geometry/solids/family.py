"""Shapes whose form depends on parameters: a plate for each radius of its hole."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from scipy.stats import qmc

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.box import Box, Interval, box_from_data
from kanpde.geometry.cells import Cells
from kanpde.geometry.domain import Domain, Pole, Region, Sample, distance_to_end
from kanpde.geometry.product import ProductDomain, ProductPart, values_from_data
from kanpde.geometry.solids.naming import describe_uncovered, find_facets
from kanpde.geometry.solids.part import Part, join_samples
from kanpde.geometry.solids.shape import Extruded, Shape
from kanpde.geometry.solids.solid import Solid
from kanpde.geometry.solids.template import Template, make_template
from kanpde.symbols.expression import Axis, Expression

# A point so near, relative to the size of the solid, counts as in it.
_ROUNDING = 1e-9
# Members, for 1 and for more parameters of form, on which points are put; all others lie between.
_MEMBERS = (33, 128)
# Gauss nodes along each parameter of form for integrals over it.
_NODES = 6


def family(build: Callable[..., Solid], **parameters: tuple[float, float] | Interval) -> Family:
    """A shape for all values of parameters of its form.

    `family(plate, radius=parameter(0.3, 0.7))` calls `plate(radius=...)`, which gives a solid such
    as `Rectangle(x=(0, 2), y=(0, 2)) - Disk(x=0, y=0, radius=radius)`. Pieces of its boundary are
    found by their names: `boundary("disk")`.

    Raises KanpdeError where the numbers of the solids are not linear functions of the parameters,
    or where the pieces of the boundary change with them.
    """
    if not parameters:
        raise KanpdeError("family needs a parameter of the form: radius=parameter(0.3, 0.7)")
    axes = Box(**parameters).axes
    for axis in axes:
        if not axis.is_parameter:
            raise KanpdeError(
                f"family: write {axis.name}=parameter({axis.lower:g}, {axis.upper:g})"
            )
    return Family(make_template(build, axes), axes)


class Family(ProductDomain):
    """A solid for each value of its parameters of form, times an interval for each other axis."""

    noun = "shape"

    def __init__(
        self, template: Template, form: tuple[Axis, ...], others: tuple[Axis, ...] = ()
    ) -> None:
        self.template, self.form, self.others = template, form, others
        self._solids: dict[tuple[float, ...], Solid] = {}
        corners = [self.solid_at({a.name: e for a, e in zip(form, ends, strict=True)})
                   for ends in _corners(form)]  # fmt: skip
        counts = {len(solid.facets) for solid in (*corners, self.solid)}
        if len(counts) > 1:
            raise KanpdeError(
                "family: the boundary has another number of pieces at some values of "
                f"{', '.join(a.name for a in form)}; narrow their ranges"
            )
        lower = np.min([solid.bounds[0] for solid in corners], axis=0)
        upper = np.max([solid.bounds[1] for solid in corners], axis=0)
        ends = zip(self.solid.coordinates, lower, upper, strict=True)
        self.axes = (*(Axis(n, float(a), float(b)) for n, a, b in ends), *form, *others)

    @property
    def extra(self) -> tuple[Axis, ...]:
        return (*self.form, *self.others)

    def with_extra(self, extra: tuple[Axis, ...]) -> Family:
        own = {axis.name for axis in self.form}
        kept = tuple(a for a in extra if a.name in own)
        return Family(self.template, kept, tuple(a for a in extra if a.name not in own))

    def over(self, **intervals: tuple[float, float] | Interval) -> Family:
        """The same over time or further parameters: `plates.over(nu=parameter(0.2, 0.4))`.

        Raises KanpdeError for an interval that is empty or not finite, or an axis that it has.
        """
        return self.with_extra(self.extend(intervals))

    def fix(self, values: Mapping[str, float]) -> ProductDomain:
        others = tuple(a for a in self.others if a.name not in values)
        form = tuple(a for a in self.form if a.name not in values)
        if form:
            return Family(self.template.fix(values), form, others)
        solid = self.solid_at({a.name: values[a.name] for a in self.form})
        return Extruded(solid, others) if others else solid

    # --- its members -------------------------------------------------------------------

    @cached_property
    def solid(self) -> Solid:
        """The solid in the middle of all ranges."""
        return self.solid_at({axis.name: axis.middle for axis in self.form})

    def solid_at(self, values: Mapping[str, float]) -> Solid:
        """The solid at values of the parameters of form."""
        key = tuple(float(values[axis.name]) for axis in self.form)
        if key not in self._solids:
            self._solids[key] = self.template.solid_at(values)
        return self._solids[key]

    def member(self, values: Array) -> Shape:
        """The shape at values (f,) of the parameters of form, over the other axes."""
        solid = self.solid_at(dict(zip((a.name for a in self.form), values.tolist(), strict=True)))
        return Extruded(solid, self.others)

    @cached_property
    def members(self) -> Array:
        """Values (M, f) of the parameters of form on which points are put."""
        count = _MEMBERS[min(len(self.form), len(_MEMBERS)) - 1]
        if len(self.form) == 1:
            # More of them near the ends, where a polynomial needs them.
            cube = (0.5 - 0.5 * np.cos(np.linspace(0, np.pi, count)))[:, None]
        else:
            cube = qmc.Sobol(len(self.form), scramble=True, rng=np.random.default_rng(0)).random(
                count
            )
            cube = np.concatenate([np.array(_corners_of_unit(len(self.form))), cube])
        return self._place(cube)

    @cached_property
    def nodes(self) -> tuple[Array, Array]:
        """Values (M, f) for integrals over the form, and their weights (M,), which sum to one."""
        line, shares = np.polynomial.legendre.leggauss(_NODES)
        mesh = np.meshgrid(*[(line + 1) / 2] * len(self.form), indexing="ij")
        products = np.meshgrid(*[shares / 2] * len(self.form), indexing="ij")
        weights = np.prod([p.ravel() for p in products], axis=0)
        return self._place(np.stack([m.ravel() for m in mesh], 1)), weights

    def _place(self, cube: Array) -> Array:
        return np.stack([a.place(cube[:, k]) for k, a in enumerate(self.form)], 1)

    # --- the domain --------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Family) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def __repr__(self) -> str:
        ends = ", ".join(f"{a.name}=({a.lower:g}, {a.upper:g})" for a in self.extra)
        return f"the family of {self.solid} over {ends}"

    @property
    def interior(self) -> FamilyPart:
        return FamilyPart(self, None)

    @property
    def boundaries(self) -> Mapping[str, Region]:
        """The pieces of the boundary by their names in the middle, and the ends of time."""
        found: dict[str, Region] = {
            name: FamilyPart(self, (k,)) for k, name in enumerate(self.solid.facet_names)
        }
        for axis in self.product_axes:
            for end in (axis.lower, axis.upper):
                found[f"{axis.name} = {end:g}"] = FamilyPart(self, None, ((axis.name, end),))
        return found

    def boundary(self, *which: str) -> FamilyPart:
        """Pieces of the boundary, by their names in the middle; all of it if none is named.

        Raises KanpdeError for what is not on the boundary.
        """
        return FamilyPart(self, find_facets(self.solid, which))

    def face(self, **fixed: float) -> FamilyPart:
        """The flat part of the boundary with this coordinate, for all parameters: `face(x=0)`.

        Raises KanpdeError for an unknown axis or a value at which the boundary is not flat.
        """
        ((name, value),) = fixed.items() if len(fixed) == 1 else (("", 0.0),)
        axis = self.axis(name)
        if axis in self.extra:
            return FamilyPart(self, None, (self.find_end(axis, value),))
        found = {self.solid_at(v).face(**fixed).facets for v in self._corner_values()}
        if len(found) > 1:
            raise KanpdeError(f"face({name}={value:g}): no side lies there for all parameters")
        return FamilyPart(self, found.pop())

    def boundary_at(self, axis: str, value: float) -> FamilyPart:
        return self.face(**{axis: value})

    def _corner_values(self) -> list[dict[str, float]]:
        names = [axis.name for axis in self.form]
        return [dict(zip(names, ends, strict=True)) for ends in _corners(self.form)]

    def contains_in_space(self, points: Array) -> Array:
        """Which points (N, d) lie in the middle member."""
        return np.asarray(self.solid.level(points) <= _ROUNDING * self._size)

    def contains(self, points: Array) -> Array:
        own, inside = len(self.body_axes), np.ones(len(points), bool)
        for k, axis in enumerate(self.extra):
            slack = _ROUNDING * (axis.upper - axis.lower)
            column = points[:, own + k]
            inside &= (column >= axis.lower - slack) & (column <= axis.upper + slack)
        form = points[:, own : own + len(self.form)]
        values, which = np.unique(form[inside], axis=0, return_inverse=True)
        places = np.flatnonzero(inside)
        order = np.argsort(which.ravel(), kind="stable")
        bounds = np.searchsorted(which.ravel()[order], np.arange(len(values) + 1))
        for k, each in enumerate(values):
            at = places[order[bounds[k] : bounds[k + 1]]]
            named = dict(zip((a.name for a in self.form), each.tolist(), strict=True))
            level = self.template.solid_at(named).level(np.ascontiguousarray(points[at][:, :own]))
            inside[at] = level <= _ROUNDING * self._size
        return np.asarray(inside)

    @cached_property
    def _size(self) -> float:
        return self.solid.size

    def grid(self, counts: int | Mapping[str, int]) -> Cells:
        """Cells of the member in the middle."""
        middle = Extruded(self.solid, self.extra)
        chosen = counts if isinstance(counts, Mapping) else dict.fromkeys(self.names, counts)
        return middle.grid(chosen)

    def outline(self) -> Cells:
        return Extruded(self.solid, self.others).outline()

    def find_uncovered(self, regions: list[Region]) -> list[str]:
        own = [r for r in regions if isinstance(r, FamilyPart)]
        return describe_uncovered(self.solid, [Part(self.solid, r.facets) for r in own])

    @property
    def poles(self) -> tuple[Pole, ...]:
        """Those of the middle member whose centres lie in the holes of all members."""
        solids = [self.solid_at(v) for v in self._corner_values()]
        return tuple(
            p for p in self.solid.holes if all(s.level(np.array([p.centre]))[0] > 0 for s in solids)
        )

    def vanishing(self, region: Region) -> Expression | None:
        """The distance to an end of the time axis; values on pieces that may move are trained."""
        return distance_to_end(self, region)

    def key(self) -> Hashable:
        return json.dumps(self.template.to_data(), sort_keys=True), self.extra_key()

    def to_data(self) -> dict[str, Any]:
        return {"family": self.template.to_data(), **self.extra_data()}

    def region_from_data(self, data: Mapping[str, Any]) -> Region:
        points = self.points_from_data(data)
        if points is not None:
            return points
        facets = data["facets"]
        chosen = None if facets is None else tuple(int(k) for k in facets)
        return FamilyPart(self, chosen, values_from_data(data))


@dataclass(frozen=True)
class FamilyPart(ProductPart):
    """The same facets (or, for None, all of the solid) of each member, with fixed further axes."""

    domain: Family
    facets: tuple[int, ...] | None
    values: tuple[tuple[str, float], ...] = ()

    @property
    def _middle(self) -> Part:
        shape = self.domain.member(np.array([a.middle for a in self.domain.form]))
        return Part(shape, self.facets, self.values)

    @property
    def is_interior(self) -> bool:
        return self.facets is None and not self.values

    @property
    def label(self) -> str:
        return self._middle.label

    @property
    def dimension(self) -> int:
        return self._middle.dimension + len(self.domain.form)

    @cached_property
    def space_measure(self) -> float:
        """Its length, area or volume in the middle member."""
        return self._middle.space_measure

    def key(self) -> Hashable:
        return self.domain.key(), self.facets, self.values

    def count(self, interior: int) -> int:
        return self._middle.count(interior)

    def sample(self, count: int, seed: int) -> Sample:
        """Points on all members, about as many on each; weights sum to the measure."""
        members = self.domain.members
        each = max(1, round(count / len(members)))
        return self._gather(
            members,
            np.full(len(members), 1 / len(members)),
            lambda k, part: part.sample(each, seed + k),
        )

    def quadrature(self, count: int, seed: int) -> Sample:
        values, weights = self.domain.nodes
        each = max(1, round(count / len(values)))
        return self._gather(values, weights, lambda k, part: part.quadrature(each, seed))

    def _gather(self, values: Array, weights: Array, draw: Callable[[int, Part], Sample]) -> Sample:
        """Samples of members at values (M, f), of weights (M,), with the columns of the form."""
        own = len(self.domain.body_axes)
        length = float(np.prod([axis.length for axis in self.domain.form]))
        parts = []
        for k, (value, weight) in enumerate(zip(values, weights, strict=True)):
            found = draw(k, Part(self.domain.member(value), self.facets, self.values))
            held = np.tile(value, (len(found.points), 1))
            normals = found.normals
            parts.append(
                Sample(
                    np.concatenate([found.points[:, :own], held, found.points[:, own:]], 1),
                    found.weights * weight * length,
                    None
                    if normals is None
                    else np.concatenate([normals[:, :own], 0 * held, normals[:, own:]], 1),
                    self.domain.names,
                )
            )
        return join_samples(parts)

    def on(self, domain: Domain) -> FamilyPart:
        return FamilyPart(cast(Family, domain), self.facets, self.values)

    def covers(self, other: Region) -> bool:
        if not isinstance(other, FamilyPart) or other.domain.key() != self.domain.key():
            return False
        if self.facets is None or other.facets is None:
            return other.key() == self.key()
        return set(other.facets) <= set(self.facets) and self.values in ((), other.values)

    def to_data(self) -> dict[str, Any]:
        facets = None if self.facets is None else list(self.facets)
        return {"facets": facets, "fixed": self.fixed}


def _corners(axes: tuple[Axis, ...]) -> list[tuple[float, ...]]:
    units = _corners_of_unit(len(axes))
    pairs = [(a.lower, a.upper) for a in axes]
    return [tuple(pairs[k][int(u)] for k, u in enumerate(unit)) for unit in units]


def _corners_of_unit(size: int) -> list[tuple[float, ...]]:
    mesh = np.meshgrid(*[[0.0, 1.0]] * size, indexing="ij")
    return [tuple(row) for row in np.stack([m.ravel() for m in mesh], 1).tolist()]


def family_from_data(data: Mapping[str, Any]) -> Family:
    """The domain of `Family.to_data`."""
    template = Template.from_data(data["family"])
    axes = box_from_data(data["over"]).axes
    form = tuple(axis for axis in axes if axis.name in template.slopes)
    return Family(template, form, tuple(a for a in axes if a.name not in template.slopes))
