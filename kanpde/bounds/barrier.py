"""Barriers: positive functions w with L w >= m > 0, by which an elliptic operator bounds solutions.

If w > 0 on the closed box and L w > 0 in it, then |e| <= sup w (sup |L e| / m + sup over the
boundary of |e| / inf w): e / w solves an equation with a coefficient of the right sign, whatever
that of L is (Protter & Weinberger, Maximum Principles in Differential Equations, 1984, theorem 10
of chapter 2). So a w that is found by numbers, and proven, gives a constant that is nearly sharp.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from kanpde.assembly.ansatz import Ansatz
from kanpde.bounds.approximation import Approximation
from kanpde.bounds.coefficients import bound_coefficient
from kanpde.bounds.comparison import Comparison
from kanpde.bounds.correction import Corrected, CorrectionPolicy, correct
from kanpde.bounds.field_models import boxes_between
from kanpde.bounds.laws import NotCovered
from kanpde.bounds.polynomials import find_slope_barrier
from kanpde.bounds.ranges import find_range
from kanpde.bounds.setting import Setting
from kanpde.bounds.supremum import Deadline, Report
from kanpde.errors import KanpdeError
from kanpde.geometry.box import Box, Interval
from kanpde.network.constant import Constant
from kanpde.network.coordinates import Coordinates
from kanpde.problem.conditions.condition import Condition
from kanpde.problem.equations import Equation
from kanpde.problem.problem import Problem
from kanpde.solution.pieces import Piece
from kanpde.symbols.expression import Axis, Expression, exact_number

# The box on which a barrier is sought is larger by this share at each end: in the corners of the
# box itself a function that is zero on both faces cannot have L w = 1.
_MARGIN = 0.04
_SPLINES = CorrectionPolicy(first=(16, 12, 6), finest=(64, 24, 6), enough=0.1)
_DEGREE = 8
# Parts of each axis on which a barrier is proven.
_PARTS = (256, 48, 12)


@dataclass(frozen=True)
class Barrier:
    """|e| <= `factor` sup |L e| + `boundary` sup of |e| on the faces."""

    factor: float
    boundary: float
    method: str


def find_barrier(comparison: Comparison, deadline: Deadline, report: Report) -> Barrier:
    """The best of what is known in closed form and what is found by numbers.

    Raises NotCovered where neither exists.
    """
    domain = comparison.setting.problem.domain
    lowest = bound_coefficient(comparison.zeroth, domain, str(comparison.setting.field)).lower
    if comparison.setting.slopes:
        if lowest < 0:
            raise NotCovered(
                "the coefficient of the zeroth order may be negative, and a condition holds a "
                "derivative"
            )
        slopes = find_slope_barrier(comparison)
        return Barrier(slopes.largest, 1.0, slopes.method)
    found = [_closed_form(comparison, axis) for axis in _fixed_axes(comparison)]
    candidates = [b for b in found if b is not None and lowest >= 0]
    if not domain.is_box and candidates:
        return min(candidates, key=lambda b: b.factor)
    try:
        candidates.append(_by_numbers(comparison, lowest, deadline, report))
    except NotCovered:
        if not candidates:
            raise
    return min(candidates, key=lambda b: b.factor)


def _fixed_axes(comparison: Comparison) -> list[Axis]:
    """Axes whose both ends have values; of a shape all, which lies in the box around it."""
    setting = comparison.setting
    if not setting.problem.domain.is_box:
        return list(setting.space)
    return [a for a in setting.space if setting.is_fixed(a) and not setting.is_closed(a)]


def _closed_form(comparison: Comparison, axis: Axis) -> Barrier | None:
    """(x - a)(b - x) / 2 alpha; with a drift e^(k (b - a)) - e^(k (x - a)), k = 2 B / alpha."""
    least = comparison.diffusion[axis.name].lower
    length = (axis.upper - axis.lower) * (1 + 1e-14)
    if least <= 0:
        return None
    domain = comparison.setting.problem.domain
    drift = bound_coefficient(comparison.drift[axis.name], domain, f"u_{axis.name}").size
    if drift == 0:
        return Barrier(length**2 / (8 * least) * (1 + 1e-14), 1.0, f"parabola along {axis.name}")
    rate = 2 * drift / least
    if rate * length > 600:
        return None
    # L w >= (alpha k^2 - B k) e^0 = 2 B^2 / alpha.
    factor = math.expm1(rate * length) * least / (2 * drift**2)
    return Barrier(factor * (1 + 1e-13), 1.0, f"exponential along {axis.name}")


def _by_numbers(
    comparison: Comparison, lowest: float, deadline: Deadline, report: Report
) -> Barrier:
    setting, approximation = _enlarge(comparison)
    try:
        with np.errstate(all="ignore"):
            found = correct(
                setting, approximation, [], deadline, lambda t: report(f"barrier: {t}"), _SPLINES
            )
        low, high, least = _prove(comparison, setting, found)
    except (KanpdeError, RuntimeError, ValueError, ZeroDivisionError) as error:
        raise NotCovered(f"no barrier was found ({error})") from error
    if not (low > 0 and least > 0 and math.isfinite(high)):
        raise NotCovered(
            "no positive w with L w > 0 was found: the operator may not be coercive, as where a "
            "Helmholtz equation is beyond its first eigenvalue"
        )
    factor = high / least * (1 + 1e-14)
    return Barrier(factor, 1.0 if lowest >= 0 else high / low * (1 + 1e-14), "computed function")


def _enlarge(comparison: Comparison) -> tuple[Setting, Approximation]:
    """L w = 1 on a larger box, with w = 0 on its faces."""
    own = comparison.setting
    domain = own.problem.domain
    intervals, mask = {}, sympy.Integer(1)
    for axis in domain.axes:
        room = 0.0
        if axis in own.space and not own.is_closed(axis):
            room = _MARGIN * (axis.upper - axis.lower)
            low, high = exact_number(axis.lower - room), exact_number(axis.upper + room)
            mask *= 4 * (axis.sympy - low) * (high - axis.sympy) / (high - low) ** 2
        intervals[axis.name] = Interval(axis.lower - room, axis.upper + room, axis.role)
    box = Box(**intervals)
    name = own.problem.unknowns[0]
    law: Any = sympy.Integer(-1) + comparison.sign * sum(
        own.equation.expression.diff(jet) * jet for jet in own.equation.jets
    )
    periodic = [c for c in own.problem.conditions if c.periodic_axis is not None]
    whole = Condition("barrier", box, lambda: Expression(law))
    problem = Problem(box, name, [whole, *periodic])
    coordinates = Coordinates(
        tuple(a.lower for a in box.axes),
        tuple(a.upper for a in box.axes),
        tuple(a.name in own.problem.periodic for a in box.axes),
    )
    network = Constant(coordinates, 1)
    network.load_flat(network.flat() * 0)
    ansatz = Ansatz({name: sympy.Integer(0)}, {name: mask}, (), problem.equations)
    equation: Equation = problem.equations[0]
    setting = Setting(problem, equation, (), ())
    return setting, Approximation(problem, Piece(box, ansatz, network))


def _prove(
    comparison: Comparison, setting: Setting, found: Corrected
) -> tuple[float, float, float]:
    """Bounds of w on the box itself, lower and upper, and a lower bound of L w."""
    spline = found.approximation.spline
    assert spline is not None
    domain = comparison.setting.problem.domain
    low, high, least = math.inf, -math.inf, math.inf
    parts = _PARTS[domain.dimension - 1]
    edges = [np.linspace(a.lower, a.upper, parts + 1) for a in domain.axes]
    boxes = boxes_between(spline.space.refine(edges))
    law = setting.equation.expression
    with np.errstate(all="ignore"):
        for k in range(0, len(boxes), 2048):
            pair = found.approximation.evaluation(boxes[k : k + 2048], [law], _DEGREE)
            assert pair.correction is not None
            w, image = find_range(pair.correction), find_range(pair.full.of(law))
            low, high = min(low, float(w.lower.min())), max(high, float(w.upper.max()))
            least = min(least, 1 + float(image.lower.min()))
    return low, high, least
