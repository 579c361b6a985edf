"""Dirichlet conditions on the boundary of a shape that can hold by construction.

u = G + M N: M vanishes on the pieces where u is given, G has the data there. Data of several pieces
that do not touch are blended by inverse-distance weights (Rvachev et al., Int. J. Solids Struct.
37, 2000; Sukumar & Srivastava, Comput. Methods Appl. Mech. Eng. 389, 2022, section 5.1). Where
pieces with other data touch, the weights are singular, so those of the smaller piece are trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from scipy.spatial import cKDTree

from kanpde.arrays import Array
from kanpde.assembly.lift import evaluate_at
from kanpde.geometry.domain import Domain, Region
from kanpde.problem.equations import Equation, Kind
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import normals_in, symbolic
from kanpde.symbols.tabulated import TableValue

# Data that differ by less than this share of their size agree.
_TOLERANCE = 1e-9
# Points of a piece where distances are measured, and the distance, relative to the spacing of the
# points, at which pieces touch.
_POINTS, _TOUCH = 512, 2.0
# Segments in the domain along which the smoothness of data is measured, the points of each, its
# length relative to the domain's, and the relative gap that counts as a kink.
_SEGMENTS, _LINE, _LENGTH, _KINK = 256, 65, 0.2, 0.02


@dataclass(frozen=True)
class ShapeValue:
    """A condition "field is value" on some pieces of a boundary, where `vanishing` is zero."""

    field: str
    value: Any
    vanishing: Any
    equation: Equation


def find_shape_values(problem: Problem) -> list[ShapeValue]:
    """The values that equations state on curved boundaries, those that touch left out."""
    found: list[ShapeValue] = []
    for equation in problem.equations:
        known = _read_value(equation, problem)
        if known is not None and not any(_same_place(known, other) for other in found):
            found.append(known)
    found.sort(key=lambda v: -v.equation.region.measure)
    kept: list[ShapeValue] = []
    for known in found:
        rivals = [v for v in kept if v.field == known.field and v.value != known.value]
        if not any(_touch(known.equation.region, v.equation.region) for v in rivals):
            kept.append(known)
    return kept


def _same_place(one: ShapeValue, other: ShapeValue) -> bool:
    places = (v.equation.region.key() for v in (one, other))
    return one.field == other.field and len(set(places)) == 1


def _read_value(equation: Equation, problem: Problem) -> ShapeValue | None:
    region, jets = equation.region, equation.jets
    if equation.kind is not Kind.RESIDUAL or equation.observed is not None:
        return None
    if region.is_interior or region.fixed or region.dimension == 0 or len(jets) != 1:
        return None
    (jet,) = jets
    if sum(jet.index) or normals_in(equation.expression):
        return None
    slope = equation.expression.diff(jet)
    if not slope.is_number or slope == 0:
        return None
    value = -equation.expression.xreplace({jet: sympy.Integer(0)}) / slope
    if not {str(v) for v in value.free_symbols} <= set(jet.support):
        return None
    if len(jet.support) != problem.domain.dimension:
        return None
    vanishing = problem.domain.vanishing(region)
    if vanishing is None or not _is_smooth_inside(value, problem.domain):
        return None
    return ShapeValue(jet.field, value, symbolic(vanishing), equation)


def _touch(one: Region, other: Region) -> bool:
    first, second = (r.sample(_POINTS, 0).points for r in (one, other))
    distance = cKDTree(first).query(second)[0].min()
    spacing = cKDTree(second).query(second, k=2)[0][:, 1].max()
    return bool(distance <= _TOUCH * spacing)


def _is_smooth_inside(value: Any, domain: Domain) -> bool:
    """Whether data on a boundary are smooth in the domain too, where the lift takes them.

    The angle around a corner has a jump inside, and |x| a kink; both are seen along segments.
    """
    if value.has(TableValue):
        return False  # it may end at the boundary
    if value.has(sympy.Piecewise, sympy.Heaviside, sympy.Min, sympy.Max, sympy.sign, sympy.Abs):
        return False
    if value.is_polynomial(*domain.symbols):
        return True
    random = np.random.default_rng(0)
    starts = domain.interior.sample(_SEGMENTS, 0).points
    directions = random.normal(size=starts.shape)
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    lower, upper = domain.bounds
    along = np.linspace(0, _LENGTH, _LINE)
    steps = directions * (upper - lower)
    points = starts[:, None] + along[:, None] * steps[:, None]
    flat = points.reshape(-1, domain.dimension)
    inside = domain.contains(flat).reshape(len(starts), _LINE).all(1)
    if not inside.any():
        return True
    slopes = [value.diff(symbol) for symbol in domain.symbols]
    with np.errstate(all="ignore"):
        found = evaluate_at(domain, [value, *slopes], points[inside].reshape(-1, domain.dimension))
    values, *parts = (v.reshape(-1, _LINE) for v in found)
    rate = sum(p * steps[inside, k : k + 1] for k, p in enumerate(parts))
    change = np.trapezoid(rate, along, axis=1)
    gap = np.abs(values[:, -1] - values[:, 0] - change)
    size = np.abs(values).max() + np.abs(rate).max() * _LENGTH
    return bool(np.isfinite(size) and (gap <= _KINK * size).all())


def blend(values: Sequence[ShapeValue]) -> tuple[Any, Any]:
    """The lift and the mask of the values of one field."""
    if not values:
        return sympy.S.Zero, sympy.S.One
    groups: dict[Any, Any] = {}
    for known in values:
        groups[known.value] = groups.get(known.value, sympy.Integer(1)) * known.vanishing
    mask = sympy.prod(list(groups.values()))
    if len(groups) == 1:
        return next(iter(groups)), mask
    weights = [sympy.prod([v for other, v in groups.items() if other != own]) for own in groups]
    total = sum(weights)
    return sum(g * w / total for g, w in zip(groups, weights, strict=True)), mask


def largest_gap(value: Any, other: Any, region: Region, axis: str, end: float) -> float:
    """How far data differ on a piece of the boundary where an axis ends, relative to their size."""
    domain = region.domain
    points: Array = region.sample(_POINTS, 0).points.copy()
    points[:, domain.names.index(axis)] = end
    left, right = evaluate_at(domain, [value, other], points)
    scale = max(1.0, float(np.abs(left).max()), float(np.abs(right).max()))
    gap = float(np.abs(left - right).max()) / scale
    return gap if gap > _TOLERANCE else 0.0
