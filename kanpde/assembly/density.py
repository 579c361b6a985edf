"""Energies at points: the density, its slopes, and the Gauss-Newton matrix of its integral.

With z the field derivatives that a density F(z) holds, the integral E = sum w F has the gradient
sum w (dz/dtheta)^T F_z and, but for the second derivatives of z, the Hessian sum w (dz/dtheta)^T
F_zz dz/dtheta (Schraudolph, Neural Comput. 14, 2002, eq. 10). Where F is not convex, the negative
eigenvalues of F_zz are set to zero.
"""

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


class DensityTerm(Term):
    """One density on one region, compiled with its first and second derivatives."""

    def __init__(self, problem: Problem, ansatz: Ansatz, equation: Equation) -> None:
        self.equations = (equation,)
        self.symbols = jets_in(equation.expression)
        self.fieldjets = FieldJets(problem, ansatz, self.symbols)
        self.normals = normals_in(equation.expression)
        arguments = [*problem.domain.symbols, *self.normals, *self.symbols]
        slopes = [equation.expression.diff(s) for s in self.symbols]
        pairs = [(i, j) for i in range(len(slopes)) for j in range(i + 1)]
        curvature = [slopes[i].diff(self.symbols[j]) for i, j in pairs]
        self.pairs = pairs
        self.value = compile_expressions(arguments, [equation.expression, *slopes])
        self.curvature = compile_expressions(arguments, curvature)

    def at(
        self,
        network: Network,
        points: Tensor,
        weights: Sequence[Tensor],
        workers: Workers = SERIAL,
    ) -> BoundDensity:
        """At points (N, dimension); the square of the weight (N,) is that of the quadrature."""
        return BoundDensity(self, network, points, weights, workers)


class BoundDensity(BoundTerm):
    """A DensityTerm at given points: a row for each field derivative."""

    def __init__(
        self,
        density: DensityTerm,
        network: Network,
        points: Tensor,
        weights: Sequence[Tensor],
        workers: Workers,
    ) -> None:
        super().__init__(density, network, points, weights, workers)
        self.density = density

    @property
    def count(self) -> int:
        return len(self.density.symbols) * len(self.points)

    @property
    def is_energy(self) -> bool:
        return True

    def evaluate(self, network: Network) -> tuple[Tensor, float | None]:
        (weight,) = self.weights

        def block(at: slice) -> tuple[Tensor, float]:
            values = self.density.value(*self.arguments(self.jet(network, at), at))
            rows = torch.stack([v * weight[at] for v in values[1:]])
            return rows, float((values[0] * weight[at].square()).sum())

        parts = self.workers.map(block, self.blocks)
        return torch.cat([rows for rows, _ in parts], 1), sum(energy for _, energy in parts)

    def linearized(self, network: Network, at: slice) -> Linearized:
        fieldjets, weight = self.density.fieldjets, self.weights[0][at]
        lin = network.linearize_from(self.inputs[..., at], fieldjets.jets)
        arguments = self.arguments(lin.value, at)
        values = self.density.value(*arguments)
        masks = [v[at] for v in self.masks]
        cotangents = []
        for k in range(len(self.density.symbols)):
            cotangent = torch.zeros_like(lin.value)
            slopes: list[Tensor | None] = [None] * len(self.density.symbols)
            slopes[k] = weight
            fieldjets.pull(slopes, masks, cotangent)
            cotangents.append(cotangent)
        energy = float((values[0] * weight.square()).sum())
        residuals = [v * weight for v in values[1:]]
        return Linearized(lin, residuals, cotangents, energy, self._metric(arguments))

    def _metric(self, arguments: list[Tensor]) -> Tensor:
        """Factors L (rows, rows, n) of the positive part of F_zz = L L^T at each point."""
        size = len(self.density.symbols)
        matrix = arguments[0].new_zeros(len(arguments[0]), size, size)
        found = self.density.curvature(*arguments)
        for (i, j), value in zip(self.density.pairs, found, strict=True):
            matrix[:, i, j] = matrix[:, j, i] = value
        values, vectors = torch.linalg.eigh(matrix)
        factors: Tensor = vectors * values.clamp_min(0).sqrt()[:, None]
        return factors.permute(1, 2, 0)
