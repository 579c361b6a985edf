"""Right-hand sides dx/dt = f(x, u; c) with their derivatives by states and parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.dynamics.ode.library import Library


class RightHandSide(Protocol):
    """A vector field with n states, m inputs and p parameters, on a batch of B points."""

    @property
    def size(self) -> int:
        """The number of parameters."""

    def value(self, x: Array, u: Array, c: Array) -> Array:
        """f, (B, n)."""

    def linear(self, x: Array, u: Array, c: Array) -> tuple[Array, Array, Array]:
        """f (B, n), df/dx (B, n, n) and df/dc (B, n, p)."""


@dataclass(frozen=True)
class Sparse:
    """f_i = sum_j c_ij phi_j over chosen pairs (i, j) of a library."""

    library: Library
    pairs: tuple[tuple[int, int], ...]
    states: int

    @property
    def size(self) -> int:
        return len(self.pairs)

    @cached_property
    def _used(self) -> list[int]:
        return sorted({j for _, j in self.pairs})

    @cached_property
    def _terms(self) -> Library:
        return self.library.subset(self._used)

    @cached_property
    def _places(self) -> tuple[Array, Array]:
        rows = np.array([i for i, _ in self.pairs], dtype=int)
        columns = np.array([self._used.index(j) for _, j in self.pairs], dtype=int)
        return rows, columns

    def _matrix(self, c: Array) -> Array:
        out = np.zeros((self.states, len(self._used)))
        out[self._places] = c
        return out

    def value(self, x: Array, u: Array, c: Array) -> Array:
        """f, (B, n)."""
        points = np.concatenate([x, u], 1) if u.shape[1] else x
        return (self._matrix(c) @ self._terms.values(points)).T

    def linear(self, x: Array, u: Array, c: Array) -> tuple[Array, Array, Array]:
        """f (B, n), df/dx (B, n, n) and df/dc (B, n, p)."""
        points = np.concatenate([x, u], 1) if u.shape[1] else x
        phi = self._terms.values(points)
        slopes = self._terms.gradients(points)[: self.states]
        matrix = self._matrix(c)
        by_state = np.moveaxis(matrix @ slopes, 2, 0).transpose(0, 2, 1)
        by_parameter = np.zeros((len(x), self.states, self.size))
        rows, columns = self._places
        by_parameter[:, rows, np.arange(self.size)] = phi[columns].T
        return (matrix @ phi).T, by_state, by_parameter

    def list_terms(self, c: Array) -> list[tuple[int, sympy.Expr]]:
        """Pairs (state, term) in the order of the coefficients (p,)."""
        return [(i, self.library.terms[j]) for i, j in self.pairs]

    def expressions(self, c: Array) -> list[sympy.Expr]:
        """f as SymPy expressions, one for each state."""
        out: list[sympy.Expr] = [sympy.Integer(0)] * self.states
        for (i, j), value in zip(self.pairs, c, strict=True):
            out[i] += sympy.Float(float(value), 17) * self.library.terms[j]
        return out


class Formula:
    """f as SymPy expressions of states, inputs and parameters."""

    def __init__(
        self,
        states: Sequence[str],
        inputs: Sequence[str],
        expressions: Sequence[sympy.Expr],
        parameters: Sequence[sympy.Symbol],
    ) -> None:
        self.states, self.inputs = tuple(states), tuple(inputs)
        self.formulas, self.parameters = tuple(expressions), tuple(parameters)
        x = [sympy.Symbol(n, real=True) for n in states]
        u = [sympy.Symbol(n, real=True) for n in inputs]
        arguments = [*x, *u, *parameters]
        self._value = _compile(arguments, self.formulas)
        self._linear = _compile(
            arguments,
            [
                *self.formulas,
                *(sympy.diff(f, s) for f in self.formulas for s in x),
                *(sympy.diff(f, c) for f in self.formulas for c in parameters),
            ],
        )

    @property
    def size(self) -> int:
        return len(self.parameters)

    def value(self, x: Array, u: Array, c: Array) -> Array:
        """f, (B, n)."""
        return np.asarray(self._value(x, u, c).T)

    def linear(self, x: Array, u: Array, c: Array) -> tuple[Array, Array, Array]:
        """f (B, n), df/dx (B, n, n) and df/dc (B, n, p)."""
        n, p = len(self.states), self.size
        flat = self._linear(x, u, c)
        by_state = flat[n : n + n * n].reshape(n, n, len(x))
        by_parameter = flat[n + n * n :].reshape(n, p, len(x))
        return flat[:n].T, np.moveaxis(by_state, 2, 0), np.moveaxis(by_parameter, 2, 0)

    def expressions(self, c: Array) -> list[sympy.Expr]:
        """f as SymPy expressions, one for each state."""
        values = {s: sympy.Float(float(v), 17) for s, v in zip(self.parameters, c, strict=True)}
        return [f.subs(values) for f in self.formulas]


def _compile(arguments: Sequence[sympy.Symbol], expressions: Sequence[sympy.Expr]) -> Any:
    function = sympy.lambdify(arguments, list(expressions), "numpy", cse=True)

    def call(x: Array, u: Array, c: Array) -> Array:
        out = np.empty((len(expressions), len(x)))
        for k, part in enumerate(function(*x.T, *u.T, *c)):
            out[k] = part
        return out

    return call
