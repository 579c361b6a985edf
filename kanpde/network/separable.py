"""Sums of products of univariate functions, for many dimensions: u = sum_r prod_i g_ri(x_i).

The canonical form of Beylkin & Mohlenkamp (PNAS 99, 2002), with g_ri in Legendre polynomials, and
in Fourier modes along periodic axes. A Laplacian in D dimensions costs D second derivatives, since
products without one factor come from those of the factors before it and behind it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from kanpde.checks import require_whole
from kanpde.errors import KanpdeError
from kanpde.network.coordinates import Coordinates
from kanpde.network.jet import Index, JetSet
from kanpde.network.network import flat_parameters, load_parameters
from kanpde.network.smooth_basis import TensorBasis

# Functions of an axis are at first 1 and so much of each other function, by degree^2.
_START = 0.3
# What an extension adds to the degree.
_MORE = 4


class Separable(nn.Module):
    """A sum of `rank` products, for each output; points (N, dimension) to values (N, outputs).

    The parameters are coefficients (outputs, rank, dimension, degree + 1).
    """

    def __init__(
        self,
        coordinates: Coordinates,
        rank: int,
        degree: int,
        outputs: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.coordinates, self.rank, self.degree, self.outputs = coordinates, rank, degree, outputs
        self.dimension = len(coordinates.lower)
        shape = (outputs, rank, self.dimension, degree + 1)
        start = torch.randn(shape, generator=generator, dtype=torch.float64)
        start *= _START / torch.arange(1, degree + 2, dtype=torch.float64) ** 2
        start[..., 0] += 1
        signs = torch.arange(rank) % 2 * -2 + 1
        start[:, :, 0] *= signs[:, None] / math.sqrt(rank)
        self.coefficients = nn.Parameter(start)
        self._basis = TensorBasis(coordinates, torch.zeros(1, self.dimension, dtype=torch.long))

    @property
    def parameter_count(self) -> int:
        return self.coefficients.numel()

    @property
    def factored(self) -> bool:
        return False

    @property
    def extensible(self) -> bool:
        return True

    @property
    def description(self) -> str:
        return f"rank {self.rank}, degree {self.degree}"

    @property
    def like(self) -> Tensor:
        return self.coefficients.detach()

    def forward(self, points: Tensor) -> Tensor:
        """(N, dimension) -> (N, outputs)."""
        table = torch.stack([t[0] for t in self._tables(points, 0)])
        factors = torch.einsum("ordk,dkn->ordn", self.coefficients, table)
        return factors.prod(2).sum(1).T

    def require(self, order: int) -> None:
        """Polynomials and waves have all derivatives."""

    def _tables(self, points: Tensor, order: int) -> list[list[Tensor]]:
        axes = range(self.dimension)
        return [self._basis.axis(points[:, k], k, self.degree, order) for k in axes]

    def inputs_at(self, points: Tensor, jets: JetSet) -> Tensor:
        """The functions of each axis, derived, (order + 1, dimension, degree + 1, N)."""
        order = max(n for index in jets.indices for n in index)
        tables = self._tables(points, order)
        return torch.stack([torch.stack([t[m] for t in tables]) for m in range(order + 1)])

    def jet_from(self, inputs: Tensor, jets: JetSet) -> Tensor:
        """The jet (A, outputs, N)."""
        return SeparableLinearization(self.like, inputs, jets).value

    def linearize_from(self, inputs: Tensor, jets: JetSet) -> SeparableLinearization:
        """The jet with its pullbacks."""
        return SeparableLinearization(self.like, inputs, jets)

    def heads(self) -> list[Tensor]:
        """The factors of the first axis, in which each output is linear."""
        return [each[:, 0] for each in self.coefficients.detach()]

    def flat(self) -> Tensor:
        """All parameters as one vector (P,), a copy."""
        return flat_parameters(list(self.parameters()))

    def load_flat(self, vector: Tensor) -> None:
        """Set all parameters from one vector (P,)."""
        load_parameters(vector, list(self.parameters()))

    def extended(self, basis: Any, points: Tensor) -> Separable:
        """The same function with four degrees more. Raises KanpdeError for another basis."""
        if basis is not None:
            raise KanpdeError("a separable network has its own functions; write Extend()")
        new = Separable(self.coordinates, self.rank, self.degree + _MORE, self.outputs)
        new = new.to(self.like.device)
        with torch.no_grad():
            new.coefficients.zero_()
            new.coefficients[..., : self.degree + 1] = self.coefficients
        return new

    def to_data(self) -> dict[str, Any]:
        """All but the weights, as JSON data."""
        return {
            "kind": "Separable",
            "coordinates": asdict(self.coordinates),
            "rank": self.rank,
            "degree": self.degree,
            "outputs": self.outputs,
        }


class SeparableLinearization:
    """The jet of a separable network at N points, and its pullbacks."""

    def __init__(self, coefficients: Tensor, inputs: Tensor, jets: JetSet) -> None:
        self._inputs, self._jets, self._shape = inputs, jets, coefficients.shape
        # Derivatives of the factors, each (outputs, rank, dimension, N).
        self._factors = [torch.einsum("ordk,dkn->ordn", coefficients, t) for t in inputs]
        self._without = _products_without(self._factors[0])
        self.value = torch.stack([self._jet(index) for index in jets.indices])

    @property
    def parameters(self) -> int:
        """The number of parameters."""
        return self._shape.numel()

    def _jet(self, index: Index) -> Tensor:
        """One derivative, (outputs, N)."""
        axes = [i for i, n in enumerate(index) if n]
        if len(axes) < 2:
            i = axes[0] if axes else 0
            product = self._without[:, :, i] * self._factors[index[i]][:, :, i]
        else:
            product = self._choose(index).prod(2)
        return product.sum(1)

    def _choose(self, index: Index) -> Tensor:
        """For each axis the derivative of its factors that an index names."""
        return torch.stack([self._factors[n][:, :, i] for i, n in enumerate(index)], 2)

    def _weights(self, cotangent: Tensor) -> list[Tensor]:
        """By each derivative of each factor, (outputs, rank, dimension, N)."""
        weights = [torch.zeros_like(self._without) for _ in self._factors]
        # What single derivatives of other factors give to each value.
        slopes = torch.zeros_like(self._without)
        for index, part in zip(self._jets.indices, cotangent[:, :, None], strict=True):
            axes = [i for i, n in enumerate(index) if n]
            if not axes:
                weights[0] += part[:, :, None] * self._without
            elif len(axes) == 1:
                (i,) = axes
                weights[index[i]][:, :, i] += part * self._without[:, :, i]
                slopes[:, :, i] += part * self._factors[index[i]][:, :, i]
            else:
                without = _products_without(self._choose(index))
                for i, n in enumerate(index):
                    weights[n][:, :, i] += part * without[:, :, i]
        if any(sum(map(bool, index)) == 1 for index in self._jets.indices):
            weights[0] += _sums_without(self._factors[0], slopes)
        return weights

    def pullback(self, cotangent: Tensor) -> list[Tensor]:
        """The parameter gradient of sum(cotangent * jet)."""
        pairs = zip(self._weights(cotangent), self._inputs, strict=True)
        return [torch.stack([torch.einsum("ordn,dkn->ordk", w, t) for w, t in pairs]).sum(0)]

    def jacobian(self, cotangent: Tensor, out: Tensor) -> None:
        """Each point's parameter gradient, written to `out` of shape (P, N)."""
        view = out.view(*self._shape, out.shape[1])
        for m, (w, t) in enumerate(zip(self._weights(cotangent), self._inputs, strict=True)):
            part = w[:, :, :, None] * t
            if m == 0:
                view.copy_(part)
            else:
                view += part

    def factors(self, cotangent: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Not there: a parameter's gradient is a product over the axes."""
        raise NotImplementedError("a separable network has no layers")


def _products_without(factors: Tensor) -> Tensor:
    """For each axis the product over all others, of factors (outputs, rank, dimension, N)."""
    before, behind = torch.ones_like(factors), torch.ones_like(factors)
    last = factors.shape[2] - 1
    for i in range(last):
        before[:, :, i + 1] = before[:, :, i] * factors[:, :, i]
        behind[:, :, last - i - 1] = behind[:, :, last - i] * factors[:, :, last - i]
    return before * behind


def _sums_without(factors: Tensor, slopes: Tensor) -> Tensor:
    """For each axis i the sum over j != i of slopes_j times the product over l != i, j of factors.

    By products of the dual numbers factors + e slopes, from both ends.
    """
    axes = range(factors.shape[2])
    before, behind = (_dual_products(factors, slopes, list(o)) for o in (axes, axes[::-1]))
    return before[0] * behind[1] + before[1] * behind[0]


def _dual_products(factors: Tensor, slopes: Tensor, order: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The value and the slope of the product of all factors before each one, in this order."""
    values, rates = torch.ones_like(factors), torch.zeros_like(factors)
    for i, j in pairwise(order):
        values[:, :, j] = values[:, :, i] * factors[:, :, i]
        rates[:, :, j] = rates[:, :, i] * factors[:, :, i] + values[:, :, i] * slopes[:, :, i]
    return values, rates


@dataclass(frozen=True)
class LowRank:
    """A sum of `rank` products of functions of degree `degree`, `Plan(network=LowRank(8, 8))`.

    For solutions in 5 to 20 dimensions that such sums approximate.
    """

    rank: int = 6
    degree: int = 6

    def __post_init__(self) -> None:
        require_whole("LowRank: rank", self.rank, 1, 1000)
        require_whole("LowRank: degree", self.degree, 1, 200)

    def count_parameters(self, inputs: int, outputs: int) -> int:
        """The parameters of what `build` makes, for so many axes."""
        return outputs * self.rank * inputs * (self.degree + 1)

    def build(
        self, coordinates: Coordinates, outputs: int, generator: torch.Generator
    ) -> Separable:
        """The network at its random start."""
        return Separable(coordinates, self.rank, self.degree, outputs, generator)
