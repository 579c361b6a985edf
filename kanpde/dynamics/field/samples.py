"""Samples of a field on an even grid, with everything that regression in weak form takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.field.bumps import POLICY, Bumps, choose_widths
from kanpde.dynamics.field.equation import Term
from kanpde.dynamics.field.noise import denoise, unbias_power


@dataclass(frozen=True)
class GridSamples:
    """Samples u (Nt, Nx) at x (Nx,) and t (Nt,), of an equation of which some terms are known.

    `smooth` (Nt, Nx) is the field without its noise, of which `noise` is the deviation; `order`
    is that of the derivative in time, `known` the known terms with their coefficients.
    """

    u: Array
    x: Array
    t: Array
    smooth: Array
    noise: float
    order: int
    known: Mapping[Term, float]

    @staticmethod
    def of(u: Array, x: Array, t: Array, order: int, known: Mapping[Term, float]) -> GridSamples:
        """The samples, smoothed."""
        smooth, noise = denoise(u)
        return GridSamples(u, x, t, smooth, noise, order, dict(known))

    @cached_property
    def widths(self) -> tuple[int, int]:
        """Half widths of the bumps in samples, along x and t."""
        return choose_widths(self.smooth, self.x, self.t)

    def spread_widths(self, factors: Sequence[float]) -> list[int]:
        """Half widths along x, in samples, from the least; `factors` are in units of `widths`."""
        most = (len(self.x) - 1) // 4
        tried = (round(factor * self.widths[0]) for factor in factors)
        return sorted({int(np.clip(width, POLICY.least, most)) for width in tried})

    def bumps(self, wide: int) -> Bumps:
        """Bumps of the half width `wide` along x."""
        return Bumps.on_grid(self.x, self.t, wide, self.widths[1])

    def rows(self, bumps: Bumps, terms: Sequence[Term]) -> Array:
        """The integrals (K, P) of terms of the smooth field: they choose and weigh."""
        return np.array([bumps.integral(self.smooth**m, (0, j)) for m, j in terms]).T

    def raw_rows(self, bumps: Bumps, terms: Sequence[Term]) -> Array:
        """The integrals (K, P) of terms of the samples: they decide, with errors of mean zero."""
        return np.array([self._raw(bumps, term) for term in terms]).T

    def _raw(self, bumps: Bumps, term: Term) -> Array:
        power, derivative = term
        return bumps.integral(unbias_power(self.u, power, self.noise), (0, derivative))

    def right(self, bumps: Bumps) -> Array:
        """The integrals (K,) of the derivative in time, less the known terms."""
        out = bumps.integral(self.u, (self.order, 0))
        for term, factor in self.known.items():
            out = out - factor * self._raw(bumps, term)
        return out

    def slopes(self, coefficients: Mapping[Term, float]) -> dict[int, Array]:
        """d/du of what stands under the j-th derivative in x, by j, on the grid."""
        out: dict[int, Array] = {}
        for (m, j), c in coefficients.items():
            if m:
                out[j] = out.get(j, 0) + c * m * self.smooth ** (m - 1)
        return out
