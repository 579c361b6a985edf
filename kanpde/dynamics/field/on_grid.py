"""The partial differential equation behind samples u(x, t) on a grid, noise included.

Weak form (Messenger & Bortz 2021): every term of the library is a derivative of a power,
d^j(u^m)/dx^j, so that with a bump psi all derivatives fall on psi and none on the data. The
rows share noisy samples; their covariance follows from the current equation, and the
regression is weighted by its inverse (as Bortz, Messenger & Dukic 2023 do for ODEs), so that
what a term must gain has the meaning it has in a likelihood. Powers of noisy samples are
corrected for their mean, and a smoothed field serves as instrument: noise in the regressors
would otherwise pull the coefficients towards zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from kanpde.arrays import Array
from kanpde.dynamics.field.bumps import POLICY, Bumps
from kanpde.dynamics.field.equation import FieldEquation, Term
from kanpde.dynamics.field.samples import GridSamples
from kanpde.symbolic.subset import Quadratic, backward_path, stepwise

# Rounds of choosing terms and weighing rows by them; the choice is settled after two or three.
_SWEEPS = 6


def discover_on_grid(samples: GridSamples, terms: Sequence[Term]) -> FieldEquation:
    """The equation behind samples on a grid.

    Args:
        samples: the field.
        terms: the library, without the known terms.
    """
    wide = samples.widths[0]
    price = np.log(samples.smooth.size) + 2 * np.log(len(terms))
    support, weights = _choose_terms(samples, terms, price)
    # Steep fronts want narrower bumps than the choice of terms, which then takes in terms
    # that are not there: Allen-Cahn's diffusion was off by 13 % at 10 % of noise.
    both = [samples.bumps(width) for width in {wide, max(wide // 2, POLICY.least)}]
    while support:
        chosen = tuple(terms[k] for k in support)
        fits = [_estimate(samples, bumps, chosen, weights) for bumps in both]
        c, spread = min(fits, key=lambda fit: np.log(np.diagonal(fit[1])).sum())
        # The smooth rows choose with errors that are not all noise: what the raw ones cannot
        # distinguish from zero, at the same price, goes. (Asking that of both widths lost the
        # dispersion of Korteweg-de Vries at 25 % of noise.)
        worth = c**2 / np.diagonal(spread)
        if worth.min() >= price:
            return FieldEquation(samples.order, chosen, c, spread, samples.noise, samples.known)
        support.pop(int(np.argmin(worth)))
    nothing = np.zeros(0), np.zeros((0, 0))
    return FieldEquation(samples.order, (), *nothing, samples.noise, samples.known)


def _choose_terms(
    samples: GridSamples, terms: Sequence[Term], price: float
) -> tuple[list[int], dict[Term, float]]:
    """The places of the chosen terms, and the coefficients of these and of the known ones."""
    bumps = samples.bumps(samples.widths[0])
    rows, raw = samples.rows(bumps, terms), samples.raw_rows(bumps, terms)
    right = samples.right(bumps)
    prices = np.full(len(terms), price)
    shift = np.zeros_like(right)
    covariance = np.eye(len(right)) * float(np.var(right)) * 1e-6
    support: list[int] = []
    weights: dict[Term, float] = {}
    for sweep in range(_SWEEPS):
        root = cho_factor(covariance)
        gram = rows.T @ cho_solve(root, rows)
        target = right - shift
        moment = rows.T @ cho_solve(root, target)
        model = Quadratic(gram, -moment, np.zeros(len(moment)))
        total = float(target @ cho_solve(root, target))
        scale = _estimate_scale(model, total, len(right))
        # The scale of the misfit is free at first.
        support = _choose_support(model, prices, max(scale, 1.0) if sweep else scale)
        c = model.fitted(support)
        weights = {terms[k]: float(v) for k, v in zip(support, c, strict=True)}
        weights |= dict(samples.known)
        shift = (raw - rows)[:, support] @ c
        covariance = _row_covariance(samples, bumps, weights, right)
    return support, weights


def _estimate_scale(model: Quadratic, total: float, count: int) -> float:
    """The mean square of the misfit of all terms together."""
    gram, moment = model.gram, -model.gradient
    every = np.flatnonzero(np.diagonal(gram) > 0).tolist()
    best = model.fitted(every)
    least = total - 2 * best @ moment[every] + best @ gram[np.ix_(every, every)] @ best
    return max(float(least) / count, 1e-12 * total / count)


def _choose_support(model: Quadratic, prices: Array, scale: float) -> list[int]:
    """The terms by the information criterion, for a misfit of a mean square `scale`."""
    _, support = min(backward_path(model), key=lambda step: step[0] / scale + prices[step[1]].sum())
    return stepwise(model.gram / scale, -model.gradient / scale, support, prices)


def _estimate(
    samples: GridSamples, bumps: Bumps, terms: Sequence[Term], weights: Mapping[Term, float]
) -> tuple[Array, Array]:
    """Coefficients (P,) of given terms and their covariance (P, P); `weights` are a first guess."""
    rows, raw = samples.rows(bumps, terms), samples.raw_rows(bumps, terms)
    right = samples.right(bumps)
    root = cho_factor(_row_covariance(samples, bumps, weights, right))
    mixed = rows.T @ cho_solve(root, raw)
    c = np.linalg.solve(mixed, rows.T @ cho_solve(root, right))
    inverse = np.linalg.inv(mixed)
    spread = inverse @ (rows.T @ cho_solve(root, rows)) @ inverse.T
    misfit = right - raw @ c
    # Where the noise is not all that is wrong, the misfit itself says how much is.
    inflation = max(1.0, float(misfit @ cho_solve(root, misfit)) / max(1, len(right) - len(c)))
    return c, spread * inflation


def _row_covariance(
    samples: GridSamples, bumps: Bumps, weights: Mapping[Term, float], right: Array
) -> Array:
    """The covariance (K, K) of the rows' errors, kept away from singular ones."""
    covariance = bumps.covariance(samples.slopes(weights), samples.order, samples.noise)
    floor = 1e-5 * float(np.sqrt(np.mean(right**2)))
    covariance[np.diag_indices(len(right))] += floor**2 + 1e-6 * np.diagonal(covariance)
    return covariance
