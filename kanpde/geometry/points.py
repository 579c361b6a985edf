"""Given points of a domain: measurements, probes."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.geometry.domain import Domain, Region, Sample


@dataclass(frozen=True, eq=False)
class Points(Region):
    """Given points of a domain, (N, dimension)."""

    domain: Domain
    coordinates: Array

    @property
    def label(self) -> str:
        return f"{len(self.coordinates)} points"

    @property
    def dimension(self) -> int:
        return 0

    @property
    def measure(self) -> float:
        return float(len(self.coordinates))

    def count(self, interior: int) -> int:
        return len(self.coordinates)

    def sample(self, count: int, seed: int) -> Sample:
        """All of the points, for every `count`."""
        return Sample(self.coordinates, np.ones(len(self.coordinates)))

    def kept(self, domain: Domain) -> Array:
        """Which points `within` keeps, (N,), bool."""
        inside = domain.contains(self.coordinates)
        window, whole = domain.time, self.domain.time
        if window is not None and whole is not None and window.lower > whole.lower:
            later = self.coordinates[:, domain.names.index(window.name)] > window.lower
            inside = np.logical_and(inside, later)
        return inside

    def within(self, domain: Domain) -> Points | None:
        kept = self.kept(domain)
        return Points(domain, self.coordinates[kept]) if kept.any() else None

    def key(self) -> Hashable:
        return self.domain.key(), self.coordinates.shape, self.coordinates.tobytes()

    def to_data(self) -> dict[str, Any]:
        return {"points": self.coordinates.tolist()}
