"""Parts of a shape: its interior, pieces of its boundary, and its state at one time."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from kanpde.arrays import Array
from kanpde.geometry.domain import Domain, Region, Sample
from kanpde.geometry.product import ProductPart
from kanpde.geometry.solids.facet import Facet, gauss_panels
from kanpde.geometry.solids.inside import sample_inside, sobol
from kanpde.geometry.solids.interior import interior_nodes

if TYPE_CHECKING:
    from kanpde.geometry.solids.shape import Shape

# The fewest points of a piece of the boundary, in the plane and in space: a small hole has as much
# shape as a long side.
_FEWEST = {1: 48, 2: 64}
# Points along a side of the size of the shape, for each along a line of the interior's points.
_DENSER = 3.0


@dataclass(frozen=True)
class Part(ProductPart):
    """Facets of a shape (or, for None, all of its solid), with fixed values of further axes."""

    domain: Shape
    facets: tuple[int, ...] | None
    values: tuple[tuple[str, float], ...] = ()

    @property
    def is_interior(self) -> bool:
        return self.facets is None and not self.values

    @property
    def label(self) -> str:
        texts = [f"{name} = {value:g}" for name, value in self.values]
        if self.facets is not None:
            names = self.domain.solid.facet_names
            whole = len(self.facets) == len(names) > 1
            texts = ["the boundary"] if whole else [names[k] for k in self.facets]
        return ", ".join(texts) or "the interior"

    @property
    def pieces(self) -> tuple[Facet, ...]:
        """Its facets; none where it is not on the boundary of the solid."""
        return tuple(self.domain.solid.facets[k] for k in self.facets or ())

    @property
    def dimension(self) -> int:
        own = len(self.domain.solid.coordinates)
        return own - (self.facets is not None) + len(self.free)

    @cached_property
    def space_measure(self) -> float:
        """Its length, area or volume in space."""
        if self.facets is None:
            return self.domain.solid.content
        return sum(f.measure for f in self.pieces)

    def key(self) -> Hashable:
        return self.domain.key(), self.facets, self.values

    def count(self, interior: int) -> int:
        """So many that they lie `_DENSER` times as close as those of the interior."""
        solid = self.domain.solid
        if self.facets is None:
            return interior if not self.values else max(16, interior // 8)
        own, whole = len(solid.coordinates), self.domain.dimension
        side = solid.content ** ((own - 1) / own)
        fewest = _FEWEST[own - 1]
        share = _DENSER * interior ** ((whole - 1) / whole) / side
        counts = (max(fewest, round(share * f.measure)) for f in self.pieces)
        return sum(counts) if self.dimension else 1

    def sample(self, count: int, seed: int) -> Sample:
        """Even points in the plane's curves, else low-discrepancy ones; weights by measure."""
        random = np.random.default_rng(seed)
        if self.facets is None:
            return self._interior_sample(count, random)
        counts = self._share(count)
        parts = [self._facet_sample(f, n, random) for f, n in zip(self.pieces, counts, strict=True)]
        return join_samples(parts)

    def quadrature(self, count: int, seed: int) -> Sample:
        """Gauss points on curves and in plane solids, between the places where form changes."""
        if self.facets is None:
            points, weights = interior_nodes(self.domain.solid, count, seed)
            return self._over(points, weights, None)
        parts = []
        for facet in self.pieces:
            unit, weights = facet.nodes
            here = facet.place(unit)
            parts.append(self._over(here.points, weights, here.normals))
        return join_samples(parts)

    def on(self, domain: Domain) -> Part:
        return Part(cast("Shape", domain), self.facets, self.values)

    def covers(self, other: Region) -> bool:
        if not isinstance(other, Part) or other.domain.key() != self.domain.key():
            return False
        if self.facets is None or other.facets is None:
            return other.key() == self.key()
        return set(other.facets) <= set(self.facets) and self.values in ((), other.values)

    def to_data(self) -> dict[str, Any]:
        facets = None if self.facets is None else list(self.facets)
        return {"facets": facets, "fixed": self.fixed}

    # --- points ------------------------------------------------------------------------

    def _share(self, count: int) -> list[int]:
        """Points for each facet: by measure, but none gets far fewer than others."""
        measures = np.array([f.measure for f in self.pieces])
        shares = np.maximum(measures / measures.sum(), 0.3 / len(measures))
        shares /= shares.sum()
        return [max(1, round(count * s)) for s in shares]

    def _facet_sample(self, facet: Facet, count: int, random: np.random.Generator) -> Sample:
        own, free = facet.piece.parameters, len(self.free)
        if own == 1 and not free:
            cube = ((np.arange(count) + random.random()) / count)[:, None]
        elif own == 1:
            cube = sobol(own + free, count, random)
        else:
            return self._surface_sample(facet, count, random)
        unit, spread = _along(facet.intervals, cube[:, 0])
        return self._finish(facet, unit, spread, cube[:, own:])

    def _surface_sample(self, facet: Facet, count: int, random: np.random.Generator) -> Sample:
        dimension = facet.piece.parameters + len(self.free)
        wanted = count
        for _ in range(12):
            cube = sobol(dimension, wanted, random)
            if facet.is_whole:
                break
            cube = cube[facet.shows(facet.place(cube[:, :2]))]
            if len(cube) >= count:
                break
            wanted = 2 * wanted * max(1, round(count / max(len(cube), 1) / 2))
        cube = cube[:count]
        return self._finish(facet, cube[:, :2], np.ones(len(cube)), cube[:, 2:])

    def _finish(self, facet: Facet, unit: Array, spread: Array, rest: Array) -> Sample:
        """Points of a facet with weights that sum to its measure."""
        here = facet.place(unit)
        weights = here.stretch * spread
        weights = weights * (facet.measure * self.extent / weights.sum())
        points, normals = self.place(here.points, rest), self.widen(here.normals)
        return Sample(points, weights, normals, self.domain.names)

    def _interior_sample(self, count: int, random: np.random.Generator) -> Sample:
        solid = self.domain.solid
        found, weights = sample_inside(solid, count, len(self.free), random)
        own = len(solid.coordinates)
        return Sample(self.place(found[:, :own], found[:, own:]), weights * self.extent)

    def _over(self, points: Array, weights: Array, normals: Array | None) -> Sample:
        """Nodes in space times Gauss points along the free axes."""
        rest, factor = self.cross_nodes(*gauss_panels(2))
        at = np.repeat(np.arange(len(points)), len(rest))
        placed = self.place(points[at], np.tile(rest, (len(points), 1)))
        out = None if normals is None else self.widen(normals[at])
        weights = weights[at] * np.tile(factor, len(points))
        return Sample(placed, weights, out, self.domain.names)


def join_samples(parts: list[Sample]) -> Sample:
    """Samples of parts that do not overlap as one."""
    normals = [p.normals for p in parts]
    whole = [n for n in normals if n is not None]
    return Sample(
        np.concatenate([p.points for p in parts]),
        np.concatenate([p.weights for p in parts]),
        np.concatenate(whole) if len(whole) == len(normals) else None,
        parts[0].names,
    )


def _along(intervals: Array, at: Array) -> tuple[Array, Array]:
    """Parameters (N, 1) at shares (N,) of the intervals' whole length, and their spread (N,)."""
    widths = np.diff(intervals, axis=1).ravel()
    ends = np.cumsum(widths)
    position = at * ends[-1]
    k = np.minimum(np.searchsorted(ends, position, side="right"), len(ends) - 1)
    unit = intervals[k, 1] - (ends[k] - position)
    return unit[:, None], np.full(len(at), ends[-1])
