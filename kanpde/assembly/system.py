"""The residual vector of a problem, as the optimisers see it: a function of flat parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from kanpde.assembly.terms import BoundTerm, Linearized
from kanpde.assembly.workers import SERIAL, Workers
from kanpde.network.network import (
    BlockRows,
    Linearization,
    Network,
    find_blocks,
    form_blocks,
    is_sparse,
)
from kanpde.optim.block_normal import BlockNormal
from kanpde.optim.normal import NormalEquations
from kanpde.optim.protocols import Equations, System
from kanpde.optim.row_space import LayerRows, RowSpace

T = TypeVar("T")


@dataclass(frozen=True)
class Block:
    """Rows of one block as an optimiser adds them: Jacobians are transposed, (P, n).

    The rows of an energy come with its value and the rows of its metric.
    """

    jacobians: list[Tensor]
    residuals: list[Tensor]
    energy: float | None
    metric: list[Tensor]


class EnergyEquations(NormalEquations):
    """Normal equations in which some rows are slopes of an energy, which has a separate metric."""

    # An error of the size e adds e^2 to an energy that is large: with 1e-8, training of Poisson's
    # energy ended at an error of 9e-6.
    least_decrease = 1e-14

    def add_energy(self, block: Block) -> None:
        """Add the slopes and the metric of one block of an energy."""
        self.loss += block.energy or 0.0
        for jacobian, residual in zip(block.jacobians, block.residuals, strict=True):
            self._blocks.append(jacobian)
            self._residuals.append(residual)
        for rows in block.metric:
            self._gram.add(rows)

    def trial(self, system: System, theta: Tensor) -> tuple[Tensor, float]:
        """Rows and loss at other parameters."""
        assert isinstance(system, ResidualSystem)
        return system.evaluate(theta)


class ResidualSystem:
    """Terms of a problem at fixed points, for one network."""

    def __init__(
        self, network: Network, rows: Sequence[BoundTerm], workers: Workers = SERIAL
    ) -> None:
        self.network, self.rows, self.workers = network, list(rows), workers

    @property
    def has_energy(self) -> bool:
        """Whether its loss is more than half the square of its residual."""
        return any(rows.is_energy for rows in self.rows)

    @property
    def underdetermined(self) -> bool:
        """Fewer rows than parameters: a step fits them all, and the next one needs others."""
        return sum(rows.count for rows in self.rows) < self.network.parameter_count

    def evaluate(self, theta: Tensor) -> tuple[Tensor, float]:
        """All rows (n,), block by block, one after the other, and the loss."""
        found = self._evaluate_terms(theta)
        loss = sum(
            0.5 * float(values.square().sum()) if energy is None else energy
            for values, energy in found
        )
        return self._join([values for values, _ in found]), loss

    def residual(self, theta: Tensor) -> Tensor:
        """The weighted residuals (n,)."""
        return self._join([values for values, _ in self._evaluate_terms(theta)])

    def _evaluate_terms(self, theta: Tensor) -> list[tuple[Tensor, float | None]]:
        """Of each term the rows (k, N), and the energy where it is one."""
        self.network.load_flat(theta)
        return [rows.evaluate(self.network) for rows in self.rows]

    def _join(self, found: Sequence[Tensor]) -> Tensor:
        """The rows of all terms as one vector (n,), block by block."""
        pairs = zip(self.rows, found, strict=True)
        return torch.cat([v for rows, values in pairs for at in rows.blocks for v in values[:, at]])

    def places(self) -> list[list[Tensor]]:
        """For each term and equation the places of its rows in `residual`."""
        places, start = [], 0
        for rows in self.rows:
            count = len(rows.weights)
            own: list[list[Tensor]] = [[] for _ in range(count)]
            for block in rows.blocks:
                size = len(range(*block.indices(len(rows.points))))
                for k in range(count):
                    own[k].append(torch.arange(start, start + size))
                    start += size
            places.append([torch.cat(parts) for parts in own])
        return places

    def loss(self, theta: Tensor) -> float:
        """Half the weighted mean square of the residuals, summed over the conditions."""
        return self.evaluate(theta)[1]

    def normal(self, theta: Tensor) -> Equations:
        """r and J, rows in the order of `residual`; in factors where they are fewer than P."""
        self.network.load_flat(theta)
        whole = self.has_energy or any(rows.is_sum for rows in self.rows)
        if self.underdetermined and self.network.factored and not whole:
            found = [each for rows in self.rows for each in self._each(rows, _factors)]
            blocks = [pair for block in found for pair in block]
            return RowSpace([layers for layers, _ in blocks], [r for _, r in blocks])
        if is_sparse(self.network) and theta.device.type == "cpu" and not whole:
            return self.sparse(theta)
        return self.squares(theta)

    def sparse(self, theta: Tensor) -> BlockNormal:
        """r and J by blocks of parameters, of which a row sees a few only."""
        self.network.load_flat(theta)
        normal = BlockNormal(find_blocks(self.network))
        for rows in self.rows:
            for block in self._each(rows, _form_rows):
                for own, residual in block:
                    normal.add(own, residual)
        return normal

    def squares(self, theta: Tensor) -> NormalEquations:
        """r and J, rows in the order of `residual`, whatever their number."""
        self.network.load_flat(theta)
        normal = EnergyEquations(len(theta), theta.device) if self.has_energy else None
        squares = normal or NormalEquations(len(theta), theta.device)
        for rows in self.rows:
            for block in self._blocks(rows, _assemble):
                self.workers.watch()
                if normal is not None and block.energy is not None:
                    normal.add_energy(block)
                    continue
                for jacobian, residual in zip(block.jacobians, block.residuals, strict=True):
                    squares.add(jacobian, residual)
        return squares

    def gradient(self, theta: Tensor) -> tuple[float, Tensor]:
        """The loss and its gradient, without J."""
        self.network.load_flat(theta)
        loss, gradient = 0.0, torch.zeros_like(theta)
        for rows in self.rows:
            for value, pulled in self._blocks(rows, _pull_gradients):
                loss += value
                for part in pulled:
                    gradient += part
        return loss, gradient

    def squared_norms(self) -> list[float]:
        """The squared norm of each term's Jacobian: its share in the trace of J J^T."""
        return [sum(self._blocks(rows, self._norm_of(rows))) for rows in self.rows]

    def _norm_of(self, rows: BoundTerm) -> Callable[[Linearized], float]:
        factored = self.network.factored and not rows.is_sum
        return lambda block: self._squared_norm(block, factored)

    def _squared_norm(self, block: Linearized, factored: bool) -> float:
        if block.energy is None and factored:
            pairs = (pair for c in block.cotangents for pair in block.jet.factors(c))
            return sum(LayerRows(*pair).squared_norm() for pair in pairs)
        assembled = _assemble(block)
        rows = assembled.jacobians if block.energy is None else assembled.metric
        return sum(float(each.square().sum()) for each in rows)

    def _blocks(self, rows: BoundTerm, function: Callable[[Linearized], T]) -> list[T]:
        """`function` of each block."""
        return self.workers.map(lambda at: function(rows.linearized(self.network, at)), rows.blocks)

    def _each(
        self, rows: BoundTerm, function: Callable[[Linearization, Tensor, Tensor], T]
    ) -> list[list[T]]:
        """`function` of each block and row."""

        def block(lin: Linearized) -> list[T]:
            pairs = zip(lin.residuals, lin.cotangents, strict=True)
            return [function(lin.jet, r, c) for r, c in pairs]

        return self._blocks(rows, block)


