"""Fields together with laws of them: the outputs k(u) beside the outputs u of a network.

The jet of a law on the domain is that of a composition: the jets of its arguments, which are
derivatives of outputs, are pushed through the layers of a KAN; back, its cotangent goes on to the
network of the fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from kanpde.errors import KanpdeError
from kanpde.network.bases import Basis, Chebyshev
from kanpde.network.jet import Index, JetSet
from kanpde.network.layer import KANLayer
from kanpde.network.network import Linearization, Network, flat_parameters, load_parameters
from kanpde.network.pushforward import LayeredLinearization, linearize, push

# The middle half of a range is where tanh is nearly straight; beyond, laws level off and stay
# finite, where a polynomial of an early u that is 3 times too large would be 3^8.
_STRAIGHT = 0.5


@dataclass(frozen=True)
class Argument:
    """A derivative of an output that a law is taken of, and the ends between which it lies."""

    output: int
    index: Index
    low: float
    high: float

    @property
    def slope(self) -> float:
        return _STRAIGHT * 2 / (self.high - self.low)

    @property
    def middle(self) -> float:
        return 0.5 * (self.low + self.high)


class LawLayers(nn.Module):
    """The KAN of one law, and its arguments: a single edge, or a hidden layer for several."""

    def __init__(
        self, arguments: Sequence[Argument], widths: Sequence[int], basis: Basis, start: float = 1.0
    ) -> None:
        super().__init__()
        self.arguments, self.widths, self.basis = tuple(arguments), tuple(widths), basis
        sizes, generator = [len(arguments), *widths, 1], torch.Generator().manual_seed(0)
        self.layers = nn.ModuleList(
            KANLayer(a, b, basis, squash=True, generator=generator) for a, b in pairwise(sizes)
        )
        with torch.no_grad():
            self.stack[-1].coefficients.zero_()
            self.stack[-1].bias.fill_(start)

    @property
    def stack(self) -> list[KANLayer]:
        return list(self.layers)  # type: ignore[arg-type]

    def scale(self, columns: Sequence[Tensor]) -> Tensor:
        """The inputs (arguments, N) of its first layer from values of the arguments, each (N,)."""
        pairs = zip(columns, self.arguments, strict=True)
        return torch.stack([(c - a.middle) * a.slope for c, a in pairs])

    def forward(self, columns: Sequence[Tensor]) -> Tensor:
        """Values (N,) from those of the arguments."""
        x = self.scale(columns)
        for layer in self.stack:
            x = layer(x)
        return x[0]

    def jet_of(self, fields: Tensor, wide: JetSet, jets: JetSet) -> Tensor:
        """The jet (A, arguments, N) of its inputs from that of the fields, of the set `wide`."""
        out = fields.new_empty(len(jets.indices), len(self.arguments), fields.shape[-1])
        for k, argument in enumerate(self.arguments):
            rows = [wide.position[_add(a, argument.index)] for a in jets.indices]
            out[:, k] = argument.slope * fields[rows, argument.output]
            out[0, k] -= argument.slope * argument.middle
        return out

    def to_data(self) -> dict[str, Any]:
        """All but the weights, as JSON data."""
        return {
            "arguments": [[a.output, list(a.index), a.low, a.high] for a in self.arguments],
            "widths": list(self.widths),
            "degree": cast(Chebyshev, self.basis).degree,
        }


class Lawful(nn.Module):
    """A network of fields with laws of these behind its outputs; points (N, dimension)."""

    def __init__(self, network: Network, laws: Sequence[LawLayers]) -> None:
        super().__init__()
        self.network, self.coordinates = network, network.coordinates
        self.laws = nn.ModuleList(laws)
        self.outputs = network.outputs + len(laws)

    @property
    def members(self) -> list[LawLayers]:
        return list(self.laws)  # type: ignore[arg-type]

    @property
    def parameter_count(self) -> int:
        own = sum(p.numel() for p in self.laws.parameters())
        return self.network.parameter_count + own

    @property
    def factored(self) -> bool:
        return False

    @property
    def extensible(self) -> bool:
        return self.network.extensible

    @property
    def description(self) -> str:
        each = "; ".join(f"a law of {len(m.arguments)}, {m.basis}" for m in self.members)
        return f"{self.network.description}; {each}"

    @property
    def like(self) -> Tensor:
        return self.network.like

    def blocks(self) -> list[range]:
        """The parameters of each law."""
        found, start = [], self.network.parameter_count
        for member in self.members:
            size = sum(p.numel() for p in member.parameters())
            found.append(range(start, start + size))
            start += size
        return found

    def forward(self, points: Tensor) -> Tensor:
        """(N, dimension) -> (N, outputs); raises KanpdeError where a law is of derivatives."""
        fields = self.network(points)
        columns = [fields]
        for member in self.members:
            if any(any(a.index) for a in member.arguments):
                raise KanpdeError("a law of derivatives is evaluated by its jet alone")
            columns.append(member([fields[:, a.output] for a in member.arguments])[:, None])
        return torch.cat(columns, 1)

    def require(self, order: int) -> None:
        """Raise KanpdeError if the network lacks continuous derivatives of this order."""
        self.network.require(order + self._raise())

    def _raise(self) -> int:
        return max((sum(a.index) for m in self.members for a in m.arguments), default=0)

    def _widen(self, jets: JetSet) -> JetSet:
        shifts = [a.index for m in self.members for a in m.arguments]
        more = [_add(a, s) for a in jets.indices for s in shifts]
        return JetSet.closing([*jets.indices, *more], self.coordinates.dimension)

    def inputs_at(self, points: Tensor, jets: JetSet) -> Tensor:
        """Those of the network of the fields."""
        return self.network.inputs_at(points, self._widen(jets))

    def jet_from(self, inputs: Tensor, jets: JetSet) -> Tensor:
        """The jet (A, outputs, N)."""
        wide = self._widen(jets)
        fields = self.network.jet_from(inputs, wide)
        own = [push(m.jet_of(fields, wide, jets), m.stack, jets) for m in self.members]
        rows = [wide.position[a] for a in jets.indices]
        return torch.cat([fields[rows], *own], 1)

    def linearize_from(self, inputs: Tensor, jets: JetSet) -> LawfulLinearization:
        """The jet with its pullbacks."""
        wide = self._widen(jets)
        return LawfulLinearization(self, self.network.linearize_from(inputs, wide), wide, jets)

    def heads(self) -> list[Tensor]:
        """Those of the network; a law starts where it was told to."""
        return [*self.network.heads(), *(self.like.new_zeros(0) for _ in self.members)]

    def flat(self) -> Tensor:
        """The parameters of the network, then those of each law, (P,), a copy."""
        return torch.cat([self.network.flat(), flat_parameters(list(self.laws.parameters()))])

    def load_flat(self, vector: Tensor) -> None:
        """Set all parameters from one vector (P,)."""
        count = self.network.parameter_count
        self.network.load_flat(vector[:count])
        load_parameters(vector[count:], list(self.laws.parameters()))

    def around(self, network: Network) -> Lawful:
        """The same laws of another network."""
        return Lawful(network, self.members)

    def extended(self, basis: Any, points: Tensor) -> Lawful:
        """With a larger network of the fields."""
        return self.around(self.network.extended(basis, points))

    def to_data(self) -> dict[str, Any]:
        """All but the weights, as JSON data."""
        return {
            "kind": "Lawful",
            "network": self.network.to_data(),
            "laws": [member.to_data() for member in self.members],
        }


class LawfulLinearization:
    """The jets of fields and of laws of them at N points, and their pullbacks."""

    def __init__(self, whole: Lawful, inner: Linearization, wide: JetSet, jets: JetSet) -> None:
        self._inner, self._wide, self._jets = inner, wide, jets
        self._members = whole.members
        self._own = [
            linearize(m.jet_of(inner.value, wide, jets), m.stack, jets) for m in self._members
        ]
        self._rows = [wide.position[a] for a in jets.indices]
        self._outputs = inner.value.shape[1]
        self.value = torch.cat([inner.value[self._rows], *(o.value for o in self._own)], 1)
        self.parameters = inner.parameters + sum(own.parameters for own in self._own)

    def pullback(self, cotangent: Tensor) -> list[Tensor]:
        """Gradients of sum(cotangent * jet)."""
        inner = self._begin(cotangent)
        found: list[Tensor] = []
        for k, (member, own) in enumerate(zip(self._members, self._own, strict=True)):
            part = cotangent[:, self._outputs + k : self._outputs + k + 1]
            found += own.pullback(part)
            self._go_on(member, own, part, inner)
        return [*self._inner.pullback(inner), *found]

    def jacobian(self, cotangent: Tensor, out: Tensor) -> None:
        """Each point's gradient, written to `out` (P, N)."""
        inner, start = self._begin(cotangent), self._inner.parameters
        for k, (member, own) in enumerate(zip(self._members, self._own, strict=True)):
            part = cotangent[:, self._outputs + k : self._outputs + k + 1]
            own.jacobian(part, out[start : start + own.parameters])
            start += own.parameters
            self._go_on(member, own, part, inner)
        self._inner.jacobian(inner, out[: self._inner.parameters])

    def _begin(self, cotangent: Tensor) -> Tensor:
        inner = torch.zeros_like(self._inner.value)
        inner[self._rows] = cotangent[:, : self._outputs]
        return inner

    def _go_on(
        self, member: LawLayers, own: LayeredLinearization, cotangent: Tensor, inner: Tensor
    ) -> None:
        """Add what a law's cotangent says of its arguments to that of the fields."""
        for state in reversed(own.states):
            cotangent = state.input_cotangent(cotangent)
        for k, argument in enumerate(member.arguments):
            for a, index in enumerate(self._jets.indices):
                row = self._wide.position[_add(index, argument.index)]
                inner[row, argument.output] += argument.slope * cotangent[a, k]

    def factors(self, cotangent: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Not there: laws share the layers of the fields."""
        raise KanpdeError("laws have no factors")


def _add(one: Index, other: Index) -> Index:
    return tuple(a + b for a, b in zip(one, other, strict=True))
