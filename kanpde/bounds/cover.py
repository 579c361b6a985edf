"""Which boxes may meet a domain: bounds over a superset of it hold in it too."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import AnyArray, Array
from kanpde.bounds.faces import FLAT_CELLS
from kanpde.bounds.field_models import Boxes
from kanpde.bounds.laws import NotCovered
from kanpde.geometry.domain import Domain
from kanpde.geometry.meshes.body import Body
from kanpde.geometry.meshes.body_domain import BodyDomain
from kanpde.geometry.solids.shape import Shape
from kanpde.geometry.solids.solid import Solid

# Boxes are taken so much larger, relative to the size of the domain, for rounding.
_SLACK = 1e-9
# Pairs of a box and a cell that are compared at once.
_PAIRS = 2_000_000


class Cover(ABC):
    """A domain, as far as bounds have to know where it is."""

    @abstractmethod
    def meets(self, boxes: Boxes) -> AnyArray:
        """Which boxes (N,) may have a point in common with the domain; never too few."""

    @abstractmethod
    def within(self, boxes: Boxes) -> AnyArray:
        """Which boxes (N,) lie in the domain; never too many."""

    @abstractmethod
    def near(self, points: Array, slack: float) -> AnyArray:
        """Which points (N, d) lie in it or, about, at most `slack` beyond its boundary."""


@dataclass(frozen=True)
class WholeBox(Cover):
    """A box: everything that is asked for lies in it."""

    def meets(self, boxes: Boxes) -> AnyArray:
        return np.ones(len(boxes), bool)

    def within(self, boxes: Boxes) -> AnyArray:
        return np.ones(len(boxes), bool)

    def near(self, points: Array, slack: float) -> AnyArray:
        return np.ones(len(points), bool)


@dataclass(frozen=True)
class LevelCover(Cover):
    """A solid, by its level, whose slope is at most one."""

    solid: Solid
    size: float

    def meets(self, boxes: Boxes) -> AnyArray:
        level, reach = self._measure(boxes)
        return np.asarray(level <= reach)

    def within(self, boxes: Boxes) -> AnyArray:
        level, reach = self._measure(boxes)
        return np.asarray(level <= -reach)

    def _measure(self, boxes: Boxes) -> tuple[Array, Array]:
        """Levels of the middles of boxes, and by how much they may differ in the box."""
        own = len(self.solid.coordinates)
        reach = np.linalg.norm(boxes.halves[:, :own], axis=1) + _SLACK * self.size
        return self.solid.level(boxes.centres[:, :own]), np.asarray(reach)

    def near(self, points: Array, slack: float) -> AnyArray:
        own = len(self.solid.coordinates)
        return np.asarray(self.solid.level(points[:, :own]) <= slack)


@dataclass(frozen=True)
class BodyCover(Cover):
    """A body from a file, by the boxes `low` to `high` (F, d) around the facets of its boundary."""

    body: Body
    low: Array
    high: Array

    def meets(self, boxes: Boxes) -> AnyArray:
        return self._touches(boxes) | self._contains(boxes)

    def within(self, boxes: Boxes) -> AnyArray:
        # A box that no facet touches lies inside or outside as a whole.
        return self._contains(boxes) & ~self._touches(boxes)

    def _contains(self, boxes: Boxes) -> AnyArray:
        middles = np.ascontiguousarray(boxes.centres[:, : self.body.dimension])
        return np.asarray(self.body.contains(middles))

    def _touches(self, boxes: Boxes) -> AnyArray:
        own, slack = self.body.dimension, _SLACK * self.body.size
        centres, halves = boxes.centres[:, :own], boxes.halves[:, :own] + slack
        found = np.zeros(len(boxes), bool)
        each = max(1, _PAIRS // len(self.low))
        for k in range(0, len(boxes), each):
            c, h = centres[k : k + each, None], halves[k : k + each, None]
            touches = np.all((c + h >= self.low) & (c - h <= self.high), axis=2)
            found[k : k + each] = np.any(touches, axis=1)
        return found

    def near(self, points: Array, slack: float) -> AnyArray:
        own = self.body.dimension
        return np.asarray(self.body.contains(np.ascontiguousarray(points[:, :own])))


def find_cover(domain: Domain) -> Cover:
    """The cover of a domain; raises NotCovered for a kind that is not known."""
    if domain.is_box:
        return WholeBox()
    if isinstance(domain, Shape):
        return LevelCover(domain.solid, domain.size)
    if isinstance(domain, BodyDomain):
        body = domain.body
        facets = body.surface.subset(np.flatnonzero(body.outer))
        # Bent facets of higher order may reach beyond their nodes.
        if any(kind not in FLAT_CELLS for kind in facets.cells):
            raise NotCovered("bounds know meshes with flat sides")
        corners = [facets.nodes[numbers] for numbers in facets.cells.values()]
        low, high = (np.concatenate([f(c, 1) for c in corners]) for f in (np.min, np.max))
        return BodyCover(body, low, high)
    raise NotCovered("bounds do not know this kind of domain")
