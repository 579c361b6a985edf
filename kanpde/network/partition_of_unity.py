"""Networks on cells that overlap, blended by bumps: u = sum_k bump_k network_k."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import prod
from typing import Any, cast

import torch
from torch import Tensor, nn

from kanpde.checks import require_number, require_sequence, require_whole
from kanpde.errors import KanpdeError
from kanpde.network.coordinates import Coordinates
from kanpde.network.cover import MOST_CELLS, SMOOTHNESS, Cover
from kanpde.network.jet import JetSet, leibniz
from kanpde.network.network import Architecture, BlockRows, Linearization, Network, fix_axis


class PartitionOfUnity(nn.Module):
    """A network for each cell of a cover, and the sum of all with the bumps of the cells.

    At a point only the networks of the cells around it count, so that J^T J is sparse by blocks:
    a block of parameters for each cell.
    """

    def __init__(self, coordinates: Coordinates, cover: Cover, networks: Sequence[Network]) -> None:
        super().__init__()
        self.coordinates, self.cover = coordinates, cover
        self.networks = nn.ModuleList(cast(Any, list(networks)))
        self.outputs = networks[0].outputs

    @property
    def is_sparse(self) -> bool:
        return len(self.members) > 1

    @property
    def members(self) -> list[Network]:
        return list(cast(Any, self.networks))

    @property
    def blocks(self) -> tuple[int, ...]:
        """The number of parameters of each cell."""
        return tuple(network.parameter_count for network in self.members)

    @property
    def parameter_count(self) -> int:
        return sum(self.blocks)

    @property
    def factored(self) -> bool:
        return False

    @property
    def extensible(self) -> bool:
        return all(network.extensible for network in self.members)

    @property
    def description(self) -> str:
        counts = " x ".join(str(axis.count) for axis in self.cover.axes)
        count = len(self.members)
        all_of_them = count == prod(axis.count for axis in self.cover.axes)
        cells = counts if all_of_them else f"{count} of {counts}"
        return f"in each of {cells} subdomains {self.members[0].description}"

    @property
    def like(self) -> Tensor:
        return self.members[0].like

    def forward(self, points: Tensor) -> Tensor:
        """(N, dimension) -> (N, outputs)."""
        bumps = zip(self.cover.values(points), self.members, self.cover.cells, strict=True)
        # Without the number of points, which torch.export would take for a constant.
        total, *rest = [
            bump[:, None] * network(self.cover.unwrap(points, cell))
            for bump, network, cell in bumps
        ]
        for part in rest:
            total = total + part
        return total

    def require(self, order: int) -> None:
        """Raise KanpdeError if bumps or networks lack continuous derivatives of this order."""
        require_blending(order)
        for network in self.members:
            network.require(order)

    def inputs_at(self, points: Tensor, jets: JetSet) -> Tensor:
        """The points, and the bumps of the axes with their derivatives, (rows, N)."""
        order = max(n for index in jets.indices for n in index)
        return torch.cat([points.T, self.cover.table(points, order).flatten(0, 1)])

    def sort(self, points: Tensor) -> Tensor:
        """An order (N,) of points in which those of a cell follow one another."""
        held = torch.stack(self.cover.values(points)) > 0
        # By the first cell and the last one; points of the same cells stand together.
        numbers = torch.arange(1, len(held) + 1, dtype=torch.float64, device=points.device)
        first = (held * (len(held) + 1 - numbers)[:, None]).amax(0)
        last = (held * numbers[:, None]).amax(0)
        return torch.argsort(last - first * (len(held) + 1), stable=True)

    def _pieces(self, inputs: Tensor, jets: JetSet) -> list[_Piece]:
        dimension = len(self.cover.axes)
        points = inputs[:dimension]
        table = inputs[dimension:].unflatten(0, (-1, self.cover.width))
        found = []
        for k, cell in enumerate(self.cover.cells):
            rows = self.cover.rows(cell)
            at = torch.nonzero((table[0, rows] > 0).all(0))[:, 0]
            if len(at):
                own = self.cover.unwrap(points[:, at].T, cell)
                factors = table[:, rows][..., at]
                each = [[factors[n, a] for a, n in enumerate(i)] for i in jets.indices]
                bump = torch.stack([reduce(torch.mul, of_index) for of_index in each])
                found.append(_Piece(k, at, own, bump))
        return found

    def jet_from(self, inputs: Tensor, jets: JetSet) -> Tensor:
        """The jet (A, outputs, N)."""
        out = inputs.new_zeros(len(jets.indices), self.outputs, inputs.shape[1])
        for piece in self._pieces(inputs, jets):
            network = self.members[piece.cell]
            jet = network.jet_from(network.inputs_at(piece.points, jets), jets)
            out.index_add_(2, piece.at, _product(jets, piece.bump, jet))
        return out

    def linearize_from(self, inputs: Tensor, jets: JetSet) -> PartitionLinearization:
        """The jet with its pullbacks."""
        out = inputs.new_zeros(len(jets.indices), self.outputs, inputs.shape[1])
        self.require(jets.order)
        found = []
        for piece in self._pieces(inputs, jets):
            network = self.members[piece.cell]
            lin = network.linearize_from(network.inputs_at(piece.points, jets), jets)
            out.index_add_(2, piece.at, _product(jets, piece.bump, lin.value))
            found.append(_Blended(piece, lin))
        return PartitionLinearization(out, found, self.blocks, jets)

    def heads(self) -> list[Tensor]:
        """Those of each network, one after the other."""
        return [head for network in self.members for head in network.heads()]

    def flat(self) -> Tensor:
        """All parameters as one vector (P,), a copy."""
        return torch.cat([network.flat() for network in self.members])

    def load_flat(self, vector: Tensor) -> None:
        """Set all parameters from one vector (P,)."""
        for network, part in zip(self.members, vector.split(list(self.blocks)), strict=True):
            network.load_flat(part)

    def extended(self, basis: Any, points: Tensor) -> PartitionOfUnity:
        """Each network extended, by the points in its cell."""
        networks = []
        bumps = self.cover.values(points)
        for bump, network, cell in zip(bumps, self.members, self.cover.cells, strict=True):
            own = self.cover.unwrap(points[bump > 0], cell)
            networks.append(network.extended(basis, own if len(own) else points))
        return PartitionOfUnity(self.coordinates, self.cover, networks)

    def fix(self, axis: int, value: float) -> PartitionOfUnity:
        """The network where an axis that is not cut has a value.

        Raises KanpdeError for an axis that is cut.
        """
        cover = self.cover.without(axis)
        networks = [fix_axis(network, axis, value) for network in self.members]
        return PartitionOfUnity(self.coordinates.fix(axis), cover, networks)

    def to_data(self) -> dict[str, Any]:
        """All but the weights, as JSON data."""
        return {
            "kind": "PartitionOfUnity",
            "coordinates": self.coordinates.to_data(),
            "cover": self.cover.to_data(),
            "members": [network.to_data() for network in self.members],
        }


def require_blending(order: int) -> None:
    """Raise KanpdeError if bumps lack continuous derivatives of this order."""
    if order > SMOOTHNESS:
        raise KanpdeError(
            f"subdomains are blended with {SMOOTHNESS} continuous derivatives, and an equation has "
            f"one of order {order}; leave subdomains out"
        )


def _product(jets: JetSet, bump: Tensor, jet: Tensor) -> Tensor:
    """The jet (A, outputs, N) of a product of a bump (A, N) and a function, by Leibniz's rule."""
    out = torch.empty_like(jet)
    for a, index in enumerate(jets.indices):
        out[a] = bump[0] * jet[a]
        for own, rest, weight in leibniz(index):
            if any(own):
                b, c = jets.position[own], jets.position[rest]
                out[a].addcmul_(bump[b], jet[c], value=weight)
    return out


