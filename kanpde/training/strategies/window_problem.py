"""Time in windows: a problem on a part of its time axis, going on from the part before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kanpde.arrays import Array
from kanpde.geometry.box import Box, Face, Faces, Points, Region
from kanpde.problem.problem import Condition, Equation, Observation, Periodic, Problem

# How the names of the conditions begin that hand values over, one for each "u", "u_t".
HANDED = "start of the window"


def orders_in_time(problem: Problem) -> dict[str, int]:
    """The highest time derivative of each field in the equations after the start.

    Those on the boundary count: a wall may be what moves a field.
    """
    axis = problem.box.names.index("t")
    orders = dict.fromkeys(problem.unknowns, 0)
    for equation in problem.equations:
        if equation.observed is None and not _at_start(equation, problem.box):
            for jet in equation.jets:
                orders[jet.field] = max(orders[jet.field], jet.index[axis])
    return orders


def can_march(problem: Problem) -> bool:
    """Whether time runs from its start: data there for each order in time, and none at its end.

    Else a part of the time may have many solutions, and the first that is found is no error to any
    residual: u'' = -u, with u(0) and u(1.5), was off by 0.48 at an estimate of 4e-5.
    """
    time, box = problem.box.time, problem.box
    if time is None or "t" in problem.periodic or problem.lift or problem.continue_from:
        return False
    if any(c.name.startswith(HANDED) for c in problem.conditions):
        return False
    given = dict.fromkeys(problem.unknowns, 0)
    for equation in problem.equations:
        if not isinstance(equation.region, Face):
            continue
        if dict(equation.region.fixed).get("t") == time.upper:
            return False
        whole = equation.region.free or box.dimension == 1
        if whole and _at_start(equation, box):
            for name in {jet.field for jet in equation.jets}:
                given[name] += 1
    orders = orders_in_time(problem)
    return any(orders.values()) and all(given[n] >= order for n, order in orders.items())


def _at_start(equation: Equation, box: Box) -> bool:
    region = equation.region
    return isinstance(region, Face) and dict(region.fixed).get("t") == box.intervals["t"][0]


def handed_names(problem: Problem) -> tuple[str, ...]:
    """What a window needs of the one before: "u", "u_t", ... below the order in time."""
    return tuple(
        f"{name}_{'t' * k}" if k else name
        for name, order in orders_in_time(problem).items()
        for k in range(order)
    )


def window(problem: Problem, start: float, end: float, handed: Sequence[Observation]) -> Problem:
    """The problem for start <= t <= end; from `handed` in the place of its initial conditions."""
    box = Box(**{**problem.box.intervals, "t": (start, end)})
    parts = (_part(c, box, not handed) for c in problem.conditions)
    conditions = [part for part in parts if part is not None]
    conditions += [replace(h, points=Points(box, h.points.coordinates)) for h in handed]
    return replace(problem, box=box, conditions=conditions, continue_from=None)


def _part(
    condition: Condition | Periodic | Observation, box: Box, first: bool
) -> Condition | Periodic | Observation | None:
    """A condition on the window; None where it has no part there."""
    match condition:
        case Periodic():
            return condition
        case Observation():
            kept = _within(condition.points, box, first)
            if not kept.any():
                return None
            points = Points(box, condition.points.coordinates[kept])
            values = {n: v[kept] for n, v in condition.values.items()}
            return replace(condition, points=points, values=values)
    region = _region(condition.region, box, first)
    return None if region is None else replace(condition, region=region)


def _region(region: Region, box: Box, first: bool) -> Region | None:
    if isinstance(region, Faces):
        parts = [_region(part, box, first) for part in region.parts]
        kept = tuple(part for part in parts if isinstance(part, Face))
        return Faces(kept) if kept else None
    if isinstance(region, Points):
        kept_points = _within(region, box, first)
        return Points(box, region.coordinates[kept_points]) if kept_points.any() else None
    if isinstance(region, Box):
        return box
    time = dict(region.fixed).get("t")
    low, high = box.intervals["t"]
    if time is None or low < time <= high or (first and time == low):
        return Face(box, region.fixed)
    return None


def _within(points: Points, box: Box, first: bool) -> Array:
    """Which points lie in the window; those at its start belong to the window before."""
    times = points.coordinates[:, box.names.index("t")]
    low, high = box.intervals["t"]
    return np.asarray((times <= high) & ((times >= low) if first else (times > low)))
