"""Candidate terms for a right-hand side: SymPy expressions with fast values and derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.errors import KanpdeError


@dataclass(frozen=True)
class Library:
    """Terms phi_1 ... phi_P of `variables` (states first, then inputs)."""

    variables: tuple[str, ...]
    terms: tuple[sympy.Expr, ...]

    @cached_property
    def symbols(self) -> list[sympy.Symbol]:
        return [sympy.Symbol(name, real=True) for name in self.variables]

    @cached_property
    def _values(self) -> Any:
        return sympy.lambdify(self.symbols, list(self.terms), "numpy", cse=True)

    @cached_property
    def _gradients(self) -> Any:
        partial = [sympy.diff(term, s) for s in self.symbols for term in self.terms]
        return sympy.lambdify(self.symbols, partial, "numpy", cse=True)

    def __len__(self) -> int:
        return len(self.terms)

    def values(self, points: Array) -> Array:
        """(N, V) -> (P, N)."""
        return _stack(self._values(*points.T), len(points))

    def gradients(self, points: Array) -> Array:
        """(N, V) -> (V, P, N)."""
        flat = _stack(self._gradients(*points.T), len(points))
        return flat.reshape(len(self.variables), len(self.terms), len(points))

    def subset(self, indices: Sequence[int]) -> Library:
        """The library of some of the terms."""
        return Library(self.variables, tuple(self.terms[k] for k in indices))


def _stack(parts: Sequence[Any], count: int) -> Array:
    out = np.empty((len(parts), count))
    for k, part in enumerate(parts):
        out[k] = part
    return out


def polynomial_library(
    variables: Sequence[str],
    degree: int = 3,
    *,
    waves: Sequence[str] = (),
    extra: Sequence[sympy.Expr] = (),
) -> Library:
    """All monomials up to `degree`, sin and cos of the variables in `waves`, and `extra` terms.

    Raises:
        KanpdeError: there would be more terms than can be told apart.
    """
    symbols = [sympy.Symbol(name, real=True) for name in variables]
    terms: list[sympy.Expr] = [sympy.Integer(1)]
    for order in range(1, degree + 1):
        terms += [sympy.Mul(*c) for c in combinations_with_replacement(symbols, order)]
    for name in waves:
        s = sympy.Symbol(name, real=True)
        terms += [sympy.sin(s), sympy.cos(s)]
    terms += [term for term in extra if term not in terms]
    if len(terms) > 400:
        raise KanpdeError(
            f"the library has {len(terms)} terms for {len(variables)} variables; take a lower "
            "degree"
        )
    return Library(tuple(variables), tuple(terms))
