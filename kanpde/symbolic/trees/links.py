"""Links: what of y is linear in what of a tree, beside what is free.

A search for trees F need not find the numbers around them: y = a + b F + sum_i c_i x_i is linear,
and log |y| = a + b log |F| + sum_i c_i log |x_i| makes all powers of variables free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.symbolic.found import evaluate_formula
from kanpde.symbolic.outer import OUTER, Outer, transform
from kanpde.symbolic.search import shorten
from kanpde.symbolic.trees.tree import Tree

# The share of a column that must lie outside of the base, and exponents that are meant.
_ROOM = 1e-7
_NEAR, _NEAR_IN_NOISE = 1e-4, 0.1


@dataclass(frozen=True)
class Rows:
    """The samples that a search looks at: x (N, V), y (N,), and the symbols of the variables.

    `weight` (N,) is how much each y counts, one over its noise.
    """

    x: Array
    y: Array
    symbols: tuple[sympy.Symbol, ...]
    weight: Array

    def take(self, count: int) -> Rows:
        """The first rows."""
        return Rows(self.x[:count], self.y[:count], self.symbols, self.weight[:count])


@dataclass(frozen=True)
class Link:
    """`target` (N,) is linear in the base and in columns of trees, all with a weight for each row.

    `product` says that logarithms are summed, `plain` that the trees enter without one. The base
    (N, B) holds the constant and each variable, and `inside` its orthonormal columns. `shift` is
    added to y before the logarithm.
    """

    outer: Outer
    product: bool
    plain: bool
    shift: float
    target: Array
    weight: Array
    base: Array
    inside: Array
    noisy: bool

    @property
    def spread(self) -> float:
        """The norm of the target beside its mean."""
        return float(np.linalg.norm(self.target - self.weight * np.average(
            self.target / self.weight, weights=self.weight**2)))  # fmt: skip

    @property
    def rest(self) -> Array:
        """What the base leaves of the target, (N,)."""
        left = self.target - self.inside @ (self.inside.T @ self.target)
        return left - self.inside @ (self.inside.T @ left)

    def transform(self, values: Array) -> Array:
        """What enters of trees' values (S, N), with the weights."""
        if not self.plain:
            with np.errstate(all="ignore"):
                values = np.log(np.abs(values))
        return np.where(np.isfinite(values), values, 0.0) * self.weight

    def project(self, values: Array) -> Array:
        """Unit columns (S, N) outside of the base; 0 where nothing is."""
        columns = self.transform(values)
        size = np.linalg.norm(columns, axis=1)
        for _ in range(2):
            columns = columns - (columns @ self.inside) @ self.inside.T
        room = np.linalg.norm(columns, axis=1)
        good = room > _ROOM * np.maximum(size, 1e-300)
        return np.where(good[:, None], columns / np.where(good, room, 1)[:, None], 0.0)

    def score(self, values: Array) -> Array:
        """The share of the target's spread that each tree leaves, (S,)."""
        rest = self.rest
        total = float(rest @ rest)
        gain = (self.project(values) @ rest) ** 2
        return np.asarray(np.sqrt(np.maximum(total - gain, 0)) / self.spread)


def make_links(rows: Rows, *, noisy: bool = False) -> list[Link]:
    """The links that y allows, the plain ones first.

    With noise rows are weighed by the slope, so that noise is the same in each.
    """
    x, y, ones = rows.x, rows.y, np.ones(len(rows.y))
    logs = _take_logs(x)
    out = []
    plain, wave = OUTER[0], OUTER[4]
    for outer in (plain, *OUTER[2:]):
        target = transform(outer, y)
        if target is None:
            continue
        with np.errstate(all="ignore"):
            weight = rows.weight / np.abs(outer.slope(y)) if noisy else ones
        if np.isfinite(weight).all():
            out.append(
                _link(outer, (False, True), 0.0, target, weight, np.column_stack([ones, x]), noisy)
            )
    for outer, shift in ((plain, 0.0), (wave, 0.0), (plain, 1.0), (plain, -1.0)):
        z = transform(outer, y)
        if z is None or (shift and not noisy and np.abs(y + shift).min() == 0):
            continue
        z = np.abs(z + shift)
        if z.min() == 0:
            continue
        # Near a zero of y a small error of it is a large one of its logarithm.
        weight = rows.weight * z / np.abs(outer.slope(y)) if noisy else ones
        if not np.isfinite(weight).all():
            continue
        for inner in (False, True):
            if not (inner and (shift or outer is not plain)):
                out.append(_link(outer, (True, inner), shift, np.log(z), weight, logs, noisy))
    return out


