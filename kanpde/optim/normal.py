"""Normal equations: J^T J and J^T r, accumulated from blocks of rows."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from kanpde.optim.dense import Factor, Gram
from kanpde.optim.protocols import Correction, System


class NormalEquations:
    """J^T J and J^T r, on the device of the parameters.

    The blocks are kept for products with J: 8 bytes an entry, 24 MB for 1,000 parameters and
    3,000 rows.
    """

    least_decrease = 1e-8

    def __init__(self, size: int, device: torch.device) -> None:
        self.size, self.device = size, device
        self.loss = 0.0
        self._blocks: list[Tensor] = []
        self._residuals: list[Tensor] = []
        self._gram = Gram(size, device)

    def add(self, jacobian: Tensor, residual: Tensor) -> None:
        """Add rows: `jacobian` is transposed, (P, n); `residual` is (n,)."""
        self._gram.add(jacobian)
        self.loss += 0.5 * float(residual @ residual)
        self._blocks.append(jacobian)
        self._residuals.append(residual)

    def pull(self, residual: Tensor) -> Tensor:
        """J^T times a vector of rows (n,), in the order in which the rows were added."""
        parts = residual.split([block.shape[1] for block in self._blocks])
        out = torch.zeros(self.size, dtype=torch.float64, device=self.device)
        for block, part in zip(self._blocks, parts, strict=True):
            out += block @ part
        return out

    def push(self, step: Tensor) -> Tensor:
        """J times a step (P,): what it adds to the residual, (n,)."""
        return torch.cat([block.T @ step for block in self._blocks])

    def trial(self, system: System, theta: Tensor) -> tuple[Tensor, float]:
        """Residual and half its square at other parameters."""
        residual = system.residual(theta)
        return residual, 0.5 * float(residual @ residual)

    @property
    def residual(self) -> Tensor:
        """r, (n,)."""
        return torch.cat(self._residuals)

    @property
    def jacobian(self) -> Tensor:
        """J transposed, (P, n), rows in the order in which they were added; a copy."""
        return torch.cat(self._blocks, 1)

    @property
    def gradient(self) -> Tensor:
        """J^T r, (P,)."""
        return self.pull(self.residual)

    @property
    def scale(self) -> Tensor:
        """The diagonal of J^T J, with a floor that holds parameters that no residual sees."""
        return floor_scale(self._gram)

    @property
    def packed(self) -> Tensor:
        """The upper triangle of J^T J, as `Gram.packed`."""
        return self._gram.packed

    @property
    def matrix(self) -> Tensor:
        """J^T J, (P, P); only its upper triangle is set."""
        return self._gram.upper

    def damped(self, damping: float) -> DampedNormal | None:
        """J^T J + damping D; None if rounding prevents positive pivots."""
        scale = self.scale
        factor = self._gram.factor(damping * scale)
        return None if factor is None else DampedNormal(self, factor, scale, damping)


def floor_scale(gram: Gram) -> Tensor:
    """D: the diagonal of a matrix, with a floor."""
    return raise_diagonal(gram.diagonal)


def raise_diagonal(diagonal: Tensor) -> Tensor:
    """A diagonal (P,) with a floor."""
    return diagonal + 1e-8 * diagonal.max() + 1e-300


class Pulling(Protocol):
    """Normal equations, as their damped form uses them."""

    def pull(self, residual: Tensor) -> Tensor: ...


class DampedNormal:
    """The damped normal equations; a move is a change of the parameters."""

    def __init__(self, normal: Pulling, factor: Factor, scale: Tensor, damping: float) -> None:
        self._normal, self._factor, self._scale, self._damping = normal, factor, scale, damping

    def solve(self, right: Tensor) -> Tensor:
        """(J^T J + mu D)^-1 times (P,)."""
        return self._factor.solve(right)

    def start(self) -> Tensor:
        """No change, (P,)."""
        return torch.zeros_like(self._scale)

    def correct(self, residual: Tensor, move: Tensor) -> Correction:
        """-(J^T J + mu D)^-1 (J^T residual + mu D move)."""
        slope = self._normal.pull(residual) + self._damping * self._scale * move
        step = -self._factor.solve(slope)
        return Correction(step, float(self._scale @ step**2), -0.5 * float(step @ slope))

    def parameters(self, move: Tensor) -> Tensor:
        """The move itself."""
        return move
