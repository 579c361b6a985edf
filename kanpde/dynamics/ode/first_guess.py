"""First guesses of terms and coefficients, by regression in weak form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.ode.library import Library
from kanpde.dynamics.ode.smoothing import SmoothRun
from kanpde.dynamics.ode.weak import build_weak_system
from kanpde.symbolic.subset import Quadratic, backward_path, stepwise

# Pairs (state, term) with their coefficients.
Guess = list[tuple[tuple[int, int], float]]
# Columns nearer than this to one line are one term, not two.
_APART = 1e-6


def guess_supports(
    smoothed: Sequence[SmoothRun], library: Library, duration: float, prices: Array
) -> Iterator[Guess]:
    """First guesses: of as many terms as seem to pay, then the best two of each state.

    Few and noisy data leave the first guess far off, and it diverges or nothing leads away from
    it: of 10 times 35 points with 5 % of noise, that happened 3 times.

    Args:
        smoothed: the runs.
        library: the terms.
        duration: of the bumps in weak form.
        prices: what each term must gain, (P,).
    """
    rows, rights = build_weak_system(smoothed, library, duration)
    yield _guess_by_price(smoothed, rows, rights, prices)
    rows = np.where(np.isfinite(rows).all(0), rows, 0)
    out: Guess = []
    for state, right in enumerate(rights.T):
        pair = best_pair(rows, right)
        weights = np.linalg.lstsq(rows[:, pair], right, rcond=None)[0]
        out += [((state, j), float(w)) for j, w in zip(pair, weights, strict=True)]
    yield out


def _guess_by_price(
    smoothed: Sequence[SmoothRun], rows: Array, rights: Array, prices: Array
) -> Guess:
    """Terms and coefficients for each state, by the information criterion."""
    usable = np.isfinite(rows).all(0) & (np.abs(rows).max(0) > 0)
    rows = np.where(usable, rows, 0)
    out: Guess = []
    room = max(1, limit_terms(smoothed) // rights.shape[1])
    for state in range(rights.shape[1]):
        gram, moment = rows.T @ rows, rows.T @ rights[:, state]
        model = Quadratic(gram, -moment, np.zeros(len(moment)))
        every = np.flatnonzero(np.diagonal(gram) > 0).tolist()
        total = float(rights[:, state] @ rights[:, state])
        least = float(np.sum((rows[:, every] @ model.fitted(every) - rights[:, state]) ** 2))

        def square(lost: float, least: float = least, total: float = total) -> float:
            """The mean square misfit where terms are missing that had gained `lost`."""
            return (least + lost + 1e-14 * total) / len(rows)

        # Bumps overlap and smoothing leaves correlated errors: the guess may be generous.
        lost, support = min(
            (step for step in backward_path(model) if len(step[1]) <= room),
            key=lambda step: len(rows) * np.log(square(step[0])) + prices[step[1]].sum(),
        )
        other = stepwise(gram / square(lost), moment / square(lost), support, prices)
        support = other if len(other) <= room else support
        weights = model.fitted(support)
        out += [((state, j), float(w)) for j, w in zip(support, weights, strict=True)]
    return out


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


def limit_terms(smoothed: Sequence[SmoothRun]) -> int:
    """The most terms of all equations: half of the known values, less the starts of the runs.

    Beyond that the criterion, made for many values, falls with every term: 5 samples of a
    circle got 28.
    """
    n = int(smoothed[0].run.states.shape[1])
    return max(n, count_values(smoothed) // 2 - n * len(smoothed))


def count_values(smoothed: Sequence[SmoothRun]) -> int:
    """How many values are known."""
    return sum(int(np.isfinite(s.run.states).sum()) for s in smoothed)
