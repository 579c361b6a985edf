"""Bounds of the coefficients of an equation over a box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from kanpde.bounds.expressions import Evaluation, read_number
from kanpde.bounds.field_models import Boxes, boxes_between, coordinate_models
from kanpde.bounds.laws import NotCovered
from kanpde.bounds.monomials import monomials
from kanpde.bounds.ranges import find_range
from kanpde.geometry.domain import Domain

# Boxes along each axis, and the degree of the models on them: coefficients are smooth.
_PARTS = (128, 32, 10)
_DEGREE = 6


@dataclass(frozen=True)
class Bounds:
    """lower <= f <= upper."""

    lower: float
    upper: float

    @property
    def size(self) -> float:
        """The largest absolute value."""
        return max(abs(self.lower), abs(self.upper))

    def __neg__(self) -> Bounds:
        return Bounds(-self.upper, -self.lower)


def bound_coefficient(expression: Any, domain: Domain, name: str) -> Bounds:
    """The range of an expression of the coordinates; raises NotCovered where it has no bound."""
    expression = sympy.sympify(expression)
    if expression.is_number:
        value, error = read_number(expression)
        return Bounds(value - error, value + error)
    if not expression.free_symbols <= set(domain.symbols):
        raise NotCovered(f"the coefficient of {name}, {expression}, depends on the solution")
    boxes = cut_evenly(domain, _PARTS[domain.dimension - 1])
    space = monomials(domain.dimension, _DEGREE)
    known = dict(zip(domain.symbols, coordinate_models(space, boxes), strict=True))
    with np.errstate(all="ignore"):
        found = find_range(Evaluation(known, space, len(boxes)).of(expression))
    low, high = float(found.lower.min()), float(found.upper.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise NotCovered(f"the coefficient of {name}, {expression}, has no bound that was found")
    return Bounds(low, high)


def cut_evenly(domain: Domain, parts: int) -> Boxes:
    """The box of a domain cut into `parts` along each axis."""
    return boxes_between([np.linspace(a.lower, a.upper, parts + 1) for a in domain.axes])
