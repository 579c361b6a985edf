"""The comparison principle: equations whose solutions are ordered as their data are.

For an elliptic equation L e = r with L w >= 1 for a positive w, or a parabolic one, the maximum
principle gives |e| <= (boundary part) + K sup |r| (Gilbarg & Trudinger, Elliptic Partial
Differential Equations, 2001, theorem 3.7; Protter & Weinberger, Maximum Principles in Differential
Equations, 1984, chapter 3, section 3). Without second derivatives it is the method of
characteristics.

The equation may be nonlinear in u where the difference of two solutions solves such an equation:
u_t + b(u) u_x + g(u) with b' constant and g' bounded below.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import sympy

from kanpde.bounds.coefficients import Bounds, bound_coefficient
from kanpde.bounds.laws import NotCovered
from kanpde.bounds.setting import Setting
from kanpde.symbols.expression import Axis, FieldSymbol

# A nonlinear term's lowest slope comes from roots of polynomials: their errors are below this.
_ROOTS = 1e-9
# Beyond it e^(growth T) makes a bound that says nothing.
LARGEST_EXPONENT = 30.0


class Type(Enum):
    """The type of an equation, by the theorem that bounds its solutions."""

    ELLIPTIC = "maximum principle, elliptic"
    PARABOLIC = "maximum principle, parabolic"
    TRANSPORT = "method of characteristics"


@dataclass(frozen=True)
class Comparison:
    """What the principle needs of F = sign (tau u_t - a : D^2 u + b . D u + c u - f).

    `zeroth` is c, where the equation is nonlinear a lower bound of it, an expression of the
    coordinates and of derivatives of the approximation.
    """

    setting: Setting
    type: Type
    sign: int
    tau: Bounds
    diffusion: Mapping[str, Bounds]
    drift: Mapping[str, Any]
    zeroth: Any
    is_linear: bool

    @property
    def zeroth_jets(self) -> list[FieldSymbol]:
        """The derivatives of the approximation that c depends on."""
        return sorted(self.zeroth.atoms(FieldSymbol), key=str)


def read_comparison(setting: Setting) -> Comparison:
    """Raises NotCovered, with the reason, for an equation that the principle does not cover."""
    _check_orders(setting)
    second = _second_order(setting)
    sign, tau = _orientation(setting, second)
    diffusion = {n: v if sign < 0 else -v for n, v in second.items()}
    off = _off_diagonal(setting)
    for name, bounds in diffusion.items():
        lowest = bounds.lower - 0.5 * off[name]
        if lowest < 0:
            raise NotCovered(
                f"the coefficient of {setting.field}_{name}{name} goes down to {lowest:.2g} (with "
                "its mixed derivatives) where its sign is that of a diffusion; it must not"
            )
    drift, zeroth, is_linear = _lower_order(setting, sign)
    type_ = Type.ELLIPTIC
    if setting.time is not None:
        type_ = Type.PARABOLIC if any(b.upper > 0 for b in diffusion.values()) else Type.TRANSPORT
    found = Comparison(setting, type_, sign, tau, diffusion, drift, zeroth, is_linear)
    _check_faces(found)
    return found


def _check_orders(setting: Setting) -> None:
    for axis in setting.moving:
        most = 1 if axis is setting.time else 2
        if setting.order(axis) > most:
            which = "in time" if axis is setting.time else f"along {axis.name}"
            raise NotCovered(
                f"the maximum principle is for derivatives up to order {most} {which}, and the "
                f"equation has order {setting.order(axis)}"
            )
    if any(sum(jet.index) > 2 for jet in setting.equation.jets):
        raise NotCovered("the maximum principle is for equations of second order")
    if setting.time is None and not any(setting.order(a) == 2 for a in setting.space):
        raise NotCovered("the equation has neither a derivative in time nor second derivatives")


def _second_order(setting: Setting) -> dict[str, Bounds]:
    """The coefficients of the pure second derivatives, as they stand in F."""
    domain = setting.problem.domain
    return {
        a.name: bound_coefficient(
            setting.slope(a.name, a.name), domain, f"{setting.field}_{a.name}{a.name}"
        )
        for a in setting.space
    }


def _off_diagonal(setting: Setting) -> dict[str, float]:
    """For each axis the sum of the sizes of the coefficients of its mixed derivatives."""
    domain = setting.problem.domain
    out = dict.fromkeys((a.name for a in setting.space), 0.0)
    names = list(out)
    for k, a in enumerate(names):
        for b in names[k + 1 :]:
            size = bound_coefficient(setting.slope(a, b), domain, f"{setting.field}_{a}{b}").size
            out[a] += size
            out[b] += size
    if setting.time is not None:
        for a in names:
            if setting.slope(a, setting.time.name) != 0:
                raise NotCovered("the equation has a mixed derivative in space and time")
    return out


def _orientation(setting: Setting, second: Mapping[str, Bounds]) -> tuple[int, Bounds]:
    """The sign of F for which diffusion stands with a minus, and bounds of tau > 0."""
    domain = setting.problem.domain
    if setting.time is not None:
        name = f"{setting.field}_{setting.time.name}"
        tau = bound_coefficient(setting.slope(setting.time.name), domain, name)
        if tau.lower <= 0 <= tau.upper:
            raise NotCovered(f"the coefficient of {name} has a zero or changes its sign")
        return (1, tau) if tau.lower > 0 else (-1, -tau)
    if all(b.upper < 0 for b in second.values()):
        return 1, Bounds(0.0, 0.0)
    if all(b.lower > 0 for b in second.values()):
        return -1, Bounds(0.0, 0.0)
    raise NotCovered("the second derivatives do not all have coefficients of one sign")


def _lower_order(setting: Setting, sign: int) -> tuple[dict[str, Any], Any, bool]:
    """Drifts by axis, the coefficient c or a lower bound of it, and whether F is linear."""
    u = setting.field
    expression = setting.equation.expression
    jets = [j for j in setting.equation.jets if any(j.index)]
    slopes = {j: sympy.expand(expression.diff(j)) for j in jets}
    rest = sympy.expand(expression - sum(s * j for j, s in slopes.items()))
    if rest.atoms(FieldSymbol) - {u}:
        raise NotCovered("the equation is not linear in the derivatives of the solution")
    zeroth: Any = sympy.Integer(0)
    is_linear = True
    for jet, slope in slopes.items():
        others = slope.atoms(FieldSymbol)
        if not others:
            continue
        is_linear = False
        by_value = slope.diff(u)
        if others != {u} or sum(jet.index) != 1 or by_value.atoms(FieldSymbol):
            raise NotCovered(f"the coefficient of {jet}, {slope}, is not linear in {u}")
        zeroth += sign * by_value * jet
    reaction = sympy.expand(sign * rest.diff(u))
    if reaction.has(u):
        is_linear = False
        reaction = _lowest_slope(reaction, u)
    drift = {a.name: sign * setting.slope(a.name) for a in setting.space}
    return drift, zeroth + reaction, is_linear


def _lowest_slope(reaction: Any, u: FieldSymbol) -> Any:
    """The infimum over all real u of a polynomial in u with constant coefficients."""
    if reaction.free_symbols != {u} or not reaction.is_polynomial(u):
        raise NotCovered(f"the slope {reaction} of the reaction is not a polynomial in {u} alone")
    polynomial = sympy.Poly(reaction, u)
    if polynomial.degree() % 2 or polynomial.LC() < 0:
        raise NotCovered(f"the slope {reaction} of the reaction has no lower bound")
    numbers = np.array([float(c) for c in polynomial.all_coeffs()])
    roots = np.roots(np.polyder(numbers))
    real = roots[np.abs(roots.imag) < 1e-6 * (1 + np.abs(roots))].real
    values = np.polyval(numbers, real)
    least = float(values.min()) - _ROOTS * float(np.abs(numbers).sum())
    return sympy.Float(least, 17)


def _check_faces(found: Comparison) -> None:
    setting, domain = found.setting, found.setting.problem.domain
    u = setting.field
    if setting.time is not None and setting.value_at(setting.time, setting.time.lower) is None:
        raise NotCovered(f"the value of {u} is not given at {setting.time.name} = "
                         f"{setting.time.lower:g}")  # fmt: skip
    uncovered = domain.find_uncovered([law.region for law in setting.laws])
    if uncovered:
        raise NotCovered(f"nothing is given on a part of the boundary: {uncovered[0]}")
    if setting.slopes and found.type is Type.TRANSPORT:
        raise NotCovered("the equation has no diffusion, and a condition holds a derivative")
    bounded = 0 if domain.is_box else 1
    for axis in setting.space if domain.is_box else ():
        if setting.is_closed(axis):
            continue
        bounded += 1
        for end in (axis.lower, axis.upper):
            known = setting.value_at(axis, end) or setting.law_at(axis, end)
            if known is None and not _flows_out(found, axis, end):
                raise NotCovered(f"nothing is given at {axis.name} = {end:g}")
    if found.type is Type.ELLIPTIC and not bounded:
        raise NotCovered("no face has a value: every axis is periodic")


def _flows_out(found: Comparison, axis: Axis, end: float) -> bool:
    """Whether an axis has no diffusion, and the drift leaves the box at this end."""
    if found.diffusion[axis.name].size > 0:
        return False
    at_end = sympy.sympify(found.drift[axis.name]).xreplace({axis.sympy: sympy.Float(end, 17)})
    bounds = bound_coefficient(at_end, found.setting.problem.domain, f"{found.setting.field}_"
                               f"{axis.name}")  # fmt: skip
    return bounds.lower >= 0 if end == axis.upper else bounds.upper <= 0


def check_exponent(growth: float, tau: Bounds, span: float) -> None:
    """Raise NotCovered where e^(growth span / tau) says nothing."""
    exponent = max(growth, 0.0) / tau.lower * span
    if exponent > LARGEST_EXPONENT:
        raise NotCovered(
            f"errors may grow by e^{exponent:.0f}: the coefficient of the zeroth order of the "
            f"linearised equation goes down to {-growth:.3g}, and Gronwall's inequality then says "
            "nothing"
        )


def growth_factor(growth: float, tau: Bounds, span: float) -> tuple[float, float]:
    """By how much data grow, e^(g T), and K = (e^(g T) - 1) / (g tau), g = growth / tau."""
    rate = max(growth, 0.0) / tau.lower
    gain = math.exp(rate * span) * (1 + 1e-14)
    # Where the rate is tiny the quotient is rounded; it is below span e^(rate span) in any case.
    factor = span * gain
    if rate * span > 1e-12:
        factor = min(math.expm1(rate * span) / rate * (1 + 1e-13), factor)
    return gain, factor / tau.lower
