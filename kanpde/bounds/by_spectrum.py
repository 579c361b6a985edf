"""Equations with constant coefficients on a box, by the eigenfunctions of the Laplacian.

For -sum a_i u_ii - g u = r with zero values, u = sum r_n phi_n / (lambda_n - g). With sines
|phi_n|^2 <= 2^d / |box|, so that sup |u| <= |r|_2 (2^d / |box| sum 1 / (lambda_n - g)^2)^(1/2):
the inf-sup constant of the Helmholtz equation, for g beyond the first eigenvalue too.
"""

from __future__ import annotations

import math

import numpy as np

from kanpde.bounds.case import Case
from kanpde.bounds.certificate import Bound, Norm
from kanpde.bounds.comparison import Comparison, Type, read_comparison
from kanpde.bounds.laws import NotCovered
from kanpde.bounds.monomials import UP
from kanpde.bounds.refinement import bound_pieces

# Eigenvalues along each axis that are summed; the rest is bounded by an integral.
_MODES = {1: 4000, 2: 1500, 3: 150}


def bound_by_spectrum(case: Case) -> list[Bound]:
    """A bound of the largest error; raises NotCovered where it does not apply."""
    setting = case.setting
    comparison = read_comparison(setting)
    if comparison.type is not Type.ELLIPTIC or not comparison.is_linear:
        raise NotCovered("eigenfunctions are used for linear elliptic equations")
    if not setting.problem.domain.is_box:
        raise NotCovered("eigenfunctions are known on boxes")
    case.require_exact("the expansion in eigenfunctions")
    if len(setting.space) < setting.problem.domain.dimension or not all(
        setting.is_fixed(a) and not setting.is_closed(a) for a in setting.space
    ):
        raise NotCovered("eigenfunctions are known for values on all faces")
    sum_, nearest = _sum_of_squares(comparison)
    factor = math.sqrt(2 ** len(setting.space) * sum_) * (1 + 1e-12)
    refined = case.refine(0, factor)
    rest = UP * factor * min(refined.remainder.mean, refined.remainder.upper)
    constants = {
        "K": factor,
        "mean residual after correction": refined.remainder.mean,
        "distance to the nearest eigenvalue": nearest,
    }
    return [bound_pieces("inf-sup by eigenvalues", Norm.MAXIMUM, [(refined, rest)], constants)]


def _sum_of_squares(comparison: Comparison) -> tuple[float, float]:
    """An upper bound of sum 1 / (lambda_n - g)^2, and the least |lambda_n - g|."""
    setting = comparison.setting
    slopes = [-comparison.sign * setting.slope(a.name, a.name) for a in setting.space]
    numbers = [*slopes, *comparison.drift.values(), comparison.zeroth]
    if not all(n.is_number for n in numbers) or any(v != 0 for v in comparison.drift.values()):
        raise NotCovered("eigenfunctions are known for constant coefficients and no drift")
    d = len(setting.space)
    for k, a in enumerate(setting.space):
        if any(setting.slope(a.name, b.name) != 0 for b in setting.space[k + 1 :]):
            raise NotCovered("eigenfunctions are known without mixed derivatives")
    rates = [
        float(s) * (math.pi / (a.upper - a.lower)) ** 2
        for s, a in zip(slopes, setting.space, strict=True)
    ]
    shift, most = -float(comparison.zeroth), _MODES[d]
    squares = np.arange(1, most + 1, dtype=float) ** 2
    total = rates[0] * squares
    for rate in rates[1:]:
        total = (total[..., None] + rate * squares).ravel()
    away = np.abs(total - shift) - 1e-12 * (np.abs(total) + abs(shift))
    nearest = float(away.min())
    if nearest <= 1e-9 * (abs(shift) + min(rates)):
        raise NotCovered(
            "the equation is at an eigenvalue of the box, where it has no one solution"
        )
    beyond = min(rates) * most**2
    if beyond < 4 * abs(shift):
        raise NotCovered("the wave number is beyond the eigenvalues that are summed")
    return float((away**-2.0).sum()) * (1 + 1e-9) + _tail(rates, most), nearest


def _tail(rates: list[float], most: int) -> float:
    """A bound of the sum over n with some n_i > most, where lambda - g >= 3 lambda / 4.

    By the integral of 1 / lambda^2 outside of the ellipsoid in which all n_i <= most.
    """
    d, product = len(rates), math.sqrt(math.prod(rates))
    radius = math.sqrt(min(rates)) * most
    if d == 1:
        whole = 1 / (3 * product * radius**3)
    elif d == 2:
        whole = math.pi / 4 / (product * radius**2)
    else:
        whole = math.pi / 2 / (product * radius)
    return (4 / 3) ** 2 * whole
