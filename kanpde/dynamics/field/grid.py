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

from collections.abc import Callable, Mapping, Sequence
from math import comb
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from kanpde.arrays import Array
from kanpde.dynamics.field.bumps import LEAST, Windows, widths
from kanpde.dynamics.field.equation import FieldEquation, Term
from kanpde.dynamics.field.joint_fit import discover_scattered, on_grid
from kanpde.errors import KanpdeError
from kanpde.symbolic.subset import Quadratic, backward_path, stepwise

_SWEEPS = 6


def discover_field(
    u: Any,
    x: Any,
    t: Any,
    *,
    order: int = 1,
    powers: int = 3,
    derivatives: int = 4,
    known: Mapping[Term, float] | None = None,
    report: Callable[[str], None] | None = None,
) -> FieldEquation:
    """The equation of a field.

    Args:
        u: samples (len(t), len(x)) on an even grid, without gaps, or (N,) at scattered points;
            noise is allowed.
        x: positions (Nx,), or of each sample (N,).
        t: times (Nt,), or of each sample (N,).
        order: of the derivative in time: 1 or 2.
        powers: the highest m in d^j(u^m)/dx^j.
        derivatives: the highest j; 0 looks for a source term alone.
        known: terms whose coefficients are known, as {(1, 2): 0.1} for 0.1 u_xx; what is left
            is the unknown source.
        report: is told what is being done with scattered samples, which takes a minute.

    Raises:
        KanpdeError: for samples that are neither.
    """
    known = dict(known or {})
    terms = [(0, 0), *((m, j) for j in range(derivatives + 1) for m in range(1, powers + 1))]
    terms = [term for term in terms if term not in known]
    if np.ndim(u) == 1:
        grid = on_grid(u, x, t)
        if grid is None:
            return discover_scattered(u, x, t, terms, order=order, known=known, report=report)
        u, x, t = grid
    return _from_grid(*checked_grid(u, x, t, order), terms, order, known)


