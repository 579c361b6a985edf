"""A formula for a table with noise: the same sums, chosen by what chance would give.

Without noise a search ends where the misfit vanishes; with it a term counts where it gains more
than the best of as many columns of chance (the risk inflation criterion of Foster and George,
Annals of Statistics 22, 1994), and all numbers are fitted to y itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.symbolic.found import Found, evaluate_formula, make_symbols, relative_error
from kanpde.symbolic.library import EXTENTS, Extent, Library, build_library, build_quotients
from kanpde.symbolic.noise import measure_structure
from kanpde.symbolic.numbers import refit, round_within_errors
from kanpde.symbolic.outer import OUTER, Outer, transform
from kanpde.symbolic.pursuit import select
from kanpde.symbolic.search import measure, write_formulas


@dataclass(frozen=True)
class NoisePolicy:
    """How formulas compete where noise leaves them undecided.

    `candidates` compete by chance for each term: columns of a library, under each outer function,
    and trees. With 1,200 a term of chance stayed beside m (u^2 + v^2 + w^2) / 2. `operation` is
    what one operation more must gain in N log(mean square): enough to rank equals; and `number`
    what a fitted number must, beside a whole one within two standard errors. The numbers of the
    best `refits` are fitted again, unless they leave more than `far` times what the best of
    all leaves.
    """

    candidates: int = 100_000
    operation: float = 0.3
    number: float = 4.0
    refits: int = 12
    far: float = 2.0


def search_in_noise(
    x: Array, y: Array, names: Sequence[str], policy: NoisePolicy = NoisePolicy()
) -> list[Found]:
    """Formulas for noisy y (N,) at x (N, V), the best first, each with its `structure`.

    Rows are weighed by the slope of the outer function, so that its sum is fitted in units of y.
    """
    symbols = make_symbols(names)
    sums = (f for e in EXTENTS if not e.rich for f in search_sums_in_noise(x, y, names, e))
    found = [one for formula in sums for one in measure([formula], x, y, symbols)]
    return rank_in_noise(found, x, y, symbols, policy)


def search_sums_in_noise(
    x: Array, y: Array, names: Sequence[str], extent: Extent, weight: Array | float = 1.0
) -> Iterator[sympy.Expr]:
    """The sparse sums of one library for y (N,) at x (N, V), whose rows count by `weight`."""
    for library, target, slope, outer in _tables(x, y, make_symbols(names), extent):
        each = slope * weight
        rows = select(library.columns * each, target * each, 1e-12, noisy=True)
        yield from write_formulas(rows, library, target, outer, each)


def price_formula(one: Found, count: int, policy: NoisePolicy = NoisePolicy()) -> float:
    """What a formula leaves of `count` samples and what its numbers cost: the least is best."""
    fitted = len(one.formula.atoms(sympy.Float))
    numbers = max(fitted, len(sympy.Add.make_args(one.formula)))
    price = 2 * np.log(policy.candidates) * numbers + policy.operation * one.complexity
    price += policy.number * fitted
    return float(2 * count * np.log(one.error + 1e-14) + price)


def rank_in_noise(
    candidates: Iterable[Found],
    x: Array,
    y: Array,
    symbols: Sequence[sympy.Symbol],
    policy: NoisePolicy = NoisePolicy(),
) -> list[Found]:
    """The candidates whose numbers are worth it, fitted again to y (N,), the best first."""
    found = {one.formula: one for one in candidates}

    def cost(one: Found) -> float:
        return price_formula(one, len(y), policy)

    best = sorted(found.values(), key=cost)[: policy.refits]
    best = [one for one in best if one.error <= policy.far * best[0].error]
    sharper = [other for one in best for other in _fit_numbers(one.formula, symbols, x, y)]
    unique = {one.formula: one for one in sharper}
    return [add_structure(one, x, y, symbols) for one in sorted(unique.values(), key=cost)]


def add_structure(one: Found, x: Array, y: Array, symbols: Sequence[sympy.Symbol]) -> Found:
    """With the share of what it leaves that a smooth function of x predicts."""
    rest = y - evaluate_formula(one.formula, x, symbols)
    return replace(one, structure=measure_structure(x, rest))


def _tables(
    x: Array, y: Array, symbols: Sequence[sympy.Symbol], extent: Extent
) -> Iterator[tuple[Library, Array, Array, Outer]]:
    """A library with outer(y) and the weights of the rows, also with quotients."""
    library = build_library(x, symbols, extent)
    for outer in OUTER:
        target = transform(outer, y)
        if target is None:
            continue
        with np.errstate(all="ignore"):
            weight = 1 / np.abs(outer.slope(y))
        if not np.isfinite(weight).all():
            continue
        yield library, target, weight, outer
        if extent.quotients:
            yield library.append(build_quotients(x, target, symbols)), target, weight, outer


def _fit_numbers(
    formula: sympy.Expr, symbols: Sequence[sympy.Symbol], x: Array, y: Array
) -> list[Found]:
    """With the numbers that suit y best, and with short ones where the data allow them."""
    spread = float(y.std())
    fitted = refit(formula, symbols, lambda f: np.asarray((f(*x.T) - y) / spread))
    out = measure([fitted.formula], x, y, symbols)
    short = round_within_errors(fitted)
    if not out or short == fitted.formula:
        return out
    again = refit(short, symbols, lambda f: np.asarray((f(*x.T) - y) / spread))
    error = relative_error(again.formula, x, y, symbols)
    # A number that is held costs about one unit of N log(mean square), two standard errors four.
    held = len(fitted.values) - len(again.values)
    if 2 * len(y) * np.log(error / max(out[0].error, 1e-14)) < 4 * held:
        out.append(Found(again.formula, error))
    return out
