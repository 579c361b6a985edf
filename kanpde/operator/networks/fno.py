"""Fourier neural operators, with KANs or perceptrons as their pointwise maps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from kanpde.errors import KanpdeError
from kanpde.operator.data import Layout
from kanpde.operator.networks.maps import KANMaps, Maps
from kanpde.operator.networks.spectral import FactorizedConv, SpectralConv, check_grid


@dataclass(frozen=True)
class FNO:
    """The shape of a Fourier operator: `depth` blocks v + map(conv(v)) of `width` channels.

    `modes` is the highest wavenumber kept along each axis. `padding` is the fraction of zeros
    behind the axes that are not periodic. Lifting, blocks and projection take their pointwise
    maps from `maps`.
    """

    width: int = 34
    modes: int = 7
    depth: int = 4
    maps: Maps = field(default_factory=KANMaps)
    factorized: bool = True
    padding: float = 0.25

    def __post_init__(self) -> None:
        if min(self.width, self.modes, self.depth) < 1:
            raise KanpdeError(
                f"an FNO needs width, modes and depth of at least 1, not {self.width}, "
                f"{self.modes} and {self.depth}"
            )
        if not 0 <= self.padding <= 1:
            raise KanpdeError(f"the padding is a fraction from 0 to 1, not {self.padding}")

    @property
    def fewest_tensors(self) -> int:
        """A network has at least this many arrays of weights, whatever the data."""
        return self.depth

    def build(
        self, data: Layout, generator: torch.Generator | None, dtype: torch.dtype = torch.float32
    ) -> FourierOperator:
        """The network for data of this kind.

        Raises KanpdeError for scattered points and for a grid that is too coarse for the modes.
        """
        if not data.periodic:
            raise KanpdeError(
                "a Fourier operator needs fields on a grid, and these data are at scattered "
                "points; take a branch and trunk operator"
            )
        shifts = data.symmetry == "shifts"
        counts = len(data.inputs), len(data.outputs)
        network = FourierOperator(self, *counts, data.periodic, shifts, generator, dtype)
        network.check(data.shape)
        return network


class FourierOperator(nn.Module):
    """Fields (inputs, B, n_1, .., n_d) to fields (outputs, B, n_1, .., n_d), on any grid.

    The coordinates are further inputs: as they are, and cos and sin of those of a periodic axis.
    With `shifts`, those of periodic axes are left out, and the operator commutes with shifts along
    them. (Left out of the forced Navier-Stokes data, the first step had an error of 104 %: a state
    near rest does not tell where the force is.)
    """

    def __init__(
        self,
        plan: FNO,
        inputs: int,
        outputs: int,
        periodic: Sequence[bool],
        shifts: bool,
        generator: torch.Generator | None,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.plan, self.periodic, self.shifts = plan, tuple(periodic), shifts
        self.modes = (plan.modes,) * len(self.periodic)
        self.padding = tuple(0.0 if p else plan.padding for p in self.periodic)
        places = sum(2 * (not shifts) if p else 1 for p in self.periodic)
        conv = FactorizedConv if plan.factorized else SpectralConv
        width, maps = plan.width, plan.maps
        self.lift = maps.build(inputs + places, width, generator, dtype)
        self.convs = nn.ModuleList(
            conv(width, width, self.modes, self.padding, generator, dtype)
            for _ in range(plan.depth)
        )
        self.maps = nn.ModuleList(
            maps.build(width, width, generator, dtype) for _ in range(plan.depth)
        )
        self.project = maps.build(width, outputs, generator, dtype)

    def check(self, shape: Sequence[int]) -> None:
        """Raise KanpdeError for a grid that does not carry the modes."""
        check_grid(shape, self.modes, self.padding)

    def forward(self, x: Tensor, coordinates: Tensor) -> Tensor:
        """x (inputs, B, n_1, .., n_d), coordinates (d, n_1, .., n_d) in [0, 1]."""
        places = [
            p
            for c, wraps in zip(coordinates, self.periodic, strict=True)
            for p in self._places(c, wraps)
        ]
        if places:
            where = torch.stack(places)[:, None].expand(-1, x.shape[1], *x.shape[2:])
            x = torch.cat([x, where.to(x.dtype)])
        v = _pointwise(self.lift, x)
        for conv, pointwise in zip(self.convs, self.maps, strict=True):
            v = v + _pointwise(pointwise, conv(v))
        return _pointwise(self.project, v)

    def _places(self, c: Tensor, periodic: bool) -> list[Tensor]:
        if not periodic:
            return [2 * c - 1]
        angle = 2 * math.pi * c
        return [] if self.shifts else [torch.cos(angle), torch.sin(angle)]


def _pointwise(function: nn.Module, x: Tensor) -> Tensor:
    y: Tensor = function(x.flatten(1))
    return y.view(-1, *x.shape[1:])
