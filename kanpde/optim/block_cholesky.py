"""Cholesky factors of symmetric matrices that are sparse by blocks.

Blocks are eliminated in the order of least fill-in (minimum degree: George & Liu, SIAM Review 31,
1989); the rows below an eliminated block are kept as one matrix, so that all work is that of dense
products (Duff & Reid, ACM Trans. Math. Softw. 9, 1983). For a row of m blocks of p parameters that
couple to their neighbours the work is m p^3, for m by m blocks about 10 m^3 p^3, where that of the
whole matrix is m^3 p^3 / 3 and m^6 p^3 / 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import LinAlgError, cholesky, solve_triangular
from scipy.linalg.blas import dsyrk
from torch import Tensor

from kanpde.arrays import Array

Pair = tuple[int, int]


@dataclass(frozen=True)
class Elimination:
    """An order of blocks, and for each of them the later ones that its elimination couples."""

    order: tuple[int, ...]
    below: tuple[tuple[int, ...], ...]

    @staticmethod
    def of(sizes: Sequence[int], pairs: Iterable[Pair]) -> Elimination:
        """The order of minimum degree, for blocks that are coupled by pairs."""
        near: list[set[int]] = [set() for _ in sizes]
        for i, j in pairs:
            if i != j:
                near[i].add(j)
                near[j].add(i)
        left, order, below = set(range(len(sizes))), [], []
        while left:
            k = min(left, key=lambda b: (sum(sizes[n] for n in near[b]), b))
            left.remove(k)
            order.append(k)
            below.append(near[k])
            for n in near[k]:
                near[n] = (near[n] | near[k]) - {n, k}
        place = {block: at for at, block in enumerate(order)}
        return Elimination(
            tuple(order), tuple(tuple(sorted(near, key=place.__getitem__)) for near in below)
        )


class BlockFactor:
    """A matrix, factorised block by block."""

    def __init__(
        self, elimination: Elimination, cuts: Sequence[slice], columns: Mapping[int, Column]
    ) -> None:
        self._elimination, self._cuts, self._columns = elimination, cuts, columns

    @property
    def entries(self) -> int:
        """The numbers that are kept."""
        return sum(c.own.size + c.below.size for c in self._columns.values())

    def solve(self, right: Tensor) -> Tensor:
        """The solution (P,) for one right-hand side (P,)."""
        x = right.numpy().copy()
        cuts, steps = (
            self._cuts,
            list(zip(self._elimination.order, self._elimination.below, strict=True)),
        )
        for k, near in steps:
            own = self._columns[k]
            x[cuts[k]] = _solve(own.own, x[cuts[k]], transposed=False)
            if near:
                x[_join(cuts, near)] -= own.below @ x[cuts[k]]
        for k, near in reversed(steps):
            own = self._columns[k]
            if near:
                x[cuts[k]] -= own.below.T @ x[_join(cuts, near)]
            x[cuts[k]] = _solve(own.own, x[cuts[k]], transposed=True)
        return torch.from_numpy(x)


@dataclass(frozen=True)
class Column:
    """An eliminated block: its own factor (p, p), lower, and the rows below (sum of others, p)."""

    own: Array
    below: Array


def factorise(
    elimination: Elimination,
    cuts: Sequence[slice],
    blocks: Mapping[Pair, Array],
    added: Array,
) -> BlockFactor | None:
    """The factor of a matrix with `added` (P,) on its diagonal; None without positive pivots.

    `blocks` are those on and above the diagonal, (p_i, p_j) for i <= j; `cuts` say where each block
    stands.
    """
    rest: dict[Pair, Array] = {}
    columns: dict[int, Column] = {}
    for k, near in zip(elimination.order, elimination.below, strict=True):
        own = _take(blocks, rest, k, k, cuts)
        own[np.diag_indices_from(own)] += added[cuts[k]]
        try:
            own = cholesky(own, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError:
            return None
        below = np.zeros((0, len(own)))
        if near:
            coupled = np.concatenate([_take(blocks, rest, n, k, cuts) for n in near])
            below = solve_triangular(own, coupled.T, lower=True, check_finite=False).T
            _subtract(rest, blocks, near, dsyrk(1.0, below, lower=1), cuts)
        columns[k] = Column(own, below)
    return BlockFactor(elimination, cuts, columns)


def _take(
    blocks: Mapping[Pair, Array], rest: dict[Pair, Array], i: int, j: int, cuts: Sequence[slice]
) -> Array:
    """Block (i, j) with what was subtracted from it; a copy, or what will not be used again."""
    found = rest.pop((i, j), None)
    if found is None:
        found = _block(blocks, i, j, cuts)
    return found


def _block(blocks: Mapping[Pair, Array], i: int, j: int, cuts: Sequence[slice]) -> Array:
    """A copy of block (i, j) of the matrix, zero where there is none."""
    known = blocks.get((i, j))
    if known is not None:
        return known.copy()
    known = blocks.get((j, i))
    if known is not None:
        return known.T.copy()
    return np.zeros((cuts[i].stop - cuts[i].start, cuts[j].stop - cuts[j].start))


def _subtract(
    rest: dict[Pair, Array],
    blocks: Mapping[Pair, Array],
    near: Sequence[int],
    product: Array,
    cuts: Sequence[slice],
) -> None:
    """Subtract the lower triangle of a product from the blocks of `near`, later ones by earlier."""
    ends = np.cumsum([0, *(cuts[n].stop - cuts[n].start for n in near)])
    for b, j in enumerate(near):
        for a, i in enumerate(near[b:], b):
            if (i, j) not in rest:
                rest[i, j] = _block(blocks, i, j, cuts)
            rest[i, j] -= product[ends[a] : ends[a + 1], ends[b] : ends[b + 1]]


def _join(cuts: Sequence[slice], near: Sequence[int]) -> Array:
    return np.concatenate([np.arange(cuts[n].start, cuts[n].stop) for n in near])


def _solve(factor: Array, right: Array, *, transposed: bool) -> Array:
    found = solve_triangular(
        factor, right, lower=True, trans=1 if transposed else 0, check_finite=False
    )
    return np.asarray(found)
