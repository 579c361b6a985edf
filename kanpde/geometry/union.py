"""Unions of regions: a condition on several faces is one condition on each."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kanpde.geometry.domain import Domain, Region, Sample


@dataclass(frozen=True)
class Union(Region):
    """A union of regions of one domain that do not overlap."""

    members: tuple[Region, ...]

    @property
    def domain(self) -> Domain:  # type: ignore[override]
        return self.members[0].domain

    @property
    def parts(self) -> tuple[Region, ...]:
        return tuple(part for member in self.members for part in member.parts)

    @property
    def label(self) -> str:
        return "; ".join(part.label for part in self.members)

    @property
    def dimension(self) -> int:
        return max(part.dimension for part in self.members)

    @property
    def measure(self) -> float:
        return sum(part.measure for part in self.members)

    def count(self, interior: int) -> int:
        return sum(part.count(interior) for part in self.members)

    def sample(self, count: int, seed: int) -> Sample:
        """Points on each member, in the proportion of their measures."""
        shares = [max(1, round(count * m.measure / self.measure)) for m in self.members]
        found = [
            m.sample(n, seed + k) for k, (m, n) in enumerate(zip(self.members, shares, strict=True))
        ]
        normals = [sample.normals for sample in found]
        whole = [n for n in normals if n is not None]
        return Sample(
            np.concatenate([sample.points for sample in found]),
            np.concatenate([sample.weights for sample in found]),
            np.concatenate(whole) if len(whole) == len(normals) else None,
            self.domain.names,
        )

    def within(self, domain: Domain) -> Region | None:
        found = [part.within(domain) for part in self.members]
        kept = tuple(part for part in found if part is not None)
        return Union(kept) if kept else None

    def key(self) -> Hashable:
        return tuple(part.key() for part in self.members)

    def to_data(self) -> dict[str, Any]:
        return {"parts": [part for m in self.members for part in m.to_data()["parts"]]}
