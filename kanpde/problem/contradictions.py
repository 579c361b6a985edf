"""Conditions on one place that cannot both hold, and readings that differ at one point."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain
from kanpde.problem.equations import Equation, Kind
from kanpde.symbols.expression import FieldSymbol, rounded
from kanpde.symbols.jumps import BRANCHING
from kanpde.symbols.tabulated import TableValue, lambdify_numbers


@dataclass(frozen=True)
class ContradictionPolicy:
    """From which gap on two statements contradict each other."""

    # Of the size of the values: 3.14159 for pi is 8e-7 off, and meant.
    gap: float = 1e-5
    # Points at which data are compared.
    points: int = 64
    # Of the range of all readings of a field: repeated readings with a noise of some per cent
    # are no news, 0 and 5 in one place are.
    readings: float = 0.2


CONTRADICTION_POLICY = ContradictionPolicy()


@dataclass(frozen=True)
class _Fixed:
    """A condition that says what one derivative is on a part of the boundary."""

    equation: Equation
    jet: FieldSymbol
    value: Any


def require_no_contradiction(
    equations: tuple[Equation, ...],
    domain: Domain,
    policy: ContradictionPolicy = CONTRADICTION_POLICY,
) -> None:
    """Raise KanpdeError for two conditions that fix one derivative to different values.

    A value on a face also fixes the derivatives along it.
    """
    fixed = [f for f in map(_read, equations) if f is not None]
    for a, b in permutations(fixed, 2):
        if a.equation.region.key() != b.equation.region.key() or a.jet.field != b.jet.field:
            continue
        steps = [m - n for n, m in zip(a.jet.index, b.jet.index, strict=True)]
        along = [axis for axis, n in zip(domain.axes, steps, strict=True) for _ in range(n)]
        across = any(axis.name in a.equation.region.fixed for axis in along)
        if min(steps) < 0 or across or (along and a.value.has(*BRANCHING, TableValue)):
            continue
        said = a.value
        for axis in along:
            said = said.diff(axis.sympy)
        gap = _gap(said, b.value, a.equation, domain, policy)
        if gap is not None:
            raise KanpdeError(_describe(a, b, gap))


def _read(equation: Equation) -> _Fixed | None:
    jets = equation.jets
    whole = equation.is_interior or equation.kind is not Kind.RESIDUAL
    if whole or equation.observed is not None or len(jets) != 1:
        return None
    slope = equation.expression.diff(jets[0])
    if slope.has(jets[0]) or slope == 0:
        return None
    value = -equation.expression.xreplace({jets[0]: sympy.Integer(0)}) / slope
    return _Fixed(equation, jets[0], value)


def _gap(
    first: Any, second: Any, equation: Equation, domain: Domain, policy: ContradictionPolicy
) -> float | None:
    """The largest difference of two values on a region; None where they agree."""
    if first == second:
        return None
    count = policy.points
    here = equation.region.sample(count, 0).points
    # The values elsewhere say what is small: sin(pi x) is 1e-16 where x = 1.
    points = np.concatenate([here, domain.interior.sample(count, 0).points])
    compiled = lambdify_numbers(domain.symbols, [first, second])
    with np.errstate(all="ignore"):
        a, b = (np.broadcast_to(np.asarray(v, float), len(points)) for v in compiled(*points.T))
    known = np.isfinite(a) & np.isfinite(b)
    if not known.any():
        return None
    scale = max(float(np.abs(a[known]).max()), float(np.abs(b[known]).max()))
    differences = np.abs(a - b)[: len(here)][known[: len(here)]]
    gap = float(differences.max(initial=0.0))
    return gap if gap > policy.gap * scale else None


def _describe(a: _Fixed, b: _Fixed, gap: float) -> str:
    one, other = a.equation.condition, b.equation.condition
    names = f'"{one}" and "{other}" contradict' if one != other else f'"{one}" contradicts'
    return (
        f"{names} {'each other' if one != other else 'itself'} on {a.equation.region.label}: "
        f"{a.jet} = {rounded(a.value)} and {b.jet} = {rounded(b.value)} differ by {gap:.3g} "
        "there; leave one of them out"
    )


def find_conflicting_readings(
    equations: tuple[Equation, ...],
    domain: Domain,
    policy: ContradictionPolicy = CONTRADICTION_POLICY,
) -> list[str]:
    """Measured values of one field at one point that differ by more than noise does."""
    found = []
    seen = [e for e in equations if e.observed is not None and not e.inherited]
    for jet in dict.fromkeys(e.jets[0] for e in seen):
        own = [e for e in seen if e.jets[0] == jet]
        points = np.concatenate([e.region.sample(0, 0).points for e in own])
        values = np.concatenate([np.asarray(e.observed, float) for e in own])
        place, gap = _widest(points, values)
        if gap > policy.readings * max(float(np.ptp(values)), 1e-300):
            where = ", ".join(f"{n} = {v:g}" for n, v in zip(domain.names, place, strict=True))
            found.append(
                f"readings of {jet} at one point ({where}) differ by {gap:.3g}; no solution "
                "meets both, and least squares takes their mean"
            )
    return found


def _widest(points: Array, values: Array) -> tuple[Array, float]:
    """The point (dimension,) whose values differ most, and by how much."""
    places, which = np.unique(points, axis=0, return_inverse=True)
    which = which.ravel()
    high, low = np.full(len(places), -np.inf), np.full(len(places), np.inf)
    np.maximum.at(high, which, values)
    np.minimum.at(low, which, values)
    worst = int((high - low).argmax())
    return places[worst], float(high[worst] - low[worst])
