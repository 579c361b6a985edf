"""Fields that are sought: expansions in products of polynomials, linear in their coefficients.

What noisy readings say of a field, and how smooth it has to be, are then questions of linear
algebra: the prior is a quadratic form of the coefficients, and the evidence of its strength has a
closed form.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from kanpde.errors import KanpdeError
from kanpde.network.coordinates import Coordinates
from kanpde.network.jet import JetSet
from kanpde.network.network import flat_parameters, load_parameters
from kanpde.network.smooth_basis import TensorBasis, list_exponents


class Expansion(nn.Module):
    """Products of Legendre polynomials (waves along periodic axes) up to a total degree.

    Points (N, dimension) to values (N, outputs); the parameters are coefficients (outputs, K).
    """

    def __init__(self, coordinates: Coordinates, degree: int, outputs: int) -> None:
        super().__init__()
        self.coordinates, self.degree, self.outputs = coordinates, degree, outputs
        axes = range(coordinates.dimension)
        exponents = list_exponents(coordinates.dimension, axes, degree)
        self._basis = TensorBasis(coordinates, exponents)
        start = torch.zeros(outputs, len(exponents), dtype=torch.float64)
        start[:, 0] = 1.0
        self.coefficients = nn.Parameter(start)

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
        return f"polynomials of degree {self.degree}"

    @property
    def like(self) -> Tensor:
        return self.coefficients.detach()

    def forward(self, points: Tensor) -> Tensor:
        """(N, dimension) -> (N, outputs)."""
        value = JetSet.closing([], self.coordinates.dimension)
        return (self.coefficients @ self.inputs_at(points, value)[0]).T

    def require(self, order: int) -> None:
        """Polynomials and waves have all derivatives."""

    def inputs_at(self, points: Tensor, jets: JetSet) -> Tensor:
        """The jets of the products, (A, K, N)."""
        return torch.stack(self._basis.derivatives(points, jets))

    def jet_from(self, inputs: Tensor, jets: JetSet) -> Tensor:
        """The jet (A, outputs, N)."""
        return self.like @ inputs

    def linearize_from(self, inputs: Tensor, jets: JetSet) -> ExpansionLinearization:
        """The jet with its pullbacks."""
        return ExpansionLinearization(self.like, inputs)

    def heads(self) -> list[Tensor]:
        """None to be scaled: a field that is sought starts at one."""
        return list(self.like[:, :0])

    def flat(self) -> Tensor:
        """All coefficients as one vector (P,), a copy."""
        return flat_parameters(list(self.parameters()))

    def load_flat(self, vector: Tensor) -> None:
        """Set all coefficients from one vector (P,)."""
        load_parameters(vector, list(self.parameters()))

    def extended(self, basis: Any, points: Tensor) -> Expansion:
        """Itself: its degree is more than readings resolve."""
        return self

    def to_data(self) -> dict[str, Any]:
        """All but the coefficients, as JSON data."""
        return {
            "kind": "Expansion",
            "coordinates": self.coordinates.to_data(),
            "degree": self.degree,
            "outputs": self.outputs,
        }


class ExpansionLinearization:
    """The jet of an expansion at N points, and its pullbacks."""

    def __init__(self, coefficients: Tensor, inputs: Tensor) -> None:
        self.value = coefficients @ inputs
        self._inputs, self.parameters = inputs, coefficients.numel()

    def pullback(self, cotangent: Tensor) -> list[Tensor]:
        """Gradients of sum(cotangent * jet)."""
        return [torch.einsum("aon,akn->ok", cotangent, self._inputs)]

    def jacobian(self, cotangent: Tensor, out: Tensor) -> None:
        """Each point's gradient, (P, N)."""
        block = out.view(cotangent.shape[1], -1, cotangent.shape[2])
        block.zero_()
        for slope, values in zip(cotangent, self._inputs, strict=True):
            block.addcmul_(slope[:, None], values[None])

    def factors(self, cotangent: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Not there: there are no layers."""
        raise KanpdeError("an expansion has no factors")
