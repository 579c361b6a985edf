"""A KAN of variables and of products of them.

A sum of univariate functions cannot be x y, and a KAN that has to build it from
((x + y)^2 - x^2 - y^2) / 2 shows three squares to a reader. Here the products are inputs beside
the variables: f = KAN(x_1, ..., x_n, x_1 x_2, ...), so that one layer of edges already holds
every sum of functions of variables and of products; those of pairs, unless others are named.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import sympy
import torch
from torch import Tensor, nn

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.network.bases.basis import Basis
from kanpde.network.bases.polynomials import Chebyshev
from kanpde.network.coordinates import Coordinates
from kanpde.network.kan import KAN


class ProductKAN(nn.Module):
    """A KAN on variables (N, V) and products of them; float64.

    A product is named by its factors: (0, 1) is x_1 x_2, (0, 0, 1) x_1^2 x_2. `lower` and
    `upper` (features,) are the ranges that the first layer's bases live on.
    """

    def __init__(
        self,
        variables: Sequence[str],
        products: Sequence[tuple[int, ...]],
        lower: Sequence[float],
        upper: Sequence[float],
        outputs: int,
        *,
        widths: Sequence[int] = (),
        basis: Basis | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.variables, self.products = tuple(variables), tuple(products)
        count = len(self.variables) + len(self.products)
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
        products: bool | Sequence[tuple[int, ...]] = True,
        margin: float = 0.1,
        widths: Sequence[int] = (),
        basis: Basis | None = None,
        generator: torch.Generator | None = None,
    ) -> ProductKAN:
        """A network for the range of `points` (N, V), widened by `margin` on each side.

        `products` are those of all pairs, none, or the named ones.
        """
        if isinstance(products, bool):
            products = list(combinations(range(points.shape[1]), 2)) if products else []
        more = [points[:, list(factors)].prod(1) for factors in products]
        table = np.concatenate([points, *(p[:, None] for p in more)], 1)
        low, high = table.min(0), table.max(0)
        room = margin * np.where(high > low, high - low, 1.0)
        return ProductKAN(
            variables, products, (low - room).tolist(), (high + room).tolist(), outputs,
            widths=widths, basis=basis, generator=generator,
        )  # fmt: skip

    @property
    def features(self) -> list[sympy.Expr]:
        """The inputs of the first layer as SymPy expressions."""
        x = [sympy.Symbol(n, real=True) for n in self.variables]
        return [*x, *(sympy.Mul(*(x[k] for k in factors)) for factors in self.products)]

    def table(self, points: Tensor) -> Tensor:
        """Points (N, V) -> features (N, F)."""
        products = [points[:, list(factors)].prod(1) for factors in self.products]
        return torch.cat([points, *(p[:, None] for p in products)], 1)

    def forward(self, points: Tensor) -> Tensor:
        """(N, V) -> (N, outputs)."""
        out: Tensor = self.kan(self.table(points))
        return out
