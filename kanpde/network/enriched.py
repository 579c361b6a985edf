"""A network with a polynomial added to each output: a richer space around a trained network.

The error of a network is what it cannot form well. Measured on what it can form alone, by its
tangents, errors were estimated three to five times too large once training had used these up.
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
from kanpde.network.network import Linearization, Network, flat_parameters, load_parameters
from kanpde.network.smooth_basis import TensorBasis, list_exponents

# Legendre polynomials of higher degrees say nothing that points resolve.
_HIGHEST = 60


def tensor_basis(
    coordinates: Coordinates, axes: Sequence[int], count: int, order: int = 0
) -> TensorBasis:
    """The largest total degree with at most `count` products in the given axes."""
    degree = 0
    while axes and degree < _HIGHEST and math.comb(degree + 1 + len(axes), len(axes)) <= count:
        degree += 1
    return TensorBasis(coordinates, list_exponents(coordinates.dimension, axes, degree), order)


class Enriched(nn.Module):
    """A network plus, for each output, a sum of products of polynomials, which starts at zero.

    Its parameters are those of the network, then the coefficients of each output.
    """

    def __init__(self, network: Network, bases: Sequence[TensorBasis]) -> None:
        super().__init__()
        self.coordinates, self.outputs = bases[0].coordinates, network.outputs
        self.network, self.bases = network, tuple(bases)
        coefficients = [torch.zeros(b.size).to(network.like) for b in self.bases]
        self.coefficients = nn.ParameterList(coefficients)

    @property
    def parameter_count(self) -> int:
        return self.network.parameter_count + sum(b.size for b in self.bases)

    @property
    def factored(self) -> bool:
        return False

    @property
    def extensible(self) -> bool:
        return False

    @property
    def description(self) -> str:
        return f"{self.network.description} and polynomials"

    @property
    def like(self) -> Tensor:
        return self.network.like

    def forward(self, points: Tensor) -> Tensor:
        """(N, dimension) -> (N, outputs)."""
        value = JetSet.closing([], self.coordinates.dimension)
        return self.jet_from(self.inputs_at(points, value), value)[0].T

    def require(self, order: int) -> None:
        """Raise KanpdeError if the network lacks continuous derivatives of this order."""
        self.network.require(order)

    def inputs_at(self, points: Tensor, jets: JetSet) -> Tensor:
        """The points themselves, (dimension, N)."""
        return points.T

    def jet_from(self, inputs: Tensor, jets: JetSet) -> Tensor:
        """The jet (A, outputs, N)."""
        points = inputs.T
        value = self.network.jet_from(self.network.inputs_at(points, jets), jets)
        if not any(bool(c.any()) for c in self.coefficients):
            return value
        return value + self._polynomials(self._derivatives(points, jets))

    def linearize_from(self, inputs: Tensor, jets: JetSet) -> EnrichedLinearization:
        """The jet with its pullbacks."""
        points = inputs.T
        found = self.network.linearize_from(self.network.inputs_at(points, jets), jets)
        features = self._derivatives(points, jets)
        return EnrichedLinearization(found, features, found.value + self._polynomials(features))

    def _derivatives(self, points: Tensor, jets: JetSet) -> list[list[Tensor]]:
        """For each output and index (K, N); outputs of one basis share them."""
        found: list[list[Tensor]] = []
        for k, basis in enumerate(self.bases):
            same = next((j for j in range(k) if self.bases[j] is basis), None)
            found.append(basis.derivatives(points, jets) if same is None else found[same])
        return found

    def _polynomials(self, features: list[list[Tensor]]) -> Tensor:
        columns = [
            torch.stack([c.detach() @ values for values in own])
            for c, own in zip(self.coefficients, features, strict=True)
        ]
        # Behind the fields stand coefficients of singular functions, without polynomials.
        rest = self.outputs - len(columns)
        return nn.functional.pad(torch.stack(columns, 1), (0, 0, 0, rest))

    def heads(self) -> list[Tensor]:
        """Those of the network."""
        return self.network.heads()

    def flat(self) -> Tensor:
        """All parameters as one vector (P,), a copy."""
        return torch.cat([self.network.flat(), flat_parameters(list(self.coefficients))])

    def load_flat(self, vector: Tensor) -> None:
        """Set all parameters from one vector (P,)."""
        count = self.network.parameter_count
        self.network.load_flat(vector[:count])
        load_parameters(vector[count:], list(self.coefficients))

    def extended(self, basis: Any, points: Tensor) -> Enriched:
        """Raises KanpdeError: its polynomials are fixed."""
        raise KanpdeError("a network with polynomials added cannot be extended")

    def to_data(self) -> dict[str, Any]:
        """Raises KanpdeError: it is made for a moment, and not saved."""
        raise KanpdeError("a network with polynomials added cannot be saved")


class EnrichedLinearization:
    """The jets of a network and of polynomials at the same points, and their pullbacks."""

    def __init__(self, inner: Linearization, features: list[list[Tensor]], value: Tensor) -> None:
        self._inner, self._features, self.value = inner, features, value

    @property
    def parameters(self) -> int:
        """The number of parameters of all."""
        return self._inner.parameters + sum(len(own[0]) for own in self._features)

    def pullback(self, cotangent: Tensor) -> list[Tensor]:
        """Parameter gradients, those of the network first."""
        found = self._inner.pullback(cotangent)
        for output, own in enumerate(self._features):
            slopes = cotangent[:, output]
            found.append(torch.stack([v @ c for v, c in zip(own, slopes, strict=True)]).sum(0))
        return found

    def jacobian(self, cotangent: Tensor, out: Tensor) -> None:
        """Each point's parameter gradient, written to `out` of shape (P, N)."""
        start = self._inner.parameters
        self._inner.jacobian(cotangent, out[:start])
        for output, own in enumerate(self._features):
            rows = out[start : start + len(own[0])]
            rows.zero_()
            for a, values in enumerate(own):
                slope = cotangent[a, output]
                if bool(slope.any()):
                    rows.addcmul_(values, slope.expand_as(values))
            start += len(own[0])

    def factors(self, cotangent: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Not there: polynomials have no layers."""
        raise KanpdeError("a network with polynomials added has no factors")


def enrich(network: Network, supports: Sequence[Sequence[int]], count: int, order: int) -> Enriched:
    """A network with polynomials for each output, at most `count` in all.

    `supports` are the columns of the points that each output depends on, `order` is that of the
    highest derivative in the equations.
    """
    made: dict[tuple[int, ...], TensorBasis] = {}
    bases = []
    for axes in map(tuple, supports):
        if axes not in made:
            made[axes] = tensor_basis(
                network.coordinates, axes, max(count // len(supports), 1), order
            )
        bases.append(made[axes])
    return Enriched(network, bases)
