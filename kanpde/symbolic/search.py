"""A formula for a table: sparse sums of products of simple functions, inside an outer function.

outer(y) = sum_k c_k prod_i g_ki(x_i), with g from powers, roots, exp, log, sin, cos, also of
differences of variables; with y itself times low products on the right (y = P - y Q), which
gives quotients P / (1 + Q). Each outer function that the values allow is tried, first with few
functions, then with more; terms enter by orthogonal matching pursuit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
import sympy

from kanpde.arrays import Array

Y = sympy.Symbol("_y", real=True)
_MOST_TERMS = 6
_STARTS = 60
_MOST_COLUMNS = 1200


@dataclass(frozen=True)
class Found:
    """A formula with its relative root mean square error on the table."""

    formula: sympy.Expr
    error: float

    @property
    def complexity(self) -> int:
        return int(sympy.count_ops(self.formula))


@dataclass(frozen=True)
class _Outer:
    forward: Callable[[Array], Array]
    allowed: Callable[[Array], bool]
    inverse: Callable[[Any], Any]


_OUTER = {
    "y": _Outer(lambda y: y, lambda y: True, lambda z: z),
    "log": _Outer(np.log, lambda y: bool((y > 0).all()), sympy.exp),
    "1/y": _Outer(lambda y: 1 / y, lambda y: bool((y != 0).all()), lambda z: 1 / z),
    "y^2": _Outer(np.square, lambda y: bool((y >= 0).all()), sympy.sqrt),
    "sin": _Outer(np.sin, lambda y: bool((abs(y) <= np.pi / 2).all()), sympy.asin),
    "exp": _Outer(np.exp, lambda y: bool((abs(y) < 30).all()), sympy.log),
}


def search(x: Array, y: Array, names: Sequence[str], *, exact: float = 1e-7) -> list[Found]:
    """Formulas for y (N,) at x (N, V), the best first.

    The search ends with the simplest outer function that leaves less than `exact` (relative
    rms); otherwise everything that was found is ranked by error and complexity.
    """
    symbols = [sympy.Symbol(n, real=True) for n in names]
    found: list[Found] = []
    for rich in (False, True):
        columns, terms = _library(x, symbols, rich)
        for outer in _OUTER.values():
            if not outer.allowed(y):
                continue
            with np.errstate(all="ignore"):
                target = outer.forward(y)
            if not np.isfinite(target).all() or np.ptp(target) == 0:
                continue
            plain = _pursuit(columns, target, exact)
            found += _formulas(plain, columns, terms, target, outer, x, y, symbols)
            if not rich and not any(f.error < exact for f in found):
                more, shapes = _quotients(x, target, symbols)
                wide = np.concatenate([columns, more])
                chosen = _pursuit(wide, target, exact)
                found += _formulas(chosen, wide, [*terms, *shapes], target, outer, x, y, symbols)
        if any(f.error < exact for f in found):
            break
    sure = [f for f in found if f.error < exact]
    if sure:
        return sorted(sure, key=lambda f: f.complexity)
    return sorted(found, key=lambda f: np.log10(f.error + 1e-16) + 0.05 * f.complexity)


def _atoms(values: Array, s: Any, rich: bool) -> list[tuple[Array, Any]]:
    out = [
        (values, s), (values**2, s**2),
        (np.sin(values), sympy.sin(s)), (np.cos(values), sympy.cos(s)),
    ]  # fmt: skip
    if np.abs(values).min() > 1e-6 * np.abs(values).max():
        out += [(1 / values, 1 / s), (values**-2, s**-2)]
    if (values > 0).all():
        out += [(np.sqrt(values), sympy.sqrt(s)), (np.log(values), sympy.log(s))]
    if np.abs(values).max() < 20:
        out += [(np.exp(values), sympy.exp(s)), (np.exp(-values), sympy.exp(-s))]
    if rich:
        out += [(np.cos(values) ** 2, sympy.cos(s) ** 2), (values**3, s**3)]
    return out


def _library(x: Array, symbols: Sequence[Any], rich: bool) -> tuple[Array, list[sympy.Expr]]:
    """Products of atoms of distinct variables, (P, N), the constant first."""
    count = x.shape[1]
    groups = [_atoms(x[:, k], s, rich) for k, s in enumerate(symbols)]
    if not rich and count > 3:
        groups = [group[:2] + group[4:6] for group in groups]
    columns: list[Array] = [np.ones(len(x))]
    terms: list[sympy.Expr] = [sympy.Integer(1)]

    def add(value: Array, term: sympy.Expr) -> None:
        if len(columns) < _MOST_COLUMNS and np.isfinite(value).all():
            columns.append(value)
            terms.append(term)

    for group in groups:
        for value, term in group:
            add(value, term)
    for a, b in combinations(range(count), 2):
        for value, term in _differences(x[:, a] - x[:, b], symbols[a] - symbols[b]):
            add(value, term)
            for k in set(range(count)) - {a, b}:
                for v, s in groups[k]:
                    add(value * v, term * s)
    for a, b in combinations(range(count), 2):
        add(np.cos(x[:, a] * x[:, b]), sympy.cos(symbols[a] * symbols[b]))
        for (v, s), (w, r) in product(groups[a], groups[b]):
            add(v * w, s * r)
    for trio in combinations(range(count), 3):
        for parts in product(*(groups[k][:6] for k in trio)):
            add(np.prod([v for v, _ in parts], 0), sympy.Mul(*(s for _, s in parts)))
    return np.array(columns), terms


def _differences(d: Array, s: Any) -> list[tuple[Array, Any]]:
    out = [(d**2, s**2), (np.cos(d), sympy.cos(s)), (np.sin(d), sympy.sin(s))]
    if np.abs(d).min() > 1e-3:
        out += [(np.cos(d) / d**2, sympy.cos(s) / s**2), (d**-2, s**-2)]
    return out


def _quotients(x: Array, y: Array, symbols: Sequence[Any]) -> tuple[Array, list[sympy.Expr]]:
    """outer(y) times low products: what a denominator becomes."""
    columns, terms = [], []
    parts = [(x[:, k], s) for k, s in enumerate(symbols)]
    parts += [(v**2, s**2) for v, s in parts]
    parts += [(v * w, s * r) for (v, s), (w, r) in combinations(parts[: len(symbols)], 2)]
    parts += [(np.cos(v), sympy.cos(s)) for v, s in parts[: len(symbols)]]
    for v, s in parts:
        columns.append(y * v)
        terms.append(Y * s)
    return np.array(columns), terms


def _pursuit(columns: Array, target: Array, exact: float) -> list[int]:
    """Orthogonal matching pursuit from several first terms; the terms that are needed.

    The best first term is often a wrong one that resembles the sum (a sqrt for 1 + a sin b):
    so each of the best few is tried.
    """
    size = np.linalg.norm(columns, axis=1)
    unit = columns / np.where(size > 0, size, 1)[:, None]
    scale = float(np.linalg.norm(target - target.mean())) or 1.0
    gains = _gains(unit, target, [0])
    best: tuple[float, list[int]] = (np.inf, [0])
    for first in np.argsort(-gains)[:_STARTS]:
        support = [0, int(first)]
        while True:
            left = _rest(unit, target, support)
            misfit = float(np.linalg.norm(left)) / scale
            score = np.log10(max(misfit, 0.1 * exact)) + 0.3 * len(support)
            if score < best[0]:
                best = (float(score), list(support))
            if misfit < exact or len(support) > _MOST_TERMS:
                break
            support.append(int(np.argmax(_gains(unit, target, support))))
    support = best[1]
    limit = max(1.5 * float(np.linalg.norm(_rest(unit, target, support))), 0.1 * exact * scale)
    for k in list(support):
        rest = [j for j in support if j != k]
        if rest and np.linalg.norm(_rest(unit, target, rest)) < limit:
            support = rest
    return support


def _rest(unit: Array, target: Array, support: Sequence[int]) -> Array:
    if not support:
        return target
    design = unit[list(support)].T
    return np.asarray(target - design @ np.linalg.lstsq(design, target, rcond=1e-13)[0])


def _gains(unit: Array, target: Array, support: Sequence[int]) -> Array:
    """How much of what is left each column would take, beside those of the support."""
    basis, _ = np.linalg.qr(unit[list(support)].T)
    left = target - basis @ (basis.T @ target)
    room = 1 - np.einsum("ij,ij->i", unit @ basis, unit @ basis)
    gains = np.where(room > 1e-9, (unit @ left) ** 2 / np.maximum(room, 1e-9), 0)
    gains[list(support)] = 0
    return np.asarray(gains)


def _formulas(
    support: Sequence[int], columns: Array, terms: Sequence[sympy.Expr], target: Array,
    outer: _Outer, x: Array, y: Array, symbols: Sequence[Any],
) -> list[Found]:  # fmt: skip
    if not support:
        return []
    design = columns[list(support)].T
    size = np.linalg.norm(design, axis=0)
    weights = np.linalg.lstsq(design / size, target, rcond=1e-13)[0] / size
    numbers = [_nice(float(w)) for w in weights]
    out = []
    for c in {tuple(numbers), tuple(sympy.Float(float(w)) for w in weights)}:
        side = sympy.Add(*(w * terms[k] for w, k in zip(c, support, strict=True)))
        over = sympy.Add(*(part / Y for part in sympy.Add.make_args(side) if part.has(Y)))
        top = sympy.Add(*(part for part in sympy.Add.make_args(side) if not part.has(Y)))
        formula = outer.inverse(top / (1 - over))
        error = relative_error(formula, x, y, symbols)
        if np.isfinite(error):
            out.append(Found(formula, error))
    return out


def relative_error(formula: sympy.Expr, x: Array, y: Array, symbols: Sequence[Any]) -> float:
    """Root mean square error over the standard deviation of y; infinite where undefined."""
    if formula.has(sympy.zoo, sympy.nan, sympy.oo, sympy.I):
        return float("inf")
    with np.errstate(all="ignore"):
        values = np.asarray(sympy.lambdify(symbols, formula, "numpy")(*x.T))
        if np.iscomplexobj(values) or values.dtype == object:
            return float("inf")
        error = float(np.sqrt(np.mean((values - y) ** 2)) / (np.std(y) or 1.0))
    return error if np.isfinite(error) else float("inf")


def _nice(value: float) -> sympy.Expr:
    """A short rational, or one times pi or its root, where the number is that to nine digits."""
    for factor in (sympy.Integer(1), sympy.pi, 1 / sympy.pi, 1 / sympy.sqrt(2 * sympy.pi),
                   sympy.log(2 * sympy.pi) / 2):  # fmt: skip
        ratio = value / float(factor)
        for denominator in (1, 2, 3, 4, 6, 8):
            near = round(ratio * denominator)
            if near and abs(near) < 1000 and abs(ratio * denominator / near - 1) < 1e-9:
                return sympy.Rational(near, denominator) * factor
    return sympy.Float(value)
