"""Gaussian radial basis functions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kanpde.checks import require_whole
from kanpde.network.bases.basis import Basis


@dataclass(frozen=True)
class GaussianRBF(Basis):
    """exp(-((x - c_j) / h)^2 / 2) at `centres` equidistant centres, h their distance."""

    centres: int = 8

    def __post_init__(self) -> None:
        require_whole("GaussianRBF: the number of centres", self.centres, 2, 1000)

    @property
    def size(self) -> int:
        return self.centres

    def derivatives(self, x: Tensor, order: int, grid: Tensor | None = None) -> list[Tensor]:
        width = 2 / (self.centres - 1)
        centre = torch.linspace(-1, 1, self.centres, dtype=x.dtype, device=x.device)
        z = (x - centre[:, None, None]) / width
        out = [torch.exp(-0.5 * z * z)]
        if order:
            out.append(-z * out[0] / width)
        for m in range(1, order):
            # Hermite: f^(m+1) = -(z f^(m) + (m / h) f^(m-1)) / h
            out.append(-(z * out[m] + (m / width) * out[m - 1]) / width)
        return out

    def decay(self) -> Tensor:
        return torch.full((self.centres,), self.centres**-0.5, dtype=torch.float64)

    def extended(self) -> GaussianRBF:
        return replace(self, centres=2 * self.centres - 1)
