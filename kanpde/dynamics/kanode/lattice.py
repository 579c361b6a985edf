"""The right-hand side of a field KAN-ODE: one network at every node."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kanpde.arrays import Array
from kanpde.network.products import ProductKAN
from kanpde.network.small_batch import SmallBatchKAN


@dataclass(frozen=True)
class Lattice:
    """The right-hand side of F fields on M nodes; states are (field 0, field 1, ...), (F M,).

    `operators` (K, M, M) act on each field; the network sees the F K results at a node, field by
    field, and gives F rates. `known` (F M, F M) is a linear part that is not learnt.
    """

    network: ProductKAN
    operators: Array
    known: Array | None

    @property
    def fields(self) -> int:
        return self.network.kan.outputs

    @property
    def size(self) -> int:
        return self.network.kan.parameter_count

    @cached_property
    def _evaluator(self) -> SmallBatchKAN:
        return SmallBatchKAN(self.network)

    def features(self, x: Array) -> Array:
        """(B, F M) -> (B M, F K)."""
        fields = x.reshape(len(x), self.fields, -1)
        seen = np.einsum("kmn,bfn->bmfk", self.operators, fields, optimize=True)
        return np.asarray(seen.reshape(seen.shape[0] * seen.shape[1], -1))

    def value(self, x: Array, u: Array, c: Array) -> Array:
        """f, (B, F M)."""
        out = self._evaluator.value(self.features(x), c)
        rates = out.reshape(len(x), -1, self.fields).transpose(0, 2, 1).reshape(x.shape)
        return rates if self.known is None else rates + x @ self.known.T

    def linear(self, x: Array, u: Array, c: Array) -> tuple[Array, Array, Array]:
        """f (B, n), df/dx (B, n, n) and df/dc (B, n, p), n = F M."""
        count, n, fields = len(x), x.shape[1], self.fields
        out, slope, by_parameter = self._evaluator.linear(self.features(x), c)
        nodes = n // fields
        rates = out.reshape(count, nodes, fields).transpose(0, 2, 1).reshape(count, n)
        slope = slope.reshape(count, nodes, fields, fields, len(self.operators))
        by_state = np.einsum("bmgfk,kmn->bgmfn", slope, self.operators, optimize=True)
        by_state = by_state.reshape(count, n, n)
        by_parameter = by_parameter.reshape(count, nodes, fields, -1).transpose(0, 2, 1, 3)
        if self.known is not None:
            rates, by_state = rates + x @ self.known.T, by_state + self.known
        return rates, by_state, by_parameter.reshape(count, n, -1)
