"""A problem on a window of time, with initial values from the previous window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kanpde.errors import KanpdeError
from kanpde.problem.conditions.observation import Observation
from kanpde.problem.equations import Equation, Kind
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import Axis


def time_of(problem: Problem) -> Axis:
    """The axis of time of a problem that has one."""
    time = problem.domain.time
    if time is None:
        raise KanpdeError("windows need an axis of time")
    return time


def orders_in_time(problem: Problem) -> dict[str, int]:
    """The highest time derivative of each field in the equations after the start.

    Equations on the boundary count too: a field may be moved by a wall alone.
    """
    time = time_of(problem)
    along = problem.domain.names.index(time.name)
    orders = dict.fromkeys(problem.unknowns, 0)
    for equation in problem.equations:
        if equation.observed is None and not _is_at_start(equation, time):
            for jet in equation.jets:
                if jet.field in orders:  # not a value beyond an interface
                    orders[jet.field] = max(orders[jet.field], jet.index[along])
    return orders


def can_be_cut(problem: Problem) -> bool:
    """Whether time runs from its start: data there for each order in time, and none at its end.

    Otherwise a part of the time may have many solutions, and no residual shows that the wrong one
    was found: u'' = -u, with u(0) and u(1.5), was off by 0.48 at an estimate of 4e-5. A field that
    does not depend on time belongs to all windows, and forbids them too.
    """
    time, domain = problem.domain.time, problem.domain
    if problem.sought or problem.numbers:
        return False
    if time is None or time.name in problem.periodic or problem.lift or problem.continue_from:
        return False
    if any(time.name not in axes for axes in problem.field_space.support.values()):
        return False
    given = dict.fromkeys(problem.unknowns, 0)
    for equation in problem.equations:
        if equation.kind in (Kind.DENSITY, Kind.AVERAGE):
            return False
        fixed = equation.region.fixed
        if fixed.get(time.name) == time.upper:
            return False
        whole = fixed and (equation.region.dimension or domain.dimension == 1)
        if whole and _is_at_start(equation, time):
            for name in {jet.field for jet in equation.jets} & set(given):
                given[name] += 1
    orders = orders_in_time(problem)
    return any(orders.values()) and all(given[n] >= order for n, order in orders.items())


def _is_at_start(equation: Equation, time: Axis) -> bool:
    return equation.region.fixed.get(time.name) == time.lower


def handed_names(problem: Problem) -> tuple[str, ...]:
    """The names of a window's initial values: "u", "u_t", ... below the order in time."""
    time = time_of(problem).name
    return tuple(
        f"{name}_{time * k}" if k else name
        for name, order in orders_in_time(problem).items()
        for k in range(order)
    )


def restrict_problem(
    problem: Problem, start: float, end: float, handed: Sequence[Observation]
) -> Problem:
    """The problem for start <= t <= end, from `handed` instead of its initial conditions."""
    domain = problem.domain.restricted(**{time_of(problem).name: (start, end)})
    parts = (c.within(domain) for c in problem.conditions)
    conditions = [part for part in parts if part is not None]
    conditions += [replace(h, points=replace(h.points, domain=domain)) for h in handed]
    materials = [part.within(domain) for part in problem.materials]
    return replace(
        problem, domain=domain, conditions=conditions, continue_from=None, integrals={},
        materials=[part for part in materials if part is not None],
    )  # fmt: skip
