"""Kinks of initial data where a periodic axis closes.

The network is smooth and periodic, so it cannot cancel a jump of the lift's slope there; the
solution of a diffusive problem has none for t > 0. How diffusion smooths the kink is known in
closed form, which is added to the lift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from kanpde.assembly.lift import evaluate_at
from kanpde.geometry.domain import Domain
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import Axis, FieldSymbol, exact_number

_TOLERANCE = 1e-9
# Points at which slopes on both sides of a seam are compared.
_POINTS = 256
# Width of a rounding that does not spread, relative to period / pi.
_ROUNDING = 0.01
# The initial width of one that spreads; with 0 there would be 0 / 0.
_SHARP = 1e-5


@dataclass(frozen=True)
class Spreading:
    """u_t = diffusion u_xx + growth u + ..., near the seam and the start of the time axis."""

    time: Any
    start: Any
    diffusion: float
    growth: float


def find_spreading(
    problem: Problem, field: str, axis: Axis, starts: Sequence[tuple[str, float, Any]]
) -> Spreading | None:
    """How the one evolution equation of a field lets a kink along `axis` spread, if it does.

    `starts` are the exact values (axis, end, value). Growth is linearised at the seam.
    """
    domain = problem.domain
    for name, start, value in starts:
        time = next(a for a in domain.axes if a.name == name)
        ends = [end for other, end, _ in starts if other == name]
        if name == axis.name or ends != [time.lower]:
            continue
        rate, heat = (
            _symbol(problem, field, *names) for names in ((name,), (axis.name, axis.name))
        )
        laws = [e.expression for e in problem.equations if e.is_interior and rate in e.jets]
        if len(laws) != 1:
            continue
        (law,) = laws
        slope, second = law.diff(rate), law.diff(heat)
        if not (slope.is_number and second.is_number and slope != 0 and -second / slope > 0):
            continue
        low = {axis.sympy: exact_number(axis.lower), time.sympy: exact_number(start)}
        tilt = value.diff(axis.sympy)
        at_seam = {
            _symbol(problem, field): value.xreplace(low),
            _symbol(problem, field, axis.name): (
                tilt.xreplace(low) + tilt.xreplace({axis.sympy: exact_number(axis.upper)})
            )
            / 2,
        }
        growth = (-law.diff(_symbol(problem, field)) / slope).xreplace(at_seam).xreplace(low)
        others = {s: sympy.Integer(0) for s in growth.atoms(FieldSymbol)}
        growth = growth.xreplace(others)
        return Spreading(
            time.sympy,
            exact_number(start),
            float(-second / slope),
            float(growth) if growth.is_number and growth.is_finite else 0.0,
        )
    return None


def round_kink(
    lift: Any, axis: Axis, field: str, heat: Spreading | None, domain: Domain
) -> tuple[Any, list[str]]:
    """Round a kink that the lift has at the seam; returns the new lift and a note.

    With s = sin(pi (x - a) / L), whose periodic continuation has the kink, lift - A s has none.
    With diffusion d, A s comes back as the heat kernel spreads it,

        A exp(growth t) (s erf(s/e) + e / sqrt(pi) exp(-(s/e)^2)),  e^2 = 4 d t (pi / L)^2,

    (on Allen-Cahn an error of 2e-6 instead of 7e-5); without, rounded at a fixed width by a
    function with the same integral as |s|.
    """
    x, low, high = axis.sympy, exact_number(axis.lower), exact_number(axis.upper)
    slope = lift.diff(x)
    jump = _measure_jump(slope.xreplace({x: low}), slope.xreplace({x: high}), domain)
    if jump == 0:
        return lift, []
    length = high - low
    s = sympy.sin(sympy.pi * (x - low) / length)
    amplitude = jump * length / (2 * sympy.pi)
    note = f"{field} has a kink where the periodic axis {axis.name} closes; "
    if heat is None:
        e = sympy.Float(_ROUNDING)
        note += f"it is rounded within {_ROUNDING * float(length) / np.pi:.2g} of the seam"
        return lift - amplitude * (s - _round(s, e, e / (2 * sympy.sqrt(sympy.pi)))), [note]
    time = heat.time - heat.start
    rate = sympy.Float(4 * heat.diffusion) * (sympy.pi / length) ** 2
    e = sympy.sqrt(rate * time + sympy.Float(_SHARP) ** 2)
    spread = _round(s, e, e / sympy.sqrt(sympy.pi)) * sympy.exp(exact_number(heat.growth) * time)
    note += "its diffusion is taken in closed form"
    return lift - amplitude * (s - spread), [note]


def _measure_jump(low: Any, high: Any, domain: Domain) -> Any:
    """low - high: zero, or a number, where it is that at points of the domain.

    SymPy took 35 s for the vortices of a periodic square, and did not see that they have no kink.
    """
    if low == high:
        return sympy.Integer(0)
    jump = low - high
    if not jump.free_symbols:
        return jump if abs(float(jump)) >= _TOLERANCE else sympy.Integer(0)
    points = domain.interior.sample(_POINTS, 0).points
    before, after = evaluate_at(domain, [low, high], points)
    scale = max(1.0, float(np.abs(before).max()), float(np.abs(after).max()))
    found = before - after
    if not np.abs(found).max() >= _TOLERANCE * scale:
        return sympy.Integer(0)
    is_constant = np.ptp(found) < _TOLERANCE * scale
    return sympy.Float(float(found.mean())) if is_constant else jump


def _round(s: Any, e: Any, height: Any) -> Any:
    return s * sympy.erf(s / e) + height * sympy.exp(-((s / e) ** 2))


def _symbol(problem: Problem, field: str, *along: str) -> FieldSymbol:
    index = tuple(along.count(name) for name in problem.domain.names)
    return FieldSymbol(field, problem.domain.names, index, problem.field_space.support[field])
