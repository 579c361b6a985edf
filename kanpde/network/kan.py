"""Kolmogorov-Arnold networks: every edge carries its own learnable univariate function.

y_o = b_o + sum_i phi_{o,i}(x_i), phi_{o,i} = sum_k c_{o,k,i} B_k (Liu et al., KAN, 2024,
eq. 2.5). Between layers tanh brings the activations back to [-1, 1], where the bases live.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from kanpde.errors import KanpdeError
from kanpde.network.bases import Basis, Chebyshev
from kanpde.network.coordinates import Coordinates
from kanpde.network.jet import JetSet
from kanpde.network.layer import KANLayer
from kanpde.network.network import flat_parameters, load_parameters
from kanpde.network.pushforward import LayeredLinearization, linearize, push


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

    @property
    def factored(self) -> bool:
        return True

    @property
    def extensible(self) -> bool:
        return True

    @property
    def description(self) -> str:
        return f"widths {self.widths}, {self.basis}"

    @property
    def like(self) -> Tensor:
        return self.stack[0].coefficients.detach()

    def forward(self, points: Tensor) -> Tensor:
        """(N, dimension) -> (N, outputs), differentiable by autograd to any order."""
        x = self.coordinates.features(points)
        for layer in self.stack:
            x = layer(x)
        return x.T

    def require(self, order: int) -> None:
        """Raise KanpdeError if the basis lacks continuous derivatives of this order."""
        self.basis.require(order)

    def inputs_at(self, points: Tensor, jets: JetSet) -> Tensor:
        """The jet (A, inputs, N) of the first layer's inputs at points (N, dimension)."""
        return self.coordinates.jet(points, jets)

    def jet_from(self, inputs: Tensor, jets: JetSet) -> Tensor:
        """The jet (A, outputs, N), without what a reverse pass needs."""
        return push(inputs, self.stack, jets)

    def linearize_from(self, inputs: Tensor, jets: JetSet) -> LayeredLinearization:
        """The jet with its pullbacks."""
        self.require(jets.order)
        return linearize(inputs, self.stack, jets)

    def linearize(self, points: Tensor, jets: JetSet) -> LayeredLinearization:
        """As `linearize_from`, at points (N, dimension)."""
        return self.linearize_from(self.inputs_at(points, jets), jets)

    def jet(self, points: Tensor, jets: JetSet) -> Tensor:
        """The jet (A, N, outputs), differentiable once with respect to the parameters."""
        return _Jet.apply(self, points, jets, *self.parameters()).transpose(1, 2)  # type: ignore[no-any-return,no-untyped-call]

    def heads(self) -> list[Tensor]:
        """The last layer's coefficients of each output, (size, inputs), as views."""
        return list(self.stack[-1].coefficients.detach())

    def flat(self) -> Tensor:
        """All parameters as one vector (P,), a copy."""
        return flat_parameters(list(self.parameters()))

    def load_flat(self, vector: Tensor) -> None:
        """Set all parameters from one vector (P,)."""
        load_parameters(vector, list(self.parameters()))

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
            if x is not None:
                s = (torch.tanh(x) if layer.squash else x).detach()
                grid = basis.follow(s, layer.grid)
            layers.append(layer.refitted(basis, grid))
            x = None if x is None else layer(x)
        out.layers = nn.ModuleList(layers)
        return out

    def fix(self, axis: int, value: float) -> KAN:
        """The network with one axis at a value: its edges there go into the first biases."""
        rows = self.coordinates.rows(axis)
        out = copy.deepcopy(self)
        out.coordinates = self.coordinates.fix(axis)
        layer, first = self.stack[0], out.stack[0]
        held = self.coordinates.at(axis, value, self.like)
        kept = [k for k in range(layer.inputs) if not rows.start <= k < rows.stop]
        with torch.no_grad():
            for k, s in zip(range(rows.start, rows.stop), held, strict=True):
                for output in range(layer.outputs):
                    first.bias[output] += layer.edge(output, k, s)[0]
            first.coefficients = nn.Parameter(layer.coefficients[:, :, kept].clone())
        first.inputs = len(kept)
        first.grid = None if layer.grid is None else layer.grid[kept].clone()
        return out

    def to_data(self) -> dict[str, Any]:
        """All but the weights, as JSON data."""
        return {
            "kind": "KAN",
            "coordinates": self.coordinates.to_data(),
            "widths": list(self.widths),
            "outputs": self.outputs,
            "basis": {"kind": type(self.basis).__name__, **asdict(self.basis)},  # type: ignore[call-overload]
        }


@dataclass(frozen=True)
class KANArchitecture:
    """A KAN with hidden layers of these widths, all edges in one basis."""

    widths: tuple[int, ...]
    basis: Basis

    def count_parameters(self, inputs: int, outputs: int) -> int:
        """The parameters of what `build` makes, for so many inputs of the first layer."""
        sizes = [inputs, *self.widths, outputs]
        return sum(b * (a * self.basis.size + 1) for a, b in pairwise(sizes))

    def build(self, coordinates: Coordinates, outputs: int, generator: torch.Generator) -> KAN:
        """The network at its random start."""
        return KAN(coordinates, self.widths, outputs, self.basis, generator=generator)


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
