"""What was understood of a problem, in words, and what looks wrong with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kanpde.assembly.ansatz import Ansatz
from kanpde.geometry.box import Face
from kanpde.problem.problem import Equation, Problem
from kanpde.symbols.expression import Axis, rounded


@dataclass(frozen=True)
class Description:
    """Lines for a person, and warnings."""

    lines: tuple[str, ...]
    warnings: tuple[str, ...]


def describe(problem: Problem, ansatz: Ansatz) -> Description:
    """The problem as mathematics: box, fields, equations and how each will hold."""
    box = problem.box
    ends = ", ".join(f"{n} in [{a:g}, {b:g}]" for n, (a, b) in box.intervals.items())
    lines = [f"box: {ends}", f"fields: {', '.join(problem.unknowns)}"]
    for equation in problem.equations:
        how = "exact by construction" if _is_in(equation, ansatz.exact) else "trained"
        kind = ", linear" if equation.is_interior and equation.is_linear else ""
        right = "0" if equation.observed is None else "data"
        text = f"{rounded(equation.expression)} = {right}"
        lines.append(f"  {equation.condition} [{equation.region.label}]: {text}  ({how}{kind})")
    lines += [f"  periodic in {axis} (exact by construction)" for axis in problem.periodic]
    for name, expression in problem.outputs.items():
        lines.append(f"  {name} = {rounded(expression)}")
    if problem.reference is not None:
        reference = problem.reference
        own = f", itself good to {reference.error:.0e}" if reference.error else ""
        lines.append(f"reference for {', '.join(reference.fields)}: {reference.method}{own}")
    else:
        lines.append("reference: none, so errors will be estimated")
    warnings = [
        *map(str, ansatz.contradictions), *ansatz.notes, *uncovered(problem), *_strays(problem)
    ]  # fmt: skip
    return Description(tuple(lines), tuple(warnings))


def _is_in(equation: Equation, group: tuple[Equation, ...]) -> bool:
    return any(equation is other for other in group)


def uncovered(problem: Problem) -> list[str]:
    """The ends of axes at which a field lacks conditions, by the order of its derivatives.

    An equation of order m along an axis takes m conditions at the ends of the axis, and at
    each end one where m >= 2 (in time they may all stand at one end).
    """
    found: dict[str, None] = {}
    for axis in problem.box.axes:
        if axis.name in problem.periodic:
            continue
        orders = {name: _order(problem, name, axis) for name in problem.unknowns}
        for name, order in orders.items():
            # A field of first order may get its boundary data through the other fields.
            if order > 1 or (order == 1 and axis is problem.box.time):
                found |= dict.fromkeys(_lacking(problem, name, axis, order))
        if axis is not problem.box.time and max(orders.values()) == 1:
            ends = (axis.lower, axis.upper)
            if not any(_holding(problem, name, axis, end) for name in orders for end in ends):
                found[
                    f"no condition holds at either end of {axis.name}; the solution may not be "
                    "unique"
                ] = None
    return list(found)


def _order(problem: Problem, field: str, axis: Axis) -> int:
    """The highest derivative of a field along an axis in the interior."""
    along = problem.box.names.index(axis.name)
    interior = (e for e in problem.equations if e.is_interior)
    return max((s.index[along] for e in interior for s in e.jets if s.field == field), default=0)


def _holding(problem: Problem, field: str, axis: Axis, end: float) -> int:
    """The number of conditions on a field where an axis ends."""
    return sum(
        isinstance(e.region, Face)
        and [name for name, _ in e.region.fixed] == [axis.name]
        and math.isclose(e.region.fixed[0][1], end, abs_tol=1e-12)
        and any(s.field == field for s in e.jets)
        for e in problem.equations
    )


def _lacking(problem: Problem, field: str, axis: Axis, order: int) -> list[str]:
    low, high = (_holding(problem, field, axis, end) for end in (axis.lower, axis.upper))
    where = f" on {field}" if len(problem.unknowns) > 1 else ""
    if axis is problem.box.time:
        empty = [axis.lower] if low + high == 0 else []
    else:
        empty = [e for e, count in ((axis.lower, low), (axis.upper, high)) if count == 0]
    if empty:
        return [
            f"no condition{where} holds on the boundary {axis.name} = {end:g}; the solution may "
            "not be unique"
            for end in empty
        ]
    if low + high < order:
        return [
            f"{low + high} of {order} conditions{where or ' on ' + field} hold at the ends of "
            f"{axis.name}, for its derivative of order {order} in {axis.name}; the solution may "
            "not be unique"
        ]
    return []


def _strays(problem: Problem) -> list[str]:
    """Fields that no interior equation holds, and references of what is not a field."""
    inside = {s.field for e in problem.equations if e.is_interior for s in e.jets}
    found = [
        f"no equation in the interior mentions the field {name}; nothing determines it there"
        for name in problem.unknowns
        if name not in inside
    ]
    known = problem.reference.fields if problem.reference else ()
    found += [
        f"the reference knows {name}, which is not a field or derived output of the problem"
        for name in known
        if name not in problem.names
    ]
    return found
