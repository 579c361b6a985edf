"""Several networks as one: each gives some of the fields, as functions of some of the axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, cast

import torch
from torch import Tensor, nn

from kanpde.network.constant import Constant
from kanpde.network.coordinates import Coordinates
from kanpde.network.jet import JetSet
from kanpde.network.network import (
    BlockRows,
    Linearization,
    Network,
    find_blocks,
    fix_axis,
    form_blocks,
    is_sparse,
)


@dataclass(frozen=True)
class Part:
    """The columns of the points that a network takes, and the fields that it gives."""

    axes: tuple[int, ...]
    fields: tuple[int, ...]

    def jets(self, whole: JetSet) -> tuple[JetSet, list[int], list[int]]:
        """Its set of derivatives; their positions in the whole set and in its own."""
        held = [
            (k, tuple(index[a] for a in self.axes))
            for k, index in enumerate(whole.indices)
            if not any(n for a, n in enumerate(index) if a not in self.axes)
        ]
        own = JetSet.closing([index for _, index in held], len(self.axes))
        return own, [k for k, _ in held], [own.position[index] for _, index in held]


class Composite(nn.Module):
    """Several networks as one from points (N, dimension) to values (N, outputs).

    Derivatives along axes that a network does not take are zero.
    """

    def __init__(
        self, coordinates: Coordinates, networks: Sequence[Network], parts: Sequence[Part]
    ) -> None:
        super().__init__()
        self.coordinates, self.parts = coordinates, tuple(parts)
        self.networks = nn.ModuleList(cast(Any, list(networks)))
        self.outputs = sum(len(part.fields) for part in parts)

    @property
    def members(self) -> list[tuple[Network, Part]]:
        return list(zip(cast(Any, self.networks), self.parts, strict=True))

    @property
    def is_sparse(self) -> bool:
        return any(is_sparse(network) for network, _ in self.members)

    @property
    def blocks(self) -> tuple[int, ...]:
        """The blocks of all networks."""
        return tuple(size for network, _ in self.members for size in find_blocks(network))

    @property
    def parameter_count(self) -> int:
        return sum(network.parameter_count for network, _ in self.members)

    @property
    def factored(self) -> bool:
        return all(network.factored for network, _ in self.members)

    @property
    def extensible(self) -> bool:
        return all(network.extensible for network, _ in self.members)

    @property
    def description(self) -> str:
        return "; ".join(network.description for network, _ in self.members)

    @property
    def like(self) -> Tensor:
        return self.members[0][0].like

    def forward(self, points: Tensor) -> Tensor:
        """(N, dimension) -> (N, outputs)."""
        columns: list[Tensor] = [points] * self.outputs
        for network, part in self.members:
            # Column by column: indexing with a list has no form in a NumPy program.
            own = [points[:, axis] for axis in part.axes]
            values = network(torch.stack(own, 1) if own else points[:, :0])
            for k, field in enumerate(part.fields):
                columns[field] = values[:, k]
        return torch.stack(columns, 1)

    def require(self, order: int) -> None:
        """Raise KanpdeError if a network lacks continuous derivatives of this order."""
        for network, _ in self.members:
            network.require(order)

    def inputs_at(self, points: Tensor, jets: JetSet) -> Tensor:
        """The points themselves, (dimension, N)."""
        return points.T

    def jet_from(self, inputs: Tensor, jets: JetSet) -> Tensor:
        """The jet (A, outputs, N)."""
        out = inputs.new_zeros(len(jets.indices), self.outputs, inputs.shape[1])
        for network, part in self.members:
            own, whole, places = part.jets(jets)
            points = inputs[list(part.axes)].T
            jet = network.jet_from(network.inputs_at(points, own), own)
            out[_grid(whole, part.fields)] = jet[places]
        return out

    def linearize_from(self, inputs: Tensor, jets: JetSet) -> CompositeLinearization:
        """The jet with its pullbacks."""
        found = []
        for network, part in self.members:
            own, whole, places = part.jets(jets)
            points = inputs[list(part.axes)].T
            lin = network.linearize_from(network.inputs_at(points, own), own)
            found.append(_Member(lin, part.fields, whole, places, len(find_blocks(network))))
        value = inputs.new_zeros(len(jets.indices), self.outputs, inputs.shape[1])
        for member in found:
            value[_grid(member.whole, member.fields)] = member.lin.value[member.places]
        return CompositeLinearization(value, found)

    def heads(self) -> list[Tensor]:
        """Those of its networks, in the order of the outputs."""
        found = [
            (part.fields[k % len(part.fields)], head)
            for network, part in self.members
            for k, head in enumerate(network.heads())
        ]
        return [head for _, head in sorted(found, key=itemgetter(0))]

    def flat(self) -> Tensor:
        """All parameters as one vector (P,), a copy."""
        return torch.cat([network.flat() for network, _ in self.members])

    def load_flat(self, vector: Tensor) -> None:
        """Set all parameters from one vector (P,)."""
        sizes = [network.parameter_count for network, _ in self.members]
        for (network, _), part in zip(self.members, vector.split(sizes), strict=True):
            network.load_flat(part)

    def extended(self, basis: Any, points: Tensor) -> Composite:
        """Each network extended."""
        networks = [n.extended(basis, points[:, list(p.axes)]) for n, p in self.members]
        return Composite(self.coordinates, networks, self.parts)

    def fix(self, axis: int, value: float) -> Composite:
        """Each network that takes the axis with the axis at a value."""
        networks: list[Network] = []
        parts = []
        for network, part in self.members:
            if part.axes == (axis,):
                networks.append(_hold(network, value))
            elif axis in part.axes:
                networks.append(fix_axis(network, part.axes.index(axis), value))
            else:
                networks.append(network)
            axes = tuple(a - (a > axis) for a in part.axes if a != axis)
            parts.append(Part(axes, part.fields))
        return Composite(self.coordinates.fix(axis), networks, parts)

    def to_data(self) -> dict[str, Any]:
        """All but the weights, as JSON data."""
        members = [
            {"axes": list(p.axes), "fields": list(p.fields), "network": n.to_data()}
            for n, p in self.members
        ]
        return {"kind": "Composite", "members": members}


def _hold(network: Network, value: float) -> Constant:
    """The outputs of a network of one axis at a value, as numbers."""
    out = Constant(network.coordinates.fix(0), network.outputs)
    with torch.no_grad():
        out.values.copy_(network(network.like.new_full((1, 1), value)).T)
    return out


@dataclass(frozen=True)
class _Member:
    lin: Linearization
    fields: tuple[int, ...]
    whole: list[int]
    places: list[int]
    # The number of its blocks of parameters.
    blocks: int

    def pull(self, cotangent: Tensor) -> Tensor:
        """The part of a cotangent that belongs to one network: (its A, its fields, N)."""
        own = cotangent.new_zeros(self.lin.value.shape)
        own[self.places] = cotangent[_grid(self.whole, self.fields)]
        return own


def _grid(rows: Sequence[int], columns: Sequence[int]) -> tuple[Tensor, Tensor]:
    return torch.tensor(rows)[:, None], torch.tensor(columns)[None]


class CompositeLinearization:
    """The jets of several networks at the same points, and their pullbacks."""

    def __init__(self, value: Tensor, members: Sequence[_Member]) -> None:
        self.value, self._members = value, members

    @property
    def parameters(self) -> int:
        """The number of parameters of all."""
        return sum(member.lin.parameters for member in self._members)

    def pullback(self, cotangent: Tensor) -> list[Tensor]:
        """Parameter gradients of sum(cotangent * jet), network after network."""
        return [part for m in self._members for part in m.lin.pullback(m.pull(cotangent))]

    def jacobian(self, cotangent: Tensor, out: Tensor) -> None:
        """Each point's parameter gradient, written to `out` of shape (P, N)."""
        start = 0
        for member in self._members:
            end = start + member.lin.parameters
            member.lin.jacobian(member.pull(cotangent), out[start:end])
            start = end

    def jacobian_blocks(self, cotangent: Tensor) -> BlockRows:
        """Each point's parameter gradient, by the blocks of all networks."""
        first, found = 0, []
        for member in self._members:
            rows = form_blocks(member.lin, member.pull(cotangent))
            found += [(first + block, at, own) for block, at, own in rows]
            first += member.blocks
        return found

    def factors(self, cotangent: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Of each network the factors of its layers."""
        return [pair for m in self._members for pair in m.lin.factors(m.pull(cotangent))]
