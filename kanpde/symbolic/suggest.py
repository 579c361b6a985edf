"""Which formula is an edge? Candidates a g(b x + c) + d, ranked by fit and simplicity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from scipy.optimize import least_squares

from kanpde.arrays import Array

X = sympy.Symbol("x", real=True)

# name: (NumPy, SymPy, cost, whether the scale b is free, whether the shift c is)
_SHAPES: dict[str, tuple[Callable[[Array], Array], Callable[[Any], Any], int, bool, bool]] = {
    "x": (lambda z: z, lambda z: z, 1, False, False),
    "x^2": (lambda z: z**2, lambda z: z**2, 2, False, True),
    "x^3": (lambda z: z**3, lambda z: z**3, 3, False, True),
    "x^4": (lambda z: z**4, lambda z: z**4, 4, False, True),
    "1/x": (lambda z: 1 / z, lambda z: 1 / z, 3, False, True),
    "1/x^2": (lambda z: z**-2, lambda z: z**-2, 4, False, True),
    "sqrt": (np.sqrt, sympy.sqrt, 3, False, True),
    "exp": (np.exp, sympy.exp, 3, True, False),
    "log": (np.log, sympy.log, 3, False, True),
    "sin": (np.sin, sympy.sin, 3, True, True),
    "tanh": (np.tanh, sympy.tanh, 4, True, True),
    "arctan": (np.arctan, sympy.atan, 4, True, True),
    "gauss": (lambda z: np.exp(-(z**2)), lambda z: sympy.exp(-(z**2)), 4, True, True),
    "abs": (np.abs, sympy.Abs, 4, False, True),
}


@dataclass(frozen=True)
class Suggestion:
    """A candidate for an edge: a formula in `x`, its R^2 and its complexity."""

    name: str
    formula: sympy.Expr
    r2: float
    complexity: int

    def score(self, floor: float = 1e-10) -> float:
        """Orders of magnitude of misfit, plus half of one for each unit of complexity."""
        return float(np.log10(1 - self.r2 + floor) + 0.5 * self.complexity)


def suggest(x: Array, y: Array, *, floor: float = 1e-10) -> list[Suggestion]:
    """Candidates for samples y (N,) of an edge at x (N,), the best first.

    `floor` is the share of variance that noise explains: differences below it do not count.
    """
    spread = float(np.var(y))
    found = [Suggestion("0", sympy.Float(float(np.mean(y))), 0.0, 0)]
    if spread <= 1e-28 * (1 + float(np.mean(y)) ** 2):
        return [Suggestion("0", sympy.Float(float(np.mean(y))), 1.0, 0)]
    for name, (shape, symbolic, cost, scaled, shifted) in _SHAPES.items():
        start = _search_start(shape, x, y, scaled, False)
        versions = [(start, cost + scaled)]
        if shifted:
            versions.append((_search_start(shape, x, y, scaled, True), cost + scaled + 1))
        for best, complexity in versions:
            if best is None:
                continue
            (b, c), shift = best, complexity > cost + scaled
            b, c = _refine(shape, x, y, b, c, scaled, shift)
            a, d, left = _fit_linear(shape, x, y, b, c)
            if np.isfinite(left):
                formula = sympy.Float(a) * symbolic(_scale_and_shift(b, c)) + sympy.Float(d)
                found.append(Suggestion(name, formula, 1 - left / spread, complexity))
    return sorted(found, key=lambda s: s.score(floor))


def _scale_and_shift(b: float, c: float) -> sympy.Expr:
    inner = X if b == 1 else sympy.Float(b) * X
    return inner if c == 0 else inner + sympy.Float(c)


def _fit_linear(
    shape: Callable[[Array], Array], x: Array, y: Array, b: float, c: float
) -> tuple[float, float, float]:
    """The best a and d, and the mean square that is left."""
    with np.errstate(all="ignore"):
        g = shape(b * x + c)
    if not np.isfinite(g).all() or np.ptp(g) == 0:
        return 0.0, 0.0, float("inf")
    design = np.stack([g, np.ones_like(g)], 1)
    (a, d), *_ = np.linalg.lstsq(design, y, rcond=None)
    return float(a), float(d), float(np.mean((a * g + d - y) ** 2))


def _search_start(
    shape: Callable[[Array], Array], x: Array, y: Array, scaled: bool, shifted: bool
) -> tuple[float, float] | None:
    """The best scale and shift of a coarse search."""
    width = float(np.ptp(x)) or 1.0
    middle = 0.5 * float(x.min() + x.max())
    scales = [s / width for s in np.geomspace(0.5, 40, 24)] if scaled else [1.0]
    if scaled:
        scales = [1.0, *scales, *(-s for s in scales)]
    best: tuple[float, tuple[float, float] | None] = (np.inf, None)
    for b in scales:
        shifts = [0.0]
        if shifted:
            reach = np.linspace(-1.5, 1.5, 31)
            shifts = [-b * (middle + r * width) for r in reach]
        for c in shifts:
            left = _fit_linear(shape, x, y, b, float(c))[2]
            if left < best[0]:
                best = (left, (b, float(c)))
    return best[1]


def _refine(
    shape: Callable[[Array], Array], x: Array, y: Array, b: float, c: float,
    scaled: bool, shifted: bool,
) -> tuple[float, float]:  # fmt: skip
    """Scale and shift by least squares, the linear part eliminated."""
    if not (scaled or shifted):
        return b, c
    spread = float(np.std(y)) or 1.0

    def unpack(z: Array) -> tuple[float, float]:
        return float(z[0]) if scaled else b, float(z[-1]) if shifted else c

    def misfit(z: Array) -> Array:
        inner, shift = unpack(z)
        a, d, left = _fit_linear(shape, x, y, inner, shift)
        if not np.isfinite(left):
            return np.full_like(y, 1e6)
        return np.asarray((a * shape(inner * x + shift) + d - y) / spread)

    start = np.array([b] * scaled + [c] * shifted)
    with np.errstate(all="ignore"):
        z = least_squares(misfit, start, xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=60).x
    return unpack(z)
