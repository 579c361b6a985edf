"""Burgers' equation on the periodic unit interval."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import AnyArray as Array
from kanpde.operator.generators.base import check_times
from kanpde.operator.generators.periodic import PeriodicGenerator
from kanpde.reference.etdrk4 import march


@dataclass(frozen=True)
class Burgers(PeriodicGenerator):
    """u_t + u u_x = viscosity u_xx on [0, 1), periodic; u0 ~ N(0, 625 (-lap + 25)^-2).

    (Li et al., 2021, section 5.1.) Fourier modes, exponential time steps. The output is u(x, t).
    """

    viscosity: float = 0.01
    times: int = 17
    end: float = 1.0
    title = "Burgers' equation, from u0 to u(x, t)"
    name, dimension, symmetry, longer = "u", 1, "shifts", 1

    def __post_init__(self) -> None:
        check_times(self.times, self.end, viscosity=self.viscosity)

    def refinement(self, resolution: int) -> int:
        """Two points for each that is recorded, and four within a shock."""
        return math.ceil(max(2.0, 4 / self.viscosity / resolution))

    def rate(self, points: int) -> float:
        """Half a spacing a step for |u| = 2, which is rare."""
        return 4.0 * points

    def initial(self, points: int, rng: np.random.Generator) -> Array:
        """A random u0 (points,), by 64 modes."""
        k = np.arange(1, 65)
        scale = 25 / ((2 * np.pi * k) ** 2 + 25) * math.sqrt(2)
        parts = scale * rng.standard_normal((2, 64))
        angle = 2 * np.pi * k[:, None] * np.arange(points) / points
        return np.asarray(parts[0] @ np.cos(angle) + parts[1] @ np.sin(angle))

    def states(
        self, start: Array, times: int, end: float, refinement: float = 1.0
    ) -> Iterator[Array]:
        """The states (B, n) at each time, from `start` (B, n)."""
        n = start.shape[-1]
        k = 2 * np.pi * np.arange(n // 2 + 1)
        kept = np.arange(n // 2 + 1) < n / 3

        def remainder(t: float, v: Array) -> Array:
            u = np.fft.irfft(v * kept, n)
            return np.asarray(-0.5j * k * kept * np.fft.rfft(u * u))

        # Half a spacing a step for |u| = 2, which is rare; the same for each batch of samples.
        every = math.ceil(refinement * self.rate(start.shape[-1]) * end / (times - 1))
        steps = every * (times - 1)
        states = march(
            -self.viscosity * k**2, remainder, np.fft.rfft(start), (0.0, end), steps, every
        )
        return (np.fft.irfft(v, n) for v in states)
