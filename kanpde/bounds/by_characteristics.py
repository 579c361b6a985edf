"""The wave equation in one space dimension, by d'Alembert's formula.

For u_tt - c^2 u_xx = r at rest, u(x, t) is the integral of r over the cone behind (x, t), divided
by 2 c: |u| <= t^2 / 2 sup |r|. Ends with zero values reflect it oddly, a ring continues it (Evans,
Partial Differential Equations, 2010, section 2.4.1).
"""

from __future__ import annotations

from kanpde.bounds.case import Case
from kanpde.bounds.certificate import Bound, Norm
from kanpde.bounds.coefficients import bound_coefficient
from kanpde.bounds.laws import NotCovered
from kanpde.bounds.monomials import UP
from kanpde.bounds.refinement import bound_pieces
from kanpde.bounds.setting import Setting, is_among


def bound_by_characteristics(case: Case) -> list[Bound]:
    """A bound of the largest error; raises NotCovered for what is not such a wave equation."""
    setting = case.setting
    density = _read_wave(setting)
    assert setting.time is not None
    case.require_exact("d'Alembert's formula")
    _check_start(case)
    span = setting.time.upper - setting.time.lower
    factor = span**2 / (2 * density) * (1 + 1e-13)
    refined = case.refine(0, factor)
    rest = UP * factor * refined.remainder.upper
    return [bound_pieces("d'Alembert's formula", Norm.MAXIMUM, [(refined, rest)], {"K": factor})]


def _read_wave(setting: Setting) -> float:
    """The coefficient of u_tt, if the equation is a wave equation with constant coefficients."""
    if setting.time is None or setting.order(setting.time) != 2:
        raise NotCovered("the equation has no second derivative in time")
    if len(setting.space) != 1:
        raise NotCovered("d'Alembert's formula is for one space dimension")
    (axis,), time, domain = setting.space, setting.time, setting.problem.domain
    own = {setting.symbol(time.name, time.name), setting.symbol(axis.name, axis.name)}
    if set(setting.equation.jets) != own:
        raise NotCovered("d'Alembert's formula is for u_tt and u_xx alone")
    slopes = [setting.slope(a.name, a.name) for a in (time, axis)]
    if not all(s.is_number for s in slopes):
        raise NotCovered("d'Alembert's formula is for constant coefficients")
    first, second = (bound_coefficient(s, domain, "u") for s in slopes)
    if not first.lower * second.upper < 0:
        raise NotCovered(
            "the second derivatives in time and space have one sign: this is not a wave"
        )
    if not (setting.is_closed(axis) or setting.is_fixed(axis)):
        raise NotCovered(f"d'Alembert's formula needs values at both ends of {axis.name}")
    return min(abs(first.lower), abs(first.upper))


def _check_start(case: Case) -> None:
    """Raise NotCovered unless value and velocity at the start hold by construction."""
    setting = case.setting
    time = setting.time
    assert time is not None
    if setting.value_at(time, time.lower) is None:
        raise NotCovered(f"the value is not given at {time.name} = {time.lower:g}")
    velocity = setting.symbol(time.name)
    exact = case.solution.pieces[0].ansatz.exact
    for equation in setting.others:
        if equation.region.end == (time.name, time.lower) and equation.jets == (velocity,):
            if is_among(equation, exact):
                return
            raise NotCovered(f'"{equation.condition}" is trained, and does not hold exactly')
    raise NotCovered(f"the velocity is not given at {time.name} = {time.lower:g}")
