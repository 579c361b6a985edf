"""A smooth surface u(x, t) through scattered, noisy samples: tensor products of B-splines.

Eilers & Marx's P-splines: more functions than the samples need, and a penalty on the third
differences of their coefficients along x and along t, each weighed by generalised cross
validation. All matrices are banded, so that thousands of coefficients cost milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.interpolate import BSpline
from scipy.linalg import cho_solve_banded, cholesky_banded
from scipy.sparse import csr_matrix, identity, kron, spdiags

from kanpde.arrays import Array

# Quintic: fourth derivatives are continuous.
DEGREE = 5
# The least and the most functions along one axis.
_LEAST, _MOST = 16, 64
# Random signs for the trace in cross validation (Hutchinson).
PROBES = 6


@dataclass(frozen=True)
class Splines:
    """`count` B-splines on even intervals of [low, high]."""

    low: float
    high: float
    count: int

    @cached_property
    def knots(self) -> Array:
        inner = np.linspace(self.low, self.high, self.count - DEGREE + 1)
        step = inner[1] - inner[0]
        outer = step * np.arange(1, DEGREE + 1)
        return np.concatenate([self.low - outer[::-1], inner, self.high + outer])

    def rows(self, z: Array, order: int) -> tuple[Array, Array]:
        """The first function that is not zero at each z (N,), and the values of all (N, 6)."""
        step = self.knots[1] - self.knots[0]
        cell = ((z - self.low) / step).astype(int).clip(0, self.count - DEGREE - 1)
        # On even knots every function is the same bump, shifted.
        bump = BSpline.basis_element(np.arange(DEGREE + 2.0), extrapolate=True)
        pieces = bump.derivative(order) if order else bump
        place = (z - self.low) / step - cell
        # Where a function's piece k lies on this cell: from its left end, DEGREE - k cells away.
        columns = [pieces(np.clip(place, 0, 1 - 1e-14) + DEGREE - k) for k in range(DEGREE + 1)]
        return cell, np.stack(columns, 1) / step**order


@dataclass(frozen=True)
class TensorSplines:
    """Products of splines in x and t; coefficient (i, j) stands at i * t.count + j."""

    x: Splines
    t: Splines

    @property
    def size(self) -> int:
        return self.x.count * self.t.count

    @property
    def band(self) -> int:
        """How far from the diagonal a product of two functions lies at most."""
        return DEGREE * self.t.count + DEGREE

    def design(self, x: Array, t: Array, derivative: tuple[int, int] = (0, 0)) -> csr_matrix:
        """d^i/dx^i d^j/dt^j of every function at (x, t), (N, size), sparse."""
        first, along_x = self.x.rows(x, derivative[0])
        begin, along_t = self.t.rows(t, derivative[1])
        steps = np.arange(DEGREE + 1)
        columns = (first[:, None] + steps)[:, :, None] * self.t.count + (begin[:, None] + steps)[
            :, None, :
        ]
        values = along_x[:, :, None] * along_t[:, None, :]
        width = (DEGREE + 1) ** 2
        return csr_matrix(
            (values.ravel(), columns.ravel(), np.arange(len(x) + 1) * width),
            shape=(len(x), self.size),
        )

    def roughness(self) -> tuple[csr_matrix, csr_matrix]:
        """Squared third differences along x and along t, as matrices (size, size)."""
        parts = []
        for splines in (self.x, self.t):
            d = _build_differences(splines.count)
            parts.append(csr_matrix(d.T @ d))
        return (
            csr_matrix(kron(parts[0], identity(self.t.count))),
            csr_matrix(kron(identity(self.x.count), parts[1])),
        )


def _build_differences(count: int) -> csr_matrix:
    weights = np.array([-1.0, 3.0, -3.0, 1.0])
    return csr_matrix(spdiags(np.tile(weights[:, None], count), np.arange(4), count - 3, count))


@dataclass(frozen=True)
class Banded:
    """The Cholesky factor of a banded matrix; positive numbers on the diagonal make it so."""

    factor: Array

    @staticmethod
    def of(matrix: Any, band: int) -> Banded:
        """Of a sparse symmetric matrix (n, n) without entries beyond `band`."""
        table = np.zeros((band + 1, matrix.shape[0]))
        entries = matrix.tocoo()
        upper = entries.col >= entries.row
        row, col = entries.row[upper], entries.col[upper]
        table[band + row - col, col] = entries.data[upper]
        table[band] *= 1 + 1e-10
        table[band] += 1e-14 * table[band].max()
        return Banded(cholesky_banded(table, overwrite_ab=True, check_finite=False))

    def solve(self, right: Array) -> Array:
        """(n,) or (n, k)."""
        return np.asarray(cho_solve_banded((self.factor, False), right, check_finite=False))


@dataclass(frozen=True)
class Surface:
    """u(x, t) with its derivatives; `noise` is the standard deviation of what it left out.

    `penalty` (size, size) is what the roughness was weighed with, beside squares of the misfit.
    """

    basis: TensorSplines
    coefficients: Array
    noise: float
    penalty: csr_matrix

    def __call__(self, x: Array, t: Array, derivative: tuple[int, int] = (0, 0)) -> Array:
        """d^i/dx^i d^j/dt^j u at points (N,)."""
        return np.asarray(self.basis.design(x, t, derivative) @ self.coefficients)


def smooth_surface(x: Array, t: Array, u: Array) -> Surface:
    """The surface through samples u (N,) at (x, t) that cross validation likes best."""
    count = float(np.clip(1.5 * np.sqrt(len(u)), _LEAST, _MOST))
    first = _fit_by_cross_validation(_build_basis(x, t, count, 1.0), x, t, u)
    # Fronts that are steep in x and last in t, or the other way, want unequal numbers.
    along_x = _measure_curvature(first, x, t, (2, 0))
    along_t = _measure_curvature(first, x, t, (0, 2))
    stretch = (along_x * np.ptp(x) ** 2 / (along_t * np.ptp(t) ** 2)) ** 0.25
    if 0.8 < stretch < 1.25:
        return first
    basis = _build_basis(x, t, count, float(np.clip(stretch, 0.4, 2.5)))
    return _fit_by_cross_validation(basis, x, t, u)


def _build_basis(x: Array, t: Array, count: float, stretch: float) -> TensorSplines:
    """About count^2 functions, `stretch` times as many along x and as many fewer along t."""
    counts = [max(_LEAST, round(count * f)) for f in (stretch, 1 / stretch)]
    return TensorSplines(
        Splines(float(x.min()), float(x.max()), counts[0]),
        Splines(float(t.min()), float(t.max()), counts[1]),
    )


def _measure_curvature(surface: Surface, x: Array, t: Array, derivative: tuple[int, int]) -> float:
    return max(float(np.sqrt(np.mean(surface(x, t, derivative) ** 2))), 1e-300)


def _fit_by_cross_validation(basis: TensorSplines, x: Array, t: Array, u: Array) -> Surface:
    """The surface in a basis whose roughness cross validation weighs."""
    design = basis.design(x, t)
    gram, moment = csr_matrix(design.T @ design), design.T @ u
    rough = basis.roughness()
    probes = np.random.default_rng(0).choice([-1.0, 1.0], (len(u), PROBES))

    def penalty(powers: tuple[float, float]) -> csr_matrix:
        return csr_matrix(10.0 ** powers[0] * rough[0] + 10.0 ** powers[1] * rough[1])

    def score(powers: tuple[float, float]) -> tuple[float, Array, float]:
        """Generalised cross validation (its trace by Hutchinson's probes), at 10^powers."""
        factor = Banded.of(gram + penalty(powers), basis.band)
        c = factor.solve(moment)
        left = float(np.sum((design @ c - u) ** 2))
        used = float(np.sum((design.T @ probes) * factor.solve(design.T @ probes))) / PROBES
        free = max(len(u) - used, 0.02 * len(u))
        return len(u) * left / free**2, c, left / free

    found = {}
    best = (-3.0, -3.0)
    for step in (3.0, 1.0, 0.5):
        while True:
            around = [(best[0] + i * step, best[1] + j * step) for i, j in _NEAR]
            for powers in around:
                if powers not in found and max(map(abs, powers)) <= 12:
                    found[powers] = score(powers)
            now = min(found, key=lambda p: found[p][0])
            if now == best:
                break
            best = now
    _, c, square = found[best]
    return Surface(basis, c, float(np.sqrt(square)), penalty(best))


_NEAR = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1))
