"""The Allen-Cahn equation on the periodic unit square."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import AnyArray as Array
from kanpde.operator.generators.base import check_times
from kanpde.operator.generators.periodic import (
    PeriodicGenerator,
    periodic_field,
    step_square,
    wavenumbers,
)


@dataclass(frozen=True)
class AllenCahn(PeriodicGenerator):
    """u_t = width^2 lap u + u - u^3 on the periodic unit square, from random smooth fields.

    Phases +1 and -1 separate, with fronts of the given width that straighten slowly. Fourier
    modes, exponential time steps. The test samples are recorded over twice the time.
    """

    width: float = 0.05
    times: int = 11
    end: float = 10.0
    title = "Allen-Cahn: the separation of two phases"
    name, dimension, symmetry, longer = "u", 2, "shifts", 2

    def __post_init__(self) -> None:
        check_times(self.times, self.end, width=self.width)

    def refinement(self, resolution: int) -> int:
        """Four points within a front."""
        return math.ceil(max(1.0, 4 / self.width / resolution))

    def rate(self, points: int) -> float:
        """Steps in time for each unit of it."""
        return 20.0

    def initial(self, points: int, rng: np.random.Generator) -> Array:
        """A random u0 (points, points)."""
        field = periodic_field(points, 1.0, 400.0, 1.25, rng)
        return np.asarray(0.5 * field / field.std())

    def states(
        self, start: Array, times: int, end: float, refinement: float = 1.0
    ) -> Iterator[Array]:
        """The states (B, n, n) at each time, from `start` (B, n, n)."""
        n = start.shape[-1]
        _, _, square = wavenumbers(n)

        def remainder(v: Array) -> Array:
            u = np.fft.irfft2(v, (n, n))
            return np.asarray(np.fft.rfft2(u - u**3))

        every = math.ceil(refinement * self.rate(start.shape[-1]) * end / (times - 1))
        return step_square(-(self.width**2) * square, remainder, start, times, end, every)
