"""find_formulas: sparse sums first, then expression trees, until one explains the data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.options import ignore
from kanpde.symbolic.clock import Deadline
from kanpde.symbolic.found import Found, make_symbols
from kanpde.symbolic.library import EXTENTS, Extent
from kanpde.symbolic.noisy_search import (
    add_structure,
    price_formula,
    rank_in_noise,
    search_sums_in_noise,
)
from kanpde.symbolic.numbers import refit
from kanpde.symbolic.search import measure, search, shorten
from kanpde.symbolic.trees.links import Rows
from kanpde.symbolic.trees.peel import Peeled, peel
from kanpde.symbolic.trees.propose import propose_formulas
from kanpde.symbolic.units import Dimension, find_unit

# A number that a fit without noise leaves where it should be 0.
_NOTHING = 1e-13
# Operations beyond which a formula is not put in order.
_LARGEST = 60


@dataclass(frozen=True)
class FindOptions:
    """How long formulas are looked for, and what they have to respect.

    Args:
        seconds: at most, by the clock.
        noisy: whether y has noise, so that formulas are judged by what chance would give.
        exact: the relative error that ends the search of data without noise.
        near: the relative error below which all numbers of a formula are fitted at once.
        structure: the share of the rest that a smooth function may predict, with noise.
        stages: how many are looked at in any case, with noise: sums may come near by chance.
        short: operations up to which a formula that leaves noise alone ends the search at once.
        nearer: the share of the error of the last one that was judged, for one to be judged.
        units: of each variable and then of y, where they are known.
        clock: what seconds are measured by.
        report: is told what is being done.
    """

    seconds: float = 60.0
    noisy: bool = False
    exact: float = 1e-10
    near: float = 1e-2
    structure: float = 0.05
    stages: int = 4
    short: int = 10
    nearer: float = 0.7
    units: tuple[Dimension, ...] | None = None
    clock: Callable[[], float] = time.perf_counter
    report: Callable[[str], None] = ignore


def find_formulas(
    x: Array, y: Array, names: Sequence[str], options: FindOptions = FindOptions()
) -> list[Found]:
    """Formulas for y (N,) at x (N, V), the best first.

    Variables that only multiply are divided out first. Then come sparse sums of products, small
    expression trees behind links (`trees.links`), larger sums, larger trees, and evolution.
    """
    symbols = tuple(make_symbols(names))
    deadline = Deadline(options.seconds, options.clock)
    rows = Rows(x, y, symbols, np.ones(len(y)))
    finder = _Finder(rows, options)
    for stage in _propose(rows, deadline, options):
        if finder.consider(stage, deadline) or deadline.over:
            break
    return finder.rank()


@dataclass
class _Finder:
    """What has been found so far, and whether that is enough."""

    rows: Rows
    options: FindOptions
    found: dict[sympy.Expr, Found] = field(default_factory=dict)
    best: Found | None = None
    stages: int = 0
    judged: float = float("inf")

    def consider(self, formulas: Iterable[sympy.Expr], deadline: Deadline) -> bool:
        """Take up formulas; whether one of all explains the data."""
        before = self.best
        self.stages += 1
        for formula in formulas:
            for one in measure([formula], self.rows.x, self.rows.y, self.rows.symbols):
                self._add(one)
            if self.best is not None and self.best.error < self.options.exact:
                return True
            if self.options.noisy and self._is_short() and self._leaves_noise():
                return True
            if deadline.over:
                return False
        if self.best is None or not self.options.noisy:
            return False
        # What is left has to be noise, of a short formula or where a stage brought nothing better.
        enough = self.stages >= self.options.stages and self.best is before
        return enough and self._leaves_noise()

    def _is_short(self) -> bool:
        """Whether the best formula is short, and much nearer than those that were judged."""
        if self.best is None or self.best.complexity > self.options.short:
            return False
        return self.best.error < self.options.nearer * self.judged

    def _leaves_noise(self) -> bool:
        """Whether no smooth function predicts what the best formula leaves."""
        if self.best is None:
            return False
        self.judged = self.best.error
        some = add_structure(self.best, self.rows.x[:500], self.rows.y[:500], self.rows.symbols)
        return some.structure is not None and some.structure < self.options.structure

    def _add(self, one: Found) -> None:
        if one.formula in self.found or not self._fits_units(one.formula):
            return
        self.found[one.formula] = one
        if self.best is None or self._cost(one) < self._cost(self.best):
            self.best = one
            if not self.options.noisy and 1e-14 < one.error < self.options.near:
                for other in _sharpen(one, self.rows):
                    self._add(other)

    def _cost(self, one: Found) -> float:
        if self.options.noisy:
            return price_formula(one, len(self.rows.y))
        return float(np.log10(one.error + 1e-16)) + 0.05 * one.complexity

    def _fits_units(self, formula: sympy.Expr) -> bool:
        """Whether a formula of pure numbers has the units of y, where they are known."""
        units = self.options.units
        if units is None:
            return True
        return find_unit(formula, dict(zip(self.rows.symbols, units, strict=False))) == units[-1]

    def rank(self) -> list[Found]:
        """The formulas, the best first."""
        if self.options.noisy and (self.best is None or self.best.error > self.options.exact):
            rows = self.rows
            best = rank_in_noise(self.found.values(), rows.x, rows.y, rows.symbols)
            best[:1] = [_tidy(one, rows) for one in best[:1]]
            return [*best, *sorted(self.found.values(), key=self._cost)]
        ranked = sorted(self.found.values(), key=self._cost)
        if not ranked or ranked[0].error >= self.options.exact:
            return ranked
        return [_tidy(ranked[0], self.rows), *ranked[1:]]


def _propose(
    rows: Rows, deadline: Deadline, options: FindOptions
) -> Iterator[Iterator[sympy.Expr]]:
    """Stages of formulas, the quick and simple ones first."""
    noisy = options.noisy
    whole = Peeled(rows, sympy.Integer(1))
    if noisy:
        # Sums in noise are several times as slow as the smallest trees.
        yield from islice(_trees(whole, deadline.part(0.5), options, rows.symbols), 1)
    yield _sums(whole, EXTENTS[:1], noisy)
    peeled = peel(rows)
    if peeled.factor != 1:
        options.report(f"{peeled.factor} only multiplies")
        yield _sums(peeled, EXTENTS[:1], noisy)
        yield from _trees(peeled, deadline.part(0.5), options, rows.symbols)
        yield _sums(peeled, EXTENTS[1:], noisy)
    yield from _trees(whole, deadline.part(0.5), options, rows.symbols)
    yield _sums(whole, EXTENTS[1:], noisy)


def _sums(peeled: Peeled, extents: Sequence[Extent], noisy: bool) -> Iterator[sympy.Expr]:
    some = peeled.rows.take(500)
    names = [s.name for s in some.symbols]
    for extent in extents:
        if not noisy:
            for one in search(some.x, some.y, names, extents=(extent,)):
                yield peeled.factor * one.formula
        elif not extent.rich:
            for formula in search_sums_in_noise(some.x, some.y, names, extent, some.weight):
                yield peeled.factor * formula


def _trees(
    peeled: Peeled, deadline: Deadline, options: FindOptions, whole: Sequence[sympy.Symbol]
) -> Iterator[Iterator[sympy.Expr]]:
    names = [s.name for s in peeled.rows.symbols]
    options.report(f"looking for expression trees of {', '.join(names)}")
    units = None
    if options.units is not None:
        own = dict(zip(whole, options.units, strict=False))
        units = [own[symbol] for symbol in peeled.rows.symbols]
    for stage in propose_formulas(peeled.rows, deadline, units, noisy=options.noisy):
        yield (peeled.factor * formula for formula in stage)


def _tidy(one: Found, rows: Rows) -> Found:
    """An exact formula with sums as fractions of one denominator, where that is simpler."""
    if one.complexity > _LARGEST:
        return one
    short = one.formula.xreplace({n: shorten(float(n)) for n in one.formula.atoms(sympy.Float)})
    # |x| is x where all samples are positive, and so are roots of squares.
    positive = {
        s: sympy.Dummy(s.name, positive=True)
        for s, column in zip(rows.symbols, rows.x.T, strict=True)
        if (column > 0).all()
    }
    neat = short.xreplace(positive).replace(
        lambda e: e.is_Add and e.is_rational_function(), sympy.factor
    )
    neat = neat.xreplace({dummy: symbol for symbol, dummy in positive.items()})
    others = measure([short, neat], rows.x, rows.y, rows.symbols)
    # Of data with noise the error is no measure of rounding errors, which the factor is for.
    limit = max(2 * one.error, 1e-14) if one.structure is None else (1 + 1e-6) * one.error
    good = [replace(other, structure=one.structure) for other in others if other.error <= limit]
    return min([one, *good], key=lambda f: (f.complexity, len(f.formula.atoms(sympy.Float))))


def _shorten(number: float) -> sympy.Expr:
    return sympy.Integer(0) if abs(number) < _NOTHING else shorten(number)


def _sharpen(one: Found, rows: Rows) -> list[Found]:
    """With all numbers fitted to y at once, and with short ones where these are as good."""
    spread = float(rows.y.std())
    fitted = refit(
        one.formula, rows.symbols, lambda f: np.asarray((f(*rows.x.T) - rows.y) / spread)
    )
    short = fitted.formula.xreplace(
        {n: _shorten(float(n)) for n in fitted.formula.atoms(sympy.Float)}
    )
    return measure([fitted.formula, short], rows.x, rows.y, rows.symbols)
