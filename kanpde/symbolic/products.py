"""A KAN of variables and of products of pairs.

A sum of univariate functions cannot be x y, and a KAN that has to build it from
((x + y)^2 - x^2 - y^2) / 2 shows three squares to a reader. Here the products are inputs beside
the variables: f = KAN(x_1, ..., x_n, x_1 x_2, ...), so that one layer of edges already holds
every sum of functions of variables and of pairwise products.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import sympy
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kanpde.basis import Basis, Chebyshev
from kanpde.errors import KanpdeError
from kanpde.kan import KAN, Coordinates

Array = NDArray[np.float64]


class ProductKAN(nn.Module):
    """A KAN on variables (N, V) and their pairwise products; float64.

    `lower` and `upper` (features,) are the ranges that the first layer's bases live on.
    """

    def __init__(
        self,
        variables: Sequence[str],
        pairs: Sequence[tuple[int, int]],
        lower: Sequence[float],
        upper: Sequence[float],
        outputs: int,
        *,
        widths: Sequence[int] = (),
        basis: Basis | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.variables, self.pairs = tuple(variables), tuple(pairs)
        count = len(self.variables) + len(self.pairs)
        if len(lower) != count or len(upper) != count:
            raise KanpdeError(f"{count} features need {count} ranges")
        box = Coordinates(tuple(lower), tuple(upper), (False,) * count)
        generator = generator or torch.Generator().manual_seed(0)
        self.kan = KAN(box, widths, outputs, basis or Chebyshev(4), generator=generator)

    @staticmethod
    def around(
        points: Array,
        variables: Sequence[str],
        outputs: int,
        *,
        products: bool = True,
        margin: float = 0.1,
        widths: Sequence[int] = (),
        basis: Basis | None = None,
        generator: torch.Generator | None = None,
    ) -> ProductKAN:
        """A network for the range of `points` (N, V), widened by `margin` on each side."""
        pairs = list(combinations(range(points.shape[1]), 2)) if products else []
        table = np.concatenate([points, *(points[:, [a]] * points[:, [b]] for a, b in pairs)], 1)
        low, high = table.min(0), table.max(0)
        room = margin * np.where(high > low, high - low, 1.0)
        return ProductKAN(
            variables, pairs, (low - room).tolist(), (high + room).tolist(), outputs,
            widths=widths, basis=basis, generator=generator,
        )  # fmt: skip

    @property
    def features(self) -> list[sympy.Expr]:
        """The inputs of the first layer as SymPy expressions."""
        x = [sympy.Symbol(n, real=True) for n in self.variables]
        return [*x, *(x[a] * x[b] for a, b in self.pairs)]

    def table(self, points: Tensor) -> Tensor:
        """Points (N, V) -> features (N, F)."""
        products = [points[:, a] * points[:, b] for a, b in self.pairs]
        return torch.cat([points, *(p[:, None] for p in products)], 1)

    def forward(self, points: Tensor) -> Tensor:
        """(N, V) -> (N, outputs)."""
        out: Tensor = self.kan(self.table(points))
        return out
