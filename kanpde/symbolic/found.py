"""A formula with its error on a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from kanpde.arrays import Array


@dataclass(frozen=True)
class Found:
    """A formula with its relative root mean square error on the table.

    `structure` is the share of what it leaves that a smooth function of the variables predicts,
    None where it was not measured: near 0 the rest is noise, near 1 the formula lacks something.
    """

    formula: sympy.Expr
    error: float
    structure: float | None = None

    @property
    def complexity(self) -> int:
        return int(sympy.count_ops(self.formula))


def make_symbols(names: Sequence[str]) -> list[sympy.Symbol]:
    """Real symbols of the variables' names."""
    return [sympy.Symbol(n, real=True) for n in names]


def evaluate_formula(formula: sympy.Expr, x: Array, symbols: Sequence[sympy.Symbol]) -> Array:
    """The formula at x (N, V), (N,); not a number everywhere if any value is complex."""
    with np.errstate(all="ignore"):
        values = np.asarray(sympy.lambdify(symbols, formula, "numpy")(*x.T))
    if np.iscomplexobj(values) or values.dtype == object:
        return np.full(len(x), np.nan)
    return np.broadcast_to(values, len(x))


def relative_error(
    formula: sympy.Expr, x: Array, y: Array, symbols: Sequence[sympy.Symbol]
) -> float:
    """Root mean square error over the standard deviation of y (N,); infinite where undefined."""
    if formula.has(sympy.zoo, sympy.nan, sympy.oo, sympy.I):
        return float("inf")
    with np.errstate(all="ignore"):
        values = evaluate_formula(formula, x, symbols)
        error = float(np.sqrt(np.mean((values - y) ** 2)) / (np.std(y) or 1.0))
    return error if np.isfinite(error) else float("inf")
