"""The residual vector of a problem, as the optimisers see it: a function of flat parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from kanpde.assembly.rows import BoundRows
from kanpde.assembly.workers import SERIAL, Workers
from kanpde.network.kan import KAN
from kanpde.network.pushforward import Linearization
from kanpde.optim.least_squares import Equations, NormalEquations
from kanpde.optim.row_space import LayerRows, RowSpace

T = TypeVar("T")


class ResidualSystem:
    """Rows of a problem at fixed points, for one network."""

    def __init__(self, network: KAN, rows: Sequence[BoundRows], workers: Workers = SERIAL) -> None:
        self.network, self.rows, self.workers = network, list(rows), workers

    @property
    def underdetermined(self) -> bool:
        """Fewer rows than parameters: a step fits them all, and the next one needs others."""
        return sum(rows.count for rows in self.rows) < self.network.parameter_count

    def residual(self, theta: Tensor) -> Tensor:
        """The weighted residuals (n,), block by block, one equation after the other."""
        self.network.load_flat(theta)
        parts: list[Tensor] = []
        for rows in self.rows:
            values = rows.residual(self.network)
            for at in rows.blocks:
                parts.extend(values[:, at])
        return torch.cat(parts)

    def loss(self, theta: Tensor) -> float:
        """Half the weighted mean square of the residuals, summed over the conditions."""
        residual = self.residual(theta)
        return 0.5 * float(residual @ residual)

    def normal(self, theta: Tensor) -> Equations:
        """r and J, rows in the order of `residual`; in factors where they are fewer than P."""
        self.network.load_flat(theta)
        if self.underdetermined:
            found = [each for rows in self.rows for each in self._each(rows, _factors)]
            blocks = [pair for block in found for pair in block]
            return RowSpace([layers for layers, _ in blocks], [r for _, r in blocks])
        normal = NormalEquations(len(theta), theta.device)
        for rows in self.rows:
            for block in self._each(rows, _jacobian):
                for jacobian, residual in block:
                    normal.add(jacobian, residual)
        return normal

    def gradient(self, theta: Tensor) -> tuple[float, Tensor]:
        """The loss and J^T r, without J."""
        self.network.load_flat(theta)
        loss, gradient = 0.0, torch.zeros_like(theta)
        for rows in self.rows:
            for block in self._each(rows, _pulled):
                for residual, pulled in block:
                    loss += 0.5 * float(residual @ residual)
                    gradient += pulled
        return loss, gradient

    def traces(self) -> list[float]:
        """The squared norm of each rows' Jacobian: its share in the trace of J J^T."""
        return [
            sum(
                layer.trace()
                for block in self._each(r, _factors)
                for ls, _ in block
                for layer in ls
            )
            for r in self.rows
        ]

    def _each(
        self, rows: BoundRows, function: Callable[[Linearization, Tensor, Tensor], T]
    ) -> list[list[T]]:
        """`function` of each block and equation."""

        def block(at: slice) -> list[T]:
            lin, residuals, cotangents = rows.linearized(self.network, at)
            return [function(lin, r, c) for r, c in zip(residuals, cotangents, strict=True)]

        return self.workers.map(block, rows.blocks)


def _jacobian(lin: Linearization, residual: Tensor, cotangent: Tensor) -> tuple[Tensor, Tensor]:
    jacobian = residual.new_empty(lin.parameters, len(residual))
    lin.jacobian(cotangent, jacobian)
    return jacobian, residual


def _factors(
    lin: Linearization, residual: Tensor, cotangent: Tensor
) -> tuple[list[LayerRows], Tensor]:
    return [LayerRows(*pair) for pair in lin.factors(cotangent)], residual


def _pulled(lin: Linearization, residual: Tensor, cotangent: Tensor) -> tuple[Tensor, Tensor]:
    return residual, torch.cat([part.flatten() for part in lin.pullback(cotangent * residual)])
