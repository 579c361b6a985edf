"""Kolmogorov-Arnold networks: every edge carries its own learnable univariate function.

y_o = b_o + sum_i phi_{o,i}(x_i), phi_{o,i} = sum_k c_{o,k,i} B_k (Liu et al., KAN, 2024,
eq. 2.5). Between layers tanh brings the activations back to [-1, 1], where the bases live.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from kanpde.errors import KanpdeError
from kanpde.network.bases.polynomials import Basis, Chebyshev
from kanpde.network.bases.splines import BSpline, adapted, refined
from kanpde.network.jet import JetSet
from kanpde.network.pushforward import Linearization, linearize


@dataclass(frozen=True)
class Coordinates:
    """The map from a box to a layer's inputs: [-1, 1] for each axis, (cos, sin) if periodic."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    periodic: tuple[bool, ...]

    @staticmethod
    def unit(dimension: int) -> Coordinates:
        """[-1, 1]^dimension, nothing periodic."""
        return Coordinates((-1.0,) * dimension, (1.0,) * dimension, (False,) * dimension)

    @property
    def dimension(self) -> int:
        return len(self.lower)

    @property
    def inputs(self) -> int:
        """The number of inputs of the first layer."""
        return self.dimension + sum(self.periodic)

    def features(self, points: Tensor) -> Tensor:
        """(N, dimension) -> (inputs, N)."""
        return torch.stack(
            [f for axis in range(self.dimension) for f in self._axis(points, axis, 0)]
        )

    def jet(self, points: Tensor, jets: JetSet) -> Tensor:
        """The jet (A, inputs, N) of the features at points (N, dimension)."""
        out = points.new_zeros(len(jets.indices), self.inputs, len(points))
        for a, index in enumerate(jets.indices):
            row = 0
            for axis in range(self.dimension):
                own = index[axis] == sum(index)
                values = self._axis(points, axis, index[axis]) if own else None
                for k in range(1 + self.periodic[axis]):
                    if values is not None:
                        out[a, row + k] = values[k]
                row += 1 + self.periodic[axis]
        return out

    def _axis(self, points: Tensor, axis: int, order: int) -> list[Tensor]:
        """The order-th derivatives along one axis of its one or two features."""
        low, high = self.lower[axis], self.upper[axis]
        x = points[:, axis]
        if self.periodic[axis]:
            rate = 2 * math.pi / (high - low)
            angle = rate * (x - low) + order * math.pi / 2
            return [rate**order * torch.cos(angle), rate**order * torch.sin(angle)]
        slope = 2 / (high - low)
        if order == 0:
            return [slope * (x - low) - 1]
        return [torch.full_like(x, slope if order == 1 else 0.0)]


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
            # What it draws is overwritten; torch's own generator must not move.
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


class KAN(nn.Module):
    """A Kolmogorov-Arnold network from points (N, dimension) to values (N, outputs)."""

    def __init__(
        self,
        inputs: int | Coordinates,
        widths: Sequence[int],
        outputs: int,
        basis: Basis | None = None,
        *,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        basis = Chebyshev(8) if basis is None else basis
        self.coordinates = inputs if isinstance(inputs, Coordinates) else Coordinates.unit(inputs)
        sizes = [self.coordinates.inputs, *widths, outputs]
        if min(sizes) < 1:
            raise KanpdeError(f"a KAN needs widths of at least 1, not {tuple(sizes)}")
        self.layers = nn.ModuleList(
            KANLayer(a, b, basis, squash=k > 0, generator=generator, dtype=dtype, device=device)
            for k, (a, b) in enumerate(pairwise(sizes))
        )

    @property
    def basis(self) -> Basis:
        return self.stack[0].basis

    @property
    def stack(self) -> list[KANLayer]:
        return list(self.layers)  # type: ignore[arg-type]

    @property
    def widths(self) -> tuple[int, ...]:
        return tuple(layer.outputs for layer in self.stack[:-1])

    @property
    def outputs(self) -> int:
        return self.stack[-1].outputs

    @property
    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())

    def forward(self, points: Tensor) -> Tensor:
        """(N, dimension) -> (N, outputs), differentiable by autograd to any order."""
        x = self.coordinates.features(points)
        for layer in self.stack:
            x = layer(x)
        return x.T

    def linearize(self, points: Tensor, jets: JetSet) -> Linearization:
        """The jet at points (N, dimension) with what the reverse pass needs."""
        return self.linearize_jet(self.coordinates.jet(points, jets), jets)

    def linearize_jet(self, inner: Tensor, jets: JetSet) -> Linearization:
        """As `linearize`, from the jet (A, inputs, N) of the coordinates."""
        self.basis.require(jets.order)
        return linearize(inner, self.stack, jets)

    def jet(self, points: Tensor, jets: JetSet) -> Tensor:
        """The jet (A, N, outputs), differentiable once with respect to the parameters."""
        return _Jet.apply(self, points, jets, *self.parameters()).transpose(1, 2)  # type: ignore[no-any-return,no-untyped-call]

    def flat(self) -> Tensor:
        """All parameters as one vector (P,), a copy."""
        return torch.nn.utils.parameters_to_vector(self.parameters()).detach().clone()

    def load_flat(self, vector: Tensor) -> None:
        """Set all parameters from one vector (P,)."""
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(vector, self.parameters())

    def extended(self, basis: Basis | None = None, points: Tensor | None = None) -> KAN:
        """A larger KAN that is the least-squares fit to this one, layer by layer.

        With `points` (N, dimension), the breakpoints of splines follow the activations.
        """
        basis = self.basis.extended() if basis is None else basis
        out = copy.deepcopy(self)
        x = None if points is None else self.coordinates.features(points)
        layers = []
        for layer in self.stack:
            grid = None
            if x is not None and isinstance(basis, BSpline):
                s = (torch.tanh(x) if layer.squash else x).detach()
                if layer.grid is None or layer.grid.shape[1] > basis.grid_size:
                    grid = adapted(s, basis)
                else:
                    grid = refined(layer.grid, s, basis.grid_size)
            layers.append(layer.refitted(basis, grid))
            x = None if x is None else layer(x)
        out.layers = nn.ModuleList(layers)
        return out


class _Jet(torch.autograd.Function):
    """The hand-written first-order reverse pass of a jet, as one node of autograd."""

    @staticmethod
    def forward(ctx, network, points, jets, *parameters):  # type: ignore[no-untyped-def]
        ctx.linearization = network.linearize(points.detach(), jets)
        return ctx.linearization.value.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, cotangent):  # type: ignore[no-untyped-def]
        return None, None, None, *ctx.linearization.pullback(cotangent.contiguous())
