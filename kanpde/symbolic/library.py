"""The candidates of a search: products of simple functions of the variables, as columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, islice, product
from typing import Any

import numpy as np
import sympy

from kanpde.arrays import Array

Y = sympy.Symbol("_y", real=True)
Atom = tuple[Array, Any]


@dataclass(frozen=True)
class Extent:
    """How far a library reaches: how many columns at most, and what is multiplied.

    `rich` adds atoms; `ordered` adds waves of products and puts all products before those with
    differences of variables (of six variables these are 1,875); `factors` is how many variables
    a product has at most; `quotients` are looked for too.
    """

    columns: int
    rich: bool = False
    ordered: bool = False
    factors: int = 3
    quotients: bool = False


# From small to large. 1,200 columns miss a b + c d + e f, whose products come last; but a small
# library is quick, and chance resembles a sum less often in it: with products of four variables
# a b e f comes first for that sum, and hides it.
EXTENTS = (
    Extent(columns=1200, quotients=True),
    Extent(columns=1200, rich=True),
    Extent(columns=6000),
    Extent(columns=6000, ordered=True, factors=4),
)


@dataclass(frozen=True)
class Library:
    """Columns (P, N) and their terms (P,), the constant first."""

    columns: Array
    terms: tuple[sympy.Expr, ...]

    def append(self, other: Library) -> Library:
        """The columns of both."""
        return Library(np.concatenate([self.columns, other.columns]), (*self.terms, *other.terms))


def build_library(x: Array, symbols: Sequence[Any], extent: Extent) -> Library:
    """Products of atoms of distinct variables at x (N, V)."""
    groups = [_make_atoms(x[:, k], s, extent.rich) for k, s in enumerate(symbols)]
    powers = [group[:2] + group[4:6] for group in groups]
    if len(symbols) > (4 if extent.ordered else 3) and not extent.rich:
        groups = powers
    if extent.ordered:
        parts = chain(
            _products(x, symbols, groups, powers),
            _longer_products(powers, 4, 4) if extent.factors > 3 else (),
            _with_differences(x, symbols, powers),
        )
    else:
        parts = chain(
            chain.from_iterable(groups),
            _with_differences(x, symbols, groups),
            _pairs(x, symbols, groups),
            _longer_products(groups, 3, 6),
        )
    finite = (atom for atom in parts if np.isfinite(atom[0]).all())
    atoms = [(np.ones(len(x)), sympy.Integer(1)), *islice(finite, extent.columns - 1)]
    return Library(np.array([v for v, _ in atoms]), tuple(s for _, s in atoms))


def _products(
    x: Array, symbols: Sequence[Any], groups: list[list[Atom]], powers: list[list[Atom]]
) -> Iterator[Atom]:
    """Atoms and their products of up to three variables."""
    yield from chain.from_iterable(groups)
    yield from _pairs(x, symbols, groups)
    yield from _with_inner_products(x, symbols, powers)
    yield from _longer_products(groups, 3, 6)


def _with_inner_products(
    x: Array, symbols: Sequence[Any], groups: list[list[Atom]]
) -> Iterator[Atom]:
    """sin and cos of the product of two variables, also times an atom of a third."""
    count = x.shape[1]
    for a, b in combinations(range(count), 2):
        for wave, symbolic in ((np.sin, sympy.sin), (np.cos, sympy.cos)):
            value, term = wave(x[:, a] * x[:, b]), symbolic(symbols[a] * symbols[b])
            yield value, term
            for k in set(range(count)) - {a, b}:
                for v, s in groups[k]:
                    yield value * v, term * s


def build_quotients(x: Array, y: Array, symbols: Sequence[Any]) -> Library:
    """y (N,) times low products of x (N, V): what a denominator becomes."""
    parts: list[Atom] = [(x[:, k], s) for k, s in enumerate(symbols)]
    parts += [(v**2, s**2) for v, s in parts]
    parts += [(v * w, s * r) for (v, s), (w, r) in combinations(parts[: len(symbols)], 2)]
    parts += [(np.cos(v), sympy.cos(s)) for v, s in parts[: len(symbols)]]
    return Library(np.array([y * v for v, _ in parts]), tuple(Y * s for _, s in parts))


def _make_atoms(values: Array, s: Any, rich: bool) -> list[Atom]:
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
        out += [(np.cos(values) ** 2, sympy.cos(s) ** 2), (values**3, s**3), (values**4, s**4)]
    return out


def _with_differences(x: Array, symbols: Sequence[Any], groups: list[list[Atom]]) -> Iterator[Atom]:
    """Functions of differences of two variables, also times an atom of a third or two others."""
    count = x.shape[1]
    for a, b in combinations(range(count), 2):
        for value, term in _make_difference_atoms(x[:, a] - x[:, b], symbols[a] - symbols[b]):
            yield value, term
            others = sorted(set(range(count)) - {a, b})
            for k in others:
                for v, s in groups[k]:
                    yield value * v, term * s
            for k, m in combinations(others, 2):
                yield value * x[:, k] * x[:, m], term * symbols[k] * symbols[m]


def _make_difference_atoms(d: Array, s: Any) -> list[Atom]:
    out = [(d**2, s**2), (np.cos(d), sympy.cos(s)), (np.sin(d), sympy.sin(s))]
    if np.abs(d).min() > 1e-3:
        out += [(np.cos(d) / d**2, sympy.cos(s) / s**2), (d**-2, s**-2)]
    return out


def _pairs(x: Array, symbols: Sequence[Any], groups: list[list[Atom]]) -> Iterator[Atom]:
    for a, b in combinations(range(x.shape[1]), 2):
        yield np.cos(x[:, a] * x[:, b]), sympy.cos(symbols[a] * symbols[b])
        for (v, s), (w, r) in product(groups[a], groups[b]):
            yield v * w, s * r


def _longer_products(groups: list[list[Atom]], factors: int, atoms: int) -> Iterator[Atom]:
    """Products of the first few atoms of `factors` variables."""
    for some in combinations(groups, factors):
        for parts in product(*(group[:atoms] for group in some)):
            yield np.prod([v for v, _ in parts], 0), sympy.Mul(*(s for _, s in parts))
