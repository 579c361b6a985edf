"""Bumps on a grid of samples u(t, x): smooth test functions that take all derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import Polynomial
from scipy.sparse import csr_matrix, kron

from kanpde.arrays import Array
from kanpde.dynamics.field.policy import BumpPolicy

POLICY = BumpPolicy()


def choose_widths(u: Array, x: Array, t: Array) -> tuple[int, int]:
    """Half widths of the bumps in samples, along x and t."""
    out = []
    for values, axis in ((u, x), (u.T, t)):
        step = axis[1] - axis[0]
        slope = np.diff(values, axis=1) / step
        scale = np.std(u) / max(float(np.sqrt(np.mean(slope**2))), 1e-300)
        out.append(int(np.clip(POLICY.width * scale / step, POLICY.least, (len(axis) - 1) // 4)))
    return out[0], out[1]


@dataclass(frozen=True)
class Bumps:
    """Bumps on a lattice of the grid; `x` and `t` hold their 1-D rows by derivative."""

    x: list[Array]
    t: list[Array]

    @staticmethod
    def on_grid(x: Array, t: Array, wide: int, long: int) -> Bumps:
        """Bumps of half widths `wide` and `long` in samples, on axes x (Nx,) and t (Nt,)."""
        return Bumps(_sample_bumps(x, wide, 4), _sample_bumps(t, long, 2))

    def integral(self, field: Array, derivative: tuple[int, int]) -> Array:
        """(-1)^(i + j) int psi^(i, j) field for all bumps, (K,)."""
        i, j = derivative
        sign = (-1) ** (i + j)
        return np.asarray(sign * self.t[i] @ field @ self.x[j].T).ravel()

    def covariance(self, slopes: Mapping[int, Array], order: int, noise: float) -> Array:
        """The covariance (K, K) of the rows' residuals, from independent noise in every sample.

        Args:
            slopes: d/du of what stands under the j-th derivative in x, by j, on the grid.
            order: of the derivative in time.
            noise: the deviation of the noise.
        """
        ones = np.ones((self.t[0].shape[1], self.x[0].shape[1]))
        total: Any = -((-1) ** order) * _kron(self.t[order], self.x[0], ones)
        for j, slope in slopes.items():
            total = total + (-1) ** j * _kron(self.t[0], self.x[j], slope)
        return np.asarray(noise**2 * (total @ total.T).toarray())


def _kron(along_t: Array, along_x: Array, field: Array) -> Any:
    """The rows psi_t(t) psi_x(x) field(t, x), sparse, (K, Nt Nx)."""
    product = csr_matrix(kron(csr_matrix(along_t), csr_matrix(along_x), format="csr"))
    return product.multiply(field.ravel()[None, :]).tocsr()


def _sample_bumps(axis: Array, half: int, orders: int) -> list[Array]:
    """(1 - z^2)^p and its derivatives at the grid's points, times the step: (bumps, N) each."""
    count = len(axis)
    step = float(axis[1] - axis[0])
    number = int(min(POLICY.count, max(4, 3 * (count - 2 * half) // half + 1)))
    centres = np.unique(np.linspace(half, count - 1 - half, number).round().astype(int))
    bump = Polynomial([1, 0, -1]) ** POLICY.power
    z = np.arange(-half, half + 1) / half
    out = []
    for order in range(orders + 1):
        shape = bump.deriv(order)(z) if order else bump(z)
        shape = shape * step / (half * step) ** order / (half * step)
        table = np.zeros((len(centres), count))
        for row, centre in enumerate(centres):
            table[row, centre - half : centre + half + 1] = shape
        out.append(table)
    return out
