"""Regions of a domain that are domains themselves, and the interfaces between them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from kanpde.arrays import AnyArray, Array
from kanpde.geometry.domain import Domain, Region, Sample, lies_in_window

# How far beyond a boundary the other region is looked for, relative to the size of the domain.
_BEYOND = 1e-6
# Points by which the part of a boundary that is an interface is found.
_TRIALS = 256


@dataclass(frozen=True)
class InnerPart(Region):
    """The part of a domain that lies in an inner domain on the same axes: one material.

    `name` is what a person calls it.
    """

    domain: Domain
    inner: Domain
    name: str

    @property
    def label(self) -> str:
        return self.name

    @property
    def dimension(self) -> int:
        return self.domain.dimension

    @property
    def measure(self) -> float:
        return self.inner.interior.measure

    @property
    def is_interior(self) -> bool:
        return True

    @property
    def hull(self) -> Domain:
        return self.inner

    def count(self, interior: int) -> int:
        """As many as the whole has: its network has as many parameters, however small it is."""
        return interior

    def sample(self, count: int, seed: int) -> Sample:
        return self.inner.interior.sample(count, seed)

    def quadrature(self, count: int, seed: int) -> Sample:
        return self.inner.interior.quadrature(count, seed)

    def within(self, domain: Domain) -> InnerPart | None:
        if not lies_in_window(self, domain):
            return None
        ends = {a.name: (a.lower, a.upper) for a in domain.axes if a not in domain.space}
        return InnerPart(domain, self.inner.restricted(**ends), self.name)

    def holds_at(self, points: Array) -> AnyArray:
        return self.inner.contains(points)

    def interface_to(self, other: Region) -> Region | None:
        if not isinstance(other, InnerPart):
            return None
        found = InnerInterface(self, other)
        return found if found.pieces else None

    def key(self) -> Hashable:
        return self.domain.key(), "inner", self.inner.key()

    def to_data(self) -> dict[str, Any]:
        return {"inner": self.inner.to_data(), "called": self.name}


@dataclass(frozen=True)
class InnerInterface(Region):
    """Where two inner parts touch; normals point from the first to the second."""

    first: InnerPart
    second: InnerPart

    @property
    def domain(self) -> Domain:  # type: ignore[override]
        return self.first.domain

    @cached_property
    def pieces(self) -> tuple[tuple[Region, float], ...]:
        """The pieces of the boundary of the first part that touch the second, and their shares."""
        found = []
        fixed = {axis.name for axis in self.domain.axes} - {a.name for a in self.domain.space}
        for region in self.first.inner.boundaries.values():
            if not fixed & set(region.fixed):
                sample = region.sample(_TRIALS, 0)
                share = float(sample.weights[self._touches(sample)].sum() / sample.weights.sum())
                if share > 0:
                    found.append((region, share))
        return tuple(found)

    def _touches(self, sample: Sample) -> AnyArray:
        assert sample.normals is not None
        lower, upper = self.domain.bounds
        step = _BEYOND * float(np.linalg.norm(upper - lower))
        return self.second.inner.contains(sample.points + step * sample.normals)

    @property
    def label(self) -> str:
        return f"{self.first.label} | {self.second.label}"

    @property
    def dimension(self) -> int:
        return self.domain.dimension - 1

    @property
    def measure(self) -> float:
        return sum(share * region.measure for region, share in self.pieces)

    def count(self, interior: int) -> int:
        return max(1, sum(round(share * r.count(interior)) for r, share in self.pieces))

    def sample(self, count: int, seed: int) -> Sample:
        whole, parts = self.measure, []
        for k, (region, share) in enumerate(self.pieces):
            own = count * share * region.measure / whole
            sample = region.sample(max(1, round(own / share)), seed + k)
            kept = self._touches(sample)
            assert sample.normals is not None
            parts.append((sample.points[kept], sample.weights[kept], sample.normals[kept]))
        points, weights, normals = (np.concatenate(each) for each in zip(*parts, strict=True))
        return Sample(points, weights, normals, self.domain.names)

    def within(self, domain: Domain) -> Region | None:
        first, second = self.first.within(domain), self.second.within(domain)
        return None if first is None or second is None else first.interface_to(second)

    def key(self) -> Hashable:
        return "interface", self.first.key(), self.second.key()

    def to_data(self) -> dict[str, Any]:
        return {"between": [self.first.to_data(), self.second.to_data()]}
