"""A plain tanh network, to compare KANs with."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from kanpde.checks import require_sequence, require_whole
from kanpde.errors import KanpdeError
from kanpde.network.autograd import AutogradLinearization, module_jet
from kanpde.network.coordinates import Coordinates
from kanpde.network.jet import JetSet
from kanpde.network.network import flat_parameters, load_parameters


class Perceptron(nn.Module):
    """Linear layers with tanh between them, from points (N, dimension) to values (N, outputs).

    Weights start as in Glorot & Bengio (2010, eq. 16), biases at zero.
    """

    def __init__(
        self,
        coordinates: Coordinates,
        widths: Sequence[int],
        outputs: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.coordinates, self.widths, self.outputs = coordinates, tuple(widths), outputs
        sizes = [coordinates.inputs, *widths, outputs]
        weights, biases = [], []
        for a, b in pairwise(sizes):
            bound = math.sqrt(6 / (a + b))
            start = torch.rand(b, a, generator=generator, dtype=torch.float64)
            weights.append(nn.Parameter((2 * start - 1) * bound))
            biases.append(nn.Parameter(torch.zeros(b, dtype=torch.float64)))
        self.weights, self.biases = nn.ParameterList(weights), nn.ParameterList(biases)

    @property
    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())

    @property
    def factored(self) -> bool:
        return False

    @property
    def extensible(self) -> bool:
        return False

    @property
    def description(self) -> str:
        return f"widths {self.widths}, tanh"

    @property
    def like(self) -> Tensor:
        weight: Tensor = self.weights[0]
        return weight.detach()

    def forward(self, points: Tensor) -> Tensor:
        """(N, dimension) -> (N, outputs)."""
        x = self.coordinates.features(points)
        last = len(self.weights) - 1
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = weight @ x + bias[:, None]
            x = torch.tanh(x) if k < last else x
        return x.T

    def require(self, order: int) -> None:
        """tanh has all derivatives."""

    def inputs_at(self, points: Tensor, jets: JetSet) -> Tensor:
        """The points themselves, (dimension, N)."""
        return points.T

    def jet_from(self, inputs: Tensor, jets: JetSet) -> Tensor:
        """The jet (A, outputs, N)."""
        return module_jet(self, inputs.T, jets)

    def linearize_from(self, inputs: Tensor, jets: JetSet) -> AutogradLinearization:
        """The jet with its pullbacks."""
        return AutogradLinearization(self, inputs.T, jets)

    def heads(self) -> list[Tensor]:
        """The last layer's weights of each output, as views."""
        return list(self.weights[-1].detach())

    def flat(self) -> Tensor:
        """All parameters as one vector (P,), a copy."""
        return flat_parameters(list(self.parameters()))

    def load_flat(self, vector: Tensor) -> None:
        """Set all parameters from one vector (P,)."""
        load_parameters(vector, list(self.parameters()))

    def extended(self, basis: Any, points: Tensor) -> Perceptron:
        """Not there: tanh layers have no grid to extend."""
        raise KanpdeError("a tanh network has no grid; leave Extend() out of the plan's stages")

    def fix(self, axis: int, value: float) -> Perceptron:
        """The network with one axis at a value, which goes into the first biases."""
        rows = self.coordinates.rows(axis)
        out = copy.deepcopy(self)
        out.coordinates = self.coordinates.fix(axis)
        held = self.coordinates.at(axis, value, self.like)[:, 0]
        weight: Tensor = self.weights[0]
        with torch.no_grad():
            out.biases[0] += weight[:, rows] @ held
            rest = torch.cat([weight[:, : rows.start], weight[:, rows.stop :]], 1)
        out.weights[0] = nn.Parameter(rest.detach().clone())
        return out

    def to_data(self) -> dict[str, Any]:
        """All but the weights, as JSON data."""
        return {
            "kind": "Perceptron",
            "coordinates": self.coordinates.to_data(),
            "widths": list(self.widths),
            "outputs": self.outputs,
        }


@dataclass(frozen=True)
class MLP:
    """A tanh network with hidden layers of these widths, `Plan(network=MLP((20, 20)))`."""

    widths: tuple[int, ...] = (20, 20, 20)

    def __post_init__(self) -> None:
        require_sequence("MLP: widths", self.widths, "(20, 20)")
        if not self.widths:
            raise KanpdeError("MLP needs at least one hidden layer: MLP((20, 20))")
        for width in self.widths:
            require_whole("MLP: a width", width, 1, 10_000)

    def count_parameters(self, inputs: int, outputs: int) -> int:
        """The parameters of what `build` makes, for so many inputs of the first layer."""
        return sum(b * (a + 1) for a, b in pairwise([inputs, *self.widths, outputs]))

    def build(
        self, coordinates: Coordinates, outputs: int, generator: torch.Generator
    ) -> Perceptron:
        """The network at its random start."""
        return Perceptron(coordinates, self.widths, outputs, generator)
