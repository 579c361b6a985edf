"""The range of polynomials on boxes, by Bernstein coefficients on pieces of each axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import comb
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.bounds.monomials import UNIT, UP, Monomials
from kanpde.bounds.taylor_model import TaylorModel


@dataclass(frozen=True)
class Range:
    """Of each box: bounds of all values, and values that are taken, up to the radius."""

    lower: Array
    upper: Array
    reached_low: Array
    reached_high: Array
    radius: Array

    @property
    def size(self) -> Array:
        """An upper bound of the absolute value."""
        return np.maximum(np.abs(self.lower), np.abs(self.upper))

    @property
    def reached(self) -> Array:
        """An absolute value that is reached."""
        most = np.maximum(np.abs(self.reached_low), np.abs(self.reached_high))
        return np.asarray(np.maximum(most - self.radius, 0))


def find_range(model: TaylorModel, pieces: int = 4) -> Range:
    """Bounds that are off by about a hundredth of the variation on a box, for four pieces.

    Bernstein coefficients of w^k on parts of [-1, 1] are at most 1 in absolute value, and are
    rounded once; so is each product with them.
    """
    space, p, d = model.space, model.space.degree, model.space.dimension
    count = model.coefficients.shape[-1]
    full = np.zeros((count, *(p + 1,) * d))
    full[(slice(None), *space.exponents.T)] = model.coefficients.T
    matrix = _bernstein(p, pieces)
    for axis in range(1, d + 1):
        full = np.moveaxis(np.tensordot(full, matrix, ([axis], [1])), -1, axis)
    ends = np.sort(np.concatenate([np.arange(pieces) * (p + 1), [pieces * (p + 1) - 1]]))
    inner: Any = (slice(None), *np.ix_(*(ends,) * d))
    corners = full[inner].reshape(count, -1)
    flat = full.reshape(count, -1)
    with np.errstate(invalid="ignore"):
        size = np.abs(model.coefficients).sum(0)
        radius = UP * (model.radii.sum(0) + (d * (p + 3) + 2) * UNIT * size)
    radius = np.nan_to_num(radius, nan=np.inf, posinf=np.inf)
    low, high = (np.nan_to_num(v, nan=0.0) for v in (flat.min(1), flat.max(1)))
    reached = np.nan_to_num(corners.min(1)), np.nan_to_num(corners.max(1))
    margin = radius + 2 * UNIT * np.maximum(np.abs(low), np.abs(high))
    return Range(low - margin, high + margin, *reached, radius)


@lru_cache(maxsize=32)
def _bernstein(degree: int, pieces: int) -> Array:
    """From powers of w to the Bernstein coefficients on each piece, (pieces (p + 1), p + 1)."""
    rows: list[Sequence[float]] = []
    for piece in range(pieces):
        a, b = (Fraction(2 * (piece + k), pieces) - 1 for k in range(2))
        for i in range(degree + 1):
            # The polar form of w^k at i times b and p - i times a.
            row = [
                sum(
                    comb(i, j) * comb(degree - i, k - j) * b**j * a ** (k - j) for j in range(k + 1)
                )
                / comb(degree, k)
                for k in range(degree + 1)
            ]
            rows.append([float(v) for v in row])
    return np.array(rows)


def integrate(model: TaylorModel, halves: Array) -> tuple[float, float]:
    """Bounds of the sum of the integrals over boxes of half widths (N, d)."""
    exponents = model.space.exponents
    even = (exponents % 2 == 0).all(1)
    means = np.where(even, np.prod(1 / (exponents + 1.0), axis=1), 0.0)
    volumes = np.prod(2 * halves, axis=1)
    middle = float((means @ model.coefficients) @ volumes)
    size = np.abs(means) @ np.abs(model.coefficients)
    rounding = (model.space.count + len(volumes) + 8) * UNIT
    radius = float(UP * (model.radii.sum(0) + rounding * size) @ volumes)
    return middle - radius, middle + radius


def bound_mean_square(model: TaylorModel) -> Array:
    """An upper bound of the mean of the square over each box, (N,)."""
    gram = _gram(model.space)
    c = model.coefficients
    with np.errstate(invalid="ignore", over="ignore"):
        squares = np.maximum(((gram @ c) * c).sum(0), 0)
        size = np.abs(c).sum(0)
        rounding = math.sqrt(2 * (model.space.count + 4) * UNIT) * size
        whole = UP * (np.sqrt(squares) + rounding + model.radii.sum(0)) ** 2
    return np.asarray(np.nan_to_num(whole, nan=np.inf, posinf=np.inf))


@lru_cache(maxsize=16)
def _gram(space: Monomials) -> Array:
    """The means of products of two monomials over [-1, 1]^d."""
    sums = space.exponents[:, None] + space.exponents[None]
    even = (sums % 2 == 0).all(2)
    return np.asarray(np.where(even, np.prod(1 / (sums + 1.0), axis=2), 0.0))
