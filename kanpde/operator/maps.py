"""Pointwise maps between channels: KANs, and the perceptrons that Fourier operators came with."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, silu

from kanpde.basis import Basis, Chebyshev
from kanpde.errors import KanpdeError
from kanpde.kan import KANLayer


@dataclass(frozen=True)
class KANMaps:
    """One layer of edges, phi = w silu(x) + sum_k c_k B_k(tanh x) (Liu et al., 2024, eq. 2.10).

    The silu carries values beyond the range in which tanh tells them apart.
    """

    basis: Basis = field(default_factory=lambda: Chebyshev(3))

    def build(
        self, inputs: int, outputs: int, generator: torch.Generator, dtype: torch.dtype
    ) -> nn.Module:
        """A module (inputs, N) -> (outputs, N)."""
        return KANMap(inputs, outputs, self.basis, generator, dtype)


@dataclass(frozen=True)
class MLPMaps:
    """One hidden layer with GELU, `expansion` times as wide as the channels.

    With 2, it has as many weights as `KANMaps(Chebyshev(3))`.
    """

    expansion: float = 2.0

    def __post_init__(self) -> None:
        if not self.expansion > 0:
            raise KanpdeError(f"MLPMaps needs a positive expansion, not {self.expansion}")

    def build(
        self, inputs: int, outputs: int, generator: torch.Generator, dtype: torch.dtype
    ) -> nn.Module:
        """A module (inputs, N) -> (outputs, N)."""
        hidden = max(1, round(self.expansion * max(inputs, outputs)))
        return MLPMap(inputs, hidden, outputs, generator, dtype)


Maps = KANMaps | MLPMaps


class KANMap(nn.Module):
    """KANMaps as a module."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        basis: Basis,
        generator: torch.Generator,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.base = nn.Parameter(_uniform((outputs, inputs), inputs, generator, dtype))
        self.edges = KANLayer(inputs, outputs, basis, squash=True, generator=generator, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.edges(x)
        return torch.addmm(y, self.base, silu(x))


class MLPMap(nn.Module):
    """MLPMaps as a module."""

    def __init__(
        self,
        inputs: int,
        hidden: int,
        outputs: int,
        generator: torch.Generator,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.first = nn.Parameter(_uniform((hidden, inputs), inputs, generator, dtype))
        self.offset = nn.Parameter(_uniform((hidden, 1), inputs, generator, dtype))
        self.second = nn.Parameter(_uniform((outputs, hidden), hidden, generator, dtype))
        self.bias = nn.Parameter(torch.zeros(outputs, 1, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        hidden = gelu(torch.addmm(self.offset, self.first, x))
        return torch.addmm(self.bias, self.second, hidden)


def _uniform(
    shape: tuple[int, ...], fan: int, generator: torch.Generator, dtype: torch.dtype
) -> Tensor:
    """As torch.nn.Linear starts: uniform within 1 / sqrt(fan)."""
    return (2 * torch.rand(shape, generator=generator, dtype=dtype) - 1) / math.sqrt(fan)
