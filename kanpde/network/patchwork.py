"""A network for each material: which one gives the fields at a point is decided by its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Region
from kanpde.network.coordinates import Coordinates
from kanpde.network.jet import JetSet
from kanpde.network.network import (
    BlockRows,
    Linearization,
    Network,
    find_blocks,
    form_blocks,
    is_sparse,
)


@dataclass(frozen=True)
class Regions:
    """The regions of materials; a copy of a network shares them."""

    parts: tuple[Region, ...]

    def __deepcopy__(self, memo: dict[int, Any]) -> Regions:
        return self

    def sides(self, points: Tensor) -> Tensor:
        """(2, N): the number of the material of each point, and that beyond an interface, or -1.

        A point that several regions hold, up to rounding, lies on their interface.
        """
        places = points.detach().cpu().numpy()
        held = np.stack([part.holds_at(places) for part in self.parts])
        own = held.argmax(0)
        held[own, np.arange(len(places))] = False
        beyond = np.where(held.any(0), held.argmax(0), -1)
        return torch.from_numpy(np.stack([own, beyond])).to(points)


class Patchwork(nn.Module):
    """Networks with the same outputs, each on its own region; their union jumps in between.

    Its outputs are those of the region where a point lies, then those of the region beyond, which
    are zero but on interfaces, then for each region one inside of it and zero elsewhere.
    """

    def __init__(
        self, coordinates: Coordinates, networks: Sequence[Network], regions: Sequence[Region]
    ) -> None:
        super().__init__()
        self.coordinates, self.regions = coordinates, Regions(tuple(regions))
        # Changes of networks (`SmoothChanges`) are no modules.
        as_modules = all(isinstance(network, nn.Module) for network in networks)
        self.networks = nn.ModuleList(cast(Any, networks)) if as_modules else list(networks)
        self.fields = networks[0].outputs
        self.outputs = 2 * self.fields + len(networks)

    @property
    def members(self) -> list[Network]:
        return list(cast(Any, self.networks))

    def map(self, function: Callable[[Network], Any]) -> Patchwork:
        """The same regions with other networks."""
        networks = [function(network) for network in self.members]
        return Patchwork(self.coordinates, networks, self.regions.parts)

    def on(self, regions: Iterable[Region | None]) -> Patchwork:
        """The same networks on these regions."""
        parts = [region for region in regions if region is not None]
        return Patchwork(self.coordinates, self.members, parts)

    @property
    def is_sparse(self) -> bool:
        return any(is_sparse(network) for network in self.members)

    @property
    def blocks(self) -> tuple[int, ...]:
        """The blocks of all networks."""
        return tuple(size for network in self.members for size in find_blocks(network))

    @property
    def parameter_count(self) -> int:
        return sum(network.parameter_count for network in self.members)

    @property
    def factored(self) -> bool:
        return False

    @property
    def extensible(self) -> bool:
        return all(network.extensible for network in self.members)

    @property
    def description(self) -> str:
        return f"in each of {len(self.members)} materials {self.members[0].description}"

    @property
    def like(self) -> Tensor:
        return self.members[0].like

    def forward(self, points: Tensor) -> Tensor:
        """(N, dimension) -> (N, outputs)."""
        sides = self.regions.sides(points)
        columns = points.new_zeros(len(points), self.outputs)
        for member, at, first in self._places(sides):
            columns[at, first : first + self.fields] = self.members[member](points[at])
        for k in range(len(self.members)):
            columns[:, 2 * self.fields + k] = (sides[0] == k).to(columns)
        return columns

    def require(self, order: int) -> None:
        """Raise KanpdeError if a network lacks continuous derivatives of this order."""
        for network in self.members:
            network.require(order)

    def inputs_at(self, points: Tensor, jets: JetSet) -> Tensor:
        """The points, and the materials on both sides of them, (dimension + 2, N)."""
        return torch.cat([points.T, self.regions.sides(points)])

    def jet_from(self, inputs: Tensor, jets: JetSet) -> Tensor:
        """The jet (A, outputs, N)."""
        out = self._start(inputs, jets)
        for member, at, first in self._places(inputs[-2:]):
            network, points = self.members[member], inputs[:-2, at].T
            jet = network.jet_from(network.inputs_at(points, jets), jets)
            out[:, first : first + self.fields, at] = jet
        return out

    def linearize_from(self, inputs: Tensor, jets: JetSet) -> PatchworkLinearization:
        """The jet with its pullbacks."""
        out, found = self._start(inputs, jets), []
        for member, at, first in self._places(inputs[-2:]):
            network, points = self.members[member], inputs[:-2, at].T
            lin = network.linearize_from(network.inputs_at(points, jets), jets)
            rows = slice(first, first + self.fields)
            out[:, rows, at] = lin.value
            found.append(_Patch(member, at, rows, lin))
        sizes = [network.parameter_count for network in self.members]
        counts = [len(find_blocks(network)) for network in self.members]
        return PatchworkLinearization(out, found, sizes, counts)

    def _start(self, inputs: Tensor, jets: JetSet) -> Tensor:
        out = inputs.new_zeros(len(jets.indices), self.outputs, inputs.shape[1])
        for k in range(len(self.members)):
            out[0, 2 * self.fields + k] = (inputs[-2] == k).to(out)
        return out

    def _places(self, sides: Tensor) -> Iterator[tuple[int, Any, int]]:
        """For each network and side its number, the points there, and its first output."""
        for side in range(2):
            for k in range(len(self.members)):
                here = sides[side] == k
                if bool(here.all()):
                    yield k, slice(None), side * self.fields
                elif bool(here.any()):
                    yield k, torch.nonzero(here)[:, 0], side * self.fields

    def heads(self) -> list[Tensor]:
        """Those of each network, one after the other."""
        return [head for network in self.members for head in network.heads()]

    def flat(self) -> Tensor:
        """All parameters as one vector (P,), a copy."""
        return torch.cat([network.flat() for network in self.members])

    def load_flat(self, vector: Tensor) -> None:
        """Set all parameters from one vector (P,)."""
        sizes = [network.parameter_count for network in self.members]
        for network, part in zip(self.members, vector.split(sizes), strict=True):
            network.load_flat(part)

    def extended(self, basis: Any, points: Tensor) -> Patchwork:
        """Each network extended, by the points in its region."""
        own = self.regions.sides(points)[0]
        networks = [n.extended(basis, points[own == k]) for k, n in enumerate(self.members)]
        return Patchwork(self.coordinates, networks, self.regions.parts)

    def to_data(self) -> dict[str, Any]:
        """All but the weights and the regions, as JSON data."""
        c = self.coordinates
        return {
            "kind": "Patchwork",
            "coordinates": {"lower": c.lower, "upper": c.upper, "periodic": c.periodic},
            "members": [network.to_data() for network in self.members],
        }


@dataclass(frozen=True)
class _Patch:
    """A network's linearisation at some of the points, and the outputs that it gives there."""

    member: int
    at: Any
    rows: slice
    lin: Linearization

    def cotangent(self, whole: Tensor) -> Tensor:
        return whole[:, self.rows][..., self.at].contiguous()


