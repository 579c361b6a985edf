"""Given points of a domain: measurements, probes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.checks import read_reals
from kanpde.errors import KanpdeError
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


def stack_points(domain: Domain, coordinates: Mapping[str, Any]) -> Array:
    """Arrays that broadcast, one for each axis, as points (N, dimension).

    Raises KanpdeError for missing or unknown axes, values that are not numbers, shapes that do not
    fit together, or no points.
    """
    names = domain.names
    if set(coordinates) != set(names):
        raise KanpdeError(
            f"points() needs exactly the axes {', '.join(names)}, "
            f"not {', '.join(coordinates) or 'none'}"
        )
    given = [read_reals(f"points(): {n}", coordinates[n]) for n in names]
    try:
        columns = np.broadcast_arrays(*given)
    except ValueError:
        shapes = ", ".join(f"{n} {a.shape}" for n, a in zip(names, given, strict=True))
        raise KanpdeError(f"points() needs arrays of one shape, not {shapes}") from None
    stacked = np.stack([column.ravel() for column in columns], 1)
    if not len(stacked):
        raise KanpdeError("points() needs at least one point")
    return stacked
