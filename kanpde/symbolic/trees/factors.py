"""Which trees of a pool make y, one, two or three of them, behind a link."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kanpde.arrays import Array
from kanpde.symbolic.front import Front
from kanpde.symbolic.trees.links import Link

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class FactorPolicy:
    """How many trees are joined, how many first ones are tried, how many sets are kept."""

    factors: int = 3
    starts: int = 40
    kept: int = 6
    # The share of the target's spread that ends the search where there is no noise.
    exact: float = 1e-8


def join_trees(
    link: Link, values: Array, policy: FactorPolicy = FactorPolicy()
) -> list[tuple[float, list[int]]]:
    """Sets of rows of values (S, N), with the share of the target's spread that each leaves."""
    rest, spread = link.rest, link.spread
    out: list[tuple[float, list[int]]] = [(float(np.linalg.norm(rest)) / spread, [])]
    if out[0][0] < policy.exact:
        return out
    unit = link.project(values)
    front = Front([[]], np.zeros((1, 0, len(rest))), np.ones((1, len(unit))), rest[None])
    for count in range(policy.factors):
        gains = front.gains(unit) if count else (unit @ rest)[None] ** 2
        # The best of all supports and columns go on, each set of columns once.
        which, columns = _choose(front, gains, policy.starts if count < 1 else policy.starts // 2)
        if not len(which):
            break
        front = _take(front, which).extend(unit, columns)
        left = np.linalg.norm(front.rest, axis=1) / spread
        best = np.argsort(left)[: policy.kept]
        out += [(float(left[k]), front.rows[k]) for k in best]
        if left[best[0]] < policy.exact:
            break
    return sorted(out)


def _choose(front: Front, gains: Array, most: int) -> tuple[Rows, Rows]:
    """The supports and columns of the largest relative gains, (K,) each."""
    left = np.sum(front.rest**2, 1)[:, None] - gains
    order = np.argsort(left, axis=None)[: 4 * most]
    which: list[int] = []
    columns: list[int] = []
    seen: set[tuple[int, ...]] = set()
    for s, k in zip(*np.unravel_index(order, left.shape), strict=True):
        key = tuple(sorted([*front.rows[s], int(k)]))
        if gains[s, k] > 0 and key not in seen and len(which) < most:
            seen.add(key)
            which.append(int(s))
            columns.append(int(k))
    return np.array(which, dtype=np.intp), np.array(columns, dtype=np.intp)


def _take(front: Front, which: Rows) -> Front:
    rows = [front.rows[k] for k in which]
    return Front(rows, front.bases[which], front.room[which], front.rest[which])
