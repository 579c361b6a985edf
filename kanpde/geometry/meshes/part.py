"""Parts of a domain from a file: its inside, a region, pieces of its boundary, its state."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from kanpde.arrays import Array
from kanpde.geometry.box import Box, Interval
from kanpde.geometry.domain import Domain, Region, Sample
from kanpde.geometry.meshes.body import sobol_points
from kanpde.geometry.product import ProductPart

if TYPE_CHECKING:
    from kanpde.geometry.meshes.body_domain import BodyDomain
    from kanpde.geometry.meshes.cell_set import CellSet

# The fewest points of a part of the boundary, in the plane and in space: a small hole has as much
# shape as a long side.
_FEWEST: dict[int, int] = {1: 32, 2: 64}
# Gauss points along a further axis.
_GAUSS = 8


@dataclass(frozen=True)
class BodyPart(ProductPart):
    """The inside of a body (`boundary` is None), some of its regions, or parts of its boundary.

    An empty tuple of names means all of the boundary; `values` fixes further axes.
    """

    domain: BodyDomain
    boundary: tuple[str, ...] | None = None
    regions: tuple[str, ...] | None = None
    values: tuple[tuple[str, float], ...] = ()

    @property
    def is_interior(self) -> bool:
        return self.boundary is None and not self.values

    @property
    def label(self) -> str:
        texts = [f"{name} = {value:g}" for name, value in self.values]
        if self.boundary is not None:
            texts = [*(self.boundary or ("the boundary",)), *texts]
        elif self.regions is not None:
            texts = [*self.regions, *texts]
        return ", ".join(texts) or "the interior"

    @property
    def dimension(self) -> int:
        return self._own + len(self.free)

    @property
    def _own(self) -> int:
        """The number of coordinates of space that vary on it."""
        return self.domain.body.dimension - (self.boundary is not None)

    @property
    def space_measure(self) -> float:
        """Its length, area or volume in space."""
        body = self.domain.body
        if self.boundary is not None:
            return body.boundary_measure(self.boundary)
        return body.measure(self.regions)

    def key(self) -> Hashable:
        return self.domain.key(), self.boundary, self.regions, self.values

    def count(self, interior: int) -> int:
        """An eighth of the interior's, by the length relative to that of a square's side.

        A region has as many as the whole: its equations have a network of their own, or they are
        some of those among which the whole's points are shared out.
        """
        body = self.domain.body
        if self.boundary is None:
            return interior if not self.values else max(16, round(interior / 8))
        side = body.measure(None) ** ((body.dimension - 1) / body.dimension)
        return max(_FEWEST[self._own], int(interior / 8 * self.space_measure / side))

    def sample(self, count: int, seed: int) -> Sample:
        """Low-discrepancy points that run through the cells; weights by measure."""
        body, further, random = self.domain.body, len(self.free), np.random.default_rng(seed)
        if self.boundary is None:
            points, rest, weights = body.sample(self.regions, count, further, random)
            normals = None
        else:
            cube = sobol_points(self.dimension, count, random)
            places, weights = body.sample_boundary(self.boundary, cube[:, : self._own])
            points, rest = places.points, cube[:, self._own :]
            assert places.normals is not None
            normals = self.widen(places.normals)
        placed = self.place(points, rest)
        return Sample(placed, weights * self.extent, normals, self.domain.names)

    def quadrature(self, count: int, seed: int) -> Sample:
        """Gauss points of the cells or facets, times Gauss points along further axes."""
        body, normals = self.domain.body, None
        each = max(1, count // _GAUSS ** len(self.free))
        if self.boundary is None:
            points, weights = body.quadrature(self.regions, each, seed)
        else:
            places, weights = body.gauss_boundary(self.boundary, each)
            assert places.normals is not None
            points, normals = places.points, self.widen(places.normals)
        nodes, shares = np.polynomial.legendre.leggauss(_GAUSS)
        rest, factor = self.cross_nodes((nodes + 1) / 2, shares / 2)
        at = np.repeat(np.arange(len(points)), len(rest))
        placed = self.place(points[at], np.tile(rest, (len(points), 1)))
        weights = np.outer(weights, factor).ravel()
        turned = None if normals is None else normals[at]
        return Sample(placed, weights, turned, self.domain.names)

    def holds_at(self, points: Array) -> Array:
        own = np.ascontiguousarray(points[:, : self.domain.body.dimension])
        if self.regions is None:
            return np.ones(len(points), bool)
        return self.domain.body.contains(own, self.regions)

    @property
    def hull(self) -> Domain:
        if self.regions is None:
            return self.domain
        low, high = self.domain.body.bounds_of(self.regions)
        ends = zip(self.domain.body.names, low.tolist(), high.tolist(), strict=True)
        box = {name: Interval(a, b) for name, a, b in ends}
        extra = {a.name: Interval(a.lower, a.upper, a.role) for a in self.domain.extra}
        return Box(**box, **extra)

    def interface_to(self, other: Region) -> Region | None:
        if not isinstance(other, BodyPart) or self.regions is None or other.regions is None:
            return None
        found = BodyInterface(self, other)
        return found if found.facets.count else None

    def on(self, domain: Domain) -> BodyPart:
        return BodyPart(cast("BodyDomain", domain), self.boundary, self.regions, self.values)

    def to_data(self) -> dict[str, Any]:
        boundary = None if self.boundary is None else list(self.boundary)
        regions = None if self.regions is None else list(self.regions)
        return {"boundary": boundary, "regions": regions, "fixed": self.fixed}


@dataclass(frozen=True)
class BodyInterface(ProductPart):
    """The facets between two groups of regions; normals point from the first to the second."""

    first: BodyPart
    second: BodyPart
    values: tuple[tuple[str, float], ...] = ()

    @property
    def domain(self) -> BodyDomain:  # type: ignore[override]
        return self.first.domain

    @cached_property
    def facets(self) -> CellSet:
        return self.domain.body.find_contact(self.first.regions or (), self.second.regions or ())

    @property
    def label(self) -> str:
        return f"{self.first.label} | {self.second.label}"

    @property
    def dimension(self) -> int:
        return self.domain.dimension - 1

    @property
    def space_measure(self) -> float:
        return self.facets.measure

    def count(self, interior: int) -> int:
        """As a part of the boundary of this size."""
        body = self.domain.body
        side = body.measure(None) ** ((body.dimension - 1) / body.dimension)
        share = self.space_measure / side
        return max(_FEWEST[body.dimension - 1], int(interior / 8 * share))

    def sample(self, count: int, seed: int) -> Sample:
        own = self.domain.body.dimension - 1
        cube = sobol_points(self.dimension, count, np.random.default_rng(seed))
        places, weights = self.facets.sample(cube[:, :own])
        assert places.normals is not None
        placed, normals = self.place(places.points, cube[:, own:]), self.widen(places.normals)
        return Sample(placed, weights * self.extent, normals, self.domain.names)

    def on(self, domain: Domain) -> BodyInterface:
        return BodyInterface(self.first.on(domain), self.second.on(domain))

    def key(self) -> Hashable:
        return "interface", self.first.key(), self.second.key()

    def to_data(self) -> dict[str, Any]:
        return {"between": [self.first.to_data(), self.second.to_data()]}
