"""Sparse regression on a library of terms: a first guess in weak form, then by shooting.

The first guess is a regression in weak form. Then each step fits the chosen terms to the
trajectories themselves, and asks the Gauss-Newton model of that misfit over *all* terms which
single change gains most; a change is kept if the fit with it is better by the extended
Bayesian information criterion (Chen & Chen 2008): log N + 2 log P for each term.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.dynamics.data import Array, Trajectories
from kanpde.dynamics.library import Library
from kanpde.dynamics.rhs import Sparse
from kanpde.dynamics.shooting import FLOOR, Fit, shoot, with_noise
from kanpde.dynamics.smoothing import SmoothRun
from kanpde.dynamics.weak import timescale, weak_system
from kanpde.symbolic.subset import Quadratic, backward_path, moves, stepwise

Pair = tuple[int, int]
_CHAOS = 300.0
# Steps of one integration that are still quick.
_LONGEST = 700
# What sin or exp must gain beyond a monomial: 5 % of noise leave sin(x) and x - x^3/6 equal.
_FUNCTION = 6.0


@dataclass(frozen=True)
class Selection:
    """The chosen terms with their fit and criterion; `tried` says how many fits it took."""

    fit: Fit
    criterion: float
    tried: int

    @property
    def model(self) -> Sparse:
        assert isinstance(self.fit.rhs, Sparse)
        return self.fit.rhs


def penalties(data: Trajectories, library: Library) -> Array:
    """What each term must gain in -2 log likelihood, (P,)."""
    values = sum(int(np.isfinite(run.states).sum()) for run in data.runs)
    base = np.log(values) + 2 * np.log(len(library) * len(data.states))
    plain = [term.is_polynomial() for term in library.terms]
    return np.asarray(base + np.where(plain, 0.0, _FUNCTION))


def first_guess(
    smoothed: Sequence[SmoothRun], library: Library, width: float, cost: Array
) -> list[tuple[Pair, float]]:
    """Terms and coefficients for each state by weak-form regression."""
    rows, rights = weak_system(smoothed, library, width)
    usable = np.isfinite(rows).all(0) & (np.abs(rows).max(0) > 0)
    rows = np.where(usable, rows, 0)
    out: list[tuple[Pair, float]] = []
    for state in range(rights.shape[1]):
        gram, moment = rows.T @ rows, rows.T @ rights[:, state]
        model = Quadratic(gram, -moment, np.zeros(len(moment)))
        every = np.flatnonzero(np.diagonal(gram) > 0).tolist()
        total = float(rights[:, state] @ rights[:, state])
        least = float(np.sum((rows[:, every] @ model.fitted(every) - rights[:, state]) ** 2))

        def left(lost: float, least: float = least, total: float = total) -> float:
            return (least + lost + 1e-14 * total) / len(rows)

        # Windows overlap and smoothing leaves correlated errors: the guess may be generous.
        lost, support = min(
            backward_path(model),
            key=lambda step: len(rows) * np.log(left(step[0])) + cost[step[1]].sum(),
        )
        support = stepwise(gram / left(lost), moment / left(lost), support, cost)
        weights = model.fitted(support)
        out += [((state, j), float(w)) for j, w in zip(support, weights, strict=True)]
    return out


def select(
    data: Trajectories,
    smoothed: Sequence[SmoothRun],
    library: Library,
    *,
    most: int = 40,
    width: float = 4.0,
) -> Selection | None:
    """The terms behind the data; None where no candidate can be integrated."""
    cost, size = penalties(data, library), data.scale
    scale = timescale(smoothed)
    guess = first_guess(smoothed, library, width * scale, cost)
    step = float(np.median(np.concatenate([np.diff(s.run.times) for s in smoothed])))
    longest = max(len(s.run) for s in smoothed) - 1
    intervals = int(np.clip(round(2 * scale / step), min(6, longest), longest))
    fit = _fitted(guess, smoothed, library, intervals, size, None)
    if fit is None:
        return None
    tried = 1
    best = Selection(fit, fit.deviance + _priced(fit, cost), tried)
    while True:
        best = _improved(best, smoothed, library, cost, most)
        if intervals >= longest or _exact(best.fit) or best.fit.growth > _CHAOS:
            break
        if 2 * intervals * best.fit.system.grid.substeps > _LONGEST:
            break
        intervals = min(2 * intervals, longest)
        longer = shoot(
            best.model, smoothed, intervals, best.fit.c, size,
            noise=best.fit.noise, before=best.fit,
        )  # fmt: skip
        if longer is None or np.any(longer.noise > 2 * best.fit.noise + 1e-6 * size):
            break
        best = Selection(longer, longer.deviance + _priced(longer, cost), best.tried + 1)
    return best


def _improved(
    best: Selection, smoothed: Sequence[SmoothRun], library: Library, cost: Array, most: int
) -> Selection:
    n, terms = best.model.states, len(library)
    everything = tuple((i, j) for i in range(n) for j in range(terms))
    place = {pair: k for k, pair in enumerate(everything)}
    full = Sparse(library, everything, n)
    tried = best.tried
    for _ in range(most):
        fit = best.fit
        support = [place[pair] for pair in best.model.pairs]
        c = np.zeros(len(everything))
        c[support] = fit.c
        system = with_noise(fit, fit.noise)
        wide = type(system)(
            full, system.segments, system.noise, _ones(len(c)), system.size, system.grid,
            np.zeros(len(c)),
        )  # fmt: skip
        gram, gradient = wide.reduced(wide.pack(c, fit.starts))
        usable = np.isfinite(gram).all(0) & np.isfinite(gradient)
        gram = np.where(usable[:, None] & usable[None, :], gram, 0)
        model = Quadratic(gram, np.where(usable, gradient, 0), c)
        changed = None
        for gain, candidate in moves(model, support, np.tile(cost, n)):
            if gain < 0.5:
                break
            weights = model.fitted(candidate)
            pairs = [(everything[k], float(w)) for k, w in zip(candidate, weights, strict=True)]
            other = _fitted(pairs, smoothed, library, 0, fit.size, fit)
            tried += 1
            if other is None:
                continue
            criterion = other.deviance + _priced(other, cost)
            if criterion < best.criterion - 0.1:
                changed = Selection(other, criterion, tried)
                break
        if changed is None:
            break
        best = changed
    return Selection(best.fit, best.criterion, tried)


def _priced(fit: Fit, cost: Array) -> float:
    assert isinstance(fit.rhs, Sparse)
    return float(sum(cost[j] for _, j in fit.rhs.pairs))


def _exact(fit: Fit) -> bool:
    """Nothing is left to explain: longer segments would tell nothing new."""
    return bool(np.all(fit.squares / fit.counts < (0.3 * FLOOR * fit.size) ** 2))


def _ones(count: int) -> Array:
    return np.ones(count)


def _fitted(
    guess: Sequence[tuple[Pair, float]],
    smoothed: Sequence[SmoothRun],
    library: Library,
    intervals: int,
    size: Array,
    before: Fit | None,
) -> Fit | None:
    model = Sparse(library, tuple(pair for pair, _ in guess), len(size))
    c = np.array([value for _, value in guess])
    return shoot(
        model, smoothed, intervals, c, size,
        noise=None if before is None else before.noise,
        starts=None if before is None else before.segments,
        before=before,
    )  # fmt: skip
