"""Which terms: best subsets of a quadratic model, by adding, dropping and swapping one at a time.

The model of the misfit at coefficients c is d^T G d + 2 g^T d, d the change of c. Gains are
computed from g, never from G c: with exact data c^T G c is 1e19 and would drown them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from kanpde.arrays import Array

_RIDGE = 1e-13
_ROOM = 1e-9
# Supports up to this size are searched for two terms that one can stand for.
_DOUBLES = 24


@dataclass(frozen=True)
class Quadratic:
    """G (P, P), g (P,) and the point c (P,), zero off its support."""

    gram: Array
    gradient: Array
    c: Array

    def solve(self, rows: Sequence[int], right: Array) -> Array:
        """G_RR^-1 right, columns of equal norm first."""
        index = list(rows)
        if not index:
            return np.zeros_like(right)
        scale = 1 / np.sqrt(np.maximum(np.diagonal(self.gram)[index], 1e-300))
        part = self.gram[np.ix_(index, index)] * np.outer(scale, scale)
        part[np.diag_indices(len(index))] += _RIDGE
        scale = scale.reshape(-1, *([1] * (right.ndim - 1)))
        return np.asarray(scale * np.linalg.solve(part, scale * right))

    def fitted(self, support: Sequence[int]) -> Array:
        """The minimiser on a support, (len(support),)."""
        rows = list(support)
        kept = np.zeros_like(self.c)
        kept[rows] = self.c[rows]
        gradient = self.gradient + self.gram @ (kept - self.c)
        return np.asarray(self.c[rows] - self.solve(rows, gradient[rows]))

    def added(self, rows: Sequence[int], gradient: Array) -> Array:
        """What each term off `rows` would take away beside them, (P,); zero on them."""
        inside = list(rows)
        cross = self.gram[inside]
        solved = self.solve(inside, np.c_[cross, gradient[inside]])
        left = gradient - cross.T @ solved[:, -1]
        size = np.maximum(np.diagonal(self.gram), 1e-300)
        room = 1 - np.einsum("ij,ij->j", cross, solved[:, :-1]) / size
        gains = np.where(room > _ROOM, left**2 / (size * np.maximum(room, _ROOM)), 0.0)
        gains[inside] = 0
        return np.asarray(gains)

    def drops(self, support: Sequence[int]) -> Array:
        """What dropping each term of a support costs, (len(support),)."""
        inverse = np.diagonal(self.solve(support, np.eye(len(support))))
        with np.errstate(over="ignore"):
            return np.asarray(self.fitted(support) ** 2 / np.maximum(inverse, 1e-300))


def moves(
    model: Quadratic, support: Sequence[int], penalty: Array, keep: int = 6
) -> list[tuple[float, list[int]]]:
    """The best changes of a support: (gain in misfit less `penalty` (P,), new support).

    A term is added, dropped, or put instead of another or of two: y and no other
    single change leads away from sin(y) + 0.17 y^3, which was met on Duffing's equation. Or it
    is added and all that it makes superfluous go: on a pendulum seven monomials stood for a sine.
    """
    gains = model.added(support, model.gradient)
    found = [
        (float(gain - penalty[j]), sorted([*support, int(j)]))
        for j, gain in enumerate(gains)
        if gain > 0
    ]
    if len(support) > 2:
        found += [
            _add_and_drop(model, support, int(j), gains, penalty) for j in np.flatnonzero(gains > 0)
        ]
    if support:
        for k, cost in zip(support, model.drops(support), strict=True):
            found.append((float(penalty[k] - cost), [j for j in support if j != k]))
    doubles = combinations(support, 2) if len(support) <= _DOUBLES else ()
    for gone in (*((k,) for k in support), *doubles):
        rest = [k for k in support if k not in gone]
        cost, gains = _exchange(model, support, rest, gone)
        for j in np.argsort(-(gains - penalty))[:2]:
            gain = float(gains[j] - penalty[j] - cost + penalty[list(gone)].sum())
            found.append((gain, sorted([*rest, int(j)])))
    best: dict[tuple[int, ...], float] = {}
    for gain, rows in found:
        best[tuple(rows)] = max(gain, best.get(tuple(rows), -np.inf))
    ranked = sorted(best.items(), key=lambda item: -item[1])
    return [(gain, list(rows)) for rows, gain in ranked[:keep]]


def _add_and_drop(
    model: Quadratic, support: Sequence[int], new: int, gains: Array, penalty: Array
) -> tuple[float, list[int]]:
    """Add a term, then drop others while that pays."""
    rows, gain = [*support, new], float(gains[new] - penalty[new])
    while len(rows) > 1:
        net = penalty[rows] - model.drops(rows)
        net[rows.index(new)] = -np.inf
        worst = int(np.argmax(net))
        if net[worst] <= 0:
            break
        gain += float(net[worst])
        rows.pop(worst)
    return gain, sorted(rows)


def _exchange(
    model: Quadratic, support: Sequence[int], rest: Sequence[int], gone: Sequence[int]
) -> tuple[float, Array]:
    """What taking terms out costs, and what each other term then takes away."""
    out = list(gone)
    columns = [support.index(k) for k in gone]
    inverse = model.solve(support, np.eye(len(support))[:, columns])[columns]
    best = model.fitted(support)[columns]
    cost = float(best @ np.linalg.lstsq(inverse, best, rcond=None)[0])
    gradient = model.gradient - model.gram[:, out] @ model.c[out]
    gains = model.added(rest, gradient)
    gains[out] = 0
    return cost, gains


def backward_path(model: Quadratic) -> list[tuple[float, list[int]]]:
    """Supports of every size, from all terms to none: each time the least needed one goes.

    With each comes the misfit that the drops have added.
    """
    support = [int(k) for k in np.flatnonzero(np.diagonal(model.gram) > 0)]
    lost = 0.0
    path = [(lost, list(support))]
    while support:
        costs = model.drops(support)
        least = int(np.argmin(costs))
        lost += float(costs[least])
        support.pop(least)
        path.append((lost, list(support)))
    return path


def stepwise(
    gram: Array, moment: Array, support: Sequence[int], penalty: Array, most: int = 60
) -> list[int]:
    """Repeats the best change of a linear regression's support while it gains."""
    now = list(support)
    for _ in range(most):
        c = np.zeros(len(moment))
        c[now] = Quadratic(gram, -moment, c).fitted(now)
        best = moves(Quadratic(gram, gram @ c - moment, c), now, penalty, keep=1)
        if not best or best[0][0] <= 1e-6:
            break
        now = best[0][1]
    return now


