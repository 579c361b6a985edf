"""Bumps on a grid of samples u(t, x): smooth test functions that take all derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial

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
        # A row is psi_t^(order)(t) psi(x) plus psi(t) r(t, x): sums over x first, for each t, then
        # over t for each pair of bumps; as sparse rows of all samples it took 10 times as long.
        space = self.x[0]
        rest = np.zeros((self.t[0].shape[1], *space.shape))
        for j, slope in slopes.items():
            rest += (-1) ** j * np.asarray(slope)[:, None, :] * self.x[j]
        mixed = rest @ space.T
        first, then = -((-1) ** order) * self.t[order], self.t[0]
        total = np.einsum("ab,cd->abcd", first @ first.T, space @ space.T)
        total += _sum_over_times(then, then, rest @ rest.transpose(0, 2, 1))
        total += _sum_over_times(then, first, mixed)
        total += _sum_over_times(first, then, mixed.transpose(0, 2, 1))
        count = len(first) * len(space)
        return np.asarray(noise**2 * total.transpose(0, 2, 1, 3).reshape(count, count))


def _sum_over_times(left: Array, right: Array, products: Array) -> Array:
    """sum over t of left (A, T), right (A, T) and products (T, B, B), (A, A, B, B)."""
    pairs = (left[:, None] * right).reshape(-1, left.shape[1])
    flat = pairs @ products.reshape(len(products), -1)
    return np.asarray(flat.reshape(len(left), len(right), *products.shape[1:]))


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
