"""Fields that are numbers: a network without inputs.

A number between ends is a smooth function of the parameter that is trained: an exponential above a
single end, the logistic function between two. A projection onto the ends would leave a step of
least squares nowhere to go from there, and the error bars of a number at its end without meaning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kanpde.errors import KanpdeError
from kanpde.network.coordinates import Coordinates
from kanpde.network.jet import JetSet
from kanpde.network.network import flat_parameters, load_parameters


class Constant(nn.Module):
    """One number for each output, the same at every point.

    They start at 1 and are scaled to fit, or at `starts`, which are kept; `ends` are the pairs
    between which they lie. `values` are what is trained, `numbers` what follows from it.
    """

    def __init__(
        self,
        coordinates: Coordinates,
        outputs: int,
        starts: Sequence[float] = (),
        ends: Sequence[tuple[float, float]] = (),
    ) -> None:
        super().__init__()
        self.coordinates, self.outputs = coordinates, outputs
        self.fixed_start = bool(starts)
        self.ends = tuple((float(low), float(high)) for low, high in ends)
        given = list(starts) or [1.0] * outputs
        if self.ends:
            given = [_unmap(v, *e) for v, e in zip(given, self.ends, strict=True)]
        self.values = nn.Parameter(torch.tensor(given, dtype=torch.float64)[:, None])

    @property
    def numbers(self) -> Tensor:
        """The numbers, (outputs, 1)."""
        if not self.ends:
            return self.values
        return torch.stack([map_number(v, *e) for v, e in zip(self.values, self.ends, strict=True)])

    @property
    def slopes(self) -> Tensor:
        """The derivatives of the numbers by what is trained, (outputs, 1)."""
        values = self.values.detach()
        if not self.ends:
            return torch.ones_like(values)
        return torch.stack([_slope(v, *e) for v, e in zip(values, self.ends, strict=True)])

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
        # torch.export holds the number of points open by `shape`, and fixes it by `len`.
        return self.numbers.T.expand(points.shape[0], -1)

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
        """The numbers, as views; nothing of those whose start is kept."""
        values = self.values.detach()
        return list(values[:, :0] if self.fixed_start else values)

    def flat(self) -> Tensor:
        """What is trained, (P,), a copy."""
        return flat_parameters(list(self.parameters()))

    def load_flat(self, vector: Tensor) -> None:
        """Set what is trained from (P,)."""
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
            "fixed_start": self.fixed_start,
            "ends": [[v if math.isfinite(v) else None for v in e] for e in self.ends],
        }


def map_number(value: Tensor, low: float, high: float) -> Tensor:
    """The number between its ends, from any real value."""
    if math.isinf(low) and math.isinf(high):
        return value
    if math.isinf(high):
        return low + torch.exp(value)
    if math.isinf(low):
        return high - torch.exp(value)
    return low + (high - low) * torch.sigmoid(value)


def _slope(value: Tensor, low: float, high: float) -> Tensor:
    """The derivative of `_map`."""
    if math.isinf(low) and math.isinf(high):
        return torch.ones_like(value)
    if math.isinf(high):
        return torch.exp(value)
    if math.isinf(low):
        return -torch.exp(value)
    share = torch.sigmoid(value)
    return (high - low) * share * (1 - share)


def _unmap(number: float, low: float, high: float) -> float:
    """The value from which `_map` gives the number."""
    if math.isinf(low) and math.isinf(high):
        return number
    if math.isinf(high):
        return math.log(number - low)
    if math.isinf(low):
        return math.log(high - number)
    return math.log((number - low) / (high - number))


class ConstantLinearization:
    """The jet of constants at N points, and its pullbacks."""

    def __init__(self, network: Constant, count: int, jets: JetSet) -> None:
        self.value = network.like.new_zeros(len(jets.indices), network.outputs, count)
        self.value[0] = network.numbers.detach()
        self._slopes = network.slopes
        self.parameters = network.outputs

    def pullback(self, cotangent: Tensor) -> list[Tensor]:
        """Gradients of sum(cotangent * jet)."""
        return [self._slopes * cotangent[0].sum(1, keepdim=True)]

    def jacobian(self, cotangent: Tensor, out: Tensor) -> None:
        """Each point's gradient, (P, N)."""
        torch.mul(cotangent[0], self._slopes, out=out)

    def factors(self, cotangent: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Not there: there are no layers."""
        raise KanpdeError("a constant has no factors")
