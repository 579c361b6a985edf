"""The comparison principle on a solution: piece after piece, each corrected first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kanpde.bounds.approximation import Approximation
from kanpde.bounds.barrier import find_barrier
from kanpde.bounds.case import Case
from kanpde.bounds.certificate import Bound, Norm
from kanpde.bounds.coefficients import bound_coefficient
from kanpde.bounds.comparison import (
    Comparison,
    Type,
    check_exponent,
    growth_factor,
    read_comparison,
)
from kanpde.bounds.field_models import boxes_between
from kanpde.bounds.laws import NotCovered
from kanpde.bounds.monomials import UP
from kanpde.bounds.polynomials import find_slope_barrier
from kanpde.bounds.ranges import find_range
from kanpde.bounds.refinement import Refined, bound_pieces

# Points of a piece at which the growth of a nonlinear equation is looked at before it is proven.
_SAMPLES = 2000
_DEGREE = 8


def bound_by_comparison(case: Case) -> list[Bound]:
    """A bound of the largest error; raises NotCovered with the reason where there is none."""
    comparison = read_comparison(case.setting)
    if comparison.type is Type.ELLIPTIC:
        return [_bound_elliptic(case, comparison)]
    return [_bound_evolution(case, comparison)]


def _bound_elliptic(case: Case, comparison: Comparison) -> Bound:
    if not comparison.is_linear:
        raise NotCovered("the equation is nonlinear and has no derivative in time")
    barrier = find_barrier(comparison, case.deadline.part(0.2), case.report)
    refined = case.refine(0, barrier.factor)
    defect, slope = case.defect(0), case.slope_defect(0)
    worst = max(refined.remainder.upper, slope)
    rest = UP * (barrier.factor * worst + barrier.boundary * defect)
    constants = {"K": barrier.factor, "boundary factor": barrier.boundary, "defect": defect}
    if comparison.setting.slopes:
        constants["defect of derivatives"] = slope
    return bound_pieces(
        comparison.type.value, Norm.MAXIMUM, [(refined, rest)], constants, barrier.method
    )


@dataclass(frozen=True)
class _Step:
    refined: Refined
    rest: float
    growth: float
    factor: float


def _bound_evolution(case: Case, comparison: Comparison) -> Bound:
    assert comparison.setting.time is not None
    name = comparison.setting.time.name
    steps: list[_Step] = []
    before = 0.0
    slopes = find_slope_barrier(comparison) if comparison.setting.slopes else None
    for k, piece in enumerate(case.solution.pieces):
        time = piece.domain.axis(name)
        span = (time.upper - time.lower) * (1 + 1e-14)
        growth = _guess_growth(comparison, case.approximation(k))
        check_exponent(growth, comparison.tau, span)
        refined = case.refine(k, growth_factor(growth, comparison.tau, span)[1])
        growth = _prove_growth(comparison, refined.approximation)
        check_exponent(growth, comparison.tau, span)
        gain, factor = growth_factor(growth, comparison.tau, span)
        start = UP * (before + case.jump(k))
        given = max(start, case.defect(k))
        if slopes is not None:
            reach = slopes.largest + slopes.sink * span / comparison.tau.lower
            given = UP * (given + UP * reach * case.slope_defect(k))
        before = UP * (gain * given + factor * refined.remainder.upper)
        steps.append(_Step(refined, before, growth, factor))
    constants = {
        "growth": max(s.growth for s in steps),
        "K": max(s.factor for s in steps),
        "windows": float(len(steps)),
    }
    parts = [(s.refined, s.rest) for s in steps]
    return bound_pieces(comparison.type.value, Norm.MAXIMUM, parts, constants)


def _guess_growth(comparison: Comparison, approximation: Approximation) -> float:
    """The growth at some points, for the choice of how much work is worth it."""
    if not comparison.zeroth_jets:
        return _prove_growth(comparison, approximation)
    lower, upper = approximation.piece.domain.bounds
    points = lower + (upper - lower) * np.random.default_rng(0).random((_SAMPLES, len(lower)))
    return max(-float(approximation.values(comparison.zeroth, points).min()), 0.0)


def _prove_growth(comparison: Comparison, approximation: Approximation) -> float:
    """The least growth with c >= -growth on a piece."""
    if not comparison.zeroth_jets:
        domain = comparison.setting.problem.domain
        bounds = bound_coefficient(comparison.zeroth, domain, str(comparison.setting.field))
        return max(-bounds.lower, 0.0)
    assert approximation.spline is not None
    boxes = boxes_between(approximation.spline.space.edges)
    least = np.inf
    with np.errstate(all="ignore"):
        for k in range(0, len(boxes), 192):
            pair = approximation.evaluation(boxes[k : k + 192], [comparison.zeroth], _DEGREE)
            least = min(least, float(find_range(pair.full.of(comparison.zeroth)).lower.min()))
    if not np.isfinite(least):
        raise NotCovered("no lower bound of the coefficient of the zeroth order was found")
    return max(-least, 0.0)
