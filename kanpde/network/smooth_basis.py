"""Products of orthogonal functions of the axes: polynomials, and waves along periodic axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np
import torch
from numpy.polynomial import legendre
from torch import Tensor

from kanpde.network.coordinates import Coordinates, logarithm
from kanpde.network.jet import Index, JetSet, bell


@dataclass(frozen=True)
class TensorBasis:
    """Products of Legendre polynomials (Fourier modes on periodic axes) of a total degree.

    `exponents` (K, dimension): of each product the degree along each axis, which is zero along axes
    that the output does not depend on. The products are scaled so that their derivatives of the
    order `order` are of one size, by degree^(2 order) (degree^order for Fourier modes): else the
    floor of a damped step, relative to the largest column, holds all others. A beam, of order
    four, was estimated 10,000 times too near without.
    """

    coordinates: Coordinates
    exponents: Tensor
    order: int = 0

    @property
    def size(self) -> int:
        """K."""
        return len(self.exponents)

    def derivatives(self, points: Tensor, jets: JetSet) -> list[Tensor]:
        """For each index of `jets` the derivatives (K, N) at points (N, dimension)."""
        degrees = self.exponents.amax(0).tolist()
        orders = [max(index[k] for index in jets.indices) for k in range(len(degrees))]
        tables = [self.axis(points[:, k], k, degrees[k], orders[k]) for k in range(len(degrees))]
        return [self._product(tables, index, points) for index in jets.indices]

    @property
    def scale(self) -> Tensor:
        """The factor of each product, (K,)."""
        waves = torch.tensor(self.coordinates.periodic)
        powers = torch.where(waves, 1, 2) * self.order
        growth = self.exponents.clamp_min(1).double() ** powers
        return 1 / growth.amax(1)

    def _product(self, tables: list[list[Tensor]], index: Index, points: Tensor) -> Tensor:
        out = self.scale.to(points)[:, None].expand(-1, len(points)).clone()
        for k, table in enumerate(tables):
            out *= table[index[k]][self.exponents[:, k]]
        return out

    def axis(self, x: Tensor, axis: int, degree: int, order: int) -> list[Tensor]:
        """The derivatives up to `order` of the functions of one axis, each (degree + 1, N)."""
        low, high = self.coordinates.lower[axis], self.coordinates.upper[axis]
        if self.coordinates.periodic[axis]:
            return _fourier(2 * math.pi / (high - low), x - low, degree, order)
        if self.coordinates.is_logarithmic(axis):
            return self._logarithmic(x, axis, degree, order)
        slope = 2 / (high - low)
        out, matrix = [_legendre(slope * (x - low) - 1, degree)], _slopes(degree).to(x)
        for _ in range(order):
            out.append(slope * (matrix @ out[-1]))
        return out

    def _logarithmic(self, x: Tensor, axis: int, degree: int, order: int) -> list[Tensor]:
        """As `_axis`, of polynomials of the logarithm: by the chain rule."""
        share = logarithm(x, self.coordinates.lower[axis], self.coordinates.upper[axis], 0)
        unit = TensorBasis(Coordinates.unit(1), self.exponents[:, :1])
        outer = unit._axis(share, 0, degree, order)
        inner = [
            logarithm(x, self.coordinates.lower[axis], self.coordinates.upper[axis], n)
            for n in range(order + 1)
        ]
        out = [outer[0]]
        for n in range(1, order + 1):
            total = torch.zeros_like(outer[0])
            for m, polynomial in bell((n,)).items():
                for factors, weight in polynomial.items():
                    product = torch.stack([inner[k] for (k,) in factors]).prod(0)
                    total = total + weight * outer[m] * product
            out.append(total)
        return out


def _legendre(x: Tensor, degree: int) -> Tensor:
    """Legendre polynomials with a mean square of one, (degree + 1, N)."""
    rows = [torch.ones_like(x), x]
    for k in range(1, degree):
        rows.append(((2 * k + 1) * x * rows[k] - k * rows[k - 1]) / (k + 1))
    norm = torch.sqrt(2 * torch.arange(degree + 1).to(x) + 1)
    return torch.stack(rows[: degree + 1]) * norm[:, None]


@lru_cache(maxsize=64)
def _slopes(degree: int) -> Tensor:
    """Row k: the slope of the normalised Legendre polynomial k by such polynomials."""
    norm = np.sqrt(2 * np.arange(degree + 1) + 1)
    matrix = np.zeros((degree + 1, degree + 1))
    if degree:
        matrix[:, :degree] = legendre.legder(np.eye(degree + 1)).T
    return torch.from_numpy(norm[:, None] * matrix / norm)


def _fourier(rate: float, x: Tensor, degree: int, order: int) -> list[Tensor]:
    """1, cos, sin, cos 2, ... and their derivatives, each (degree + 1, N)."""
    count = torch.arange(degree + 1).to(x)[:, None]
    wave = rate * torch.floor((count + 1) / 2)
    shift = 0.5 * math.pi * ((count + 1) % 2) * (count > 0)
    scaled = 1 + (math.sqrt(2) - 1) * (count > 0).to(x)
    return [
        scaled * wave**m * torch.cos(wave * x - shift + 0.5 * math.pi * m) for m in range(order + 1)
    ]


def list_exponents(dimension: int, axes: Sequence[int], degree: int) -> Tensor:
    """The exponents (K, dimension) of all products in some axes up to a total degree."""
    # Not a product of ranges with a bound on the sum: in 20 dimensions these are 3^20.
    chosen = [
        factors
        for total in range(degree + 1)
        for factors in combinations_with_replacement(sorted(axes), total)
    ]
    counts = [[factors.count(axis) for axis in range(dimension)] for factors in chosen]
    return torch.tensor(counts, dtype=torch.long)
