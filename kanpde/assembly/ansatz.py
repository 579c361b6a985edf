"""Conditions that hold by construction: u = G + M N.

G takes the Dirichlet and initial data (transfinite interpolation: a Boolean sum of Hermite
projectors, Gordon & Hall, Numer. Math. 21, 1973), M vanishes where they hold, N is the network;
periodic axes enter the network as (cos, sin). The kind of a condition follows from its traced
residual.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kanpde.assembly.boundary_values import (
    Contradiction,
    drop_aperiodic,
    drop_contradicting,
    find_boundary_values,
)
from kanpde.assembly.compile import Compiler
from kanpde.assembly.kinks import find_spreading, round_kink
from kanpde.assembly.lift import BoundaryValue, evaluate_at, transfinite_lift, vanishing_mask
from kanpde.errors import KanpdeError
from kanpde.problem.equations import Equation, Kind
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import symbolic


@dataclass(frozen=True)
class Ansatz:
    """How fields are made from the network, and which equations remain to be trained."""

    lift: dict[str, Any]
    mask: dict[str, Any]
    exact: tuple[Equation, ...]
    trained: tuple[Equation, ...]
    contradictions: tuple[Contradiction, ...] = ()
    notes: tuple[str, ...] = ()
    compiler: Compiler = field(default_factory=Compiler, compare=False, repr=False)


def build_ansatz(
    problem: Problem, *, enforce: bool | None = None, compiler: Compiler | None = None
) -> Ansatz:
    """Find the conditions that can hold exactly; with `enforce` False, only periodic axes do.

    `compiler` is that of an ansatz on another part of the domain, whose functions are used again.
    """
    enforced = enforce is not False
    values = find_boundary_values(problem) if enforced else []
    given = [t for t in values if t.field in problem.lift]
    for known in given:
        _check_lift(problem, known)
    values, notes = drop_aperiodic(problem, [t for t in values if t not in given])
    values, contradictions = drop_contradicting(problem, values)
    values += given
    exact = tuple(t.equation for t in values)
    lift, mask = {}, {}
    for name in problem.unknowns:
        own = [t for t in values if t.field == name]
        lift[name] = transfinite_lift(problem.domain, own)
        if name in problem.lift and enforced:
            lift[name] = symbolic(problem.lift[name])
        for axis in problem.domain.axes:
            if axis.name in problem.periodic and own:
                starts = [(t.axis, t.end, t.value) for t in own if t.order == 0]
                heat = find_spreading(problem, name, axis, starts)
                lift[name], note = round_kink(lift[name], axis, name, heat, problem.domain)
                notes += note
        mask[name] = vanishing_mask(problem.domain, own)
    trained = tuple(
        e for e in problem.equations if e.kind is not Kind.CONSEQUENCE and not e.is_among(exact)
    )
    return Ansatz(
        lift, mask, exact, trained, tuple(contradictions), tuple(notes), compiler or Compiler()
    )


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