class PatchworkLinearization:
    """The jets of several networks at their own points, and their pullbacks."""

    def __init__(
        self,
        value: Tensor,
        patches: Sequence[_Patch],
        sizes: Sequence[int],
        counts: Sequence[int],
    ) -> None:
        self.value, self._patches, self._sizes, self._counts = value, patches, sizes, counts

    @property
    def parameters(self) -> int:
        """The number of parameters of all."""
        return sum(self._sizes)

    def pullback(self, cotangent: Tensor) -> list[Tensor]:
        """Parameter gradients of sum(cotangent * jet), a vector for each network."""
        found = [cotangent.new_zeros(size) for size in self._sizes]
        for patch in self._patches:
            parts = patch.lin.pullback(patch.cotangent(cotangent))
            found[patch.member] += torch.cat([part.reshape(-1) for part in parts])
        return found

    def jacobian(self, cotangent: Tensor, out: Tensor) -> None:
        """Each point's parameter gradient, written to `out` of shape (P, N)."""
        out.zero_()
        blocks = out.split(list(self._sizes))
        for patch in self._patches:
            own, block = patch.cotangent(cotangent), blocks[patch.member]
            if isinstance(patch.at, slice):
                patch.lin.jacobian(own, block)
            else:
                part = out.new_empty(len(block), own.shape[2])
                patch.lin.jacobian(own, part)
                block[:, patch.at] = part

    def jacobian_blocks(self, cotangent: Tensor) -> BlockRows:
        """Each point's parameter gradient, by the blocks of all networks."""
        found = []
        places = torch.arange(cotangent.shape[-1], device=cotangent.device)
        for patch in self._patches:
            first = sum(self._counts[: patch.member])
            rows = form_blocks(patch.lin, patch.cotangent(cotangent))
            own = places[patch.at]
            found += [(first + block, own[at], part) for block, at, part in rows]
        return found

    def factors(self, cotangent: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Not there: rows of several networks have none in common."""
        raise KanpdeError("the networks of several materials have no factors")
