"""Polynomial bases: Chebyshev and Legendre."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.polynomial import chebyshev, legendre
from torch import Tensor

from kanpde.arrays import Array
from kanpde.checks import require_whole
from kanpde.network.bases.basis import Basis

# Beyond it the matrix of derivatives alone is larger than the networks that can be trained, and
# the recurrences lose their digits.
LARGEST_DEGREE = 200


class _Polynomial(Basis):
    """A polynomial family with a three-term recurrence and a constant derivative matrix."""

    degree: int

    @property
    def size(self) -> int:
        return self.degree

    def __post_init__(self) -> None:
        require_whole(f"{type(self).__name__}: the degree", self.degree, 1, LARGEST_DEGREE)

    @staticmethod
    @abstractmethod
    def _derive(coefficients: Array) -> Array:
        """The coefficients of the derivative of a sum of polynomials."""

    @abstractmethod
    def _values(self, x: Tensor) -> list[Tensor]:
        """The degree + 1 polynomials, constant first, each of shape (w, N)."""

    def derivatives(self, x: Tensor, order: int, grid: Tensor | None = None) -> list[Tensor]:
        values = torch.stack(self._values(x))
        out = [values[1:]]
        flat = values.flatten(1)
        matrix = _derivative_matrix(type(self)._derive, self.degree).to(values)
        for _ in range(order):
            flat = matrix @ flat
            out.append(flat.view(values.shape)[1:])
        return out


@lru_cache(maxsize=64)
def _derivative_matrix(derive: Callable[[Array], Array], degree: int) -> Tensor:
    """Row k holds the coefficients of the derivative of polynomial k."""
    matrix = np.zeros((degree + 1, degree + 1))
    for k in range(1, degree + 1):
        unit = np.zeros(k + 1)
        unit[k] = 1
        matrix[k, :k] = derive(unit)
    return torch.from_numpy(matrix)


@dataclass(frozen=True)
class Chebyshev(_Polynomial):
    """Chebyshev polynomials T_1 ... T_degree, by recurrence.

    Never as cos(k acos x): its slope is infinite at +-1, and code that used it gave NaN.
    """

    degree: int = 8

    @staticmethod
    def _derive(coefficients: Array) -> Array:
        return np.asarray(chebyshev.chebder(coefficients))

    def _values(self, x: Tensor) -> list[Tensor]:
        columns = [torch.ones_like(x), x]
        twice = 2 * x
        for _ in range(1, self.degree):
            columns.append(twice * columns[-1] - columns[-2])
        return columns

    def decay(self) -> Tensor:
        # With 1/k^2 the solver starts from smooth functions; with equal variances Poisson stayed at
        # an error of 1 where this reaches 3e-5.
        return 1 / torch.arange(1, self.degree + 1, dtype=torch.float64) ** 2

    def extended(self) -> Chebyshev:
        return replace(self, degree=self.degree + max(2, self.degree // 2))


@dataclass(frozen=True)
class Legendre(_Polynomial):
    """Legendre polynomials P_1 ... P_degree, by Bonnet's recurrence."""

    degree: int = 8

    @staticmethod
    def _derive(coefficients: Array) -> Array:
        return np.asarray(legendre.legder(coefficients))

    def _values(self, x: Tensor) -> list[Tensor]:
        columns = [torch.ones_like(x), x]
        for k in range(1, self.degree):
            columns.append(((2 * k + 1) * x * columns[-1] - k * columns[-2]) / (k + 1))
        return columns

    def decay(self) -> Tensor:
        return 1 / torch.arange(1, self.degree + 1, dtype=torch.float64) ** 2

    def extended(self) -> Legendre:
        return replace(self, degree=self.degree + max(2, self.degree // 2))
