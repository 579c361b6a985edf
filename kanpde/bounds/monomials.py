"""Polynomials of total degree at most p in d variables, as arrays of coefficients.

The coefficients of many polynomials are one array (terms, ...), terms in lexicographic order, so
that products run over contiguous slices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product

import numpy as np
import torch

from kanpde.arrays import AnyArray, Array

# Half of the distance from 1 to the next larger number: the relative error of one operation.
UNIT = 2.0**-53
# Radii are sums and products of positive numbers, rounded to nearest: this factor covers the
# rounding of more than 1,000 such operations in a row.
UP = 1 + 2.0**-42


@dataclass(frozen=True)
class Monomials:
    """The monomials of total degree at most `degree` in `dimension` variables."""

    dimension: int
    degree: int

    @cached_property
    def exponents(self) -> AnyArray:
        """(terms, dimension), in lexicographic order; the first is the constant."""
        every = product(range(self.degree + 1), repeat=self.dimension)
        return np.array([e for e in every if sum(e) <= self.degree], dtype=int)

    @cached_property
    def count(self) -> int:
        """The number of terms."""
        return len(self.exponents)

    @cached_property
    def position(self) -> dict[tuple[int, ...], int]:
        """The row of each exponent."""
        return {tuple(map(int, e)): k for k, e in enumerate(self.exponents)}

    @cached_property
    def degrees(self) -> AnyArray:
        """The total degree of each term, (terms,)."""
        return np.asarray(self.exponents.sum(1))

    @cached_property
    def _of_degree(self) -> list[AnyArray]:
        return [np.flatnonzero(self.degrees == k) for k in range(self.degree + 1)]

    @cached_property
    def rounding(self) -> Array:
        """Relative errors (degree + 1,) of the terms of each degree in a product."""
        pairs = np.prod(self.exponents + 1, axis=1)
        most = np.array([pairs[rows].max() for rows in self._of_degree])
        return np.asarray((most + 2) * UNIT)

    @cached_property
    def _rows(self) -> list[tuple[int, int, int]]:
        """Runs of terms that differ in the last exponent only: start, length, degree of the first.

        A run of exponents (e, 0), (e, 1), ... is contiguous.
        """
        heads = [k for k, e in enumerate(self.exponents) if e[-1] == 0]
        return [(k, self.degree - int(self.degrees[k]) + 1, int(self.degrees[k])) for k in heads]

    @cached_property
    def _targets(self) -> list[list[tuple[int, int]]]:
        """For each pair of runs whose product is kept: the second run and where it goes."""
        heads = [tuple(map(int, self.exponents[start])) for start, _, _ in self._rows]
        found = []
        for a in heads:
            sums = [tuple(x + y for x, y in zip(a, b, strict=True)) for b in heads]
            pairs = [(k, self.position[s]) for k, s in enumerate(sums) if s in self.position]
            found.append(pairs)
        return found

    def multiply(self, a: Array, b: Array, least: int = 0) -> Array:
        """The terms of degree at most `degree` of products, (terms, ...).

        `least` is a degree below which `a` has no terms.
        """
        shape = np.broadcast_shapes(a.shape, b.shape)
        # torch adds a product in place, twice as fast as NumPy, which forms it first.
        out = torch.zeros(self.count, int(np.prod(shape[1:])), dtype=torch.float64)
        terms, other_terms = (_flatten(v, shape) for v in (a, b))
        for (start, length, degree), pairs in zip(self._rows, self._targets, strict=True):
            for second, target in pairs:
                from_, _, other = self._rows[second]
                room = self.degree - degree - other
                for k in range(max(0, least - degree), min(length, room + 1)):
                    n = room + 1 - k
                    place = out[target + k : target + k + n]
                    place.addcmul_(terms[start + k], other_terms[from_ : from_ + n])
        return out.numpy().reshape(shape)

    def graded(self, a: Array) -> Array:
        """Sums of |coefficient| over the terms of each degree, (degree + 1, ...)."""
        size = np.abs(a)
        return np.stack([size[rows].sum(0) for rows in self._of_degree])

    def dropped(self, a: Array, b: Array) -> Array:
        """From graded sums of two factors, a bound (degree + 1, ...) of what `multiply` rounds."""
        kept = [sum(a[j] * b[k - j] for j in range(k + 1)) for k in range(self.degree + 1)]
        shape = (-1, *(1,) * (len(np.shape(kept[0]))))
        return np.asarray(np.stack(kept) * self.rounding.reshape(shape))

    def differentiate(self, a: Array, axis: int) -> Array:
        """The derivative along one variable; its terms of degree `degree` are zero."""
        out = np.zeros_like(a)
        rows, sources, factors = self._derivative(axis)
        out[rows] = a[sources] * factors.reshape(-1, *(1,) * (a.ndim - 1))
        return out

    @lru_cache(maxsize=16)  # noqa: B019 -- the instances are few and live as long
    def _derivative(self, axis: int) -> tuple[AnyArray, AnyArray, AnyArray]:
        rows, sources = [], []
        for k, e in enumerate(self.exponents):
            raised = tuple(int(n) + (i == axis) for i, n in enumerate(e))
            if raised in self.position:
                rows.append(k)
                sources.append(self.position[raised])
        at = np.array(rows, int)
        return at, np.array(sources, int), (self.exponents[at, axis] + 1).astype(float)


def _flatten(values: Array, shape: tuple[int, ...]) -> torch.Tensor:
    whole = values if values.shape == shape else np.broadcast_to(values, shape).copy()
    return torch.from_numpy(np.ascontiguousarray(whole).reshape(shape[0], -1))


@lru_cache(maxsize=32)
def monomials(dimension: int, degree: int) -> Monomials:
    """The one instance for these numbers, whose tables are built once."""
    return Monomials(dimension, degree)
