"""One layer of a KAN: a univariate function on each edge."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from kanpde.network.bases.basis import Basis


class KANLayer(nn.Module):
    """One layer of edges: `inputs` x `outputs` univariate functions in one basis."""

    grid: Tensor | None

    def __init__(
        self,
        inputs: int,
        outputs: int,
        basis: Basis,
        *,
        squash: bool,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        self.inputs, self.outputs, self.basis, self.squash = inputs, outputs, basis, squash
        scale = basis.decay()[:, None] / math.sqrt(inputs)
        start = torch.randn(outputs, basis.size, inputs, generator=generator, dtype=torch.float64)
        self.coefficients = nn.Parameter((start * scale).to(dtype=dtype, device=device))
        self.bias = nn.Parameter(torch.zeros(outputs, dtype=dtype, device=device))
        grid = basis.breakpoints(inputs)
        self.register_buffer("grid", None if grid is None else grid.to(dtype=dtype, device=device))

    def forward(self, x: Tensor) -> Tensor:
        """(inputs, N) -> (outputs, N)."""
        s = torch.tanh(x) if self.squash else x
        values = self.basis.derivatives(s, 0, self.grid)[0]
        return self.coefficients.flatten(1) @ values.flatten(0, 1) + self.bias[:, None]

    def edge(self, output: int, index: int, s: Tensor) -> Tensor:
        """The edge function phi_{output,index} at s in [-1, 1], shape (N,)."""
        grid = None if self.grid is None else self.grid[index : index + 1]
        values = self.basis.derivatives(s[None], 0, grid)[0][:, 0]
        return self.coefficients[output, :, index] @ values

    def refitted(self, basis: Basis, grid: Tensor | None = None) -> KANLayer:
        """The least-squares fit to this layer in another basis or on another grid."""
        layer = KANLayer(
            self.inputs, self.outputs, basis, squash=self.squash,
            # Its random start is overwritten; the state of torch's generator must not change.
            generator=torch.Generator(),
            dtype=self.coefficients.dtype, device=self.coefficients.device,
        )  # fmt: skip
        if grid is not None:
            layer.grid = grid
        nodes = 8 * max(basis.size, self.basis.size) + 1
        s = -torch.cos(torch.linspace(0, math.pi, nodes, dtype=torch.float64))
        s = s.to(self.coefficients).repeat(self.inputs, 1)
        with torch.no_grad():
            old = self.basis.derivatives(s, 0, self.grid)[0]
            new = layer.basis.derivatives(s, 0, layer.grid)[0]
            layer.bias.copy_(self.bias)
            for i in range(self.inputs):
                target = (self.coefficients[:, :, i] @ old[:, i]).T
                design = torch.cat([new[:, i].T, torch.ones_like(s[0])[:, None]], 1)
                fit = torch.linalg.lstsq(design.cpu(), target.cpu(), driver="gelsd").solution
                fit = fit.to(target)
                layer.coefficients[:, :, i] = fit[:-1].T
                layer.bias.add_(fit[-1])
        return layer
