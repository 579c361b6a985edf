"""An even grid of a domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import Array


@dataclass(frozen=True)
class Grid:
    """Coordinates along each axis, by name; `inside` (N,), bool, where not all points are."""

    axes: Mapping[str, Array]
    inside: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(values) for values in self.axes.values())

    def at_times(self, time: str, times: Array) -> Grid:
        """The same at these times."""
        return Grid({**self.axes, time: times}, self.inside)

    @property
    def points(self) -> Array:
        """All points, (N, dimension), the last axis fastest."""
        mesh = np.meshgrid(*self.axes.values(), indexing="ij")
        return np.stack([m.ravel() for m in mesh], 1)
