"""The edges of a layer as power series: an edge is a function of one variable.

For the node values s at given centres, the series of phi_{o,i}(s + z) in z, with bounds of the
errors of its coefficients and of its tail on a disc. A polynomial's series ends, so that its tail
is exact.
"""

from __future__ import annotations

import math
from functools import lru_cache, singledispatch
from typing import Any

import numpy as np
from numpy.polynomial import legendre

from kanpde.arrays import Array
from kanpde.bounds import univariate
from kanpde.bounds.monomials import UNIT, UP
from kanpde.errors import KanpdeError
from kanpde.network.bases import Basis, Chebyshev, Fourier, GaussianRBF, Legendre


class EdgeSeries:
    """Of each edge: coefficients and their errors (inputs, N, outputs, p + 1), tails (..., 1)."""

    def __init__(self, weights: Array, coefficients: Array, errors: Array, tails: Array) -> None:
        """From weights (outputs, size, inputs), and of each basis function the series.

        These have the shapes (size, p + 1, inputs, N), the same, and (size, inputs, N).
        """
        w = weights.transpose(2, 0, 1)[:, None]  # (inputs, 1, outputs, size)
        size = np.abs(w)

        def spread(series: Array) -> Array:
            return series.transpose(2, 3, 0, 1)

        self.coefficients = w @ spread(coefficients)
        rounding = (weights.shape[1] + 2) * UNIT
        self.errors = UP * size @ spread(errors + rounding * np.abs(coefficients))
        self.tails = UP * size @ spread(tails[:, None])


def expand_edges(basis: Basis, weights: Array, s: Array, r: Array, degree: int) -> EdgeSeries:
    """The series around s (inputs, N) on discs of radius r (inputs, N).

    Raises KanpdeError for a basis that is not analytic.
    """
    return EdgeSeries(*_expand(basis, weights, s, r, degree))


@singledispatch
def _expand(basis: Any, weights: Array, s: Array, r: Array, degree: int) -> Any:
    raise KanpdeError(
        f"functions of the basis {basis} are not analytic; bounds need Chebyshev, Legendre, "
        "Fourier or GaussianRBF"
    )


@_expand.register
def _(basis: Chebyshev, weights: Array, s: Array, r: Array, degree: int) -> Any:
    return weights, *expand_chebyshev(s, r, basis.degree, degree)


@_expand.register
def _(basis: Legendre, weights: Array, s: Array, r: Array, degree: int) -> Any:
    # P_k is a sum of T_j with coefficients that are not negative, and P_k(1) = T_j(1) = 1.
    table = np.zeros((basis.degree, basis.degree))
    constants = np.zeros(basis.degree)
    for k in range(1, basis.degree + 1):
        row = np.polynomial.chebyshev.poly2cheb(legendre.leg2poly([0] * k + [1]))
        constants[k - 1], table[k - 1, :k] = row[0], row[1:]
    coefficients, errors, tails = expand_chebyshev(s, r, basis.degree, degree)
    turned = np.tensordot(table, coefficients, 1)
    turned[:, 0] += constants[:, None, None]
    # The condition of the change of basis by powers, which is largest for the largest degree.
    loss = UNIT * 4.0**basis.degree
    missed = np.tensordot(np.abs(table), errors + loss * np.abs(coefficients), 1)
    missed[:, 0] += loss
    return weights, turned, missed, np.tensordot(np.abs(table) * (1 + loss), tails, 1)


@_expand.register
def _(basis: Fourier, weights: Array, s: Array, r: Array, degree: int) -> Any:
    k = np.arange(1, basis.modes + 1)[:, None, None]
    rate = 0.5 * math.pi * k
    found = [univariate.cos(rate * s, rate * r, degree), univariate.sin(rate * s, rate * r, degree)]
    by_order = (rate ** np.arange(degree + 1)[:, None, None, None]).swapaxes(0, 1)
    coefficients = np.concatenate([f.coefficients.swapaxes(0, 1) * by_order for f in found])
    errors = np.concatenate([f.errors.swapaxes(0, 1) * by_order for f in found])
    # The argument itself is rounded.
    errors = errors + 8 * UNIT * (1 + np.concatenate([rate, rate])[:, None]) * np.concatenate(
        [by_order / _factorials(degree), by_order / _factorials(degree)]
    )
    return weights, coefficients, errors, np.concatenate([f.tail for f in found])


