"""Conditions on a boundary as theorems see them: a du/dn + b u = g with numbers a and b."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy

from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain, Region
from kanpde.problem.equations import Equation
from kanpde.symbols.expression import FieldSymbol, NormalSymbol


class NotCovered(KanpdeError):
    """A theorem does not apply; the message says why."""


@dataclass(frozen=True)
class Law:
    """`defect` is du/dn + `share` u - g, or, where `is_value`, u - g, of an approximation.

    The share is not negative.
    """

    region: Region
    defect: Any
    share: float
    is_value: bool
    equation: Equation


def read_law(equation: Equation, domain: Domain, field: FieldSymbol) -> Law:
    """The law of a condition; raises NotCovered, with the reason, for another kind."""
    name, expression = equation.condition, sympy.sympify(equation.expression)
    value = sympy.expand(expression.diff(field))
    slopes = {j: sympy.expand(expression.diff(j)) for j in equation.jets if any(j.index)}
    if any(sum(j.index) > 1 for j in slopes):
        raise NotCovered(f'"{name}" has second derivatives, which bounds do not know on a boundary')
    if not value.is_number:
        raise NotCovered(f'"{name}" multiplies {field} by {value}; bounds know numbers there')
    if not slopes:
        if value == 0:
            raise NotCovered(f'"{name}" does not contain {field}')
        return Law(equation.region, expression / value, 0.0, True, equation)
    slope = _read_slope(equation, domain, slopes)
    share = value / slope
    if share < 0:
        raise NotCovered(
            f'"{name}" has {field} and its normal derivative with two signs, so that errors may '
            "grow at the boundary"
        )
    return Law(equation.region, expression / slope, float(share), False, equation)


def _read_slope(equation: Equation, domain: Domain, slopes: dict[FieldSymbol, Any]) -> Any:
    """The number by which the outward normal derivative is multiplied."""
    name, normals = equation.condition, _normals(equation.region, domain)
    found: set[Any] = set()
    given = {axis: sympy.Integer(0) for axis in domain.names}
    for jet, slope in slopes.items():
        given[domain.names[list(jet.index).index(1)]] = slope
    for axis, slope in given.items():
        normal = normals[axis]
        if normal == 0 and slope == 0:
            continue
        factor = sympy.simplify(slope / normal) if normal != 0 else sympy.nan
        found.add(factor)
    if len(found) != 1 or not (factor := found.pop()).is_number or factor in (0, sympy.nan):
        raise NotCovered(
            f'"{name}" is not a number times the normal derivative; bounds know no other '
            "derivatives on a boundary"
        )
    return factor


def _normals(region: Region, domain: Domain) -> dict[str, Any]:
    """The components of the outward normal: numbers on the face of a box, else symbols."""
    space = [a.name for a in domain.space]
    if region.end is not None:
        name, end = region.end
        sign = 1 if end == domain.axis(name).upper else -1
        return {a: sympy.Integer(sign if a == name else 0) for a in domain.names}
    return {a: NormalSymbol(a) if a in space else sympy.Integer(0) for a in domain.names}
