"""A Fourier basis on twice the interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kanpde.checks import require_whole
from kanpde.network.bases.basis import Basis


@dataclass(frozen=True)
class Fourier(Basis):
    """cos(k w x), sin(k w x) for k = 1 ... modes, with w = pi / 2.

    The period is twice the interval: functions need not be periodic on [-1, 1].
    """

    modes: int = 4

    def __post_init__(self) -> None:
        require_whole("Fourier: the number of modes", self.modes, 1, 200)

    @property
    def size(self) -> int:
        return 2 * self.modes

    def derivatives(self, x: Tensor, order: int, grid: Tensor | None = None) -> list[Tensor]:
        k = torch.arange(1, self.modes + 1, dtype=x.dtype, device=x.device)[:, None, None]
        rate = 0.5 * math.pi * k
        cos, sin = torch.cos(rate * x), torch.sin(rate * x)
        out = []
        for m in range(order + 1):
            scale = rate**m
            pair = ((cos, sin), (-sin, cos), (-cos, -sin), (sin, -cos))[m % 4]
            out.append(torch.cat([scale * pair[0], scale * pair[1]]))
        return out

    def decay(self) -> Tensor:
        k = torch.arange(1, self.modes + 1, dtype=torch.float64)
        return (1 / k**2).repeat(2)

    def extended(self) -> Fourier:
        return replace(self, modes=self.modes + max(1, self.modes // 2))
