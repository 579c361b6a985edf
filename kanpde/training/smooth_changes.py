"""A network whose parameters are the coefficients of smooth changes of its fields.

What a network of a few neurons cannot form, its own Jacobian does not see: to (8, 8) a string
without initial velocity looked determined. Polynomials (and sines along periodic axes) form what
equations leave free whatever the network is, and a large network has no more of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor

from kanpde.network.jet import JetSet
from kanpde.network.network import Network
from kanpde.network.patchwork import Patchwork
from kanpde.network.smooth_basis import TensorBasis, list_exponents
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
        each = policy.most // len(supports)
        # For each field its functions.
        self.bases = [
            TensorBasis(
                network.coordinates,
                list_exponents(len(axes), s, _choose_degree(len(s), each, policy.degrees)),
            )
            for s in supports
        ]
        self.parameter_count = sum(basis.size for basis in self.bases)
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
        return [torch.stack(basis.derivatives(points, jets)) for basis in self.bases]


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


def find_smooth_changes(problem: Problem, network: Network) -> Network:
    """The smooth changes of a network, in each material its own."""
    if isinstance(network, Patchwork):
        policy = replace(CHANGE_POLICY, most=CHANGE_POLICY.most // len(network.members))
        return network.map(lambda member: SmoothChanges(problem, member, policy))
    return cast(Network, SmoothChanges(problem, network))


def _choose_degree(axes: int, most: int, degrees: Sequence[int]) -> int:
    """The total degree of functions of some axes, at most `most` of them."""
    degree = degrees[min(axes, len(degrees)) - 1] if axes else 0
    while degree > 1 and math.comb(degree + axes, axes) > most:
        degree -= 1
    return degree if math.comb(degree + axes, axes) <= most else 0
