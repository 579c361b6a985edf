"""Branch and trunk: an operator on scattered points (Lu et al., DeepONet, 2021), with KANs.

G(f)(x) = sum_k b_k(f(s_1), .., f(s_m)) t_k(x) + b_0: the branch sees the input at m sensors, the
trunk is a KAN of the query point. Sensors may lie anywhere, and are the same for each sample;
queries may lie anywhere. A grid is the special case in which both are its points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from kanpde.errors import KanpdeError
from kanpde.network.kan import KAN
from kanpde.operator.data import Layout
from kanpde.operator.networks.maps import KANMaps, Maps


@dataclass(frozen=True)
class BranchTrunk:
    """`terms` products; `width` channels within the branch, `trunk` the widths of the trunk's KAN.

    On a grid, the sensors are every point of the grid trained on, or `sensors` of them along
    each axis.
    """

    terms: int = 64
    width: int = 128
    trunk: tuple[int, ...] = (32, 32)
    maps: Maps = field(default_factory=KANMaps)
    sensors: int | None = None

    def __post_init__(self) -> None:
        if min(self.terms, self.width, *self.trunk, self.sensors or 1) < 1:
            raise KanpdeError("a BranchTrunk needs terms, widths and sensors of at least 1")

    @property
    def fewest_tensors(self) -> int:
        """A network has at least this many arrays of weights, whatever the data."""
        return len(self.trunk)

    def build(
        self, data: Layout, generator: torch.Generator | None, dtype: torch.dtype = torch.float32
    ) -> BranchTrunkOperator:
        """The network for data of this kind."""
        counts = len(data.inputs), len(data.outputs)
        if not data.periodic:
            places = torch.zeros(*data.input_shape, len(data.names))
            return BranchTrunkOperator(self, *counts, places, True, generator, dtype)
        each = [min(n, self.sensors or n) for n in data.shape]
        lines = [torch.linspace(0, 1 - 1 / n, k) for k, n in zip(each, data.shape, strict=True)]
        places = torch.stack(torch.meshgrid(*lines, indexing="ij"), -1).flatten(0, -2)
        return BranchTrunkOperator(self, *counts, places, False, generator, dtype)


class BranchTrunkOperator(nn.Module):
    """Fields at sensors and query points to fields at the query points."""

    places: Tensor

    def __init__(
        self,
        plan: BranchTrunk,
        inputs: int,
        outputs: int,
        places: Tensor,
        scattered: bool,
        generator: torch.Generator | None,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.plan, self.outputs, self.scattered = plan, outputs, scattered
        self.register_buffer("places", places.to(dtype))
        terms = plan.terms * outputs
        self.first = plan.maps.build(inputs * len(places), plan.width, generator, dtype)
        self.second = plan.maps.build(plan.width, terms, generator, dtype)
        self.trunk = KAN(places.shape[1], plan.trunk, terms, generator=generator, dtype=dtype)
        self.offset = nn.Parameter(torch.zeros(outputs, 1, 1, dtype=dtype))

    def check(self, shape: Sequence[int]) -> None:
        """Any grid will do: its values are interpolated to the sensors."""

    def forward(self, x: Tensor, coordinates: Tensor) -> Tensor:
        """x (inputs, B, n_1, .., n_d) on a grid, coordinates (d, n_1, .., n_d) in [0, 1].

        With scattered sensors, x (inputs, B, m) and coordinates (d, Q).
        """
        if self.scattered:
            return self.at(x, coordinates.T)
        queries = coordinates.flatten(1).T
        y = self.at(self.sample(x, coordinates), queries)
        return y.reshape(self.outputs, x.shape[1], *coordinates.shape[1:])

    def at(self, values: Tensor, queries: Tensor) -> Tensor:
        """values (inputs, B, m) at the sensors, queries (Q, d) in [0, 1] -> (outputs, B, Q)."""
        flat = values.transpose(1, 2).flatten(0, 1)
        branch = self.second(self.first(flat)).view(self.outputs, self.plan.terms, -1)
        trunk = self.trunk(2 * queries - 1).T.view(self.outputs, self.plan.terms, -1)
        product = torch.einsum("okb,okq->obq", branch, trunk)
        return product / math.sqrt(self.plan.terms) + self.offset

    def sample(self, x: Tensor, coordinates: Tensor) -> Tensor:
        """Grid values (inputs, B, n_1, .., n_d) at the sensors, (inputs, B, m), multilinearly."""
        dimension = coordinates.shape[0]
        for axis in range(dimension):
            line = coordinates[axis].movedim(axis, 0).flatten(1)[:, 0]
            at = (self.places[:, axis].unique() - line[0]) / (line[1] - line[0])
            below = at.floor().clamp(0, len(line) - 2).long()
            part = (at - below).clamp(0, 1).view(-1, *[1] * (dimension - 1 - axis))
            low = x.index_select(axis + 2, below)
            high = x.index_select(axis + 2, below + 1)
            x = low + part * (high - low)
        return x.flatten(2)
