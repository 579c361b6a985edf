"""The unknown source of a known equation: u_t = known terms + f(u), with f a KAN, and a formula.

The source is one edge of a KAN inside the residual. In weak form, against bumps that take all
derivatives, the residual is linear in the edge's coefficients, so that least squares finds them
at once; the formula is the polynomial or the edge function (`symbolic.suggest`) that explains the
same integrals best. (KAN-ODE, Koenig, Kim & Deng 2024, section 3.2, trains by Adam.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
import torch
from scipy.linalg import cholesky, solve_triangular

from kanpde.arrays import Array
from kanpde.checks import require_whole
from kanpde.dynamics.field.bumps import POLICY, Bumps
from kanpde.dynamics.field.checks import check_order
from kanpde.dynamics.field.discover import discover_field, read_known
from kanpde.dynamics.field.edge import EdgeFit, EdgeRange, fit_by_instruments, fit_edge
from kanpde.dynamics.field.equation import FieldEquation, write_known
from kanpde.dynamics.field.policy import SourcePolicy
from kanpde.dynamics.field.samples import Grid, GridSamples
from kanpde.dynamics.field.snapshots import snapshots
from kanpde.dynamics.field.term import PLAIN, Term
from kanpde.dynamics.intervals import INTERVAL
from kanpde.errors import KanpdeError
from kanpde.network.kan import KAN
from kanpde.symbolic.numbers import refit
from kanpde.symbolic.suggest import X, suggest

U = sympy.Symbol("u", real=True)


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
        edge = EdgeRange(self.low, self.high)
        rows = edge.table(values.ravel(), len(self.covariance) - 1)
        square = np.einsum("nk,kl,nl->n", rows, self.covariance, rows)
        return np.asarray(np.sqrt(np.maximum(square, 0)).reshape(values.shape))

    def text(self) -> str:
        """The equation, the formula with 95 % intervals, and how well the KAN knows f."""
        known = write_known(self.known)
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
        return self.equation.side() or "0"


def discover_source(
    u: Any,
    x: Any,
    t: Any,
    known: Mapping[Any, float],
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
    require_whole("discover_source: powers", powers, 1, 20)
    require_whole("discover_source: degree", degree, 1, 200)
    check_order(order)
    given = read_known(known)
    _check(u, given)
    data = snapshots({"u": u}, {"x": x}, t)
    grid = Grid.of(PLAIN, data.rows, [data.fields["u"]])
    samples = GridSamples(grid, 0, order, given)
    residual = _Residual.of(samples)
    fit, root = residual.fit(degree)
    polynomial = discover_field(
        samples.u, x, t, order=order, powers=powers, derivatives=0, known=given
    )
    formula, of_powers = _choose_formula(polynomial, residual, fit, root)
    edge = residual.edge
    return Source(
        order, given, edge.low, edge.high, edge.network(fit.c), fit.covariance, formula,
        polynomial if of_powers else None, samples.noise,
    )  # fmt: skip


def _check(u: Any, known: Mapping[Term, float]) -> None:
    inside = [term.name or "a constant" for term in known if term.order == 0]
    if inside:
        raise KanpdeError(
            f"the known term {inside[0]} is a source itself: leave it out, it will be in f(u)"
        )
    if np.ndim(u) == 1:
        raise KanpdeError(
            "a source as a network needs samples on a grid; of scattered ones "
            "discover_field(..., derivatives=0, known=...) finds a polynomial"
        )


@dataclass(frozen=True)
class _Residual:
    """What the source must explain: `right` (K,), the integrals of all that is known."""

    samples: GridSamples
    bumps: Bumps
    edge: EdgeRange
    right: Array

    @staticmethod
    def of(samples: GridSamples) -> _Residual:
        smooth = samples.smooth
        long, wide = samples.widths
        bumps = samples.bumps((long, max(wide // 2, POLICY.least)))
        edge = EdgeRange(float(smooth.min()), float(smooth.max()))
        return _Residual(samples, bumps, edge, samples.right(bumps))

    def fit(self, degree: int) -> tuple[EdgeFit, Array]:
        """The edge, of a degree that the data choose.

        What smoothing took from the field's extremes is missing in f. Integrals of the raw
        samples, their noise accounted for, have no such error; the smooth ones serve as
        instruments. At 5 % of noise Allen-Cahn's f is off by 2.1 % so, and by 4.3 % without.

        Returns:
            The fit, and the Cholesky factor (K, K) of the rows' covariance at it.
        """
        samples, bumps, edge = self.samples, self.bumps, self.edge
        table = edge.table(samples.smooth, degree)
        rows = np.stack([bumps.integral(table[..., k], (0,)) for k in range(degree + 1)], 1)
        root = self.root(None)
        c = fit_edge(_whiten(root, rows), _whiten(root, self.right), samples.smooth.size)
        root = self.root(c)
        raw = [
            bumps.integral(edge.unbias(samples.u, k, samples.noise), (0,)) for k in range(len(c))
        ]
        instruments = _whiten(root, rows[:, : len(c)])
        found = fit_by_instruments(
            instruments, _whiten(root, np.stack(raw, 1)), _whiten(root, self.right)
        )
        return found, root

    def root(self, c: Array | None) -> Array:
        """The Cholesky factor (K, K) of the rows' covariance, with an edge c or without."""
        samples = self.samples
        slopes = samples.slopes(self.bumps, samples.known)
        if c is not None:
            smooth = samples.smooth[tuple(slice(None, None, n) for n in self.bumps.strides)]
            slopes[0][(0,)] = np.asarray(slopes[0].get((0,), 0) + self.edge.slope(smooth, c))
        covariance = samples.covariance(self.bumps, slopes)
        floor = 1e-8 * float(np.sqrt(np.mean(self.right**2)))
        covariance[np.diag_indices(len(self.right))] += floor**2 + 1e-6 * np.diagonal(covariance)
        return np.asarray(cholesky(covariance, lower=True))


