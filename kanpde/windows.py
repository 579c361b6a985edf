"""Time in windows: a problem on a part of its time axis, going on from the part before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kanpde.errors import KanpdeError
from kanpde.problem import Condition, Observation, Periodic, Problem
from kanpde.region import Box, Face, Faces, FloatArray, Points, Region

# The name of the condition that hands values over; problem files may use it too.
HANDED = "start of the window"


def orders_in_time(problem: Problem) -> dict[str, int]:
    """The highest time derivative of each field in the equations of the interior."""
    axis = problem.box.names.index("t")
    orders = dict.fromkeys(problem.unknowns, 0)
    for equation in problem.equations:
        if equation.is_interior:
            for jet in equation.jets:
                orders[jet.field] = max(orders[jet.field], jet.index[axis])
    return orders


def can_march(problem: Problem) -> bool:
    """Whether time runs from given data at its start, and nothing is asked for at its end."""
    time = problem.box.time
    if time is None or "t" in problem.periodic or problem.lift or problem.continue_from:
        return False
    ends = {dict(e.region.fixed).get("t") for e in problem.equations if isinstance(e.region, Face)}
    return time.lower in ends and time.upper not in ends and any(orders_in_time(problem).values())


def handed_names(problem: Problem) -> tuple[str, ...]:
    """What a window needs of the one before: "u", "u_t", ... below the order in time."""
    return tuple(
        f"{name}_{'t' * k}" if k else name
        for name, order in orders_in_time(problem).items()
        for k in range(order)
    )


def window(problem: Problem, start: float, end: float, handed: Observation | None) -> Problem:
    """The problem for start <= t <= end; from `handed` in the place of its initial conditions.

    Raises KanpdeError where a condition has the name of the one that hands over.
    """
    if any(c.name == HANDED for c in problem.conditions):
        raise KanpdeError(f'rename the condition "{HANDED}": kanpde uses this name')
    box = Box(**{**problem.box.intervals, "t": (start, end)})
    first = handed is None
    conditions = [part for c in problem.conditions if (part := _part(c, box, first)) is not None]
    if handed is not None:
        conditions.append(handed)
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


def _within(points: Points, box: Box, first: bool) -> FloatArray:
    """Which points lie in the window; those at its start belong to the window before."""
    times = points.coordinates[:, box.names.index("t")]
    low, high = box.intervals["t"]
    return np.asarray((times <= high) & ((times >= low) if first else (times > low)))