@dataclass(frozen=True)
class _Piece:
    """The points of a cell: their places among all, and the jet of its bump there, (A, n)."""

    cell: int
    at: Tensor
    points: Tensor
    bump: Tensor


@dataclass(frozen=True)
class _Blended:
    """The linearisation of a cell's network at its points."""

    piece: _Piece
    lin: Linearization

    def pull(self, jets: JetSet, whole: Tensor) -> Tensor:
        """The part (A, outputs, n) of a cotangent of the sum that belongs to the network."""
        bump, cotangent = self.piece.bump, whole[..., self.piece.at]
        own = bump[0] * cotangent
        for a, index in enumerate(jets.indices):
            for part, rest, weight in leibniz(index):
                if any(part):
                    b, c = jets.position[part], jets.position[rest]
                    own[c].addcmul_(bump[b], cotangent[a], value=weight)
        return own


class PartitionLinearization:
    """The jets of the networks at their own points, and their pullbacks."""

    def __init__(
        self, value: Tensor, found: Sequence[_Blended], sizes: Sequence[int], jets: JetSet
    ) -> None:
        self.value, self._found, self._sizes, self._jets = value, found, sizes, jets

    @property
    def parameters(self) -> int:
        """The number of parameters of all."""
        return sum(self._sizes)

    def pullback(self, cotangent: Tensor) -> list[Tensor]:
        """Parameter gradients of sum(cotangent * jet), a vector for each network."""
        found = [cotangent.new_zeros(size) for size in self._sizes]
        for own in self._found:
            parts = own.lin.pullback(own.pull(self._jets, cotangent))
            found[own.piece.cell] = torch.cat([part.reshape(-1) for part in parts])
        return found

    def jacobian_blocks(self, cotangent: Tensor) -> BlockRows:
        """Each point's parameter gradient, by blocks of parameters that it is not zero in."""
        parts = []
        for own in self._found:
            pulled = own.pull(self._jets, cotangent)
            block = cotangent.new_empty(own.lin.parameters, pulled.shape[2])
            own.lin.jacobian(pulled, block)
            parts.append((own.piece.cell, own.piece.at, block))
        return parts

    def jacobian(self, cotangent: Tensor, out: Tensor) -> None:
        """Each point's parameter gradient, written to `out` of shape (P, N)."""
        out.zero_()
        rows = out.split(list(self._sizes))
        for cell, at, block in self.jacobian_blocks(cotangent):
            rows[cell][:, at] = block

    def factors(self, cotangent: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Not there: rows of several networks have none in common."""
        raise KanpdeError("the networks of subdomains have no factors")


@dataclass(frozen=True)
class Subdomains:
    """Cells along the axes, each with a network: `Plan(network=Subdomains((4, 4)))`.

    `counts` are numbers of cells along the axes of space, or along all axes. A cell reaches into
    its neighbours by `overlap` of its width, at most one half. `network` is the network of a cell.
    """

    counts: tuple[int, ...]
    network: Architecture
    overlap: float = 0.3

    def __post_init__(self) -> None:
        require_sequence("Subdomains: counts", self.counts, "(4, 4)")
        for count in self.counts:
            require_whole("each number of subdomains", count, 1, MOST_CELLS)
        if prod(self.counts) > MOST_CELLS:
            raise KanpdeError(f"{prod(self.counts)} subdomains are more than {MOST_CELLS}")
        require_number("Subdomains: overlap", self.overlap, above=0)
        if self.overlap > 0.5:
            raise KanpdeError(f"Subdomains: overlap must be at most 0.5, not {self.overlap:g}")

    def along(self, counts: Sequence[int]) -> Subdomains:
        """The same with numbers of cells along other axes."""
        return replace(self, counts=tuple(counts))

    def count_parameters(self, inputs: int, outputs: int) -> int:
        """The parameters of what `build` makes, for so many inputs of the first layer of a cell."""
        count: int = cast(Any, self.network).count_parameters(inputs, outputs)
        return prod(self.counts) * count

    def build(
        self,
        coordinates: Coordinates,
        outputs: int,
        generator: torch.Generator,
        holds: Callable[[Cover], Cover] = lambda cover: cover,
    ) -> Network:
        """The networks at their random starts; `holds` leaves out cells that hold nothing."""
        cover = holds(Cover.of(coordinates, self.counts, self.overlap))
        networks = [
            self.network.build(cover.coordinates(cell, coordinates), outputs, generator)
            for cell in cover.cells
        ]
        return PartitionOfUnity(coordinates, cover, networks)
