"""Sparse regression on a library of terms: a first guess in weak form, then by shooting.

The first guess is a regression in weak form. Then each step fits the chosen terms to the
trajectories themselves, and asks the Gauss-Newton model of that misfit over *all* terms which
single change gains most; a change is kept if the fit with it is better by the extended
Bayesian information criterion (Chen & Chen 2008): log N + 2 log P for each term.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.data import Trajectories
from kanpde.dynamics.ode.first_guess import Guess, count_values, guess_supports, limit_terms
from kanpde.dynamics.ode.library import Library
from kanpde.dynamics.ode.policy import SearchPolicy, ShootingPolicy
from kanpde.dynamics.ode.rhs import Sparse
from kanpde.dynamics.ode.segments import Segments, cut
from kanpde.dynamics.ode.shooting import FLOOR, Fit, shoot, with_noise
from kanpde.dynamics.ode.smoothing import SmoothRun
from kanpde.dynamics.ode.weak import estimate_timescale
from kanpde.symbolic.subset import Quadratic, moves


@dataclass(frozen=True)
class Selection:
    """The chosen terms with their fit and criterion."""

    fit: Fit
    criterion: float

    @property
    def model(self) -> Sparse:
        assert isinstance(self.fit.rhs, Sparse)
        return self.fit.rhs


@dataclass
class _Search:
    """A search among the terms of a library; `left` are the steps of integration that remain."""

    smoothed: Sequence[SmoothRun]
    library: Library
    prices: Array
    size: Array
    policy: SearchPolicy
    left: int

    def shoot(self, model: Sparse, segments: Segments, c: Array, before: Fit | None) -> Fit | None:
        """A fit, whose steps are taken off those that remain."""
        policy = ShootingPolicy(effort=self.left)
        fit = shoot(model, segments, c, self.size, before=before, policy=policy)
        self.left -= 0 if fit is None else fit.effort
        return fit

    def select(self, guess: Guess, segments: Segments, before: Fit | None) -> Selection | None:
        """The fit of the guessed terms, with its criterion."""
        model = Sparse(self.library, tuple(pair for pair, _ in guess), len(self.size))
        fit = self.shoot(model, segments, np.array([value for _, value in guess]), before)
        return None if fit is None else self.judge(fit)

    def judge(self, fit: Fit) -> Selection:
        """A fit with its criterion."""
        assert isinstance(fit.rhs, Sparse)
        price = float(sum(self.prices[j] for _, j in fit.rhs.pairs))
        return Selection(fit, fit.deviance + price)

    def improve(self, best: Selection) -> Selection:
        """Changes of the terms as long as one gains."""
        for _ in range(self.policy.changes):
            better = self._change(best) if self.left > 0 else None
            if better is None:
                break
            best = better
        return best

    def _change(self, best: Selection) -> Selection | None:
        """The first of the most promising changes that gains."""
        every, model, support = self._expand(best)
        room = limit_terms(self.smoothed)
        for gain, candidate in moves(model, support, np.tile(self.prices, best.model.states)):
            if gain < 0.5 or self.left <= 0:
                break
            if len(candidate) > max(room, len(support)):
                continue
            weights = model.fitted(candidate)
            guess = [(every[k], float(w)) for k, w in zip(candidate, weights, strict=True)]
            other = self.select(guess, best.fit.segments, best.fit)
            if other is not None and other.criterion < best.criterion - 0.1:
                return other
        return None

    def _expand(self, best: Selection) -> tuple[list[tuple[int, int]], Quadratic, list[int]]:
        """All pairs (state, term), the model of the misfit over them, the places of the chosen."""
        n, fit = best.model.states, best.fit
        every = [(i, j) for i in range(n) for j in range(len(self.library))]
        place = {pair: k for k, pair in enumerate(every)}
        support = [place[pair] for pair in best.model.pairs]
        c = np.zeros(len(every))
        c[support] = fit.c
        wide = replace(
            with_noise(fit, fit.noise), rhs=Sparse(self.library, tuple(every), n),
            scales=np.ones(len(c)), prior=np.zeros(len(c)),
        )  # fmt: skip
        gram, gradient = wide.reduce(wide.pack(c, fit.starts))
        self.left -= wide.length
        usable = np.isfinite(gram).all(0) & np.isfinite(gradient)
        gram = np.where(usable[:, None] & usable[None, :], gram, 0)
        return every, Quadratic(gram, np.where(usable, gradient, 0), c), support

    def lengthen(self, best: Selection, intervals: int) -> Selection | None:
        """The same terms in longer segments; None where they do not follow the data there."""
        segments = cut(self.smoothed, intervals)
        longer = self.shoot(best.model, segments, best.fit.c, best.fit)
        if longer is None or np.any(longer.noise > 2 * best.fit.noise + 1e-6 * self.size):
            return None
        return self.judge(longer)


def select(
    data: Trajectories,
    smoothed: Sequence[SmoothRun],
    library: Library,
    policy: SearchPolicy | None = None,
) -> Selection | None:
    """The terms behind the data.

    Args:
        data: the trajectories.
        smoothed: the same, smoothed.
        library: the terms to choose from.
        policy: when to stop; after its steps of integration the best so far is the answer.

    Returns:
        The terms and their fit; None where no candidate can be integrated.
    """
    policy = policy or SearchPolicy()
    prices = price_terms(data, library, policy.function_price)
    search = _Search(smoothed, library, prices, data.scale, policy, policy.effort)
    step = float(np.median(np.concatenate([np.diff(s.run.times) for s in smoothed])))
    longest = max(len(s.run) for s in smoothed) - 1
    scale = estimate_timescale(smoothed)
    intervals = int(np.clip(round(2 * scale / step), min(6, longest), longest))
    best = _start(search, policy.bump_duration * scale, intervals)
    while best is not None:
        best = search.improve(best)
        if intervals >= longest or is_exact(best.fit) or best.fit.growth > policy.chaotic_growth:
            break
        if 2 * intervals * best.fit.system.grid.substeps > policy.longest or search.left <= 0:
            break
        intervals = min(2 * intervals, longest)
        longer = search.lengthen(best, intervals)
        if longer is None:
            break
        best = longer
    return best


def price_terms(data: Trajectories, library: Library, function_price: float) -> Array:
    """What each term must gain in -2 log likelihood, (P,)."""
    values = sum(int(np.isfinite(run.states).sum()) for run in data.runs)
    base = np.log(values) + 2 * np.log(len(library) * len(data.states))
    plain = [term.is_polynomial() for term in library.terms]
    return np.asarray(base + np.where(plain, 0.0, function_price))


def _start(search: _Search, duration: float, intervals: int) -> Selection | None:
    """The best of what the first guesses lead to."""
    best: Selection | None = None
    segments = cut(search.smoothed, intervals)
    for guess in guess_supports(search.smoothed, search.library, duration, search.prices):
        other = search.select(guess, segments, None)
        if other is None:
            continue
        other = search.improve(other)
        if best is None or other.criterion < best.criterion:
            best = other
        if count_values(search.smoothed) > search.policy.many_values:
            break
    return best


def is_exact(fit: Fit) -> bool:
    """Whether nothing is left to explain: longer segments would tell nothing new."""
    return bool(np.all(fit.squares / fit.counts < (0.3 * FLOOR * fit.size) ** 2))
