"""Univariate bases for the edges of a KAN, on the reference interval [-1, 1].

A basis is a frozen value; what depends on the data (the breakpoints of a spline) is a
tensor that the layer owns and passes in as `grid`. The constant function is left to the
layer's bias: a constant on each edge would add (inputs - 1) * outputs null directions.

All values have the shape (size, w, N), samples last: every elementwise operation then
runs over contiguous memory and products with coefficients are plain matrix products.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.polynomial import chebyshev, legendre
from torch import Tensor

from kanpde.errors import KanpdeError

SMOOTH = 1_000


class Basis(ABC):
    """A family of univariate functions phi_1 ... phi_size."""

    @property
    @abstractmethod
    def size(self) -> int:
        """The number of functions."""

    @property
    def smoothness(self) -> int:
        """The highest derivative that exists and is continuous."""
        return SMOOTH

    @abstractmethod
    def derivatives(self, x: Tensor, order: int, grid: Tensor | None = None) -> list[Tensor]:
        """[phi, phi', ..., phi^(order)] at x of shape (w, N); each of shape (size, w, N)."""

    @abstractmethod
    def decay(self) -> Tensor:
        """Relative standard deviation of each function's first coefficient, shape (size,)."""

    @abstractmethod
    def extended(self) -> Basis:
        """The next larger basis of the family (grid extension, degree rise)."""

    def breakpoints(self, width: int) -> Tensor | None:
        """The first grid (width, breaks) of a layer with `width` inputs, None if there is none."""
        return None

    def require(self, order: int) -> None:
        """Raise KanpdeError if continuous derivatives of this order do not exist."""
        if order > self.smoothness:
            raise KanpdeError(
                f"the problem needs derivatives of order {order}, and the basis {self} has "
                f"{self.smoothness} continuous ones; take a Chebyshev basis, or a spline of "
                f"order {order + 1} or more"
            )


class _Polynomial(Basis):
    """A polynomial family with a three-term recurrence and a constant derivative matrix."""

    degree: int

    @property
    def size(self) -> int:
        return self.degree

    @abstractmethod
    def _values(self, x: Tensor) -> list[Tensor]:
        """The degree + 1 polynomials, constant first, each of shape (w, N)."""

    def derivatives(self, x: Tensor, order: int, grid: Tensor | None = None) -> list[Tensor]:
        values = torch.stack(self._values(x))
        out = [values[1:]]
        flat = values.flatten(1)
        matrix = _derivative_matrix(type(self).__name__, self.degree).to(values)
        for _ in range(order):
            flat = matrix @ flat
            out.append(flat.view(values.shape)[1:])
        return out


@lru_cache(maxsize=64)
def _derivative_matrix(family: str, degree: int) -> Tensor:
    """Row k holds the coefficients of the derivative of polynomial k."""
    derive = {"Chebyshev": chebyshev.chebder, "Legendre": legendre.legder}[family]
    matrix = np.zeros((degree + 1, degree + 1))
    for k in range(1, degree + 1):
        unit = np.zeros(k + 1)
        unit[k] = 1
        matrix[k, :k] = derive(unit)
    return torch.from_numpy(matrix)


@dataclass(frozen=True)
class Chebyshev(_Polynomial):
    """Chebyshev polynomials T_1 ... T_degree, by recurrence.

    Never as cos(k acos x), whose slope is infinite at +-1: users of such code met NaN.
    """

    degree: int = 8

    def _values(self, x: Tensor) -> list[Tensor]:
        columns = [torch.ones_like(x), x]
        twice = 2 * x
        for _ in range(1, self.degree):
            columns.append(twice * columns[-1] - columns[-2])
        return columns

    def decay(self) -> Tensor:
        # 1/k^2 lets the solver start from smooth functions; equal variances were measured
        # to leave Poisson at an error of 1 where this reaches 3e-5.
        return 1 / torch.arange(1, self.degree + 1, dtype=torch.float64) ** 2

    def extended(self) -> Chebyshev:
        return replace(self, degree=self.degree + max(2, self.degree // 2))


@dataclass(frozen=True)
class Legendre(_Polynomial):
    """Legendre polynomials P_1 ... P_degree, by Bonnet's recurrence."""

    degree: int = 8

    def _values(self, x: Tensor) -> list[Tensor]:
        columns = [torch.ones_like(x), x]
        for k in range(1, self.degree):
            columns.append(((2 * k + 1) * x * columns[-1] - k * columns[-2]) / (k + 1))
        return columns

    def decay(self) -> Tensor:
        return 1 / torch.arange(1, self.degree + 1, dtype=torch.float64) ** 2

    def extended(self) -> Legendre:
        return replace(self, degree=self.degree + max(2, self.degree // 2))


@dataclass(frozen=True)
class Fourier(Basis):
    """cos(k w x), sin(k w x) for k = 1 ... modes, with w = pi / 2.

    The period is twice the interval: functions need not be periodic on [-1, 1].
    """

    modes: int = 4

    @property
    def size(self) -> int:
        return 2 * self.modes

    def derivatives(self, x: Tensor, order: int, grid: Tensor | None = None) -> list[Tensor]:
        k = torch.arange(1, self.modes + 1, dtype=x.dtype, device=x.device)[:, None, None]
        rate = 0.5 * math.pi * k
        cos, sin = torch.cos(rate * x), torch.sin(rate * x)
        out = []
        for m in range(order + 1):
            scale = rate**m
            pair = ((cos, sin), (-sin, cos), (-cos, -sin), (sin, -cos))[m % 4]
            out.append(torch.cat([scale * pair[0], scale * pair[1]]))
        return out

    def decay(self) -> Tensor:
        k = torch.arange(1, self.modes + 1, dtype=torch.float64)
        return (1 / k**2).repeat(2)

    def extended(self) -> Fourier:
        return replace(self, modes=self.modes + max(1, self.modes // 2))


@dataclass(frozen=True)
class GaussianRBF(Basis):
    """exp(-((x - c_j) / h)^2 / 2) at `centres` equidistant centres, h their distance."""

    centres: int = 8

    def __post_init__(self) -> None:
        if self.centres < 2:
            raise KanpdeError(f"GaussianRBF needs at least 2 centres, not {self.centres}")

    @property
    def size(self) -> int:
        return self.centres

    def derivatives(self, x: Tensor, order: int, grid: Tensor | None = None) -> list[Tensor]:
        width = 2 / (self.centres - 1)
        centre = torch.linspace(-1, 1, self.centres, dtype=x.dtype, device=x.device)
        z = (x - centre[:, None, None]) / width
        out = [torch.exp(-0.5 * z * z)]
        if order:
            out.append(-z * out[0] / width)
        for m in range(1, order):
            # Hermite: f^(m+1) = -(z f^(m) + (m / h) f^(m-1)) / h
            out.append(-(z * out[m] + (m / width) * out[m - 1]) / width)
        return out

    def decay(self) -> Tensor:
        return torch.full((self.centres,), self.centres**-0.5, dtype=torch.float64)

    def extended(self) -> GaussianRBF:
        return replace(self, centres=2 * self.centres - 1)