@_expand.register
def _(basis: GaussianRBF, weights: Array, s: Array, r: Array, degree: int) -> Any:
    rate = (basis.centres - 1) / (2 * math.sqrt(2))
    centre = np.linspace(-1, 1, basis.centres)[:, None, None]
    found = univariate.gaussian(rate * (s - centre), rate * np.broadcast_to(r, s.shape), degree)
    by_order = rate ** np.arange(degree + 1)[:, None, None]
    coefficients = found.coefficients.swapaxes(0, 1) * by_order
    # A shift of the argument by d changes a coefficient by at most d (j + 1) times the next bound.
    shift = 8 * UNIT * (1 + rate * np.abs(s - centre))[:, None]
    bound = 1.1 * math.sqrt(2) ** np.arange(degree + 2) / np.sqrt(_factorials(degree + 1)[:, 0, 0])
    moved = (np.arange(1, degree + 2) * bound[1:])[:, None, None] * by_order
    return weights, coefficients, found.errors.swapaxes(0, 1) * by_order + shift * moved, found.tail


def _factorials(degree: int) -> Array:
    return np.array([float(math.factorial(j)) for j in range(degree + 1)])[:, None, None]


def expand_chebyshev(s: Array, r: Array, size: int, degree: int) -> tuple[Array, Array, Array]:
    """T_1 ... T_size around s: coefficients, errors (size, degree + 1, ...), and tails (size, ...).

    By T_{k+1} = 2 x T_k - T_{k-1}, in powers of z. |s| may pass 1 by rounding only.
    """
    orders = max(size, degree)
    t = np.zeros((size + 1, orders + 1, *s.shape))
    t[0, 0], t[1, 0], t[1, 1] = 1, s, 1
    for k in range(1, size):
        t[k + 1] = 2 * s * t[k] - t[k - 1]
        t[k + 1, 1:] += 2 * t[k, :-1]
    errors = _chebyshev_errors(size, orders)
    tails = np.zeros((size, *s.shape))
    for j in range(degree + 1, size + 1):
        tails += (np.abs(t[1:, j]) + errors[1:, j, None, None]) * r**j
    missed = errors[1:, : degree + 1, None, None]
    return t[1:, : degree + 1], np.broadcast_to(missed, t[1:, : degree + 1].shape), UP * tails


@lru_cache(maxsize=32)
def _chebyshev_errors(size: int, orders: int) -> Array:
    """Bounds (size + 1, orders + 1) of the rounding of `expand_chebyshev`.

    A step of the recurrence adds at most 10 units of the largest coefficients, which are those at
    1, T_m^(j)(1) / j!; an error made at step m grows like the polynomial U_(k-m) of the second
    kind.
    """
    first, second = np.zeros((2, size + 2, orders + 1))
    first[0, 0], first[1, 0] = 1, 1
    second[0, 0], second[1, 0] = 1, 2
    if orders:
        first[1, 1], second[1, 1] = 1, 2
    for t in (first, second):
        for k in range(1, size + 1):
            t[k + 1] = 2 * t[k] - t[k - 1]
            t[k + 1, 1:] += 2 * t[k, :-1]
    first, second = np.abs(first), np.abs(second)
    out = np.zeros((size + 1, orders + 1))
    for k in range(2, size + 1):
        for m in range(2, k + 1):
            for j in range(orders + 1):
                out[k, j:] += 10 * UNIT * first[m, j] * second[k - m, : orders + 1 - j]
    return out * 1.01
