"""Singular functions of corners, with which a network is enriched.

Near a corner of angle omega the solution of a Laplace-like equation is a sum of r^alpha sin(alpha
theta) or r^alpha cos(alpha theta), with alpha = k pi / omega where both sides hold the same kind of
condition and (k - 1/2) pi / omega where they do not (Grisvard, Elliptic Problems in Nonsmooth
Domains, 1985, section 5.1). Polynomials and networks of low degree do not resolve those that are
not smooth; so these are added, with coefficients that are trained.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import sympy

from kanpde.assembly.elastic_corners import displacements_of, find_elasticity
from kanpde.geometry.domain import Corner, Domain, Region
from kanpde.problem.equations import Equation, Kind
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import FieldSymbol, exact_number, symbolic


@dataclass(frozen=True)
class CornerPolicy:
    """Which corners get functions, and how many."""

    # A corner whose first exponent that is not whole is larger is smooth enough.
    singular: float = 2.0
    # Exponents up to this one are taken: a remainder r^3.6 is smooth for second derivatives.
    exponents: float = 3.6
    most: int = 24


CORNER_POLICY = CornerPolicy()


# Added to a sum that is zero in one point only.
_TINY = sympy.Float(1e-300, 17)


class _Side(Enum):
    """What holds on a side: the value or the normal derivative."""

    VALUE = "value"
    FLUX = "flux"


def find_enrichment(
    problem: Problem, policy: CornerPolicy = CORNER_POLICY
) -> tuple[dict[str, tuple[Any, ...]], tuple[str, ...]]:
    """For each field the functions that the problem names and those of its corners.

    With the fields of an elastic displacement, whose functions share their coefficients.
    """
    elastic = None if problem.enrich or problem.domain.time else find_elasticity(problem)
    if elastic is not None:
        pairs = displacements_of(problem, elastic, policy.singular, policy.exponents)
        pairs = pairs[: policy.most]
        if pairs:
            return dict(zip(elastic.fields, zip(*pairs, strict=True), strict=True)), elastic.fields
    found: dict[str, tuple[Any, ...]] = {}
    for name in problem.unknowns:
        given = tuple(symbolic(e) for e in problem.enrich.get(name, ()))
        own = () if given else _of_corners(problem, name, policy)
        if given or own:
            found[name] = (*given, *own)
    return found, ()


def describe_enrichment(problem: Problem, enrichment: Mapping[str, tuple[Any, ...]]) -> list[str]:
    """Sentences for `kanpde check`."""
    return [
        f"{name} is enriched by {len(functions)} singular function{'s' * (len(functions) > 1)} "
        + ("that the problem names" if name in problem.enrich else "of the corners of the shape")
        for name, functions in enrichment.items()
    ]


def _of_corners(problem: Problem, field: str, policy: CornerPolicy) -> tuple[Any, ...]:
    domain = problem.domain
    if domain.time is not None or not _is_laplace_like(problem, field):
        return ()
    found: list[Any] = []
    for corner in domain.corners:
        sides = [_side(problem, field, side) for side in corner.sides]
        if None not in sides:
            found += _functions(domain, corner, sides, policy)
    return tuple(found[: policy.most])


def _is_laplace_like(problem: Problem, field: str) -> bool:
    """Whether second derivatives of a field enter one interior equation as its Laplacian."""
    names = problem.domain.names
    if len(names) != 2 or problem.field_space.support[field] != names:
        return False
    second = {index: FieldSymbol(field, names, index) for index in ((2, 0), (1, 1), (0, 2))}
    laws = [
        e
        for e in problem.equations
        if e.is_interior
        and e.kind is not Kind.DENSITY
        and any(s.field == field and sum(s.index) >= 2 for s in e.jets)
    ]
    if len(laws) != 1:
        return False
    law: Equation = laws[0]
    slopes = {index: law.expression.diff(symbol) for index, symbol in second.items()}
    same = sympy.expand(slopes[2, 0] - slopes[0, 2]) == 0
    others = any(sum(s.index) > 2 for s in law.jets)
    coupled = any(s.field != field and sum(s.index) >= 2 for s in law.jets)
    return bool(same and slopes[2, 0] != 0 and slopes[1, 1] == 0) and not others and not coupled


def _side(problem: Problem, field: str, side: Region) -> _Side | None:
    """What the conditions on a side say of a field; None where they say nothing or much."""
    own = [
        e
        for e in problem.equations
        if not e.is_interior
        and e.kind is Kind.RESIDUAL
        and e.region.covers(side)
        and any(s.field == field for s in e.jets)
    ]
    if len(own) != 1:
        return None
    orders = {sum(s.index) for s in own[0].jets if s.field == field}
    if orders == {0}:
        return _Side.VALUE
    return _Side.FLUX if max(orders) == 1 else None


def _functions(
    domain: Domain, corner: Corner, sides: list[_Side | None], policy: CornerPolicy
) -> list[Any]:
    mixed = sides[0] is not sides[1]
    exponents = [
        (k - mixed / 2) * math.pi / corner.angle
        for k in range(1, 2 + int(policy.exponents * corner.angle / math.pi + 1))
    ]
    rough = [a for a in exponents if abs(a - round(a)) > 1e-6 and a < policy.exponents]
    if not rough or rough[0] > policy.singular:
        return []
    lower, upper = domain.bounds
    length = exact_number(float(np.linalg.norm(upper - lower)) / 2)
    x, y = (
        domain.axis(n).sympy - exact_number(c)
        for n, c in zip(corner.axes, corner.point, strict=True)
    )
    along, across = map(exact_number, corner.bisector)
    ahead = along * x + across * y
    beside = exact_number(corner.sense) * (along * y - across * x)
    radius = sympy.sqrt(x**2 + y**2)
    # The half-angle formula has its cut opposite of the bisector, outside of the shape.
    # In the corner itself it would be 0 / 0, and the functions are 0.
    theta = 2 * sympy.atan(beside / (radius + ahead + _TINY)) + exact_number(corner.angle / 2)
    wave = sympy.sin if sides[0] is _Side.VALUE else sympy.cos
    return [
        ((x**2 + y**2) / length**2) ** exact_number(a / 2) * wave(exact_number(a) * theta)
        for a in rough
    ]
