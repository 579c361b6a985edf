"""Means over regions: each is one row, with the quadrature's points as its sum."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from kanpde.assembly.rows import BoundRows, EquationSet
from kanpde.assembly.terms import Linearized
from kanpde.assembly.workers import SERIAL, Workers
from kanpde.errors import KanpdeError
from kanpde.network.network import Linearization, Network


class AverageTerm(EquationSet):
    """Equations whose means over one region are zero."""

    def at(
        self,
        network: Network,
        points: Tensor,
        weights: Sequence[Tensor],
        workers: Workers = SERIAL,
    ) -> BoundAverage:
        """At the points of a quadrature; the square of a weight (N,) is that of its points."""
        return BoundAverage(self, network, points, weights, workers)


class BoundAverage(BoundRows):
    """An AverageTerm at given points: a row for each equation."""

    @property
    def count(self) -> int:
        return len(self.weights)

    @property
    def is_sum(self) -> bool:
        return True

    @cached_property
    def blocks(self) -> list[slice]:
        """One: a row belongs to all points."""
        return [slice(0, 1)]

    def evaluate(self, network: Network) -> tuple[Tensor, float | None]:
        """The rows (equations, 1)."""
        whole = slice(None)
        jet = self.jet(network, whole)
        values = self.system.residual(*self.arguments(jet, whole))
        rows = [v @ share for v, share in zip(values, self._shares(), strict=True)]
        return torch.stack(rows)[:, None], None

    def linearized(self, network: Network, at: slice) -> Linearized:
        found = super().linearized(network, slice(None))
        # `found` has rows for each point with weights; a row's are the squares of these.
        factors = [s / w for s, w in zip(self._shares(), self.weights, strict=True)]
        residuals = [(r @ f)[None] for r, f in zip(found.residuals, factors, strict=True)]
        cotangents = [c * f for c, f in zip(found.cotangents, factors, strict=True)]
        return Linearized(SummedLinearization(found.jet), residuals, cotangents)

    def _shares(self) -> list[Tensor]:
        """For each equation the weights (N,) of its points in its row."""
        squares = [w.square() for w in self.weights]
        return [square / square.sum().sqrt() for square in squares]


class SummedLinearization:
    """The jets of a network at many points, whose pullbacks are summed to one row."""

    def __init__(self, inner: Linearization) -> None:
        self._inner, self.value = inner, inner.value

    @property
    def parameters(self) -> int:
        """Those of the network."""
        return self._inner.parameters

    def pullback(self, cotangent: Tensor) -> list[Tensor]:
        """Gradients of sum(cotangent * jet)."""
        return self._inner.pullback(cotangent)

    def jacobian(self, cotangent: Tensor, out: Tensor) -> None:
        """The gradient of the whole sum, to `out` (P, 1)."""
        out[:, 0] = torch.cat([part.reshape(-1) for part in self._inner.pullback(cotangent)])

    def factors(self, cotangent: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Not there: a row belongs to many points."""
        raise KanpdeError("the row of an integral has no factors")
