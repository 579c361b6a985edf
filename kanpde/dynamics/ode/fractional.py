"""Right-hand sides with fractions whose constants are fitted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.dynamics.ode.rhs import Formula


@dataclass(frozen=True)
class Fractional:
    """f_i = sum_k c_k term_k over terms (state, expression) with constants K inside.

    The parameters are the c_k, then the logarithms of the K, which stay positive so.
    """

    states: tuple[str, ...]
    inputs: tuple[str, ...]
    terms: tuple[tuple[int, sympy.Expr], ...]
    constants: tuple[sympy.Symbol, ...]

    @cached_property
    def _formula(self) -> Formula:
        weights = [sympy.Symbol(f"c__{k}", real=True) for k in range(len(self.terms))]
        logs = [sympy.Symbol(f"log__{s}", real=True) for s in self.constants]
        inside = {s: sympy.exp(log) for s, log in zip(self.constants, logs, strict=True)}
        sides: list[sympy.Expr] = [sympy.Integer(0)] * len(self.states)
        for (state, term), weight in zip(self.terms, weights, strict=True):
            sides[state] += weight * term.subs(inside)
        return Formula(self.states, self.inputs, sides, [*weights, *logs])

    @property
    def size(self) -> int:
        return len(self.terms) + len(self.constants)

    def value(self, x: Array, u: Array, c: Array) -> Array:
        """f, (B, n)."""
        return self._formula.value(x, u, c)

    def linear(self, x: Array, u: Array, c: Array) -> tuple[Array, Array, Array]:
        """f (B, n), df/dx (B, n, n) and df/dc (B, n, p)."""
        return self._formula.linear(x, u, c)

    def read_constants(self, c: Array) -> dict[sympy.Symbol, float]:
        """The constants by symbol."""
        values = np.exp(c[len(self.terms) :])
        return dict(zip(self.constants, map(float, values), strict=True))

    def list_terms(self, c: Array) -> list[tuple[int, sympy.Expr]]:
        """Pairs (state, term), with the constants as numbers."""
        inside = {s: sympy.Float(value, 17) for s, value in self.read_constants(c).items()}
        return [(state, term.subs(inside)) for state, term in self.terms]

    def expressions(self, c: Array) -> list[sympy.Expr]:
        """f as SymPy expressions, one for each state."""
        out: list[sympy.Expr] = [sympy.Integer(0)] * len(self.states)
        for (state, term), value in zip(self.list_terms(c), c, strict=False):
            out[state] += sympy.Float(float(value), 17) * term
        return out