def _from_grid(
    u: Array, x: Array, t: Array, terms: list[Term], order: int, known: Mapping[Term, float]
) -> FieldEquation:
    smooth, noise = denoised(u)
    wide, long = widths(smooth, x, t)
    windows = Windows.over(x, t, wide, long)
    # The smooth rows choose and weigh; the raw ones, whose errors have mean zero, decide.
    rows = np.stack([windows.integral(smooth**m, (0, j)) for m, j in terms], 1)
    raw = np.stack([windows.integral(unbiased(u, m, noise), (0, j)) for m, j in terms], 1)
    right = windows.integral(u, (order, 0))
    for (m, j), factor in known.items():
        right = right - factor * windows.integral(unbiased(u, m, noise), (0, j))
    shift = np.zeros_like(right)
    values = smooth.size
    cost = np.full(len(terms), np.log(values) + 2 * np.log(len(terms)))
    covariance = np.eye(len(right)) * float(np.var(right)) * 1e-6
    support: list[int] = []
    for sweep in range(_SWEEPS):
        root = cho_factor(covariance)
        gram = rows.T @ cho_solve(root, rows)
        target = right - shift
        moment = rows.T @ cho_solve(root, target)
        total = float(target @ cho_solve(root, target))
        support = _chosen(gram, moment, total, len(right), cost, sweep)
        c = Quadratic(gram, -moment, np.zeros(len(moment))).fitted(support)
        weights = {terms[k]: float(v) for k, v in zip(support, c, strict=True)} | dict(known)
        shift = (raw - rows)[:, support] @ c
        covariance = _weighed(windows, smooth, weights, order, noise, right)
    # Steep fronts want narrower windows than the choice of terms, which then takes in terms
    # that are not there: Allen-Cahn's diffusion was off by 13 % at 10 % of noise.
    both = [Windows.over(x, t, width, long) for width in {wide, max(wide // 2, LEAST)}]
    while support:
        chosen = tuple(terms[k] for k in support)
        fits = [_estimated(u, smooth, noise, w, chosen, weights, order, known) for w in both]
        c, spread = min(fits, key=lambda fit: np.log(np.diagonal(fit[1])).sum())
        # The smooth rows choose with errors that are not all noise: what the raw ones do not
        # hold apart from zero, at the same price, goes. (Asking that of both widths lost the
        # dispersion of Korteweg-de Vries at 25 % of noise.)
        worth = c**2 / np.diagonal(spread)
        if worth.min() >= cost[0]:
            return FieldEquation(order, chosen, c, spread, noise, known)
        support.pop(int(np.argmin(worth)))
    return FieldEquation(order, (), np.zeros(0), np.zeros((0, 0)), noise, known)


def _estimated(
    u: Array,
    smooth: Array,
    noise: float,
    windows: Windows,
    terms: Sequence[Term],
    weights: Mapping[Term, float],
    order: int,
    known: Mapping[Term, float],
) -> tuple[Array, Array]:
    """Coefficients (P,) of given terms and their covariance (P, P); `weights` are a first guess."""
    rows = np.array([windows.integral(smooth**m, (0, j)) for m, j in terms]).T
    raw = np.array([windows.integral(unbiased(u, m, noise), (0, j)) for m, j in terms]).T
    right = windows.integral(u, (order, 0))
    for (m, j), factor in known.items():
        right = right - factor * windows.integral(unbiased(u, m, noise), (0, j))
    root = cho_factor(_weighed(windows, smooth, weights, order, noise, right))
    mixed = rows.T @ cho_solve(root, raw)
    c = np.linalg.solve(mixed, rows.T @ cho_solve(root, right))
    inverse = np.linalg.inv(mixed)
    spread = inverse @ (rows.T @ cho_solve(root, rows)) @ inverse.T
    left = right - raw @ c
    # Where the noise is not all that is wrong, the misfit itself says how much is.
    inflation = max(1.0, float(left @ cho_solve(root, left)) / max(1, len(right) - len(c)))
    return c, spread * inflation


def _weighed(
    windows: Windows,
    smooth: Array,
    weights: Mapping[Term, float],
    order: int,
    noise: float,
    right: Array,
) -> Array:
    """The covariance of the rows' errors, kept away from singular ones."""
    slopes: dict[int, Array] = {}
    for (m, j), c in weights.items():
        if m:
            slopes[j] = slopes.get(j, 0) + c * m * smooth ** (m - 1)
    covariance = windows.covariance(slopes, order, noise)
    floor = 1e-5 * float(np.sqrt(np.mean(right**2)))
    covariance[np.diag_indices(len(right))] += floor**2 + 1e-6 * np.diagonal(covariance)
    return covariance


def _chosen(
    gram: Array, moment: Array, total: float, count: int, cost: Array, sweep: int
) -> list[int]:
    """The support by the information criterion; the scale of the misfit is free at first."""
    model = Quadratic(gram, -moment, np.zeros(len(moment)))
    every = np.flatnonzero(np.diagonal(gram) > 0).tolist()
    best = model.fitted(every)
    least = total - 2 * best @ moment[every] + best @ gram[np.ix_(every, every)] @ best
    scale = max(float(least) / count, 1e-12 * total / count)
    if sweep:
        scale = max(scale, 1.0)
    _, support = min(backward_path(model), key=lambda step: step[0] / scale + cost[step[1]].sum())
    return stepwise(gram / scale, moment / scale, support, cost)


def unbiased(u: Array, power: int, noise: float) -> Array:
    """u^m less what noise of this deviation adds to it on average: Hermite's polynomials."""
    before, now = np.ones_like(u), u
    if power == 0:
        return before
    for m in range(1, power):
        before, now = now, u * now - m * noise**2 * before
    return now


def denoised(u: Array) -> tuple[Array, float]:
    """The field without the singular values that noise alone makes, and the noise's deviation.

    The noise comes from differences of high order along both axes; the threshold is the
    optimal one for a known level (Gavish & Donoho 2014, eq. 3).
    """
    weights = np.array([(-1) ** k * comb(6, k) for k in range(7)], dtype=float)
    weights /= np.linalg.norm(weights)
    levels = []
    for field in (u, u.T):
        if field.shape[0] > 8:
            rough = sum(w * field[k : field.shape[0] - 6 + k] for k, w in enumerate(weights))
            levels.append(float(np.median(np.abs(rough))) / 0.6745)
    noise = min(levels)
    left, values, right = np.linalg.svd(u, full_matrices=False)
    low, high = min(u.shape), max(u.shape)
    beta = low / high
    limit = np.sqrt(2 * (beta + 1) + 8 * beta / (beta + 1 + np.sqrt(beta**2 + 14 * beta + 1)))
    keep = values > limit * np.sqrt(high) * noise
    keep[0] = True
    return np.asarray((left[:, keep] * values[keep]) @ right[keep]), noise


def checked_grid(u: Any, x: Any, t: Any, order: int) -> tuple[Array, Array, Array]:
    """u (times, positions), x and t as they can be used.

    Raises:
        KanpdeError: they are no even grid of finite samples, at least 25 each way.
    """
    u, x, t = (np.asarray(a, dtype=float) for a in (u, x, t))
    if order not in (1, 2):
        raise KanpdeError(f"the order in time must be 1 or 2, not {order}")
    if u.shape != (len(t), len(x)):
        raise KanpdeError(
            f"u has the shape {u.shape}; it must be (times, positions) = ({len(t)}, {len(x)})"
        )
    if min(u.shape) < 25:
        raise KanpdeError(f"a grid of {u.shape} is too small: at least 25 x 25 samples are needed")
    for name, axis in (("x", x), ("t", t)):
        steps = np.diff(axis)
        if not (steps > 0).all() or np.ptp(steps) > 1e-6 * steps.mean():
            raise KanpdeError(
                f"{name} must increase in even steps, and they are {steps.min():.4g} ... "
                f"{steps.max():.4g}: interpolate u to an even grid"
            )
    gaps = np.argwhere(~np.isfinite(u))
    if len(gaps):
        raise KanpdeError(
            f"{len(gaps)} of {u.size} values of u are gaps or infinite, the first at t = "
            f"{t[gaps[0, 0]]:g}, x = {x[gaps[0, 1]]:g}; fill them, or cut the grid"
        )
    if np.ptp(u) <= 1e-13 * np.abs(u).max():
        raise KanpdeError("u is constant: nothing moves, so there is no law to find")
    return u, x, t