def _jacobian(lin: Linearization, residual: Tensor, cotangent: Tensor) -> Tensor:
    jacobian = residual.new_empty(lin.parameters, len(residual))
    lin.jacobian(cotangent, jacobian)
    return jacobian


def _assemble(block: Linearized) -> Block:
    jacobians = [
        _jacobian(block.jet, r, c) for r, c in zip(block.residuals, block.cotangents, strict=True)
    ]
    metric = []
    for column in () if block.metric is None else block.metric.unbind(1):
        rows = torch.zeros_like(jacobians[0])
        for jacobian, factor in zip(jacobians, column, strict=True):
            rows.addcmul_(jacobian, factor.expand_as(jacobian))
        metric.append(rows)
    return Block(jacobians, list(block.residuals), block.energy, metric)


def _form_rows(lin: Linearization, residual: Tensor, cotangent: Tensor) -> tuple[BlockRows, Tensor]:
    return form_blocks(lin, cotangent), residual


def _factors(
    lin: Linearization, residual: Tensor, cotangent: Tensor
) -> tuple[list[LayerRows], Tensor]:
    return [LayerRows(*pair) for pair in lin.factors(cotangent)], residual


def _pull_gradients(block: Linearized) -> tuple[float, list[Tensor]]:
    loss = block.energy
    if loss is None:
        loss = sum(0.5 * float(r @ r) for r in block.residuals)
    pulled = [
        torch.cat([part.flatten() for part in block.jet.pullback(c * r)])
        for r, c in zip(block.residuals, block.cotangents, strict=True)
    ]
    return loss, pulled
