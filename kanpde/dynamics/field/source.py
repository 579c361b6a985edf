"""The unknown source of a known equation: u_t = known terms + f(u), with f a KAN, and a formula.

The source is one edge of a KAN inside the residual. In weak form, against bumps that take all
derivatives, the residual is linear in the edge's coefficients, so that least squares finds them
at once; the formula is the polynomial or the edge function (`symbolic.suggest`) that explains the
same integrals best. (KAN-ODE, Koenig, Kim & Deng 2024, section 3.2, trains by Adam.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
import torch
from numpy.polynomial import chebyshev
from scipy.linalg import cholesky, solve_triangular

from kanpde.arrays import Array
from kanpde.dynamics.field.bumps import LEAST, Windows, widths
from kanpde.dynamics.field.equation import FieldEquation, Term, term_name
from kanpde.dynamics.field.grid import checked_grid, denoised, discover_field, unbiased
from kanpde.dynamics.intervals import INTERVAL, with_interval
from kanpde.errors import KanpdeError
from kanpde.network.bases.polynomials import Chebyshev
from kanpde.network.coordinates import Coordinates
from kanpde.network.kan import KAN
from kanpde.symbolic.numbers import refit
from kanpde.symbolic.suggest import X, suggest

U = sympy.Symbol("u", real=True)
_SHAPES = 5
# What sin or exp must gain beyond a polynomial with as many numbers.
_FUNCTION = 6.0


@dataclass(frozen=True)
class Source:
    """f in d^order u/dt^order = known + f(u), on low < u < high.

    `network` is f as a KAN of one edge, with the covariance of its bias and coefficients;
    `formula` what it most likely is, `equation` the same where it is a polynomial, else None.
    """

    order: int
    known: Mapping[Term, float]
    low: float
    high: float
    network: KAN
    covariance: Array
    formula: sympy.Expr
    equation: FieldEquation | None
    noise: float

    def __call__(self, u: Any) -> Array:
        """The network at u, of any shape."""
        values = np.asarray(u, dtype=float)
        with torch.no_grad():
            out = self.network(torch.from_numpy(values.reshape(-1, 1)))
        return np.asarray(out.numpy().reshape(values.shape))

    def error(self, u: Any) -> Array:
        """The standard error of the network at u, from the samples' noise."""
        values = np.asarray(u, dtype=float)
        rows = _edge(values.ravel(), self.low, self.high, len(self.covariance) - 1)
        square = np.einsum("nk,kl,nl->n", rows, self.covariance, rows)
        return np.asarray(np.sqrt(np.maximum(square, 0)).reshape(values.shape))

    def text(self) -> str:
        """The equation, the formula with 95 % intervals, and how well the KAN knows f."""
        parts = [f"{v:+g} {term_name(t)}" for t, v in self.known.items()]
        known = " ".join(parts).removeprefix("+")
        grid = np.linspace(self.low, self.high, 101)
        size = float(np.sqrt(np.mean(self(grid) ** 2)))
        doubt = INTERVAL * float(np.sqrt(np.mean(self.error(grid) ** 2)))
        lines = [
            f"u_{'t' * self.order} = {known} + f(u),  {self.low:.4g} < u < {self.high:.4g}",
            f"f(u) = {self._formula()}",
            f"f as a KAN: {self.network.parameter_count} parameters, rms {size:.4g} ± {doubt:.2g}",
        ]
        return "\n".join(lines)

    def _formula(self) -> str:
        if self.equation is None:
            return str(self.formula.evalf(6))
        parts = []
        found = self.equation
        for term, value, error in zip(found.terms, found.values, found.errors, strict=True):
            number = with_interval(abs(float(value)), INTERVAL * float(error))
            parts.append(f"{'-' if value < 0 else '+'} {number} {term_name(term)}".rstrip())
        return " ".join(parts).removeprefix("+ ") or "0"


