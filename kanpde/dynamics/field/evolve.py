"""Many solutions of equations of one field on a ring at once, by their Fourier modes.

Each has its own coefficients and its own start, so that derivatives of a solution by both are
differences of solutions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kanpde.arrays import AnyArray, Array
from kanpde.dynamics.field.term import Piece, Term
from kanpde.errors import KanpdeError
from kanpde.reference.etdrk4 import march

# Rows, their coefficients (rows,), and a product of derivatives.
_Product = tuple[AnyArray, Array, Piece]


@dataclass(frozen=True)
class FieldFlow:
    """Equations u_t = sum of c times terms on N nodes of a ring, at times (T,).

    `terms` are of the field at the place 0 in one dimension; `period` is the ring's length.
    """

    terms: tuple[Term, ...]
    times: Array
    period: float
    nodes: int

    @cached_property
    def wave(self) -> AnyArray:
        """i k of each mode, (K,)."""
        return np.asarray(2j * np.pi / self.period * np.arange(self.nodes // 2 + 1))

    @cached_property
    def keep(self) -> AnyArray:
        """The modes that cubes do not alias, (K,)."""
        return np.asarray(np.arange(self.nodes // 2 + 1) < self.nodes / 3)

    def solve(self, c: Array, starts: Array, substeps: int) -> Array:
        """The fields (B, T, N) of B equations.

        Args:
            c: coefficients (B, P).
            starts: fields at the first time, (B, N).
            substeps: steps from one time to the next.

        Raises:
            KanpdeError: one of them grows without bound.
        """
        linear: AnyArray = np.zeros((len(c), len(self.wave)), complex)
        symbols: dict[int, AnyArray] = {}
        products: list[_Product] = []
        for place, term in enumerate(self.terms):
            for piece in term.pieces:
                weight = c[:, place] * piece.weight
                if not weight.any():
                    continue
                power = len(piece.factors)
                symbol = weight[:, None] * self.wave ** piece.outer[0]
                if not piece.plain:
                    rows = np.flatnonzero(weight)
                    products.append((rows, weight[rows], piece))
                elif power == 1:
                    linear += symbol
                else:
                    symbols[power] = symbols.get(power, 0) + symbol

        def rest(_: float, flat: Array) -> Array:
            return self._sum_products(flat.reshape(linear.shape), symbols, products).ravel()

        first = np.where(self.keep, np.fft.rfft(starts, axis=1), 0).ravel()
        # Modes that are not kept stay zero, whatever their equation.
        linear = np.where(self.keep, linear, 0)
        count = len(self.times) - 1
        span = (float(self.times[0]), float(self.times[-1]))
        with np.errstate(all="ignore"):
            path = march(linear.ravel(), rest, first, span, substeps * count, substeps)
            modes = [values.reshape(linear.shape) for values in path]
        return np.fft.irfft(np.array(modes), self.nodes, axis=2).transpose(1, 0, 2)

    def _sum_products(
        self, modes: AnyArray, symbols: dict[int, AnyArray], products: Sequence[_Product]
    ) -> AnyArray:
        """What is not linear in the field, and what does not depend on it, (B, K)."""
        u = np.fft.irfft(modes, self.nodes, axis=1)
        total = np.zeros_like(modes)
        product = np.ones_like(u)
        for power in range(max(symbols, default=0) + 1):
            if power in symbols:
                total += symbols[power] * (np.fft.rfft(product, axis=1) if power else self._one)
            # u**3 takes ten times as long as two products.
            product = product * u
        for rows, weight, piece in products:
            value = np.ones((len(rows), self.nodes))
            for factor in piece.factors:
                slope = self.wave ** factor.derivative[0] * modes[rows]
                value = value * np.fft.irfft(slope, self.nodes, axis=1)
            total[rows] += weight[:, None] * np.fft.rfft(value, axis=1)
        if not np.isfinite(total).all():
            raise KanpdeError("the solution grew without bound: take more steps")
        return np.asarray(np.where(self.keep, total, 0))

    @property
    def _one(self) -> AnyArray:
        """The modes of the constant 1, (K,)."""
        return np.where(np.arange(len(self.wave)) == 0, float(self.nodes), 0.0)