def search_beam(
    table: Array, right: Array, firsts: Sequence[int], most: int, width: int
) -> list[list[int]]:
    """Sets of columns that explain a right side well: of every size the best ones.

    A set grows by one column at a time from one of `firsts`; of each size the best `width` go on.

    Args:
        table: columns (N, P).
        right: the right side, (N,).
        firsts: the columns with one of which a set begins.
        most: columns of the largest sets.
        width: how many sets of each size go on.

    Returns:
        The best three sets of each size.
    """
    size = np.linalg.norm(table, axis=0)
    unit = table / np.where(size > 0, size, 1.0)
    gram, moment = unit.T @ unit, unit.T @ right
    gram[np.diag_indices(len(gram))] += _RIDGE
    sets = np.array([[k] for k in firsts if size[k] > 0], dtype=int).reshape(-1, 1)
    out: list[list[int]] = []
    usable = np.flatnonzero(size > 0)
    while len(sets):
        parts = gram[sets[:, :, None], sets[:, None, :]]
        moments = moment[sets]
        gains = np.sum(moments * np.linalg.solve(parts, moments[..., None])[..., 0], 1)
        order = np.argsort(-gains, kind="stable")[:width]
        out += [sorted(map(int, sets[k])) for k in order[:3]]
        if sets.shape[1] == most:
            break
        grown = [[*row, k] for row in sets[order].tolist() for k in usable if k not in row]
        kept = {tuple(sorted(row)): row for row in reversed(grown)}
        sets = np.array(list(kept.values()), dtype=int).reshape(-1, sets.shape[1] + 1)
    return out