def _choose_formula(
    polynomial: FieldEquation, residual: _Residual, fit: EdgeFit, root: Array
) -> tuple[sympy.Expr, bool]:
    """The best formula, and whether it is the polynomial."""
    policy = SourcePolicy()
    edge, samples = residual.edge, residual.samples
    target = _whiten(root, residual.right)

    def misfit(function: Callable[..., Array]) -> Array:
        return _whiten(root, residual.bumps.integral(function(samples.smooth), (0,))) - target

    u = np.linspace(edge.low, edge.high, 201)
    at = edge.table(u, len(fit.c) - 1)
    f = at @ fit.c
    doubt = float(np.einsum("nk,kl,nl->n", at, fit.covariance, at).mean())
    floor = float(np.clip(doubt / max(float(np.var(f)), 1e-300), 1e-10, 0.1))
    side = sympy.Add(
        *(
            sympy.Float(v) * U ** len(term.pieces[0].factors)
            for term, v in zip(polynomial.terms, polynomial.values, strict=True)
        )
    )
    fitted = refit(side, [U], misfit)
    price = np.log(len(fitted.rest))
    lowest = float(fitted.rest @ fitted.rest) / fit.scale + price * len(fitted.values)
    found, of_powers = side, True
    for each in suggest(u, f, floor=floor)[: 2 * policy.shapes]:
        if each.formula.is_polynomial(X):
            continue
        fitted = refit(each.formula.subs(X, U), [U], misfit)
        square = float(fitted.rest @ fitted.rest) / fit.scale
        value = square + price * len(fitted.values) + policy.function_price
        if value < lowest:
            found, lowest, of_powers = fitted.formula, value, False
    return found, of_powers


def _whiten(root: Array, rows: Array) -> Array:
    return np.asarray(solve_triangular(root, rows, lower=True))
