"""The residual vector of a problem, as the optimisers see it: a function of flat parameters."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kanpde.assemble import BoundRows
from kanpde.kan import KAN
from kanpde.optim.least_squares import NormalEquations

# Relative step of the second difference along a direction (Transtrum & Sethna, sec. 4).
_BEND = 0.1


class ResidualSystem:
    """Rows of a problem at fixed points, for one network."""

    def __init__(self, network: KAN, rows: Sequence[BoundRows]) -> None:
        self.network, self.rows = network, list(rows)
        # The residuals of the last `normal`, which `curvature` at the same theta needs.
        self._residuals: list[Tensor] = []

    def loss(self, theta: Tensor) -> float:
        """Half the weighted mean square of the residuals, summed over the conditions."""
        self.network.load_flat(theta)
        return 0.5 * sum(float(r.residual(self.network).square().sum()) for r in self.rows)

    def normal(self, theta: Tensor) -> NormalEquations:
        """J^T J, J^T r and the loss; the Jacobian exists one block at a time."""
        self.network.load_flat(theta)
        normal = NormalEquations(len(theta), theta.device)
        self._residuals = []
        for rows in self.rows:
            parts = []
            for lin, residuals, cotangents in rows.linearized(self.network):
                parts.append(torch.stack(residuals))
                for residual, cotangent in zip(residuals, cotangents, strict=True):
                    jacobian = theta.new_empty(len(theta), len(residual))
                    lin.jacobian(cotangent, jacobian)
                    normal.add(jacobian, residual)
            self._residuals.append(torch.cat(parts, 1))
        return normal

    def gradient(self, theta: Tensor) -> tuple[float, Tensor]:
        """The loss and J^T r, without J."""
        self.network.load_flat(theta)
        loss, gradient = 0.0, torch.zeros_like(theta)
        for rows in self.rows:
            for lin, residuals, cotangents in rows.linearized(self.network):
                for residual, cotangent in zip(residuals, cotangents, strict=True):
                    loss += 0.5 * float(residual @ residual)
                    gradient += _flat(lin.pullback(cotangent * residual))
        return loss, gradient

    def curvature(self, theta: Tensor, direction: Tensor) -> Tensor:
        """J^T r_vv by a central difference of r along `direction`, after `normal` at theta."""
        sides = []
        for step in (-_BEND, _BEND):
            self.network.load_flat(theta + step * direction)
            sides.append([rows.residual(self.network) for rows in self.rows])
        self.network.load_flat(theta)
        out = torch.zeros_like(theta)
        for rows, low, middle, high in zip(
            self.rows, sides[0], self._residuals, sides[1], strict=True
        ):
            second = (low - 2 * middle + high) / _BEND**2
            start = 0
            for lin, residuals, cotangents in rows.linearized(self.network):
                end = start + len(residuals[0])
                for e, cotangent in enumerate(cotangents):
                    out += _flat(lin.pullback(cotangent * second[e, start:end]))
                start = end
        return out

    def traces(self) -> list[float]:
        """The squared norm of each rows' Jacobian: its share in the trace of J J^T."""
        out = []
        for rows in self.rows:
            total = 0.0
            for lin, residuals, cotangents in rows.linearized(self.network):
                for residual, cotangent in zip(residuals, cotangents, strict=True):
                    jacobian = residual.new_empty(self.network.parameter_count, len(residual))
                    lin.jacobian(cotangent, jacobian)
                    total += float(jacobian.square().sum())
            out.append(total)
        return out


def _flat(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.flatten() for part in parts])
