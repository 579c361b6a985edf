"""The numbers in a formula as parameters, fitted again by least squares."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import sympy
from scipy.optimize import least_squares

from kanpde.arrays import Array


def parametrised(
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


def with_numbers(formula: sympy.Expr, symbols: Sequence[sympy.Symbol], values: Array) -> sympy.Expr:
    """The formula with numbers for its symbols again."""
    return formula.xreplace(
        {s: sympy.Float(float(v), 17) for s, v in zip(symbols, values, strict=True)}
    )


def refitted(
    formula: sympy.Expr,
    variables: Sequence[sympy.Symbol],
    misfit: Callable[[Callable[..., Array]], Array],
) -> tuple[sympy.Expr, Array, Array]:
    """The formula with the numbers that make |misfit| least, the rest of it, and J at the end.

    `misfit` takes a function of the variables' values and returns residuals (N,).
    """
    (open_,), symbols, start = parametrised([formula])
    call = sympy.lambdify([*variables, *symbols], open_, "numpy", cse=True)

    def residual(c: Array) -> Array:
        with np.errstate(all="ignore"):
            out = misfit(lambda *x: np.asarray(call(*x, *c) + 0 * x[0], dtype=float))
        return np.where(np.isfinite(out), out, 1e100)

    first = residual(start)
    if not len(start) or not np.abs(first).max() < 1e99:
        return formula, first, np.zeros((len(first), len(start)))
    with np.errstate(all="ignore"):
        best = least_squares(
            residual, start, x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=60
        )
    return with_numbers(open_, symbols, best.x), best.fun, best.jac
