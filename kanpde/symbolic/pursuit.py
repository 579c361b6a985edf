"""Which columns of a library: orthogonal matching pursuit from many first terms at once.

The best first term is often a wrong one that resembles the sum (a sqrt for 1 + a sin b): so
each of the best few is tried, all in the same two matrix products for each further term. With
noise or many columns it is done again with swaps: after each new term the oldest one is
replaced by the one that suits the others best; and from pairs of terms at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import Array
from kanpde.symbolic.front import Front, project


@dataclass(frozen=True)
class Pursuit:
    """How many terms and first terms are tried, and what a term must gain.

    Without noise each term must halve the misfit (`price`, in orders of magnitude): what a
    longer sum gains beyond that is an approximation. With noise the price is that of the risk
    inflation criterion: twice the log of the number of candidates, for of so many columns of
    chance the best gains as much.
    """

    terms: int = 6
    starts: int = 60
    # A swap costs as much as the pursuit for each term of a support.
    swapped_starts: int = 30
    # First terms beside which the best pair of these many columns is looked for. Of a sum of
    # products, a product of all resembles the rest more than each summand does.
    paired_starts: int = 8
    pairs: int = 20
    paired_columns: int = 800
    # Up to so many columns, their products are taken once (of 2,000, 32 MB).
    multiplied: int = 2000
    price: float = 0.3
    # With more columns than this, first terms resemble each other too much to do without swaps:
    # of a b + c d + e f and 2,835 columns all 60 starts end elsewhere.
    resembling: int = 1200
    # Columns that compete in noise, all libraries and outer functions together.
    candidates: int = 100_000


@dataclass(frozen=True)
class _Choice:
    """Unit columns (P, N), a target (N,) and its spread, the misfit that is none, the price."""

    unit: Array
    target: Array
    scale: float
    exact: float
    price: float

    def misfit(self, support: Sequence[int]) -> float:
        """What the columns of a support leave of the target, beside its spread."""
        design = self.unit[list(support)].T
        weights = np.linalg.lstsq(design, self.target, rcond=1e-13)[0]
        return float(np.linalg.norm(self.target - design @ weights)) / self.scale

    def score(self, support: Sequence[int], misfit: float) -> float:
        """Orders of magnitude of misfit, and the price of the terms."""
        return float(np.log10(max(misfit, 0.1 * self.exact)) + self.price * len(support))

    def measure(self, support: Sequence[int]) -> float:
        """The score of a support."""
        return self.score(support, self.misfit(support))


def select(
    columns: Array,
    target: Array,
    exact: float,
    *,
    noisy: bool = False,
    pursuit: Pursuit = Pursuit(),
) -> list[int]:
    """The columns (P, N) that are needed for a target (N,), as rows of `columns`.

    Args:
        columns: the candidates; the first is the constant, or what stands for it.
        target: what their sum is to be.
        exact: the misfit, beside the spread of the target, that ends the search.
        noisy: whether the target has noise, so that a term is judged by what chance would give.
        pursuit: how many terms and starts.
    """
    size = np.linalg.norm(columns, axis=1)
    unit = columns / np.where(size > 0, size, 1)[:, None]
    scale = float(np.linalg.norm(target - target.mean())) or 1.0
    price = float(np.log10(pursuit.candidates) / len(target)) if noisy else pursuit.price
    choice = _Choice(unit, target, scale, exact, price)
    found = _search(choice, pursuit, pursuit.starts, swaps=False)
    if choice.misfit(found[-1]) >= exact:
        if noisy or len(unit) > pursuit.resembling:
            found += _search(choice, pursuit, pursuit.swapped_starts, swaps=True)
            found += _search_pairs(choice, pursuit, noisy)
        found += [_drop(choice, _exchange(choice, rows), noisy) for rows in found]
    return _drop(choice, min(found, key=choice.measure), noisy)


def _search(choice: _Choice, pursuit: Pursuit, starts: int, *, swaps: bool) -> list[list[int]]:
    """On the way from each first term, the supports of the best score and of the least misfit."""
    unit, target = choice.unit, choice.target
    front = project(unit, target, [[0]])
    gains = front.gains(unit)[0]
    first = np.argsort(-gains)[: min(starts, int((gains > 0).sum()))]
    if not len(first):
        return [[0]]
    front = front.repeat(len(first)).extend(unit, first)
    return _follow(choice, pursuit, front, swaps=swaps)


def _follow(choice: _Choice, pursuit: Pursuit, front: Front, *, swaps: bool) -> list[list[int]]:
    """The supports of the best score and of the least misfit, adding term after term."""
    unit, target = choice.unit, choice.target
    best: tuple[float, list[int]] = (np.inf, [0])
    least: tuple[float, list[int]] = (np.inf, [0])
    while True:
        left = np.linalg.norm(front.rest, axis=1) / choice.scale
        scores = [choice.score(rows, m) for rows, m in zip(front.rows, left, strict=True)]
        best = min(best, *zip(scores, front.rows, strict=True))
        least = min(least, *zip(left.tolist(), front.rows, strict=True))
        if len(front.rows[0]) > pursuit.terms or left.min() < choice.exact:
            return [best[1], least[1]]
        gains = front.gains(unit)
        # Where nothing is left outside of a span, rounding errors would be the next direction.
        open_ = gains.max(1) > 0
        if not open_.any():
            return [best[1], least[1]]
        front = front.keep(open_).extend(unit, gains[open_].argmax(1))
        front = front.swap_oldest(unit, target) if swaps else front


def _search_pairs(choice: _Choice, pursuit: Pursuit, noisy: bool) -> list[list[int]]:
    """The same from unlike first terms, each with the best pair beside it."""
    unit, target = choice.unit, choice.target
    front = project(unit, target, [[0]])
    products = unit @ unit.T if noisy and len(unit) <= pursuit.multiplied else None
    first: list[int] = []
    gains = front.gains(unit)[0]
    while len(first) < pursuit.paired_starts and gains.any():
        first.append(int(gains.argmax()))
        # Half of what it would take must be new beside the first terms that there are.
        gains[np.abs(unit @ unit[first[-1]]) ** 2 > 1 - 0.5 * front.room[0]] = 0
    # The terms of a pair are first terms too: beside a b e comes c d, and beside this a b, e f.
    supports: list[list[int]] = []
    tried: set[int] = set()
    for _ in range(pursuit.pairs):
        if not first:
            break
        k = first.pop(0)
        tried.add(k)
        own = front.extend(unit, np.array([k]))
        pair = own.best_pair(unit, pursuit.paired_columns, products)
        if pair is not None:
            supports.append([0, k, *pair])
            first += [j for j in pair if j not in first and j not in tried]
            if choice.misfit(supports[-1]) < choice.exact:
                break
    if not supports:
        return [[0]]
    return _follow(choice, pursuit, project(unit, target, supports), swaps=True)


def _exchange(choice: _Choice, support: list[int]) -> list[int]:
    """Replace single terms by others while that lowers the misfit.

    What came first, for want of the others, need not be in the best sum.
    """
    now, changed = choice.misfit(support), True
    while changed and now >= choice.exact:
        changed = False
        for k in support[1:]:
            rest = [j for j in support if j != k]
            front = project(choice.unit, choice.target, [rest])
            gains = front.gains(choice.unit)[0]
            other = [*rest, int(gains.argmax()) if gains.any() else k]
            left = choice.misfit(other)
            if left < (1 - 1e-3) * now:
                support, now, changed = other, left, True
                break
    return support


def _drop(choice: _Choice, support: list[int], noisy: bool) -> list[int]:
    """Without the terms that are not needed."""
    return _drop_poor(choice, support) if noisy else _drop_idle(choice, support)


def _drop_idle(choice: _Choice, support: list[int]) -> list[int]:
    """Without the terms that matter little to the misfit."""
    limit = max(1.5 * choice.misfit(support), 0.1 * choice.exact)
    for k in list(support):
        rest = [j for j in support if j != k]
        if rest and choice.misfit(rest) < limit:
            support = rest
    return support


def _drop_poor(choice: _Choice, support: list[int]) -> list[int]:
    """Without the terms that the score is better without, the worst first."""
    while len(support) > 1:
        best = min(([j for j in support if j != k] for k in support), key=choice.measure)
        if choice.measure(best) >= choice.measure(support):
            break
        support = best
    return support
