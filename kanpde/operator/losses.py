"""Relative errors of fields (channels, B, n_1, .., n_d): what is minimised and what is reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.errors import KanpdeError

_TINY = 1e-12


@dataclass(frozen=True)
class L2:
    """The relative L2 error |v - u| / |u| of each sample and channel, averaged."""

    def __call__(self, v: Tensor, u: Tensor, periodic: Sequence[bool]) -> Tensor:
        return relative_l2(v, u).mean()


@dataclass(frozen=True)
class H1:
    """As `L2`, in the norm |u|^2 + weight |grad u|^2, by differences on the grid of extent 1.

    (Czarnecki et al., Sobolev training, 2017.)
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise KanpdeError(f"the weight of H1 must not be negative, and is {self.weight}")

    def __call__(self, v: Tensor, u: Tensor, periodic: Sequence[bool]) -> Tensor:
        error: Tensor = self._square(v - u, periodic) / (self._square(u, periodic) + _TINY)
        return (error + _TINY).sqrt().mean()

    def _square(self, u: Tensor, periodic: Sequence[bool]) -> Tensor:
        """Squared norm (channels, B), a mean over the points."""
        total: Tensor = u.square().flatten(2).mean(-1)
        for axis, wraps in enumerate(periodic):
            n = u.shape[axis + 2]
            step = u.roll(-1, axis + 2) - u if wraps else u.diff(dim=axis + 2)
            total = total + self.weight * n**2 * step.square().flatten(2).mean(-1)
        return total


Loss = L2 | H1


def relative_l2(v: Tensor, u: Tensor) -> Tensor:
    """|v - u| / |u| of each channel and sample, (channels, B)."""
    error: Tensor = torch.linalg.vector_norm((v - u).flatten(2), dim=-1)
    size: Tensor = torch.linalg.vector_norm(u.flatten(2), dim=-1)
    return error / (size + _TINY)
