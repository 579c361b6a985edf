"""Jets: a function's value and partial derivatives at many points, pushed through maps.

A jet is a tensor of shape (A, N, ...): A multi-indices of a downward-closed set, N points.
Composition with a univariate function uses the multivariate formula of Faa di Bruno
(Constantine & Savits, Trans. AMS 348, 1996, theorem 2.1), built here by recursion.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from math import comb, prod

import torch
from torch import Tensor

Index = tuple[int, ...]
# A polynomial in the inner jet: {sorted inner multi-indices: integer coefficient}.
Polynomial = dict[tuple[Index, ...], int]


@dataclass(frozen=True)
class JetSet:
    """A downward-closed, ordered set of multi-indices; the first is the value itself."""

    indices: tuple[Index, ...]

    @staticmethod
    def closing(indices: Iterable[Index], dimension: int) -> JetSet:
        """The smallest downward-closed set that holds `indices`."""
        closed = {(0,) * dimension}
        for index in indices:
            closed.update(product(*(range(n + 1) for n in index)))
        return JetSet(tuple(sorted(closed, key=lambda a: (sum(a), tuple(-n for n in a)))))

    @cached_property
    def position(self) -> dict[Index, int]:
        return {index: k for k, index in enumerate(self.indices)}

    @cached_property
    def order(self) -> int:
        return max(sum(index) for index in self.indices)

    @cached_property
    def composition(
        self,
    ) -> tuple[tuple[tuple[int, tuple[tuple[tuple[int, ...], int], ...]], ...], ...]:
        """For each index a list of (m, terms) with (g o f)_a = sum_m g^(m)(f) sum terms.

        A term is (positions of inner jets, integer coefficient).
        """
        table = []
        for index in self.indices:
            rows = []
            for m, polynomial in sorted(bell(index).items()):
                terms = tuple(
                    (tuple(self.position[b] for b in factors), weight)
                    for factors, weight in sorted(polynomial.items())
                )
                rows.append((m, terms))
            table.append(tuple(rows))
        return tuple(table)


@lru_cache(maxsize=4096)
def bell(index: Index) -> dict[int, Polynomial]:
    """The partial Bell polynomials Y_m of one multi-index: (g o f)_index = sum_m g^(m) Y_m."""
    if not any(index):
        return {0: {(): 1}}
    axis = next(i for i, n in enumerate(index) if n)
    unit = tuple(int(i == axis) for i in range(len(index)))
    lower = tuple(n - e for n, e in zip(index, unit, strict=True))
    result: dict[int, Polynomial] = {}
    for m, polynomial in bell(lower).items():
        for factors, weight in polynomial.items():
            _add(result, m + 1, (*factors, unit), weight)
            for k, factor in enumerate(factors):
                raised = tuple(n + e for n, e in zip(factor, unit, strict=True))
                _add(result, m, (*factors[:k], raised, *factors[k + 1 :]), weight)
    return result


def _add(into: dict[int, Polynomial], m: int, factors: tuple[Index, ...], weight: int) -> None:
    polynomial = into.setdefault(m, {})
    key = tuple(sorted(factors))
    polynomial[key] = polynomial.get(key, 0) + weight


def chain_factors(jets: JetSet, inner: Tensor) -> list[list[tuple[int, Tensor | None]]]:
    """For each index the pairs (m, Y_m) evaluated at the inner jet (A, N, w); None means 1."""
    return [[(m, _evaluate(terms, inner)) for m, terms in rows] for rows in jets.composition]


def _evaluate(terms: Sequence[tuple[tuple[int, ...], int]], inner: Tensor) -> Tensor | None:
    total: Tensor | None = None
    for positions, weight in terms:
        if not positions:
            return None
        value = inner[positions[0]]
        for p in positions[1:]:
            value = value * inner[p]
        if weight != 1:
            value = value * weight
        total = value if total is None else total + value
    return total


def compose(jets: JetSet, derivatives: Sequence[Tensor], inner: Tensor) -> Tensor:
    """The jet of g o f, g univariate: `derivatives[m]` is g^(m)(f), shape (N, w)."""
    out = torch.empty_like(inner)
    for a, rows in enumerate(chain_factors(jets, inner)):
        for j, (m, factor) in enumerate(rows):
            term = derivatives[m] if factor is None else derivatives[m] * factor
            if j == 0:
                out[a] = term
            else:
                out[a] += term
    return out


def compose_adjoint(
    jets: JetSet,
    inner: Tensor,
    weights: dict[tuple[int, int], Tensor],
    raised: dict[tuple[int, int], Tensor],
) -> Tensor:
    """The cotangent of the inner jet of a composition.

    `weights[a, m]` is the cotangent of (g o f)_a times g^(m), `raised[a, m]` the same with
    g^(m+1); both of shape (N, w).
    """
    out = torch.zeros_like(inner)
    for a, rows in enumerate(jets.composition):
        for m, terms in rows:
            factor = _evaluate(terms, inner)
            out[0] += raised[a, m] if factor is None else raised[a, m] * factor
            weight = weights.get((a, m))
            if weight is None:
                continue
            for positions, coefficient in terms:
                for k, p in enumerate(positions):
                    value = weight if coefficient == 1 else weight * coefficient
                    for j, q in enumerate(positions):
                        if j != k:
                            value = value * inner[q]
                    out[p] += value
    return out


def leibniz(index: Index) -> list[tuple[Index, Index, int]]:
    """The terms (b, index - b, binomial) of the derivative of a product."""
    terms = []
    for part in product(*(range(n + 1) for n in index)):
        rest = tuple(n - k for n, k in zip(index, part, strict=True))
        terms.append((part, rest, prod(comb(n, k) for n, k in zip(index, part, strict=True))))
    return terms


def autograd_jet(function: torch.nn.Module, points: Tensor, jets: JetSet) -> Tensor:
    """The jet (A, N, outputs) of any differentiable model by nested autograd: the oracle."""
    points = points.detach().requires_grad_(True)
    value = function(points)
    columns: dict[Index, Tensor] = {jets.indices[0]: value}
    for index in jets.indices[1:]:
        axis = next(i for i, n in enumerate(index) if n)
        lower = tuple(n - int(i == axis) for i, n in enumerate(index))
        parts = [
            torch.autograd.grad(
                column.sum(), points, create_graph=True, materialize_grads=True, allow_unused=True
            )[0][:, axis]
            if column.requires_grad
            else torch.zeros_like(column)
            for column in columns[lower].unbind(1)
        ]
        columns[index] = torch.stack(parts, 1)
    return torch.stack([columns[index] for index in jets.indices])
