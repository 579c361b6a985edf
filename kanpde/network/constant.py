"""Fields that are numbers: a network without inputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from kanpde.errors import KanpdeError
from kanpde.network.coordinates import Coordinates
from kanpde.network.jet import JetSet
from kanpde.network.network import flat_parameters, load_parameters


class Constant(nn.Module):
    """One number for each output, the same at every point; they start at 1."""

    def __init__(self, coordinates: Coordinates, outputs: int) -> None:
        super().__init__()
        self.coordinates, self.outputs = coordinates, outputs
        self.values = nn.Parameter(torch.ones(outputs, 1, dtype=torch.float64))

    @property
    def parameter_count(self) -> int:
        return self.outputs

    @property
    def factored(self) -> bool:
        return False

    @property
    def extensible(self) -> bool:
        return True

    @property
    def description(self) -> str:
        return "a number for each output"

    @property
    def like(self) -> Tensor:
        return self.values.detach()

    def forward(self, points: Tensor) -> Tensor:
        """(N, dimension) -> (N, outputs)."""
        return self.values.T.expand(len(points), -1)

    def require(self, order: int) -> None:
        """A constant has all derivatives."""

    def inputs_at(self, points: Tensor, jets: JetSet) -> Tensor:
        """A row of N ones, by which the points are counted."""
        return (
            torch.ones_like(points[:, :1].T) if points.shape[1] else points.new_ones(1, len(points))
        )

    def jet_from(self, inputs: Tensor, jets: JetSet) -> Tensor:
        """The jet (A, outputs, N): zero but for the value."""
        return ConstantLinearization(self, inputs.shape[1], jets).value

    def linearize_from(self, inputs: Tensor, jets: JetSet) -> ConstantLinearization:
        """The jet with its pullbacks."""
        return ConstantLinearization(self, inputs.shape[1], jets)

    def heads(self) -> list[Tensor]:
        """The numbers, as views."""
        return list(self.values.detach())

    def flat(self) -> Tensor:
        """The numbers, (P,), a copy."""
        return flat_parameters(list(self.parameters()))

    def load_flat(self, vector: Tensor) -> None:
        """Set the numbers from (P,)."""
        load_parameters(vector, list(self.parameters()))

    def extended(self, basis: Any, points: Tensor) -> Constant:
        """A number cannot grow: itself."""
        return self

    def fix(self, axis: int, value: float) -> Constant:
        """The same numbers, on one axis less; they may have no axes at all."""
        own = self.coordinates
        out = Constant(own.fix(axis) if own.dimension else own, self.outputs)
        out.load_flat(self.flat())
        return out

    def to_data(self) -> dict[str, Any]:
        """All but the numbers, as JSON data."""
        return {
            "kind": "Constant",
            "coordinates": self.coordinates.to_data(),
            "outputs": self.outputs,
        }


class ConstantLinearization:
    """The jet of constants at N points, and its pullbacks."""

    def __init__(self, network: Constant, count: int, jets: JetSet) -> None:
        self.value = network.like.new_zeros(len(jets.indices), network.outputs, count)
        self.value[0] = network.like
        self.parameters = network.outputs

    def pullback(self, cotangent: Tensor) -> list[Tensor]:
        """Gradients of sum(cotangent * jet)."""
        return [cotangent[0].sum(1, keepdim=True)]

    def jacobian(self, cotangent: Tensor, out: Tensor) -> None:
        """Each point's gradient, (P, N)."""
        out.copy_(cotangent[0])

    def factors(self, cotangent: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Not there: there are no layers."""
        raise KanpdeError("a constant has no factors")
