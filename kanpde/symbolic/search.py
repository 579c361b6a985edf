"""A formula for a table: sparse sums of products of simple functions, inside an outer function.

outer(y) = sum_k c_k prod_i g_ki(x_i), with g from powers, roots, exp, log, sin, cos, also of
differences of variables; with y itself times low products on the right (y = P - y Q), which
gives quotients P / (1 + Q). Each outer function that the values allow is tried, first with few
functions, then with more; terms enter by orthogonal matching pursuit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.symbolic.found import Found, make_symbols, relative_error
from kanpde.symbolic.library import EXTENTS, Extent, Library, Y, build_library, build_quotients
from kanpde.symbolic.outer import OUTER, Outer, transform
from kanpde.symbolic.pursuit import select


def search(
    x: Array,
    y: Array,
    names: Sequence[str],
    *,
    exact: float = 1e-7,
    extents: Sequence[Extent] = EXTENTS,
) -> list[Found]:
    """Formulas for y (N,) without noise at x (N, V), the best first.

    The search ends with the smallest library that leaves less than `exact` (relative rms), the
    simplest formula first; otherwise everything that was found is ranked by error and complexity.
    """
    symbols = make_symbols(names)
    found: list[Found] = []
    for extent in extents:
        library = build_library(x, symbols, extent)
        for outer in OUTER:
            target = transform(outer, y)
            if target is None:
                continue
            support = select(library.columns, target, exact)
            sums = write_formulas(support, library, target, outer)
            found += measure(sums, x, y, symbols)
            if extent.quotients and not any(f.error < exact for f in found):
                wide = library.append(build_quotients(x, target, symbols))
                sums = write_formulas(select(wide.columns, target, exact), wide, target, outer)
                found += measure(sums, x, y, symbols)
        if any(f.error < exact for f in found):
            break
    sure = [f for f in found if f.error < exact]
    if sure:
        return sorted(sure, key=lambda f: f.complexity)
    return sorted(found, key=lambda f: np.log10(f.error + 1e-16) + 0.05 * f.complexity)


def write_formulas(
    support: Sequence[int], library: Library, target: Array, outer: Outer, weight: Array | float = 1
) -> list[sympy.Expr]:
    """y as a formula, from outer(y) = the sum of the support; with numbers as fitted and as short.

    Args:
        support: rows of the library.
        library: columns (P, N).
        target: outer(y), (N,).
        outer: whose inverse is taken.
        weight: of the rows, (N,).
    """
    design = library.columns[list(support)].T * np.reshape(weight, (-1, 1))
    size = np.linalg.norm(design, axis=0)
    weights = np.linalg.lstsq(design / size, target * weight, rcond=1e-13)[0] / size
    plain = tuple(sympy.Float(float(w)) for w in weights)
    short = tuple(shorten(float(w)) for w in weights)
    return [_solve_for_y(c, support, library, outer) for c in dict.fromkeys((short, plain))]


def measure(
    formulas: Sequence[sympy.Expr], x: Array, y: Array, symbols: Sequence[sympy.Symbol]
) -> list[Found]:
    """The formulas that are finite at x (N, V), with their errors."""
    found = [Found(formula, relative_error(formula, x, y, symbols)) for formula in formulas]
    return [one for one in found if np.isfinite(one.error)]


def _solve_for_y(
    numbers: Sequence[sympy.Expr], support: Sequence[int], library: Library, outer: Outer
) -> sympy.Expr:
    """From outer(y) = P + outer(y) Q: y = inverse(P / (1 - Q))."""
    terms = sympy.Add(*(c * library.terms[k] for c, k in zip(numbers, support, strict=True)))
    over = sympy.Add(*(part / Y for part in sympy.Add.make_args(terms) if part.has(Y)))
    top = sympy.Add(*(part for part in sympy.Add.make_args(terms) if not part.has(Y)))
    return outer.inverse(top / (1 - over))


def shorten(value: float) -> sympy.Expr:
    """A short rational, or one times pi or its root, where the number is that to nine digits."""
    for factor in (sympy.Integer(1), sympy.pi, 1 / sympy.pi, 1 / sympy.sqrt(2 * sympy.pi),
                   sympy.log(2 * sympy.pi) / 2):  # fmt: skip
        ratio = value / float(factor)
        for denominator in (1, 2, 3, 4, 6, 8):
            near = round(ratio * denominator)
            if near and abs(near) < 1000 and abs(ratio * denominator / near - 1) < 1e-9:
                return sympy.Rational(near, denominator) * factor
    return sympy.Float(value)