def _link(
    outer: Outer,
    kind: tuple[bool, bool],
    shift: float,
    target: Array,
    weight: Array,
    base: Array,
    noisy: bool,
) -> Link:
    inside = np.linalg.qr(base * weight[:, None])[0]
    return Link(outer, *kind, shift, target * weight, weight, base, inside, noisy)


def _take_logs(x: Array) -> Array:
    """1 and log |x_i| for each variable that is never 0, (N, V + 1)."""
    with np.errstate(all="ignore"):
        logs = np.log(np.abs(x))
    return np.column_stack([np.ones(len(x)), np.where(np.isfinite(logs), logs, 0.0)])


def write_link(link: Link, trees: Sequence[Tree], values: Array, rows: Rows) -> list[sympy.Expr]:
    """y as formulas of k trees with values (k, N): numbers as fitted, and as they are meant."""
    design = np.concatenate([link.base.T * link.weight, link.transform(values)]).T
    size = np.maximum(np.linalg.norm(design, axis=0), 1e-300)
    numbers = np.linalg.lstsq(design / size, link.target, rcond=1e-12)[0] / size
    factors = [sympy.Integer(1), *rows.symbols, *(tree.write(rows.symbols) for tree in trees)]
    if not link.product:
        matters = np.abs(numbers) * size > 1e-8 * np.linalg.norm(link.target)
        return _write_sums(link, np.where(matters, numbers, 0.0), factors)
    near = np.round(2 * numbers) / 2
    close = _NEAR_IN_NOISE if link.noisy else _NEAR
    mixed = np.where(np.abs(numbers - near) < close, near, numbers)
    out: dict[sympy.Expr, None] = {}
    for some in (near, mixed):
        signs = [_has_one_sign(column) for column in (*rows.x.T, *values)]
        out[_write_product(link, some[1:], factors[1:], signs, rows)] = None
    return list(out)


def _write_sums(link: Link, numbers: Array, factors: Sequence[sympy.Expr]) -> list[sympy.Expr]:
    kept = [(float(c), f) for c, f in zip(numbers, factors, strict=True) if c]
    short = sympy.Add(*(shorten(c) * f for c, f in kept))
    full = sympy.Add(*(sympy.Float(c) * f for c, f in kept))
    return [link.outer.inverse(s) for s in dict.fromkeys((short, full))]


def _has_one_sign(column: Array) -> int:
    """1 or -1 where all values have that sign, else 0."""
    return 1 if (column > 0).all() else -1 if (column < 0).all() else 0


def _write_product(
    link: Link,
    exponents: Array,
    factors: Sequence[sympy.Expr],
    signs: Sequence[int],
    rows: Rows,
) -> sympy.Expr:
    """A number times the product of powers, shifted back; the number is fitted to y itself."""
    variables = len(rows.symbols)
    parts = []
    for k, (value, factor, sign) in enumerate(zip(exponents, factors, signs, strict=True)):
        power = _write_exponent(float(value))
        if link.plain and k >= variables:
            parts.append(sympy.exp(power * factor))
        elif sign or float(value).is_integer():
            parts.append(((sign or 1) * factor) ** power)
        else:
            parts.append(sympy.Abs(factor) ** power)
    # A square inside of a root is what is squared; a wrong sign shows in the error.
    product = sympy.powdenest(sympy.Mul(*parts), force=True)
    z = transform(link.outer, rows.y)
    column = evaluate_formula(product, rows.x, rows.symbols)
    if z is None or not np.isfinite(column).all():
        return sympy.nan
    # As many rows as possible decide on the number, each as far as it matters to y.
    slope = np.abs(link.outer.slope(rows.y)) / rows.weight
    column, z = column / slope, (z + link.shift) / slope
    number = float(column @ z / max(float(column @ column), 1e-300))
    return link.outer.inverse(shorten(number) * product - sympy.Rational(link.shift))


def _write_exponent(value: float) -> sympy.Expr:
    return sympy.Rational(round(2 * value), 2) if (2 * value).is_integer() else sympy.Float(value)
