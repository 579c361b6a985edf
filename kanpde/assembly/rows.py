"""Residual rows: equations of one region at points, with their slopes by the network's jet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.compile import compile_expressions
from kanpde.assembly.field_jets import FieldJets
from kanpde.assembly.terms import BoundTerm, Linearized, Term
from kanpde.assembly.workers import SERIAL, Workers
from kanpde.network.network import Network
from kanpde.problem.equations import Equation
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import jets_in, normals_in


class EquationSet(Term):
    """Equations on one region, compiled once; `at(points)` gives rows at any points."""

    def __init__(self, problem: Problem, ansatz: Ansatz, equations: Sequence[Equation]) -> None:
        self.equations = tuple(equations)
        symbols = jets_in(*(e.expression for e in equations))
        self.fieldjets = FieldJets(problem, ansatz, symbols)
        self.normals = normals_in(*(e.expression for e in equations))
        arguments = [*problem.domain.symbols, *self.normals, *symbols]
        # Where the partial derivatives of equation e with respect to symbol s stand.
        self.slots: list[list[int | None]] = []
        outputs = [e.expression for e in equations]
        self.residual = compile_expressions(arguments, outputs)
        outputs = list(outputs)
        for equation in equations:
            row: list[int | None] = []
            for symbol in symbols:
                slope = equation.expression.diff(symbol)
                row.append(None if slope == 0 else len(outputs))
                if slope != 0:
                    outputs.append(slope)
            self.slots.append(row)
        self.slopes = compile_expressions(arguments, outputs)

    def at(
        self,
        network: Network,
        points: Tensor,
        weights: Sequence[Tensor],
        workers: Workers = SERIAL,
    ) -> BoundRows:
        """Rows at points (N, dimension) with a weight (N,) for each equation."""
        return BoundRows(self, network, points, weights, workers)

    def at_part(
        self,
        network: Network,
        points: Tensor,
        weights: Sequence[Tensor],
        part: slice,
        workers: Workers,
    ) -> BoundRows:
        """Rows at a part of the points, with the values that were measured there."""
        bound = self.at(network, points, weights, workers)
        bound.observed = [None if values is None else values[part] for values in bound.observed]
        return bound


class BoundRows(BoundTerm):
    """An EquationSet at given points."""

    def __init__(
        self,
        system: EquationSet,
        network: Network,
        points: Tensor,
        weights: Sequence[Tensor],
        workers: Workers,
    ) -> None:
        super().__init__(system, network, points, weights, workers)
        self.system = system
        self.observed = [
            None if e.observed is None else torch.as_tensor(e.observed).to(points)
            for e in system.equations
        ]

    @property
    def count(self) -> int:
        return len(self.weights) * len(self.points)

    def _offset(self, values: list[Tensor], at: slice) -> list[Tensor]:
        return [v if o is None else v - o[at] for v, o in zip(values, self.observed, strict=True)]

    def residual(self, network: Network, *, weighted: bool = True) -> Tensor:
        """(equations, N)."""

        def block(at: slice) -> Tensor:
            jet = self.jet(network, at)
            values = self._offset(self.system.residual(*self.arguments(jet, at)), at)
            if weighted:
                values = [v * w[at] for v, w in zip(values, self.weights, strict=True)]
            return torch.stack(values)

        return torch.cat(self.workers.map(block, self.blocks), 1)

    def evaluate(self, network: Network) -> tuple[Tensor, float | None]:
        return self.residual(network), None

    def linearized(self, network: Network, at: slice) -> Linearized:
        fieldjets = self.system.fieldjets
        lin = network.linearize_from(self.inputs[..., at], fieldjets.jets)
        values = self.system.slopes(*self.arguments(lin.value, at))
        masks = [v[at] for v in self.masks]
        count = len(self.weights)
        residuals = [
            v * w[at] for v, w in zip(self._offset(values[:count], at), self.weights, strict=True)
        ]
        cotangents = []
        for slots, weight in zip(self.system.slots, self.weights, strict=True):
            cotangent = torch.zeros_like(lin.value)
            slopes = [None if k is None else values[k] * weight[at] for k in slots]
            fieldjets.pull(slopes, masks, cotangent)
            cotangents.append(cotangent)
        return Linearized(lin, residuals, cotangents)


def bind(system: EquationSet, network: Network, points: Tensor) -> BoundRows:
    """Unweighted rows at given points, to look at residuals."""
    ones = torch.ones_like(points[:, 0])
    return system.at(network, points, [ones] * len(system.equations))
