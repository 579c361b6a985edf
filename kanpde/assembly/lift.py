"""The lift G, which has the boundary data, and the mask M, which vanishes where they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy
import torch

from kanpde.assembly.compile import compile_expressions
from kanpde.geometry.domain import Domain
from kanpde.problem.equations import Equation
from kanpde.symbols.expression import exact_number


@dataclass(frozen=True)
class BoundaryValue:
    """A condition "the order-th normal derivative of field is value" on one face."""

    field: str
    axis: str
    end: float
    order: int
    value: Any
    equation: Equation


def evaluate_at(domain: Domain, expressions: Sequence[Any], points: Any) -> list[Any]:
    """Values (N,) of expressions of the coordinates at points (N, dimension)."""

    columns = [torch.from_numpy(np.ascontiguousarray(c)) for c in np.asarray(points, float).T]
    function = compile_expressions(domain.symbols, expressions)
    return [value.numpy() for value in function(*columns)]


def transfinite_lift(
    domain: Domain, values: Sequence[BoundaryValue], start: Any = sympy.S.Zero
) -> Any:
    """The Boolean sum: axis by axis, add the difference between the data and the sum so far.

    `start` has the data of the other boundaries.
    """
    total: Any = start
    for axis in domain.product_axes:
        own = [t for t in values if t.axis == axis.name]
        if not own:
            continue
        symbol = axis.sympy
        shapes = _hermite(axis.lower, axis.upper, [(t.end, t.order) for t in own], symbol)
        missing = [
            t.value - sympy.diff(total, symbol, t.order).xreplace({symbol: exact_number(t.end)})
            for t in own
        ]
        total += sum(s * m for s, m in zip(shapes, missing, strict=True))
    return total


def _hermite(lower: float, upper: float, nodes: list[tuple[float, int]], symbol: Any) -> list[Any]:
    """The polynomials dual to the values and slopes at the ends (Hermite interpolation)."""
    length = exact_number(upper - lower)
    xi = sympy.Symbol("xi")
    powers = [xi**k for k in range(len(nodes))]
    rows = []
    for end, order in nodes:
        at = sympy.Integer(0 if end == lower else 1)
        rows.append([sympy.diff(p, xi, order).subs(xi, at) / length**order for p in powers])
    inverse = sympy.Matrix(rows).inv()
    local = (symbol - exact_number(lower)) / length
    return [
        sum(inverse[k, j] * powers[k] for k in range(len(nodes))).subs(xi, local)
        for j in range(len(nodes))
    ]


def vanishing_mask(domain: Domain, values: Sequence[BoundaryValue]) -> Any:
    """A product of powers of the distances to the faces, of size one in the middle."""
    total: Any = sympy.Integer(1)
    for axis in domain.product_axes:
        own = [t for t in values if t.axis == axis.name]
        length = exact_number(axis.upper - axis.lower)
        below = sum(t.end == axis.lower for t in own)
        above = sum(t.end == axis.upper for t in own)
        low, high = (
            (axis.sympy - exact_number(axis.lower)) / length,
            (exact_number(axis.upper) - axis.sympy) / length,
        )
        if below and above:
            low, high = 2 * low, 2 * high
        total *= low**below * high**above
    return total


def partial_derivative(expression: Any, domain: Domain, index: tuple[int, ...]) -> Any:
    """The partial derivative of an expression of the coordinates."""
    return _partial(expression, domain.symbols, index)


@lru_cache(maxsize=1024)
def _partial(expression: Any, symbols: tuple[Any, ...], index: tuple[int, ...]) -> Any:
    # One derivative at a time, and each once: SymPy factors after a repeated derivative,
    # which took 9 of 10 s to prepare the lift of the cavity.
    axis = next((k for k, order in enumerate(index) if order), None)
    if axis is None:
        return expression
    lower = tuple(order - (k == axis) for k, order in enumerate(index))
    return _differentiate(_partial(expression, symbols, lower), symbols[axis], {})


def _differentiate(expression: Any, symbol: Any, known: dict[Any, Any]) -> Any:
    """The derivative, in which each part that occurs again is differentiated once.

    SymPy does each where it stands: 3 s for the lift of the cavity, whose third derivatives have
    a thousand different parts in 8,000 places.
    """
    if expression in known:
        return known[expression]

    def inner(part: Any) -> Any:
        return _differentiate(part, symbol, known)

    if expression.is_Atom:
        found = sympy.Integer(int(expression == symbol))
    elif expression.is_Add:
        found = sympy.Add(*map(inner, expression.args))
    elif expression.is_Mul:
        factors = expression.args
        found = sympy.Add(
            *(
                sympy.Mul(*factors[:k], inner(factor), *factors[k + 1 :])
                for k, factor in enumerate(factors)
            )
        )
    elif expression.is_Pow and expression.exp.is_number:
        base, power = expression.args
        found = power * base ** (power - 1) * inner(base)
    elif isinstance(expression, sympy.Function) and len(expression.args) == 1:
        slope = inner(expression.args[0])
        found = expression.fdiff(1) * slope if slope != 0 else slope
    else:
        found = expression.diff(symbol)
    known[expression] = found
    return found
