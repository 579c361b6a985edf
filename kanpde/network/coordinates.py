"""The map from points of a box to the inputs of a network."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, cast

import torch
from torch import Tensor

from kanpde.errors import KanpdeError
from kanpde.network.jet import JetSet

# The columns of two axes, the centre of a hole in their plane, and its radius.
Pole = tuple[int, int, float, float, float]


@dataclass(frozen=True)
class Coordinates:
    """The map from a box to a layer's inputs: [-1, 1] for each axis, (cos, sin) if periodic.

    A logarithmic axis enters by its logarithm, scaled to [-1, 1].

    Each pole adds the coordinates of the point mirrored in the circle of a hole, R (x - c) / |x -
    c|^2: fields around a hole are smooth functions of these. On a plate with a hole under tension
    (Kirsch) they are polynomials.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    periodic: tuple[bool, ...]
    poles: tuple[Pole, ...] = ()
    # Axes that enter by their logarithm; none where it is empty.
    logarithmic: tuple[bool, ...] = ()

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
        return self.dimension + sum(self.periodic) + 2 * len(self.poles)

    def is_logarithmic(self, axis: int) -> bool:
        """Whether an axis enters by its logarithm."""
        return bool(self.logarithmic) and self.logarithmic[axis]

    def fix(self, axis: int) -> Coordinates:
        """The coordinates without one axis; raises KanpdeError where it is one of a pole."""
        if any(axis in pole[:2] for pole in self.poles):
            raise KanpdeError("an axis around which coordinates are mirrored cannot be fixed")

        def drop(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return values[:axis] + values[axis + 1 :]

        poles = tuple((a - (a > axis), b - (b > axis), *rest) for a, b, *rest in self.poles)
        logarithmic = drop(self.logarithmic)
        return Coordinates(
            drop(self.lower),
            drop(self.upper),
            drop(self.periodic),
            cast("tuple[Pole, ...]", poles),
            logarithmic if any(logarithmic) else (),
        )

    def rows(self, axis: int) -> slice:
        """The inputs of the first layer that one axis gives."""
        first = axis + sum(self.periodic[:axis])
        return slice(first, first + 1 + self.periodic[axis])

    def at(self, axis: int, value: float, like: Tensor) -> Tensor:
        """The inputs (k, 1) that one axis gives at a value."""
        points = like.new_zeros(1, self.dimension)
        points[0, axis] = value
        return torch.stack(self._axis(points, axis, 0))

    def to_data(self) -> dict[str, Any]:
        """As JSON data."""
        data = asdict(self)
        return data if self.logarithmic else {k: v for k, v in data.items() if k != "logarithmic"}

    def features(self, points: Tensor) -> Tensor:
        """(N, dimension) -> (inputs, N)."""
        own = [f for axis in range(self.dimension) for f in self._axis(points, axis, 0)]
        own += [f for pole in self.poles for f in _mirror(points, pole, (0, 0))]
        return torch.stack(own)

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
            for pole in self.poles:
                orders = index[pole[0]], index[pole[1]]
                if sum(orders) == sum(index):
                    out[a, row], out[a, row + 1] = _mirror(points, pole, orders)
                row += 2
        return out

    def _axis(self, points: Tensor, axis: int, order: int) -> list[Tensor]:
        """The order-th derivatives along one axis of its one or two features."""
        low, high = self.lower[axis], self.upper[axis]
        x = points[:, axis]
        if self.periodic[axis]:
            rate = 2 * math.pi / (high - low)
            angle = rate * (x - low) + order * math.pi / 2
            return [rate**order * torch.cos(angle), rate**order * torch.sin(angle)]
        if self.is_logarithmic(axis):
            return [logarithm(x, low, high, order)]
        slope = 2 / (high - low)
        if order == 0:
            return [slope * (x - low) - 1]
        return [torch.full_like(x, slope if order == 1 else 0.0)]


def logarithm(x: Tensor, low: float, high: float, order: int) -> Tensor:
    """A derivative of the logarithm that goes from -1 to 1 between the ends."""
    slope = 2 / math.log(high / low)
    if order == 0:
        return slope * torch.log(x / low) - 1
    factor = slope * (-1) ** (order - 1) * math.factorial(order - 1)
    derivative: Tensor = factor / torch.pow(x, order)
    return derivative


def _mirror(points: Tensor, pole: Pole, orders: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """A derivative of the two coordinates mirrored in a circle.

    X - i Y = R / z with z = x + i y from the centre; along y each derivative is i times that by z.
    """
    first, second, x, y, radius = pole
    order = sum(orders)
    along, up = points[:, first] - x, points[:, second] - y
    if order == 0:  # without complex numbers, which other programs do not have
        share = radius / (along**2 + up**2)
        return share * along, share * up
    z = torch.complex(along, up)
    value = radius * (-1) ** order * math.factorial(order) * z ** -(order + 1) * 1j ** orders[1]
    return value.real.contiguous(), -value.imag.contiguous()
