"""Pointwise maps between channels: KANs, and the perceptrons that Fourier operators came with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import gelu

from kanpde.errors import KanpdeError
from kanpde.operator.networks.parameters import make_parameter


@dataclass(frozen=True)
class KANMaps:
    """One layer of edges, phi = w x + sum_k a_k sin kx + b_k cos kx, k = 1 .. harmonics.

    (Liu et al., KAN, 2024, eq. 2.10, with Fourier edges as in Xu et al., FourierKAN-GCF, 2024.)
    Waves do not saturate: with Chebyshev polynomials of tanh x instead, the error on the
    small Burgers set was twice as large.
    """

    harmonics: int = 2

    def __post_init__(self) -> None:
        if self.harmonics < 1:
            raise KanpdeError(f"KANMaps needs at least 1 harmonic, not {self.harmonics}")

    def build(
        self, inputs: int, outputs: int, generator: torch.Generator | None, dtype: torch.dtype
    ) -> nn.Module:
        """A module (inputs, N) -> (outputs, N)."""
        return KANMap(inputs, outputs, self.harmonics, generator, dtype)


@dataclass(frozen=True)
class MLPMaps:
    """One hidden layer with GELU, `expansion` times as wide as the channels.

    With 2, it has as many weights as `KANMaps(2)`.
    """

    expansion: float = 2.0

    def __post_init__(self) -> None:
        if not self.expansion > 0:
            raise KanpdeError(f"MLPMaps needs a positive expansion, not {self.expansion}")

    def build(
        self, inputs: int, outputs: int, generator: torch.Generator | None, dtype: torch.dtype
    ) -> nn.Module:
        """A module (inputs, N) -> (outputs, N)."""
        hidden = max(1, round(self.expansion * max(inputs, outputs)))
        return MLPMap(inputs, hidden, outputs, generator, dtype)


Maps = KANMaps | MLPMaps


class KANMap(nn.Module):
    """KANMaps as a module: one matrix product with all edge functions of all inputs."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        harmonics: int,
        generator: torch.Generator | None,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.harmonics = harmonics

        def edges() -> Tensor:
            parts = [
                _uniform((outputs, inputs), inputs, generator, dtype) / max(1, (row + 1) // 2)
                for row in range(1 + 2 * harmonics)
            ]
            return torch.cat(parts, 1)

        shape = outputs, inputs * (1 + 2 * harmonics)
        self.coefficients = make_parameter(shape, dtype, edges)
        self.bias = nn.Parameter(torch.zeros(outputs, 1, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, self.coefficients, waves(x, self.harmonics))


def waves(x: Tensor, harmonics: int) -> Tensor:
    """x, sin x, cos x, sin 2x, cos 2x, .. of x (w, N), below each other: (w (2 harmonics + 1), N).

    Differentiable once. Its own reverse pass makes a training step as fast as the perceptrons':
    17.5 ms, against 20.1 by autograd and 17.3 (34 channels, 8 samples of 16 x 16 points; the
    least of 14 epochs in turns).
    """
    return _Waves.apply(x, harmonics)  # type: ignore[no-any-return,no-untyped-call]


class _Waves(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, harmonics: int) -> Tensor:
        rows = x.new_empty(1 + 2 * harmonics, *x.shape)
        rows[0] = x
        sin, cos = torch.sin(x, out=rows[1]), torch.cos(x, out=rows[2])
        for k in range(3, len(rows), 2):
            # The sums of angles, (k - 1) x and x.
            torch.mul(rows[k - 2], cos, out=rows[k]).addcmul_(rows[k - 1], sin)
            torch.mul(rows[k - 1], cos, out=rows[k + 1]).addcmul_(rows[k - 2], sin, value=-1)
        ctx.save_for_backward(rows)
        return rows.flatten(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (rows,) = ctx.saved_tensors
        g = gradient.view(rows.shape)
        total = g[0].clone()
        for row in range(1, len(rows), 2):
            k = (row + 1) // 2
            total.addcmul_(g[row], rows[row + 1], value=k)
            total.addcmul_(g[row + 1], rows[row], value=-k)
        return total, None


class MLPMap(nn.Module):
    """MLPMaps as a module."""

    def __init__(
        self,
        inputs: int,
        hidden: int,
        outputs: int,
        generator: torch.Generator | None,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()

        def start(shape: tuple[int, ...], fan: int) -> nn.Parameter:
            return make_parameter(shape, dtype, lambda: _uniform(shape, fan, generator, dtype))

        self.first = start((hidden, inputs), inputs)
        self.offset = start((hidden, 1), inputs)
        self.second = start((outputs, hidden), hidden)
        self.bias = nn.Parameter(torch.zeros(outputs, 1, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        hidden = gelu(torch.addmm(self.offset, self.first, x))
        return torch.addmm(self.bias, self.second, hidden)


def _uniform(
    shape: tuple[int, ...], fan: int, generator: torch.Generator | None, dtype: torch.dtype
) -> Tensor:
    """As torch.nn.Linear starts: uniform within 1 / sqrt(fan)."""
    return (2 * torch.rand(shape, generator=generator, dtype=dtype) - 1) / math.sqrt(fan)
