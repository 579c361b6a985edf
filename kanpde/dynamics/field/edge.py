"""One edge of a KAN in Chebyshev polynomials, inside the residual of a weak form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.polynomial import chebyshev

from kanpde.arrays import Array
from kanpde.network.bases.polynomials import Chebyshev
from kanpde.network.coordinates import Coordinates
from kanpde.network.kan import KAN


@dataclass(frozen=True)
class EdgeRange:
    """The values low < u < high on which an edge lives."""

    low: float
    high: float

    def unit(self, u: Array) -> Array:
        """u on [-1, 1]."""
        return (2 * u - self.low - self.high) / (self.high - self.low)

    def table(self, u: Array, degree: int) -> Array:
        """1, T_1 ... T_degree at u (...), (..., degree + 1)."""
        return np.asarray(chebyshev.chebvander(self.unit(u), degree))

    def slope(self, u: Array, c: Array) -> Array:
        """The derivative at u of the edge with the coefficients c (degree + 1,)."""
        bend = chebyshev.chebval(self.unit(u), chebyshev.chebder(c))
        return np.asarray(bend * 2 / (self.high - self.low))

    def unbias(self, u: Array, degree: int, noise: float) -> Array:
        """T_degree at the exact u on average, from noisy u: exp(-s^2/2 d^2/du^2) T_degree."""
        series = np.zeros(degree + 1)
        series[degree] = 1
        square = (2 * noise / (self.high - self.low)) ** 2
        total, part = series.copy(), series
        for k in range(1, degree // 2 + 1):
            part = chebyshev.chebder(part, 2) * (-square / 2) / k
            total[: len(part)] += part
        return np.asarray(chebyshev.chebval(self.unit(u), total))

    def network(self, c: Array) -> KAN:
        """The KAN of one edge with the coefficients c (degree + 1,), the constant first."""
        coordinates = Coordinates((self.low,), (self.high,), (False,))
        generator = torch.Generator().manual_seed(0)
        network = KAN(coordinates, (), 1, Chebyshev(len(c) - 1), generator=generator)
        network.load_flat(torch.from_numpy(np.concatenate([c[1:], c[:1]])))
        return network


def fit_edge(rows: Array, right: Array, samples: int) -> Array:
    """Coefficients of the degree that the Bayesian criterion prefers.

    Args:
        rows: whitened integrals of the polynomials, (K, degree + 1).
        right: whitened integrals of what the edge must be, (K,).
        samples: how many there are.
    """
    fits = [np.linalg.lstsq(rows[:, :k], right, rcond=None)[0] for k in range(2, rows.shape[1] + 1)]
    squares = [float(np.sum((rows[:, : len(c)] @ c - right) ** 2)) for c in fits]
    scale = max(1.0, squares[-1] / len(right))
    scores = [s / scale + np.log(samples) * len(c) for s, c in zip(squares, fits, strict=True)]
    return np.asarray(fits[int(np.argmin(scores))], dtype=float)


@dataclass(frozen=True)
class EdgeFit:
    """Coefficients (P,), their covariance (P, P), and the scale of the misfit, at least 1."""

    c: Array
    covariance: Array
    scale: float


def fit_by_instruments(rows: Array, raw: Array, right: Array) -> EdgeFit:
    """Coefficients from noisy regressors `raw` (K, P), with smooth ones `rows` as instruments."""
    inverse = np.asarray(np.linalg.pinv(rows.T @ raw), dtype=float)
    c = inverse @ (rows.T @ right)
    scale = max(1.0, float(np.mean((raw @ c - right) ** 2)))
    return EdgeFit(c, inverse @ (rows.T @ rows) @ inverse.T * scale, scale)
