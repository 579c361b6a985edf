"""What training and evaluation ask of a network, and of its linearisation at some points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from kanpde.errors import KanpdeError
from kanpde.network.coordinates import Coordinates
from kanpde.network.jet import JetSet

Self = TypeVar("Self", bound="Network")
# The part of J (transposed) that is not zero: for some blocks of parameters the number of the
# block, the places (n,) of its rows among all, and its entries (P_k, n).
BlockRows = list[tuple[int, Tensor, Tensor]]


class Linearization(Protocol):
    """The jet of a network at N points, and its pullbacks to the parameters."""

    @property
    def value(self) -> Tensor:
        """The jet (A, outputs, N)."""

    @property
    def parameters(self) -> int:
        """The number of parameters P."""

    def pullback(self, cotangent: Tensor) -> list[Tensor]:
        """Parameter gradients of sum(cotangent * jet), in the order of `flat`."""

    def jacobian(self, cotangent: Tensor, out: Tensor) -> None:
        """The parameter gradient of each point's part of that sum, written to `out` (P, N)."""

    def factors(self, cotangent: Tensor) -> list[tuple[Tensor, Tensor]]:
        """That gradient in factors, layer by layer, where the network is `factored`.

        For each layer the sensitivities (A, outputs, N) and the features (A, inputs, N); the
        gradient by the layer's coefficients is the sum over A of their outer products.
        """


class Network(Protocol):
    """A function from points (N, dimension) to values (N, outputs), with all its derivatives.

    `inputs_at` is computed once for points that are used many times; `jet_from` and
    `linearize_from` take its result, or a slice of it along the points, its last dimension.
    """

    coordinates: Coordinates

    @property
    def outputs(self) -> int: ...

    @property
    def parameter_count(self) -> int: ...

    @property
    def factored(self) -> bool:
        """Whether linearisations have `factors`, which systems with few rows are solved with."""

    @property
    def extensible(self) -> bool:
        """Whether `extended` gives a larger network of the family."""

    @property
    def description(self) -> str:
        """A few words for a person: "widths (10, 10), Chebyshev(degree=4)"."""

    @property
    def like(self) -> Tensor:
        """A tensor of the parameters' type on their device."""

    def require(self, order: int) -> None:
        """Raise KanpdeError if continuous derivatives of this order do not exist."""

    def inputs_at(self, points: Tensor, jets: JetSet) -> Tensor: ...

    def jet_from(self, inputs: Tensor, jets: JetSet) -> Tensor:
        """The jet (A, outputs, N)."""

    def linearize_from(self, inputs: Tensor, jets: JetSet) -> Linearization: ...

    def heads(self) -> list[Tensor]:
        """The weights in which an output is linear, as views that can be scaled: for each output.

        Families of several networks have those of each of them.
        """

    def flat(self) -> Tensor:
        """All parameters as one vector (P,), a copy."""

    def load_flat(self, vector: Tensor) -> None: ...

    def extended(self: Self, basis: Any, points: Tensor) -> Self:
        """A larger network that is the same function, as closely as possible.

        Raises KanpdeError for a family that cannot grow.
        """

    def to_data(self) -> dict[str, Any]:
        """All but the weights, as JSON data."""

    def to(self: Self, device: torch.device | str) -> Self: ...

    def parameters(self) -> Any: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> Any: ...

    def __call__(self, points: Tensor) -> Tensor: ...


class Architecture(Protocol):
    """A plan's choice of a network."""

    def build(
        self, coordinates: Coordinates, outputs: int, generator: torch.Generator
    ) -> Network: ...


def is_sparse(network: Network) -> bool:
    """Whether a point sees a few blocks of parameters only: a family says so by `is_sparse`."""
    return bool(getattr(network, "is_sparse", False))


def find_blocks(network: Network) -> tuple[int, ...]:
    """The sizes of the blocks of parameters, one by default.

    A family that has more has `blocks`, and its linearisations have `jacobian_blocks(cotangent)`.
    """
    blocks: tuple[int, ...] | None = getattr(network, "blocks", None)
    return (network.parameter_count,) if blocks is None else blocks


def form_blocks(lin: Linearization, cotangent: Tensor) -> BlockRows:
    """The rows of J by blocks of parameters."""
    form = getattr(lin, "jacobian_blocks", None)
    if form is not None:
        found: BlockRows = form(cotangent)
        return found
    count = cotangent.shape[-1]
    block = cotangent.new_empty(lin.parameters, count)
    lin.jacobian(cotangent, block)
    return [(0, torch.arange(count, device=cotangent.device), block)]


def fix_axis(network: Network, axis: int, value: float) -> Network:
    """The network of the other axes, where the axis of this number has a value.

    Raises KanpdeError for a family without a method `fix(axis, value)`.
    """
    fix = getattr(network, "fix", None)
    if fix is None:
        raise KanpdeError(f"a network of the kind {type(network).__name__} has no fix(axis, value)")
    found: Network = fix(axis, value)
    return found


def flat_parameters(parameters: Sequence[Tensor]) -> Tensor:
    """One vector (P,), a copy."""
    return torch.nn.utils.parameters_to_vector(parameters).detach().clone()


def load_parameters(vector: Tensor, parameters: Sequence[Tensor]) -> None:
    """Set parameters in place from one vector (P,)."""
    with torch.no_grad():
        torch.nn.utils.vector_to_parameters(vector, parameters)
