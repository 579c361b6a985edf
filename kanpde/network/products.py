"""A KAN of variables and of products of them.

A sum of univariate functions cannot be x y, and a KAN that has to build it from ((x + y)^2 - x^2 -
y^2) / 2 shows three squares to a reader. Here the products are inputs beside the variables: f =
KAN(x_1, ..., x_n, x_1 x_2, ...), so that one layer of edges already holds every sum of functions of
variables and of products. These are the products of pairs, unless others are named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import sympy
import torch
from torch import Tensor, nn

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.network.bases.basis import Basis
from kanpde.network.bases.polynomials import Chebyshev
from kanpde.network.coordinates import Coordinates
from kanpde.network.kan import KAN

# How far the first bases extend beyond the samples, relative to their range: later integrations and
# evaluations leave the range of the samples by a little.
_MARGIN = 0.1


@dataclass(frozen=True)
class Features:
    """What enters the first layer: V variables, then products of them.

    A product is named by its factors: (0, 1) is x_1 x_2, (0, 0, 1) is x_1^2 x_2.
    """

    variables: tuple[str, ...]
    products: tuple[tuple[int, ...], ...] = ()

    @staticmethod
    def of(variables: Sequence[str], products: bool | Sequence[tuple[int, ...]]) -> Features:
        """With the products of all pairs (True), none (False), or the named ones."""
        if isinstance(products, bool):
            products = list(combinations(range(len(variables)), 2)) if products else []
        return Features(tuple(variables), tuple(products))

    @property
    def count(self) -> int:
        """F, the number of inputs of the first layer."""
        return len(self.variables) + len(self.products)

    @property
    def expressions(self) -> list[sympy.Expr]:
        """The features as SymPy expressions of the variables, (F,)."""
        x = [sympy.Symbol(n, real=True) for n in self.variables]
        return [*x, *(sympy.Mul(*(x[k] for k in factors)) for factors in self.products)]

    def table(self, points: Tensor) -> Tensor:
        """Points (N, V) -> features (N, F)."""
        products = [points[:, list(factors)].prod(1) for factors in self.products]
        return torch.cat([points, *(p[:, None] for p in products)], 1)


class ProductKAN(nn.Module):
    """A KAN on variables (N, V) and products of them; float64.

    Args:
        inputs: the variables and products, F in all.
        kan: a network of these F features.

    Raises:
        KanpdeError: for a network of another number of inputs.
    """

    def __init__(self, inputs: Features, kan: KAN) -> None:
        super().__init__()
        if kan.coordinates.dimension != inputs.count:
            raise KanpdeError(
                f"{inputs.count} features need a network of as many inputs, "
                f"not of {kan.coordinates.dimension}"
            )
        self.inputs, self.kan = inputs, kan

    @staticmethod
    def around(
        points: Array,
        variables: Sequence[str],
        outputs: int,
        *,
        products: bool | Sequence[tuple[int, ...]] = True,
        widths: Sequence[int] = (),
        basis: Basis | None = None,
        generator: torch.Generator | None = None,
    ) -> ProductKAN:
        """A network whose bases cover the range of the samples, and a tenth beyond.

        Args:
            points: the samples (N, V).
            variables: V names.
            outputs: how many values there are.
            products: those of all pairs, none, or the named ones.
            widths: hidden layers.
            basis: of the edges; Chebyshev(4) by default.
            generator: of the first coefficients; seed 0 by default.
        """
        inputs = Features.of(variables, products)
        table = inputs.table(torch.from_numpy(points)).numpy()
        low, high = table.min(0), table.max(0)
        room = _MARGIN * (high - low + (high <= low))
        lower, upper = tuple((low - room).tolist()), tuple((high + room).tolist())
        coordinates = Coordinates(lower, upper, (False,) * inputs.count)
        generator = generator or torch.Generator().manual_seed(0)
        kan = KAN(coordinates, widths, outputs, basis or Chebyshev(4), generator=generator)
        return ProductKAN(inputs, kan)

    @property
    def features(self) -> list[sympy.Expr]:
        """The inputs of the first layer as SymPy expressions."""
        return self.inputs.expressions

    def table(self, points: Tensor) -> Tensor:
        """Points (N, V) -> features (N, F)."""
        return self.inputs.table(points)

    def forward(self, points: Tensor) -> Tensor:
        """(N, V) -> (N, outputs)."""
        out: Tensor = self.kan(self.table(points))
        return out
