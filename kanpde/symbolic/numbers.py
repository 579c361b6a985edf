"""The numbers in a formula as parameters, fitted again by least squares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from scipy.optimize import least_squares

from kanpde.arrays import Array

# A number is meant to be a short one that is nearer than this many standard errors, where the
# error tells short ones apart.
_ERRORS, _SHARPNESS = 2.0, 0.02


@dataclass(frozen=True)
class Refit:
    """A formula in P parameters with their values (P,), the rest (N,) and its Jacobian (N, P)."""

    pattern: sympy.Expr
    parameters: tuple[sympy.Symbol, ...]
    values: Array
    rest: Array
    jacobian: Array

    @property
    def formula(self) -> sympy.Expr:
        """With its numbers."""
        return insert_numbers(self.pattern, self.parameters, self.values)

    @property
    def errors(self) -> Array:
        """The standard error of each number, (P,); infinite where the rest does not say."""
        count, parameters = self.jacobian.shape
        if not parameters or count <= parameters:
            return np.full(parameters, np.inf)
        size = np.maximum(np.linalg.norm(self.jacobian, axis=0), 1e-300)
        inverse = np.linalg.pinv(self.jacobian / size, rcond=1e-12)
        variance = float(self.rest @ self.rest) / (count - parameters)
        return np.asarray(np.sqrt(variance * np.sum(inverse**2, 1)) / size)


def parametrise(
    formulas: Sequence[sympy.Expr],
) -> tuple[list[sympy.Expr], list[sympy.Symbol], Array]:
    """The formulas with a symbol for each number in each of their terms; these; their values."""
    symbols: list[sympy.Symbol] = []
    values: list[float] = []
    out: list[sympy.Expr] = []
    for formula in formulas:
        terms = []
        for term in sympy.Add.make_args(formula):
            swap = {}
            for number in sorted(term.atoms(sympy.Float), key=float):
                symbol = sympy.Symbol(f"_c{len(symbols)}", real=True)
                symbols.append(symbol)
                values.append(float(number))
                swap[number] = symbol
            terms.append(term.xreplace(swap))
        out.append(sympy.Add(*terms))
    return out, symbols, np.array(values)


def insert_numbers(
    formula: sympy.Expr, symbols: Sequence[sympy.Symbol], values: Array
) -> sympy.Expr:
    """The formula with numbers for its symbols again."""
    return formula.xreplace(
        {s: sympy.Float(float(v), 17) for s, v in zip(symbols, values, strict=True)}
    )


def refit(
    formula: sympy.Expr,
    variables: Sequence[sympy.Symbol],
    misfit: Callable[[Callable[..., Array]], Array],
) -> Refit:
    """The formula with the numbers that make |misfit| least.

    `misfit` takes a function of the variables' values and returns residuals (N,).
    """
    (pattern,), symbols, start = parametrise([formula])
    call = sympy.lambdify([*variables, *symbols], pattern, "numpy", cse=True)

    def residual(c: Array) -> Array:
        with np.errstate(all="ignore"):
            out = misfit(lambda *x: np.asarray(call(*x, *c) + 0 * x[0], dtype=float))
        return np.where(np.isfinite(out), out, 1e100)

    first = residual(start)
    if not len(start) or not np.abs(first).max() < 1e99:
        none = np.zeros((len(first), len(start)))
        return Refit(pattern, tuple(symbols), start, first, none)
    with np.errstate(all="ignore"):
        best = least_squares(
            residual, start, x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=60
        )
    return Refit(pattern, tuple(symbols), best.x, best.fun, best.jac)


def round_within_errors(found: Refit) -> sympy.Expr:
    """The formula with integers and halves for the numbers that the data cannot tell from them."""
    short = np.round(2 * found.values) / 2
    sharp = found.errors < _SHARPNESS * np.abs(short)
    near = np.abs(found.values - short) <= _ERRORS * found.errors
    swap = {
        symbol: sympy.Rational(round(2 * s), 2) if rounds else sympy.Float(float(v), 17)
        for symbol, s, v, rounds in zip(
            found.parameters, short, found.values, sharp & near, strict=True
        )
    }
    return found.pattern.xreplace(swap)
