"""A network whose parameters are the coefficients of smooth changes of its fields.

What a network of a few neurons cannot form, its own Jacobian does not see: to (8, 8) a string
without initial velocity looked determined. Polynomials (and sines along periodic axes) form what
equations leave free whatever the network is, and a large network has no more of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import torch
from torch import Tensor

from kanpde.network.jet import JetSet
from kanpde.network.network import Network
from kanpde.problem.problem import Problem


@dataclass(frozen=True)
class ChangePolicy:
    """How many functions a field may be changed by."""

    # For 1, 2, 3, ... axes the largest total degree: as high as 3 to 4,000 even points hold without
    # waves between them.
    degrees: tuple[int, ...] = (30, 16, 10, 6, 4)
    # All functions of all fields: J^T J of so many takes half a second.
    most: int = 900


CHANGE_POLICY = ChangePolicy()


class SmoothChanges:
    """A network (fixed) plus a sum of smooth functions, linearised at zero coefficients.

    It has what the assembly asks of a network, not what training does. The parameters are those of
    the first field's functions, then the next field's; a field on fewer axes changes with these
    alone.
    """

    factored = False
    extensible = False
    description = "smooth changes"

    def __init__(
        self, problem: Problem, network: Network, policy: ChangePolicy = CHANGE_POLICY
    ) -> None:
        self.network, self.coordinates = network, network.coordinates
        axes = problem.domain.names
        supports = [
            tuple(axes.index(a) for a in problem.field_space.support[n]) for n in problem.unknowns
        ]
        self.ends = [(a.lower, a.upper) for a in problem.domain.axes]
        self.periodic = [a.name in problem.periodic for a in problem.domain.axes]
        each = policy.most // len(supports)
        # For each field the orders (K, dimension) of its functions along the axes.
        self.orders = [_orders(s, len(axes), each, policy.degrees) for s in supports]
        self.parameter_count = sum(map(len, self.orders))
        self._flat = network.like.new_zeros(self.parameter_count)

    @property
    def outputs(self) -> int:
        return self.network.outputs

    @property
    def like(self) -> Tensor:
        return self.network.like

    def require(self, order: int) -> None:
        """Smooth functions have all derivatives."""

    def flat(self) -> Tensor:
        """The coefficients: zero, (P,)."""
        return self._flat.clone()

    def load_flat(self, vector: Tensor) -> None:
        """The coefficients stay zero: only what they would do is asked."""

    def inputs_at(self, points: Tensor, jets: JetSet) -> Tensor:
        """The coordinates (dimension, N) themselves."""
        return points.T

    def jet_from(self, inputs: Tensor, jets: JetSet) -> Tensor:
        """The network's jet (A, outputs, N)."""
        return self.network.jet_from(self.network.inputs_at(inputs.T, jets), jets)

    def linearize_from(self, inputs: Tensor, jets: JetSet) -> ChangeLinearization:
        """The network's jet, with pullbacks to the coefficients."""
        return ChangeLinearization(self, inputs.T, jets)

    def functions(self, points: Tensor, jets: JetSet) -> list[Tensor]:
        """For each field the jets (A, K, N) of its functions at points (N, dimension)."""
        most = [max(index[k] for index in jets.indices) for k in range(points.shape[1])]
        lines = [
            self._along(k, points[:, k], order, max(int(o[:, k].max()) for o in self.orders))
            for k, order in enumerate(most)
        ]
        return [
            torch.stack(
                [
                    math.prod(
                        (
                            line[n][orders[:, k]]
                            for k, (line, n) in enumerate(zip(lines, index, strict=True))
                        ),
                        start=points.new_ones(1, 1),
                    )
                    for index in jets.indices
                ]
            )
            for orders in self.orders
        ]

    def _along(self, axis: int, x: Tensor, order: int, degree: int) -> list[Tensor]:
        """Derivatives 0, ..., order of the functions 0, ..., degree of one axis, each (K, N)."""
        low, high = self.ends[axis]
        if self.periodic[axis]:
            return _fourier(2 * math.pi / (high - low), x - low, order, degree)
        scale = 2 / (high - low)
        return _legendre(scale, scale * (x - low) - 1, order, degree)


class ChangeLinearization:
    """The jet of the network at N points, and its pullbacks to the coefficients of the changes."""

    def __init__(self, changes: SmoothChanges, points: Tensor, jets: JetSet) -> None:
        network = changes.network
        self.value = network.jet_from(network.inputs_at(points, jets), jets)
        self.parameters = changes.parameter_count
        self._functions = changes.functions(points, jets)

    def jacobian(self, cotangent: Tensor, out: Tensor) -> None:
        """The gradient of each point's part of sum(cotangent * jet), to `out` (P, N)."""
        parts = [
            torch.einsum("an,akn->kn", cotangent[:, field], functions)
            for field, functions in enumerate(self._functions)
        ]
        torch.cat(parts, out=out)

    def pullback(self, cotangent: Tensor) -> list[Tensor]:
        """Gradients of sum(cotangent * jet)."""
        out = cotangent.new_empty(self.parameters, cotangent.shape[2])
        self.jacobian(cotangent, out)
        return [out.sum(1)]


def _orders(
    support: Sequence[int], dimension: int, most: int, degrees: Sequence[int]
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Orders (K, dimension) along the axes: up to a total degree, K at most `most`."""
    count = len(support)
    degree = degrees[min(max(count, 1), len(degrees)) - 1] if count else 0
    while degree > 1 and math.comb(degree + count, count) > most:
        degree -= 1
    if math.comb(degree + count, count) > most:
        degree = 0
    # Each choice of `degree` axes, repeated ones and a blank among them, is a monomial.
    own = [
        [chosen.count(k) for k in range(count)]
        for chosen in combinations_with_replacement(range(count + 1), degree)
    ]
    orders = np.zeros((len(own), dimension), np.int64)
    orders[:, list(support)] = np.array(own, np.int64).reshape(len(own), count)
    return orders


def _fourier(rate: float, x: Tensor, order: int, degree: int) -> list[Tensor]:
    """1, sqrt(2) cos, sqrt(2) sin, ... of the period, and their derivatives."""
    found = []
    for n in range(order + 1):
        rows = [torch.ones_like(x) if n == 0 else torch.zeros_like(x)]
        for k in range(1, degree + 1):
            wave = rate * ((k + 1) // 2)
            angle = wave * x + (n + (0 if k % 2 else -1)) * math.pi / 2
            rows.append(math.sqrt(2) * wave**n * torch.cos(angle))
        found.append(torch.stack(rows))
    return found


def _legendre(scale: float, x: Tensor, order: int, degree: int) -> list[Tensor]:
    """Legendre polynomials of unit mean square on [-1, 1], and their derivatives."""
    found = []
    unit = np.diag(np.sqrt(2 * np.arange(degree + 1) + 1.0))
    for n in range(order + 1):
        table = np.polynomial.legendre.legder(unit, n, scl=scale, axis=0) if n else unit
        values = np.polynomial.legendre.legvander(x.cpu().numpy(), len(table) - 1) @ table
        found.append(torch.from_numpy(values.T.copy()).to(x))
    return found