def discover_source(
    u: Any,
    x: Any,
    t: Any,
    known: Mapping[Term, float],
    *,
    order: int = 1,
    powers: int = 5,
    degree: int = 10,
) -> Source:
    """The source f(u) that a known equation lacks.

    Args:
        u: samples (len(t), len(x)) on an even grid; noise is allowed.
        x: positions (Nx,).
        t: times (Nt,).
        known: the terms that are known, as {(1, 2): 0.1} for 0.1 u_xx.
        order: of the derivative in time: 1 or 2.
        powers: the highest power in a polynomial formula.
        degree: the highest degree of the KAN's edge; the data choose up to it.

    Raises:
        KanpdeError: for samples that are not such a grid, and known terms u^m without derivative.
    """
    inside = [term_name(term) or "a constant" for term in known if term[1] == 0]
    if inside:
        raise KanpdeError(
            f"the known term {inside[0]} is a source itself: leave it out, it will be in f(u)"
        )
    if np.ndim(u) == 1:
        raise KanpdeError(
            "a source as a network needs samples on a grid; of scattered ones "
            "discover_field(..., derivatives=0, known=...) finds a polynomial"
        )
    field = checked_grid(u, x, t, order)
    smooth, noise = denoised(field[0])
    low, high = float(smooth.min()), float(smooth.max())
    wide, long = widths(smooth, field[1], field[2])
    windows = Windows.over(field[1], field[2], max(wide // 2, LEAST), long)
    right = windows.integral(field[0], (order, 0))
    slopes: dict[int, Array] = {}
    for (m, j), factor in known.items():
        right = right - factor * windows.integral(unbiased(field[0], m, noise), (0, j))
        slopes[j] = slopes.get(j, 0) + factor * m * smooth ** (m - 1)
    table = _edge(smooth, low, high, degree)
    rows = np.stack([windows.integral(table[..., k], (0, 0)) for k in range(degree + 1)], 1)
    root = _root(windows.covariance(slopes, order, noise), right)
    c = _edge_fit(_whitened(root, rows), _whitened(root, right), smooth.size)
    # What smoothing took from the field's extremes is missing in f. Integrals of the raw samples,
    # their noise accounted for, have no such error; the smooth ones serve as instruments. At 5 %
    # of noise Allen-Cahn's f is off by 2.1 % so, and by 4.3 % without.
    bend = chebyshev.chebval((2 * smooth - low - high) / (high - low), chebyshev.chebder(c))
    slopes[0] = np.asarray(slopes.get(0, 0) + bend * 2 / (high - low), dtype=float)
    root = _root(windows.covariance(slopes, order, noise), right)
    target = _whitened(root, right)
    raw = [
        windows.integral(_unbiased_edge(field[0], low, high, k, noise), (0, 0))
        for k in range(len(c))
    ]
    c, scale, spread = _instrumental(
        _whitened(root, rows[:, : len(c)]), _whitened(root, np.stack(raw, 1)), target
    )
    box = Coordinates((low,), (high,), (False,))
    network = KAN(box, (), 1, Chebyshev(len(c) - 1), generator=torch.Generator().manual_seed(0))
    network.load_flat(torch.from_numpy(np.concatenate([c[1:], c[:1]])))

    def misfit(function: Any) -> Array:
        return _whitened(root, windows.integral(function(smooth), (0, 0))) - target

    polynomial = discover_field(*field, order=order, powers=powers, derivatives=0, known=known)
    curve = np.linspace(low, high, 201)
    at = _edge(curve, low, high, len(c) - 1)
    doubt = float(np.einsum("nk,kl,nl->n", at, spread, at).mean())
    floor = float(np.clip(doubt / max(float(np.var(at @ c)), 1e-300), 1e-10, 0.1))
    formula, of_powers = _formula(polynomial, curve, at @ c, floor, misfit, scale)
    return Source(
        order, dict(known), low, high, network, spread, formula,
        polynomial if of_powers else None, noise,
    )  # fmt: skip


def _formula(
    polynomial: FieldEquation, u: Array, f: Array, floor: float, misfit: Any, scale: float
) -> tuple[sympy.Expr, bool]:
    """The best formula, and whether it is the polynomial."""
    side = sympy.Add(
        *(
            sympy.Float(v) * U**m
            for (m, _), v in zip(polynomial.terms, polynomial.values, strict=True)
        )
    )
    fitted = refit(side, [U], misfit)
    price = np.log(len(fitted.rest))
    lowest = float(fitted.rest @ fitted.rest) / scale + price * len(fitted.values)
    found, of_powers = side, True
    for each in suggest(u, f, floor=floor)[: 2 * _SHAPES]:
        if each.formula.is_polynomial(X):
            continue
        fitted = refit(each.formula.subs(X, U), [U], misfit)
        value = float(fitted.rest @ fitted.rest) / scale + price * len(fitted.values) + _FUNCTION
        if value < lowest:
            found, lowest, of_powers = fitted.formula, value, False
    return found, of_powers


def _edge_fit(rows: Array, right: Array, samples: int) -> Array:
    """Coefficients of the degree that the Bayesian criterion likes."""
    fits = [np.linalg.lstsq(rows[:, :k], right, rcond=None)[0] for k in range(2, rows.shape[1] + 1)]
    squares = [float(np.sum((rows[:, : len(c)] @ c - right) ** 2)) for c in fits]
    scale = max(1.0, squares[-1] / len(right))
    scores = [s / scale + np.log(samples) * len(c) for s, c in zip(squares, fits, strict=True)]
    return np.asarray(fits[int(np.argmin(scores))], dtype=float)


def _instrumental(rows: Array, raw: Array, right: Array) -> tuple[Array, float, Array]:
    """Coefficients by instruments `rows`, the scale of the misfit (at least 1), the covariance."""
    inverse = np.asarray(np.linalg.pinv(rows.T @ raw), dtype=float)
    c = inverse @ (rows.T @ right)
    scale = max(1.0, float(np.mean((raw @ c - right) ** 2)))
    return c, scale, inverse @ (rows.T @ rows) @ inverse.T * scale


def _unbiased_edge(u: Array, low: float, high: float, degree: int, noise: float) -> Array:
    """T_degree at the exact u on average, from noisy u: exp(-s^2/2 d^2/du^2) T_degree."""
    series = np.zeros(degree + 1)
    series[degree] = 1
    square = (2 * noise / (high - low)) ** 2
    total, part = series.copy(), series
    for k in range(1, degree // 2 + 1):
        part = chebyshev.chebder(part, 2) * (-square / 2) / k
        total[: len(part)] += part
    return np.asarray(chebyshev.chebval((2 * u - low - high) / (high - low), total))


def _edge(u: Array, low: float, high: float, degree: int) -> Array:
    """1, T_1 ... T_degree at u, (..., degree + 1)."""
    return np.asarray(chebyshev.chebvander((2 * u - low - high) / (high - low), degree))


def _root(covariance: Array, right: Array) -> Array:
    floor = 1e-8 * float(np.sqrt(np.mean(right**2)))
    covariance[np.diag_indices(len(right))] += floor**2 + 1e-6 * np.diagonal(covariance)
    return np.asarray(cholesky(covariance, lower=True))


def _whitened(root: Array, rows: Array) -> Array:
    return np.asarray(solve_triangular(root, rows, lower=True))
