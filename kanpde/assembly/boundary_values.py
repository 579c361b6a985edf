"""Dirichlet and initial values, and normal derivatives, found in traced residuals."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import sympy

from kanpde.assembly.lift import BoundaryValue, evaluate_at
from kanpde.geometry.domain import Domain, Region
from kanpde.problem.equations import Equation, Kind
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import exact_number
from kanpde.symbols.tabulated import TableLabel

_TOLERANCE = 1e-9
# Points of each line along which the smoothness of data is measured, and the change of slope,
# relative to the largest, that counts as a kink.
_LINE = 4097
_KINK = 0.01
# Continuous derivatives that the highest derivative of a table in a lift still has.
_SMOOTH = 2


@dataclass(frozen=True)
class Contradiction:
    """Two conditions that ask for different values where their faces meet."""

    field: str
    first: BoundaryValue
    second: BoundaryValue
    gap: float

    def __str__(self) -> str:
        a, b = self.first, self.second
        where = f"{a.axis} = {a.end:g}, {b.axis} = {b.end:g}"
        return (
            f'"{a.equation.condition}" and "{b.equation.condition}" contradict each other where '
            f"they meet ({where}): {self.field} differs there by {self.gap:.3g}"
        )


def find_boundary_values(problem: Problem) -> list[BoundaryValue]:
    """The boundary values that the equations state, each place once."""
    found: list[BoundaryValue] = []
    for equation in problem.equations:
        known = _read_boundary_value(equation, problem)
        if known and not any(_same_place(known, other) for other in found):
            found.append(known)
    # A normal derivative is exact only together with the value on the same face.
    return [
        t for t in found
        if t.order == 0 or any(_same_face(t, o) and o.order == 0 for o in found)
    ]  # fmt: skip


def _same_face(a: BoundaryValue, b: BoundaryValue) -> bool:
    return (a.field, a.axis, a.end) == (b.field, b.axis, b.end)


def _same_place(a: BoundaryValue, b: BoundaryValue) -> bool:
    return _same_face(a, b) and a.order == b.order


def _read_boundary_value(equation: Equation, problem: Problem) -> BoundaryValue | None:
    region, jets = equation.region, equation.jets
    if equation.kind is not Kind.RESIDUAL or equation.observed is not None:
        return None
    if region.end is None or len(jets) != 1:
        return None
    (axis, end), jet = region.end, jets[0]
    if axis not in jet.support:
        return None
    order = sum(jet.index)
    along = jet.index[problem.domain.names.index(axis)]
    if order > 1 or along != order or axis in problem.periodic:
        return None
    slope = equation.expression.diff(jet)
    if not slope.is_number or slope == 0:
        return None
    value = -equation.expression.xreplace({jet: sympy.Integer(0)}) / slope
    value = value.xreplace({sympy.Symbol(axis, real=True): exact_number(end)})
    if not {str(v) for v in value.free_symbols} <= set(jet.support):
        return None  # data that vary where the field does not
    if not is_carried(value, jet.field, problem):
        return None  # so would the knots of its splines, or the edges of its cells
    if not _is_smooth(value, region):
        return None  # a jump or a kink would put its derivatives into the interior
    return BoundaryValue(jet.field, axis, end, order, value, equation)


def is_carried(value: Any, field: str, problem: Problem) -> bool:
    """Whether the tables in data are smooth enough to stand in the equations of a field.

    There they have as many derivatives as the field; these have to be smooth themselves, for the
    network to make up for them.
    """
    highest = max(
        (sum(s.index) for e in problem.equations if e.is_interior for s in e.jets
         if s.field == field),
        default=0,
    )  # fmt: skip
    return all(label.table.carries(highest + _SMOOTH) for label in value.atoms(TableLabel))


def _is_smooth(value: Any, region: Region) -> bool:
    """Whether the second derivatives of data on a face say how their slopes change.

    With |x| in the lift the second derivative is zero at every collocation point: a heat equation
    then "converged" to |x| for all times. A root may have a kink as well, or, as in tanh of a
    distance, none that matters; so slopes are measured along lines.
    """
    if value.has(sympy.Piecewise, sympy.Heaviside, sympy.Min, sympy.Max):
        return False
    roots = any(not p.exp.is_integer and p.base.free_symbols for p in value.atoms(sympy.Pow))
    if not roots and not value.has(sympy.Abs, sympy.sign):
        return True
    starts = region.sample(16, 0).points
    for k, axis in enumerate(region.domain.axes):
        if axis.name in region.fixed:
            continue
        along = np.linspace(axis.lower, axis.upper, _LINE)
        points = np.repeat(starts, _LINE, axis=0)
        points[:, k] = np.tile(along, len(starts))
        orders = [value.diff(axis.sympy), value.diff(axis.sympy, 2)]
        with np.errstate(all="ignore"):
            slope, second = (
                v.reshape(-1, _LINE) for v in evaluate_at(region.domain, orders, points)
            )
            change = np.trapezoid(second, along, axis=1)
            gap = np.abs(slope[:, -1] - slope[:, 0] - change)
        if not (gap <= _KINK * np.abs(slope).max(axis=1)).all():
            return False
    return True


def drop_aperiodic(
    problem: Problem, values: list[BoundaryValue]
) -> tuple[list[BoundaryValue], list[str]]:
    """Leave out the values whose data are not periodic along a periodic axis; say so."""
    stray: list[BoundaryValue] = []
    notes = []
    for axis in problem.domain.axes:
        if axis.name not in problem.periodic:
            continue
        low, high = exact_number(axis.lower), exact_number(axis.upper)
        for known in values:
            ends = [known.value.xreplace({axis.sympy: end}) for end in (low, high)]
            points = known.equation.region.sample(64, 0).points
            left, right = evaluate_at(problem.domain, ends, points)
            scale = max(1.0, float(np.abs(left).max()), float(np.abs(right).max()))
            gap = float(np.abs(left - right).max())
            if gap > _TOLERANCE * scale:
                stray.append(known)
                notes.append(
                    f'"{known.equation.condition}" is not periodic: {known.field} differs by '
                    f"{gap:.3g} between {axis.name} = {axis.lower:g} and {axis.upper:g}; it is "
                    "trained, and cannot hold near there"
                )
    kept = [
        t for t in values if not any(t is s or (s.order == 0 and _same_face(t, s)) for s in stray)
    ]
    return kept, notes


def drop_contradicting(
    problem: Problem, values: list[BoundaryValue]
) -> tuple[list[BoundaryValue], list[Contradiction]]:
    """Leave out, until none contradict, the value that contradicts the most others."""
    clashes: list[Contradiction] = []
    for a, b in combinations(values, 2):
        if a.field == b.field and a.axis != b.axis:
            gap = _gap(problem.domain, a, b)
            if gap > _TOLERANCE:
                clashes.append(Contradiction(a.field, a, b, gap))
    kept = list(values)
    left = list(clashes)
    while left:
        worst = max(kept, key=lambda t: sum(t is c.first or t is c.second for c in left))
        kept = [
            t for t in kept if t is not worst and not (worst.order == 0 and _same_face(t, worst))
        ]
        left = [
            c for c in left if any(c.first is t for t in kept) and any(c.second is t for t in kept)
        ]
    return kept, clashes


def _gap(domain: Domain, a: BoundaryValue, b: BoundaryValue) -> float:
    """How far two boundary values disagree on their common edge, relative to their size."""
    # The derivative that a prescribes, taken of b's data, must equal the one that b prescribes,
    # taken of a's data.
    on_a = b.value.diff(sympy.Symbol(a.axis, real=True), a.order)
    on_b = a.value.diff(sympy.Symbol(b.axis, real=True), b.order)
    edge = a.equation.region.meet(b.equation.region)
    if edge is None:
        return 0.0
    points = edge.sample(64, 0).points
    left, right = (evaluate_at(domain, [e], points)[0] for e in (on_a, on_b))
    scale = max(1.0, float(np.abs(left).max()), float(np.abs(right).max()))
    return float(np.abs(left - right).max()) / scale
