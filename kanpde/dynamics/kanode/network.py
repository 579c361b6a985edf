"""The network of a KAN-ODE: its shape, and itself as a right-hand side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from kanpde.arrays import Array
from kanpde.dynamics.ode.rhs import RightHandSide
from kanpde.network.bases.basis import Basis
from kanpde.network.bases.polynomials import Chebyshev
from kanpde.network.products import ProductKAN
from kanpde.network.small_batch import SmallBatchKAN


@dataclass(frozen=True)
class NetworkShape:
    """Which network to train.

    Args:
        widths: hidden layers; none by default: sums of functions of variables and of products.
        basis: of the edges.
        products: whether products of all pairs of variables are inputs of the network, or which
            products are: (0, 0, 1) is x^2 y.
        seed: of the first coefficients.
    """

    widths: Sequence[int] = ()
    basis: Basis = field(default_factory=lambda: Chebyshev(4))
    products: bool | Sequence[tuple[int, ...]] = True
    seed: int = 0

    def build(self, points: Array, variables: Sequence[str], outputs: int) -> ProductKAN:
        """The network for the range of points (N, V) of the variables."""
        return ProductKAN.around(
            points, variables, outputs, products=self.products, widths=self.widths,
            basis=self.basis, generator=torch.Generator().manual_seed(self.seed),
        )  # fmt: skip


@dataclass(frozen=True)
class NetworkRHS:
    """A network as a right-hand side, with known physics beside it."""

    network: ProductKAN
    known: RightHandSide | None = None

    @property
    def size(self) -> int:
        return self.network.kan.parameter_count

    @cached_property
    def _evaluator(self) -> SmallBatchKAN:
        return SmallBatchKAN(self.network)

    def value(self, x: Array, u: Array, c: Array) -> Array:
        """f, (B, n)."""
        out = self._evaluator.value(np.concatenate([x, u], 1), c)
        return out if self.known is None else out + self.known.value(x, u, np.zeros(0))

    def linear(self, x: Array, u: Array, c: Array) -> tuple[Array, Array, Array]:
        """f (B, n), df/dx (B, n, n) and df/dc (B, n, p)."""
        points = np.concatenate([x, u], 1)
        f, slope, by_parameter = self._evaluator.linear(points, c)
        slope = slope[:, :, : x.shape[1]]
        if self.known is not None:
            more, slopes, _ = self.known.linear(x, u, np.zeros(0))
            f, slope = f + more, slope + slopes
        return f, slope, by_parameter
