"""The dual norm of the residual, for equations -div(a grad u) + c u = f that are coercive.

With a(e, e) = integral of a grad e . grad e + c e^2, the norm of the residual in the dual space is
the energy norm of its Riesz representative (Verfuerth, A Posteriori Error Estimation Techniques,
2013, section 1.4). The correction v is that representative but for its own residual D, so that
| |e| - |v| | <= |D| / sqrt(mu), mu the least eigenvalue: a bound from both sides.
"""

from __future__ import annotations

import math

import numpy as np
import sympy

from kanpde.bounds.approximation import Approximation, CorrectionModels
from kanpde.bounds.case import Case
from kanpde.bounds.certificate import Bound, Norm
from kanpde.bounds.coefficients import bound_coefficient
from kanpde.bounds.comparison import Comparison, Type, read_comparison
from kanpde.bounds.laws import NotCovered
from kanpde.bounds.monomials import UP
from kanpde.bounds.ranges import integrate
from kanpde.bounds.setting import Setting

_DEGREE = 8


def require_energy(case: Case) -> tuple[Comparison, float]:
    """The comparison of a coercive equation, and a lower bound of its least eigenvalue.

    Raises NotCovered, with the reason, for others.
    """
    setting = case.setting
    comparison = read_comparison(setting)
    if not setting.problem.domain.is_box or setting.slopes:
        raise NotCovered("the energy norm is bounded on boxes with values on all faces")
    if comparison.type is not Type.ELLIPTIC or not comparison.is_linear:
        raise NotCovered("the energy norm is for linear elliptic equations")
    if len(setting.space) < setting.problem.domain.dimension:
        raise NotCovered("the equation has no derivative along one of its axes")
    _check_symmetric(setting)
    case.require_exact("the energy norm")
    least = _least_eigenvalue(comparison)
    if least <= 0:
        raise NotCovered(
            f"the equation is not shown to be coercive: {least:.3g} is all that is known below its "
            "least eigenvalue"
        )
    return comparison, least


def bound_by_energy(case: Case) -> list[Bound]:
    """Bounds of the energy norm of the error, from above and below."""
    setting = case.setting
    comparison, least = require_energy(case)
    volume = math.prod(a.upper - a.lower for a in setting.space)
    factor = math.sqrt(volume / least) * (1 + 1e-13)
    refined = case.refine(0, factor)
    rest = UP * factor * min(refined.remainder.mean, refined.remainder.upper)
    case.report("energy of the correction")
    low, high = _energy(comparison, refined.approximation)
    constants = {
        "least eigenvalue": least,
        "volume": volume,
        "dual norm of the residual": high + rest,
        "mean residual after correction": refined.remainder.mean,
    }
    return [
        Bound(
            "dual norm of the residual", Norm.ENERGY, UP * (high + rest), max(low - rest, 0.0),
            constants,
        )
    ]  # fmt: skip


def _check_symmetric(setting: Setting) -> None:
    """Raise NotCovered unless the drift is the divergence of the diffusion."""
    names = [a.name for a in setting.space]
    symbols = {a.name: a.sympy for a in setting.space}
    for a in names:
        divergence = sympy.diff(setting.slope(a, a), symbols[a]) + sum(
            sympy.diff(setting.slope(a, b), symbols[b]) / 2 for b in names if b != a
        )
        if sympy.simplify(setting.slope(a) - divergence) != 0:
            raise NotCovered(
                "the equation is not of the form -div(a grad u) + c u = f, which has an energy"
            )


def _least_eigenvalue(comparison: Comparison) -> float:
    """A lower bound: the Laplacian's on the box, times the least diffusion, and the least c."""
    setting = comparison.setting
    total = 0.0
    for axis in setting.space:
        if setting.is_fixed(axis) and not setting.is_closed(axis):
            least = comparison.diffusion[axis.name].lower
            total += least * (math.pi / (axis.upper - axis.lower)) ** 2
    if any(setting.slope(a.name, b.name) != 0 for a in setting.space for b in setting.space
           if a.name < b.name):  # fmt: skip
        raise NotCovered(
            "the equation has mixed derivatives, for which no eigenvalue is known here"
        )
    domain = setting.problem.domain
    least = bound_coefficient(comparison.zeroth, domain, str(setting.field)).lower
    return (total + least) * (1 - 1e-13) if total + least > 0 else total + least


def _energy(comparison: Comparison, approximation: Approximation) -> tuple[float, float]:
    """Bounds of the energy norm of the correction."""
    assert approximation.spline is not None
    setting, sign = comparison.setting, comparison.sign
    boxes = approximation.spline.space.cells()
    dimension = setting.problem.domain.dimension
    low = high = 0.0
    with np.errstate(all="ignore"):
        for k in range(0, len(boxes), 512):
            part = boxes[k : k + 512]
            models = CorrectionModels(approximation, part, _DEGREE)
            value = models.derivative((0,) * dimension)
            density = models.run.of(comparison.zeroth) * value * value
            for axis in setting.space:
                index = tuple(int(n == axis.name) for n in setting.problem.domain.names)
                slope = models.derivative(index)
                diffusion = models.run.of(-sign * setting.slope(axis.name, axis.name))
                density = density + diffusion * slope * slope
            below, above = integrate(density, part.halves)
            low, high = low + below, high + above
    return math.sqrt(max(low, 0.0)) * (1 - 1e-12), math.sqrt(max(high, 0.0)) * (1 + 1e-12)
