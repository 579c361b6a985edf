"""Normal equations whose rows depend on few of many blocks of parameters: J^T J is sparse."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.optim.block_cholesky import Elimination, Pair, factorise
from kanpde.optim.normal import DampedNormal, raise_diagonal
from kanpde.optim.protocols import System

# The number of a block, the places (n,) of its rows in a batch of rows, its entries (p, n) of J.
Rows = Sequence[tuple[int, Tensor, Tensor]]


class BlockNormal:
    """J^T J and J^T r on the host, by blocks of parameters of these sizes."""

    least_decrease = 1e-8

    def __init__(self, sizes: Sequence[int]) -> None:
        self.loss = 0.0
        self._sizes = tuple(sizes)
        self._cuts = [slice(a, b) for a, b in pairwise([0, *accumulate(sizes)])]
        self._batches: list[Rows] = []
        self._residuals: list[Tensor] = []
        self._gram: dict[Pair, Array] = {}
        self._elimination: Elimination | None = None

    @property
    def size(self) -> int:
        """The number of parameters."""
        return self._cuts[-1].stop

    def add(self, rows: Rows, residual: Tensor) -> None:
        """Add a batch of rows with their residuals (n,)."""
        self.loss += 0.5 * float(residual @ residual)
        self._batches.append(rows)
        self._residuals.append(residual)
        rows = sorted(rows, key=lambda part: part[0])
        for a, (i, at, own) in enumerate(rows):
            self._accumulate((i, i), own.numpy() @ own.numpy().T)
            inside = torch.zeros(len(residual), dtype=torch.bool)
            inside[at] = True
            for j, other_at, other in rows[a + 1 :]:
                there = inside[other_at]
                if bool(there.any()):
                    here = torch.isin(at, other_at[there])
                    left, right = own[:, here].numpy(), other[:, there].numpy()
                    self._accumulate((i, j), left @ right.T)

    def _accumulate(self, pair: Pair, product: Array) -> None:
        known = self._gram.get(pair)
        if known is None:
            self._gram[pair] = product
        else:
            known += product

    def pull(self, residual: Tensor) -> Tensor:
        """J^T times a vector of rows (n,), in the order in which the rows were added."""
        out = torch.zeros(self.size, dtype=torch.float64)
        parts = residual.split([len(r) for r in self._residuals])
        for rows, part in zip(self._batches, parts, strict=True):
            for block, at, own in rows:
                out[self._cuts[block]] += own @ part[at]
        return out

    def push(self, step: Tensor) -> Tensor:
        """J times a step (P,): what it adds to the residual, (n,)."""
        found = [torch.zeros_like(r) for r in self._residuals]
        for rows, part in zip(self._batches, found, strict=True):
            for block, at, own in rows:
                part[at] += own.T @ step[self._cuts[block]]
        return torch.cat(found)

    def trial(self, system: System, theta: Tensor) -> tuple[Tensor, float]:
        """Residual and half its square at other parameters."""
        residual = system.residual(theta)
        return residual, 0.5 * float(residual @ residual)

    @property
    def residual(self) -> Tensor:
        """r, (n,)."""
        return torch.cat(self._residuals)

    @property
    def gradient(self) -> Tensor:
        """J^T r, (P,)."""
        return self.pull(self.residual)

    @property
    def scale(self) -> Tensor:
        """The diagonal of J^T J, with a floor, as in `NormalEquations`."""
        diagonal = np.zeros(self.size)
        for k, cut in enumerate(self._cuts):
            if (k, k) in self._gram:
                diagonal[cut] = np.diagonal(self._gram[k, k])
        return raise_diagonal(torch.from_numpy(diagonal))

    @property
    def matrix(self) -> Tensor:
        """J^T J, (P, P); only its upper triangle is set."""
        out = np.zeros((self.size, self.size))
        for (i, j), block in self._gram.items():
            out[self._cuts[i], self._cuts[j]] = block
        return torch.from_numpy(out)

    def damped(self, damping: float) -> DampedNormal | None:
        """J^T J + damping D; None if rounding prevents positive pivots."""
        if self._elimination is None:
            self._elimination = Elimination.of(self._sizes, self._gram)
        scale = self.scale
        added = (damping * scale).numpy()
        factor = factorise(self._elimination, self._cuts, self._gram, added)
        return None if factor is None else DampedNormal(self, factor, scale, damping)
