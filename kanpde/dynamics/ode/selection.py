"""Sparse regression on a library of terms: a first guess in weak form, then by shooting.

The first guess is a regression in weak form. Then each step fits the chosen terms to the
trajectories themselves, and asks the Gauss-Newton model of that misfit over *all* terms which
single change gains most; a change is kept if the fit with it is better by the extended
Bayesian information criterion (Chen & Chen 2008): log N + 2 log P for each term.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.data import Trajectories
from kanpde.dynamics.ode.library import Library
from kanpde.dynamics.ode.rhs import Sparse
from kanpde.dynamics.ode.shooting import FLOOR, Fit, shoot, with_noise
from kanpde.dynamics.ode.smoothing import SmoothRun
from kanpde.dynamics.ode.weak import timescale, weak_system
from kanpde.symbolic.subset import Quadratic, backward_path, moves, stepwise

Pair = tuple[int, int]
_CHAOS = 300.0
# From so many values on, the first guess that can be integrated is good enough to start from.
_MANY = 500
# Columns nearer than this to one line are one term, not two.
_APART = 1e-6
# Steps of integration, over all candidates, after which the best so far is the answer; about
# half a minute. Of noise alone every candidate may be stiff, at hundreds of steps for each of
# up to 30 iterations. Lorenz with 5 % of noise takes 4537, a random walk of 61 samples 10254.
_EFFORT = 20_000
# Steps of one integration that are still quick.
_LONGEST = 700
# What sin or exp must gain beyond a monomial: 5 % of noise leave sin(x) and x - x^3/6 equal.
_FUNCTION = 6.0


@dataclass
class _Budget:
    """Steps of integration that are left for the search."""

    left: int


@dataclass(frozen=True)
class Selection:
    """The chosen terms with their fit and criterion."""

    fit: Fit
    criterion: float

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
    room = max(1, _room(smoothed) // rights.shape[1])
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
            (step for step in backward_path(model) if len(step[1]) <= room),
            key=lambda step: len(rows) * np.log(left(step[0])) + cost[step[1]].sum(),
        )
        changed = stepwise(gram / left(lost), moment / left(lost), support, cost)
        support = changed if len(changed) <= room else support
        weights = model.fitted(support)
        out += [((state, j), float(w)) for j, w in zip(support, weights, strict=True)]
    return out


def _guesses(
    smoothed: Sequence[SmoothRun], library: Library, width: float, cost: Array
) -> Iterator[list[tuple[Pair, float]]]:
    """First guesses: of as many terms as seem to pay, then the best two of each state.

    Few and noisy data leave the first one far off, and it diverges or nothing leads away from
    it: of 10 times 35 points with 5 % of noise, that was met 3 times.
    """
    yield first_guess(smoothed, library, width, cost)
    rows, rights = weak_system(smoothed, library, width)
    rows = np.where(np.isfinite(rows).all(0), rows, 0)
    out: list[tuple[Pair, float]] = []
    for state, right in enumerate(rights.T):
        pair = best_pair(rows, right)
        weights = np.linalg.lstsq(rows[:, pair], right, rcond=None)[0]
        out += [((state, j), float(w)) for j, w in zip(pair, weights, strict=True)]
    yield out


def best_pair(rows: Array, right: Array) -> list[int]:
    """The two columns of rows (K, P) whose combination comes nearest to right (K,)."""
    size = np.linalg.norm(rows, axis=0)
    unit = rows / np.where(size > 0, size, 1)
    cosine, moment = unit.T @ unit, unit.T @ right
    both = moment[:, None] ** 2 + moment**2 - 2 * cosine * np.outer(moment, moment)
    room = 1 - cosine**2
    gain = np.where((room > _APART) & (size > 0) & (size > 0)[:, None], both, 0)
    first, second = np.unravel_index(np.argmax(gain / np.maximum(room, _APART)), gain.shape)
    return sorted({int(first), int(second)})


def select(
    data: Trajectories,
    smoothed: Sequence[SmoothRun],
    library: Library,
    *,
    most: int = 40,
    width: float = 4.0,
    effort: int = _EFFORT,
) -> Selection | None:
    """The terms behind the data; None where no candidate can be integrated.

    After `effort` steps of integration the best so far is the answer.
    """
    cost, size = penalties(data, library), data.scale
    scale = timescale(smoothed)
    step = float(np.median(np.concatenate([np.diff(s.run.times) for s in smoothed])))
    longest = max(len(s.run) for s in smoothed) - 1
    intervals = int(np.clip(round(2 * scale / step), min(6, longest), longest))
    best, budget = None, _Budget(effort)
    for guess in _guesses(smoothed, library, width * scale, cost):
        fit = _fitted(guess, smoothed, library, intervals, size, None, budget)
        if fit is None:
            continue
        other = Selection(fit, fit.deviance + _priced(fit, cost))
        other = _improved(other, smoothed, library, cost, most, budget)
        if best is None or other.criterion < best.criterion:
            best = other
        if _known(smoothed) > _MANY:
            break
    if best is None:
        return None
    while True:
        best = _improved(best, smoothed, library, cost, most, budget)
        if intervals >= longest or _exact(best.fit) or best.fit.growth > _CHAOS:
            break
        if 2 * intervals * best.fit.system.grid.substeps > _LONGEST or budget.left <= 0:
            break
        intervals = min(2 * intervals, longest)
        longer = shoot(
            best.model, smoothed, intervals, best.fit.c, size,
            noise=best.fit.noise, before=best.fit, effort=budget.left,
        )  # fmt: skip
        budget.left -= 0 if longer is None else longer.effort
        if longer is None or np.any(longer.noise > 2 * best.fit.noise + 1e-6 * size):
            break
        best = Selection(longer, longer.deviance + _priced(longer, cost))
    return best


def _improved(
    best: Selection,
    smoothed: Sequence[SmoothRun],
    library: Library,
    cost: Array,
    most: int,
    budget: _Budget,
) -> Selection:
    for _ in range(most):
        changed = _better(best, smoothed, library, cost, budget) if budget.left > 0 else None
        if changed is None:
            break
        best = changed
    return best


def _better(
    best: Selection,
    smoothed: Sequence[SmoothRun],
    library: Library,
    cost: Array,
    budget: _Budget,
) -> Selection | None:
    """The first of the most promising changes that gains."""
    n, terms = best.model.states, len(library)
    everything = tuple((i, j) for i in range(n) for j in range(terms))
    place = {pair: k for k, pair in enumerate(everything)}
    full = Sparse(library, everything, n)
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
    budget.left -= wide.length
    usable = np.isfinite(gram).all(0) & np.isfinite(gradient)
    gram = np.where(usable[:, None] & usable[None, :], gram, 0)
    model = Quadratic(gram, np.where(usable, gradient, 0), c)
    room = _room(smoothed)
    for gain, candidate in moves(model, support, np.tile(cost, n)):
        if gain < 0.5 or budget.left <= 0:
            break
        if len(candidate) > max(room, len(support)):
            continue
        weights = model.fitted(candidate)
        pairs = [(everything[k], float(w)) for k, w in zip(candidate, weights, strict=True)]
        other = _fitted(pairs, smoothed, library, 0, fit.size, fit, budget)
        if other is None:
            continue
        criterion = other.deviance + _priced(other, cost)
        if criterion < best.criterion - 0.1:
            return Selection(other, criterion)
    return None


def _room(smoothed: Sequence[SmoothRun]) -> int:
    """The most terms of all equations: half of the values known, less the starts of the runs.

    Beyond that the criterion, made for many values, falls with every term: 5 samples of a
    circle got 28.
    """
    n = int(smoothed[0].run.states.shape[1])
    return max(n, _known(smoothed) // 2 - n * len(smoothed))


def _known(smoothed: Sequence[SmoothRun]) -> int:
    """How many values are known."""
    return sum(int(np.isfinite(s.run.states).sum()) for s in smoothed)


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
    budget: _Budget,
) -> Fit | None:
    model = Sparse(library, tuple(pair for pair, _ in guess), len(size))
    c = np.array([value for _, value in guess])
    fit = shoot(
        model, smoothed, intervals, c, size,
        noise=None if before is None else before.noise,
        starts=None if before is None else before.segments,
        before=before, effort=budget.left,
    )  # fmt: skip
    budget.left -= 0 if fit is None else fit.effort
    return fit
