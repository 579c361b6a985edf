"""SymPy expressions of Taylor models: every value that they take on a box."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy

from kanpde.arrays import AnyArray, Array
from kanpde.bounds.monomials import UNIT, UP, Monomials
from kanpde.bounds.taylor_model import TaylorModel
from kanpde.bounds.univariate import FUNCTIONS
from kanpde.errors import KanpdeError
from kanpde.symbols.tabulated import TableValue

Models = Mapping[Any, TaylorModel]


def evaluate(expression: Any, symbols: Models, space: Monomials, count: int) -> TaylorModel:
    """The expression on `count` boxes, from models of batch (count,) of its symbols.

    Its radius is infinite on a box that may reach a singularity. Raises KanpdeError for a function
    that has no enclosure.
    """
    return Evaluation(symbols, space, count).of(sympy.sympify(expression))


class Evaluation:
    """One evaluation; a subexpression that occurs often is evaluated once."""

    def __init__(self, symbols: Models, space: Monomials, count: int) -> None:
        self.symbols, self.space, self.count = symbols, space, count
        self._known: dict[Any, TaylorModel] = {}

    def of(self, expression: Any) -> TaylorModel:
        """The model of a subexpression."""
        if expression not in self._known:
            self._known[expression] = self._find(expression)
        return self._known[expression]

    def _find(self, e: Any) -> TaylorModel:
        if e in self.symbols:
            return self.symbols[e]
        if e.is_number:
            value, error = read_number(e)
            return TaylorModel.constant(self.space, np.full(self.count, value), error)
        if e.is_Add:
            return self._sum(e)
        if e.is_Mul:
            return self._product(e)
        if e.is_Pow:
            return self._power(e)
        if isinstance(e, TableValue):
            raise KanpdeError(
                f"{e.args[0].table.place} stands in an equation, and its splines have no enclosure"
            )
        name = type(e).__name__
        if name in FUNCTIONS:
            return self.of(e.args[0]).apply(name)
        if name in _SPECIAL:
            return _SPECIAL[name](self, e)
        raise KanpdeError(f"the function {name} in {e} has no enclosure")

    def _sum(self, e: Any) -> TaylorModel:
        first, *rest = map(self.of, e.args)
        for each in rest:
            first = first + each
        return first

    def _product(self, e: Any) -> TaylorModel:
        number, rest = e.as_coeff_Mul()
        numbers = [number, *(f for f in rest.args if f.is_number)] if rest.is_Mul else [number]
        factors = [f for f in (rest.args if rest.is_Mul else (rest,)) if not f.is_number]
        out = self.of(factors[0])
        for factor in factors[1:]:
            out = out * self.of(factor)
        value, error = read_number(sympy.Mul(*numbers))
        return out if value == 1 and not error else out.scaled(value, error)

    def _power(self, e: Any) -> TaylorModel:
        if e.exp.is_number:
            exponent, error = read_number(e.exp)
            if error and not sympy.Float(exponent, 17) == e.exp and not e.exp.is_Rational:
                raise KanpdeError(f"the exponent of {e} is not a floating-point number")
            return self.of(e.base).to_power(exponent)
        if e.base == sympy.E:
            return self.of(e.exp).apply("exp")
        return (self.of(e.base).apply("log") * self.of(e.exp)).apply("exp")

    def decide(self, condition: Any) -> tuple[AnyArray, AnyArray]:
        """On which boxes a condition holds everywhere, and on which nowhere."""
        yes, no = np.zeros((2, self.count), bool)
        if condition in (sympy.true, sympy.false):
            yes[:], no[:] = condition == sympy.true, condition == sympy.false
        elif isinstance(condition, (sympy.And, sympy.Or)):
            found = [self.decide(a) for a in condition.args]
            every, some = np.logical_and.reduce, np.logical_or.reduce
            both = (every, some) if isinstance(condition, sympy.And) else (some, every)
            yes, no = both[0]([f[0] for f in found]), both[1]([f[1] for f in found])
        elif isinstance(condition, (sympy.Lt, sympy.Le, sympy.Gt, sympy.Ge)):
            low, high = range_of(self.of(condition.lts - condition.gts))
            yes, no = high < 0, low > 0
        return yes, no


def read_number(value: Any) -> tuple[float, float]:
    """A SymPy number as a floating-point number, and how far this may be from it."""
    number = float(value)
    exact = value.is_Integer and abs(number) < 2**53
    if value.is_Float or (value.is_Rational and not exact):
        exact = sympy.Rational(value) == sympy.Rational(number)
    return number, 0.0 if exact else 2 * UNIT * abs(number)


def range_of(model: TaylorModel) -> tuple[Array, Array]:
    """Bounds of the values on each box, from the sizes of the coefficients."""
    centre = model.coefficients[0]
    with np.errstate(invalid="ignore"):
        away = np.abs(model.coefficients[1:]).sum(0) + model.radii.sum(0)
    away = np.nan_to_num(UP * away + 2 * UNIT * np.abs(centre), nan=np.inf, posinf=np.inf)
    return centre - away, centre + away


def hull(models: list[TaylorModel]) -> TaylorModel:
    """A model that holds every value of these models: it is the first, widened."""
    first = models[0]
    radii = first.radii.copy()
    for other in models[1:]:
        radii[-1] = np.maximum(radii[-1], first.radii[-1] + (first - other).size)
    return TaylorModel(first.space, first.coefficients, radii)


def _choose(pieces: list[tuple[AnyArray, TaylorModel]]) -> TaylorModel:
    """Of each box the hull of the pieces that it may take; the masks say where."""
    first = pieces[-1][1]
    out = TaylorModel(first.space, first.coefficients.copy(), first.radii.copy())
    counts = np.sum([mask for mask, _ in pieces], axis=0)
    for mask, model in pieces:
        alone = mask & (counts == 1)
        out.coefficients[:, alone] = model.coefficients[:, alone]
        out.radii[:, alone] = model.radii[:, alone]
    for k in np.flatnonzero(counts > 1):
        own = [
            TaylorModel(m.space, m.coefficients[:, k : k + 1], m.radii[:, k : k + 1])
            for mask, m in pieces
            if mask[k]
        ]
        joined = hull(own)
        out.coefficients[:, k], out.radii[:, k] = joined.coefficients[:, 0], joined.radii[:, 0]
    return out


def _absolute(run: Evaluation, e: Any) -> TaylorModel:
    inner = run.of(e.args[0])
    low, high = range_of(inner)
    return _choose([(low < 0, -inner), (high >= 0, inner)])


def _piecewise(run: Evaluation, e: Any) -> TaylorModel:
    open_, pieces = np.ones(run.count, bool), []
    for value, condition in e.args:
        yes, no = run.decide(condition)
        pieces.append((open_ & ~no, run.of(value)))
        open_ = open_ & ~yes
    return _choose(pieces)


def _sign(run: Evaluation, e: Any) -> TaylorModel:
    low, high = range_of(run.of(e.args[0]))
    ones = TaylorModel.constant(run.space, np.ones(run.count))
    return _choose([(low <= 0, -ones), (high >= 0, ones)])


def _from_exponentials(sign: float) -> Callable[[Evaluation, Any], TaylorModel]:
    def apply(run: Evaluation, e: Any) -> TaylorModel:
        inner = run.of(e.args[0])
        return (inner.apply("exp") + (-inner).apply("exp").scaled(sign)).scaled(0.5)

    return apply


def _tangent(run: Evaluation, e: Any) -> TaylorModel:
    inner = run.of(e.args[0])
    return inner.apply("sin") * inner.apply("cos").to_power(-1)


_SPECIAL: dict[str, Callable[[Evaluation, Any], TaylorModel]] = {
    "Abs": _absolute, "Piecewise": _piecewise, "sign": _sign, "tan": _tangent,
    "cosh": _from_exponentials(1.0), "sinh": _from_exponentials(-1.0),
}  # fmt: skip
