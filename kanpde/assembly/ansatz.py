"""Conditions that hold by construction: u = G + M N.

G takes the Dirichlet and initial data (transfinite interpolation: a Boolean sum of Hermite
projectors, Gordon & Hall, Numer. Math. 21, 1973), M vanishes where they hold, N is the network;
periodic axes enter the network as (cos, sin). The kind of a condition follows from its traced
residual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kanpde.assembly.boundary_values import (
    Contradiction,
    drop_aperiodic,
    drop_contradicting,
    find_boundary_values,
)
from kanpde.assembly.corners import find_enrichment
from kanpde.assembly.kinks import find_spreading, round_kink
from kanpde.assembly.lift import BoundaryValue, evaluate_at, transfinite_lift, vanishing_mask
from kanpde.assembly.shape_values import (
    ShapeValue,
    blend,
    find_shape_values,
    largest_gap,
)
from kanpde.errors import KanpdeError
from kanpde.problem.equations import Equation, Kind
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import symbolic
from kanpde.symbols.sizes import SIZE_POLICY, sympy_time


@dataclass(frozen=True)
class Ansatz:
    """How fields are made from the network, and which equations remain to be trained."""

    lift: dict[str, Any]
    mask: dict[str, Any]
    exact: tuple[Equation, ...]
    trained: tuple[Equation, ...]
    contradictions: tuple[Contradiction, ...] = ()
    notes: tuple[str, ...] = ()
    # For some fields singular functions: u = lift + mask * (network + sum of these).
    enrichment: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    # Whether values hold by construction on pieces of the boundary of a shape.
    on_pieces: bool = False

    @property
    def coefficients(self) -> int:
        """The number of singular functions, each with a coefficient."""
        return sum(len(functions) for functions in self.enrichment.values())


def build_ansatz(
    problem: Problem,
    *,
    enforce: bool | None = None,
    pieces: bool = True,
) -> Ansatz:
    """Find the conditions that can hold exactly; with `enforce` False, only periodic axes do.

    Without `pieces` those on the pieces of a shape's boundary do not.

    Raises:
        KanpdeError: a lift does not satisfy its conditions, or SymPy takes too long.
    """
    with sympy_time("the conditions that can hold exactly", SIZE_POLICY.whole):
        return _build(problem, enforce, pieces)


def _build(problem: Problem, enforce: bool | None, pieces: bool) -> Ansatz:
    enforced = enforce is not False
    values = find_boundary_values(problem) if enforced else []
    given = [t for t in values if t.field in problem.lift]
    for known in given:
        _check_lift(problem, known)
    values, notes = drop_aperiodic(problem, [t for t in values if t not in given])
    values, contradictions = drop_contradicting(problem, values)
    values += given
    # A law is taken of the network's outputs: what its arguments are on boundaries is trained.
    argued = {
        problem.field_space.derivative(argument).field
        for statement in problem.laws.values()
        for argument in statement.arguments
    }
    values = [t for t in values if t.field not in argued]
    enrichment = {} if problem.laws else find_enrichment(problem)
    # Data of one material, such as x / r^2, may be singular in another one.
    curved = enforced and pieces and not problem.lift and not problem.materials
    shaped = [t for t in find_shape_values(problem) if t.field not in argued] if curved else []
    # The functions of one corner do not vanish on the other pieces.
    shaped = [t for t in shaped if t.field not in enrichment or t.field in problem.enrich]
    shaped, gaps = _drop_unsteady(problem, shaped, values)
    notes += gaps
    exact = (*(t.equation for t in values), *(t.equation for t in shaped))
    lift, mask = {}, {}
    for name in problem.unknowns:
        own = [t for t in values if t.field == name]
        start, vanishing = blend([t for t in shaped if t.field == name])
        lift[name] = transfinite_lift(problem.domain, own, start)
        if name in problem.lift and enforced:
            lift[name] = symbolic(problem.lift[name])
        for axis in problem.domain.axes:
            if axis.name in problem.periodic and own:
                starts = [(t.axis, t.end, t.value) for t in own if t.order == 0]
                heat = find_spreading(problem, name, axis, starts)
                lift[name], note = round_kink(lift[name], axis, name, heat, problem.domain)
                notes += note
        mask[name] = vanishing * vanishing_mask(problem.domain, own)
    trained = tuple(
        e for e in problem.equations if e.kind is not Kind.CONSEQUENCE and not e.is_among(exact)
    )
    return Ansatz(
        lift, mask, exact, trained, tuple(contradictions), tuple(notes), enrichment, bool(shaped)
    )


def _drop_unsteady(
    problem: Problem, shaped: list[ShapeValue], values: list[BoundaryValue]
) -> tuple[list[ShapeValue], list[str]]:
    """Leave out values on curved boundaries that the initial values contradict; say so."""
    kept, notes = [], []
    for known in shaped:
        for other in (t for t in values if t.field == known.field):
            axis = problem.domain.axis(other.axis)
            there = known.value.diff(axis.sympy, other.order)
            gap = largest_gap(there, other.value, known.equation.region, other.axis, other.end)
            if gap:
                notes.append(
                    f'"{known.equation.condition}" and "{other.equation.condition}" contradict '
                    f"each other where they meet ({other.axis} = {other.end:g}): {known.field} "
                    f"differs there by {gap:.3g}"
                )
                break
        else:
            kept.append(known)
    return kept, notes


def _check_lift(problem: Problem, known: BoundaryValue) -> None:
    """Raise KanpdeError unless the given lift has the known value, a little inside its face."""
    domain, axis = problem.domain, problem.domain.axis(known.axis)
    points = known.equation.region.sample(64, 0).points
    lift = symbolic(problem.lift[known.field])
    # Singular lifts may be 0/0 on the face itself.
    inward = 1e-9 * (axis.upper - axis.lower) * (1 if known.end == axis.lower else -1)
    points[:, domain.names.index(known.axis)] += inward
    miss = lift.diff(axis.sympy, known.order) - known.value
    gap = float(np.abs(evaluate_at(domain, [miss], points)[0]).max())
    if not gap < 1e-5:
        raise KanpdeError(
            f'lift "{known.field}" misses the condition "{known.equation.condition}" on '
            f"{known.axis} = {known.end:g} by {gap:.2g}; it must satisfy it"
        )
