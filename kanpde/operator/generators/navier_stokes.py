"""The Navier-Stokes equations of a forced flow on the periodic unit square."""

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
class NavierStokes(PeriodicGenerator):
    """w_t + v . grad w = viscosity lap w + f on the periodic unit square (Li et al., section 5.3).

    w is the vorticity of the velocity v, f = 0.1 (sin 2 pi (x + y) + cos 2 pi (x + y)), and
    w0 ~ N(0, 7^1.5 (-lap + 49)^-2.5). Pseudo-spectral with the 2/3 rule, exponential time steps.
    The test samples are recorded over twice the time.
    """

    viscosity: float = 1e-3
    times: int = 11
    end: float = 10.0
    title = "Forced Navier-Stokes in vorticity form"
    name, dimension, symmetry, longer = "w", 2, "none", 2

    def __post_init__(self) -> None:
        check_times(self.times, self.end, viscosity=self.viscosity)

    def refinement(self, resolution: int) -> int:
        """At least 64 points along an axis."""
        return math.ceil(64 / resolution)

    def rate(self, points: int) -> float:
        """A spacing a step for a velocity of 1."""
        return float(points)

    def initial(self, points: int, rng: np.random.Generator) -> Array:
        """A random w0 (points, points)."""
        return periodic_field(points, 7**0.75, 49.0, 1.25, rng)

    def states(
        self, start: Array, times: int, end: float, refinement: float = 1.0
    ) -> Iterator[Array]:
        """The states (B, n, n) at each time, from `start` (B, n, n)."""
        n = start.shape[-1]
        kx, ky, square = wavenumbers(n)
        kept = (np.abs(kx) < 2 * np.pi * n / 3) & (np.abs(ky) < 2 * np.pi * n / 3)
        inverse = np.where(square == 0, 0.0, 1 / np.where(square == 0, 1.0, square))
        x = np.arange(n) / n
        phase = 2 * np.pi * (x[:, None] + x)
        force = np.fft.rfft2(0.1 * (np.sin(phase) + np.cos(phase)))

        def remainder(w: Array) -> Array:
            w = w * kept
            stream = inverse * w  # -lap psi = w; velocity (psi_y, -psi_x)
            u, v, wx, wy = np.fft.irfft2(
                np.stack([1j * ky * stream, -1j * kx * stream, 1j * kx * w, 1j * ky * w]), (n, n)
            )
            return np.asarray(force - kept * np.fft.rfft2(u * wx + v * wy))

        every = math.ceil(refinement * self.rate(start.shape[-1]) * end / (times - 1))
        return step_square(-self.viscosity * square, remainder, start, times, end, every)
