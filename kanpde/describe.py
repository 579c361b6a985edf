"""What was understood of a problem, in words, and what looks wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

from kanpde.ansatz import Ansatz
from kanpde.expression import rounded
from kanpde.problem import Equation, Problem
from kanpde.region import Face


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
        if equation.observed is not None:
            text = f"{rounded(equation.expression)} = data"
        else:
            text = f"{rounded(equation.expression)} = 0"
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
    warnings = [*map(str, ansatz.contradictions), *ansatz.notes, *uncovered(problem)]
    return Description(tuple(lines), tuple(warnings))


def _is_in(equation: Equation, group: tuple[Equation, ...]) -> bool:
    return any(equation is other for other in group)


def uncovered(problem: Problem) -> list[str]:
    """Faces on which no condition holds, though the equations have derivatives across them."""
    found = []
    interior = [s for e in problem.equations if e.is_interior for s in e.jets]
    covered = {
        fixed
        for e in problem.equations
        if isinstance(e.region, Face) and len(e.region.fixed) == 1
        for fixed in e.region.fixed
    }
    for k, axis in enumerate(problem.box.axes):
        order = max((s.index[k] for s in interior), default=0)
        if axis.name in problem.periodic or order == 0:
            continue
        ends = [end for end in (axis.lower, axis.upper) if (axis.name, end) not in covered]
        # A first derivative (time, transport) wants data at one end, time at its start.
        if axis.name == "t" or order == 1:
            ends = [axis.lower] if len(ends) == 2 else []
            if axis.name == "t" and (axis.name, axis.lower) not in covered:
                ends = [axis.lower]
        found += [
            f"no condition holds on the boundary {axis.name} = {end:g}; the solution may not be "
            "unique"
            for end in ends
        ]
    return found
