"""The misfit of a network at samples as a system for least squares, with or without a penalty."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.network.jet import JetSet
from kanpde.network.kan import KAN
from kanpde.optim.normal import NormalEquations


@dataclass(frozen=True)
class Misfit:
    """(network(points) - values) / size, a function of all parameters.

    `points` (N, V), `values` (N,); the network has one output.
    """

    network: KAN
    points: Tensor
    values: Tensor
    size: float

    def residual(self, theta: Tensor) -> Tensor:
        """(N,)."""
        self.network.load_flat(theta)
        with torch.no_grad():
            out: Tensor = (self.network(self.points)[:, 0] - self.values) / self.size
        return out

    def linearize(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """The residual (N,) and its transposed Jacobian (P, N)."""
        self.network.load_flat(theta)
        jets = JetSet(((0,) * self.points.shape[1],))
        lin = self.network.linearize(self.points, jets)
        jacobian = theta.new_empty(len(theta), len(self.points))
        lin.jacobian(torch.full_like(lin.value, 1 / self.size), jacobian)
        return (lin.value[0, 0] - self.values) / self.size, jacobian

    def normal(self, theta: Tensor) -> NormalEquations:
        """J^T J, J^T r and J."""
        residual, jacobian = self.linearize(theta)
        normal = NormalEquations(len(theta), theta.device)
        normal.add(jacobian, residual)
        return normal


@dataclass(frozen=True)
class PenalisedMisfit:
    """The rows of a misfit and then weights * part, a function of some of the parameters.

    `free` (F,) are the places of the parameters that move, `weights` (F,) their penalties'
    roots, `theta` (P,) holds the others.
    """

    misfit: Misfit
    weights: Tensor
    free: Tensor
    theta: Tensor

    def _insert(self, part: Tensor) -> Tensor:
        return self.theta.index_copy(0, self.free, part)

    def residual(self, part: Tensor) -> Tensor:
        """(N + F,)."""
        return torch.cat([self.misfit.residual(self._insert(part)), self.weights * part])

    def normal(self, part: Tensor) -> NormalEquations:
        """J^T J, J^T r and J."""
        residual, jacobian = self.misfit.linearize(self._insert(part))
        rows = torch.cat([jacobian[self.free], torch.diag(self.weights)], 1)
        normal = NormalEquations(len(part), part.device)
        normal.add(rows.contiguous(), torch.cat([residual, self.weights * part]))
        return normal
