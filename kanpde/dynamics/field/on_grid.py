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
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from kanpde.arrays import Array
from kanpde.dynamics.field.bumps import POLICY, Bumps
from kanpde.dynamics.field.equation import FieldEquation
from kanpde.dynamics.field.estimate import (
    Estimate,
    estimate,
    find_useful_widths,
    row_covariance,
)
from kanpde.dynamics.field.judging import judge
from kanpde.dynamics.field.policy import JudgementPolicy
from kanpde.dynamics.field.samples import GridSamples
from kanpde.dynamics.field.term import Term
from kanpde.symbolic.subset import Quadratic, backward_path, stepwise

# Rounds of choosing terms and weighing rows by them; the choice is settled after two or three.
_SWEEPS = 6
_SETTLED = 1e-3
# Eigenvalues of the normalised Gram matrix below this share are rounding errors.
_INDEPENDENT = 1e-12


def discover_on_grid(samples: GridSamples, terms: Sequence[Term]) -> FieldEquation:
    """The equation behind samples on a grid.

    Bumps of several widths choose terms, and each choice is then judged by the bumps of all these
    widths. What is best depends on the equation: of a fourth derivative noise leaves little to
    narrow bumps, and steep fronts are lost in wide ones.

    Args:
        samples: the field.
        terms: the library, without the known terms.
    """
    price = np.log(samples.smooth.size) + 2 * np.log(len(terms))
    widths = samples.spread_widths(POLICY.choosing)
    highest = max(2, *(term.order for term in (*terms, *samples.known)))
    family = [samples.bumps(halves, highest) for halves in widths]
    choices: dict[tuple[int, ...], dict[Term, float]] = {}
    for bumps in family:
        support, weights = _choose_terms(samples, bumps, terms, price)
        choices.setdefault(tuple(sorted(support)), weights)
    candidates = [
        _Candidate(
            support,
            tuple(
                estimate(samples, bumps, [terms[k] for k in support], weights) for bumps in family
            ),
        )
        for support, weights in choices.items()
        if support
    ]
    if not candidates:
        return _find_nothing(samples)
    useful = find_useful_widths([one.fits for one in candidates])
    best = min(candidates, key=lambda one: one.score(useful, price))
    narrow = [halves for halves in samples.spread_widths((POLICY.narrow,)) if halves < widths[0]]
    final = [samples.bumps(halves, highest) for halves in narrow] + [family[k] for k in useful]
    weights = choices[best.support]
    return _drop_idle(samples, final, [terms[k] for k in best.support], weights, price)


@dataclass(frozen=True)
class _Candidate:
    """Places of terms, and their estimates by the bumps of each width."""

    support: tuple[int, ...]
    fits: tuple[Estimate, ...]

    def score(self, widths: Sequence[int], price: float) -> float:
        """-2 log likelihood, on average over these widths, and the price of the terms."""
        return float(np.mean([self.fits[k].deviance for k in widths])) + price * len(self.support)


def _drop_idle(
    samples: GridSamples,
    family: Sequence[Bumps],
    terms: Sequence[Term],
    weights: Mapping[Term, float],
    price: float,
) -> FieldEquation:
    """The equation of those terms that the samples can distinguish from zero."""
    left = list(terms)
    while left:
        # Steep fronts want narrower bumps than the choice of terms, which then takes in terms
        # that are not there: Allen-Cahn's diffusion was off by 13 % at 10 % of noise.
        fits = [estimate(samples, bumps, left, weights) for bumps in family]
        best = min(fits, key=lambda fit: np.log(np.diagonal(fit.spread)).sum())
        # The smooth rows choose with errors that are not all noise: what the raw ones cannot
        # distinguish from zero, at the same price, goes. (Asking that of both widths lost the
        # dispersion of Korteweg-de Vries at 25 % of noise.)
        worth = best.c**2 / np.diagonal(best.spread)
        idle = int(np.argmin(worth))
        exact = min(fit.share for fit in fits) < JudgementPolicy().rounding
        beside = exact and _is_rounding(samples, family, left, idle, weights)
        if worth[idle] >= price and not beside:
            return FieldEquation(
                samples.order, tuple(left), best.c, best.spread, samples.noise, samples.known,
                judge(samples, left, family, fits), samples.grid.notation, samples.own,
            )  # fmt: skip
        left.pop(idle)
    return _find_nothing(samples)


def _is_rounding(
    samples: GridSamples, family: Sequence[Bumps], terms: Sequence[Term], idle: int,
    weights: Mapping[Term, float],
) -> bool:  # fmt: skip
    """Whether the other terms explain all but what sums instead of integrals leave.

    That is not noise: of exact samples on 31 x 32 x 32 points -2e-5 u was 20 standard errors.
    """
    rest = [term for k, term in enumerate(terms) if k != idle]
    if not rest:
        return False
    fits = [estimate(samples, bumps, rest, weights) for bumps in family]
    return min(fit.share for fit in fits) < JudgementPolicy().rounding


def _find_nothing(samples: GridSamples) -> FieldEquation:
    """An equation without terms beside those that are known."""
    return FieldEquation(
        samples.order, (), np.zeros(0), np.zeros((0, 0)), samples.noise, samples.known,
        notation=samples.grid.notation, own=samples.own,
    )  # fmt: skip


def _choose_terms(
    samples: GridSamples, bumps: Bumps, terms: Sequence[Term], price: float
) -> tuple[list[int], dict[Term, float]]:
    """The places of the chosen terms, and the coefficients of these and of the known ones."""
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
        before, weights = weights, {terms[k]: float(v) for k, v in zip(support, c, strict=True)}
        weights |= dict(samples.known)
        if _is_settled(before, weights):
            break
        shift = (raw - rows)[:, support] @ c
        covariance = row_covariance(samples, bumps, weights, right)
    return support, weights


def _is_settled(before: Mapping[Term, float], now: Mapping[Term, float]) -> bool:
    """Whether the terms are the same, and their coefficients nearly so."""
    return set(before) == set(now) and all(
        abs(before[term] - value) <= _SETTLED * abs(value) for term, value in now.items()
    )


def _estimate_scale(model: Quadratic, total: float, count: int) -> float:
    """The mean square of the misfit of all terms together."""
    size = np.sqrt(np.maximum(np.diagonal(model.gram), 1e-300))
    values, vectors = np.linalg.eigh(model.gram / np.outer(size, size))
    # Terms that depend on each other, such as u_xx, u_yy and their sum, are counted once.
    kept = values > _INDEPENDENT * values[-1]
    along = vectors[:, kept].T @ (model.gradient / size)
    least = total - float(np.sum(along**2 / values[kept]))
    return max(float(least) / count, 1e-12 * total / count)


def _choose_support(model: Quadratic, prices: Array, scale: float) -> list[int]:
    """The terms by the information criterion, for a misfit of a mean square `scale`.

    From the best of the supports that remain when terms are taken out one by one, and from none:
    of terms that nearly depend on each other, taking out one by one keeps many.
    """
    _, first = min(backward_path(model), key=lambda step: step[0] / scale + prices[step[1]].sum())
    gram, moment = model.gram / scale, -model.gradient / scale
    found = [stepwise(gram, moment, start, prices) for start in (first, [])]
    return min(found, key=lambda rows: prices[rows].sum() - moment[rows] @ model.fitted(rows))
