"""Experimental design: where to measure, before it is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kanpde.arrays import Array
from kanpde.assembly.sampling import Sampling
from kanpde.assembly.workers import workers
from kanpde.checks import require_number
from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain
from kanpde.geometry.points import Points
from kanpde.problem.conditions.observation import Observation
from kanpde.problem.problem import Problem
from kanpde.solution.measures import grid_points
from kanpde.solution.solution import Solution
from kanpde.training.inverse.sensors import SensorTable, compare_sensors, require_numbers
from kanpde.training.plan import Plan
from kanpde.training.solve import solve
from kanpde.training.stages.least_squares import LeastSquares


@dataclass(frozen=True)
class SensorPolicy:
    """How a problem is solved for this, and which sensors are compared where none are given."""

    # Sensitivities need two digits: intervals of a decay rate were predicted to 0.3 %.
    widths: tuple[int, ...] = (6, 6)
    steps: int = 30
    points: int = 600
    budget: float = 60.0
    # The noise where none is known, by the largest value of a field.
    noise: float = 0.01
    # Places along an axis by the number of axes in space, and times of each sensor.
    along: tuple[int, ...] = (1, 9, 5, 3)
    times: int = 10
    # Places in a shape that is not a box, or has more than three axes.
    scattered: int = 30
    # The standard deviation at which a number is held at its start, by its size.
    held: float = 1e-3


SENSOR_POLICY = SensorPolicy()


def rank_sensors(
    where: Problem | Solution,
    candidates: Sequence[Observation] = (),
    *,
    sigma: float | Mapping[str, float] | None = None,
    policy: SensorPolicy = SENSOR_POLICY,
) -> SensorTable:
    """What one more sensor would make of the intervals of unknown numbers: print it.

    The readings themselves do not enter, only where they are taken and how noisy they are. A
    problem is solved with a small network first: with its readings, or without any at the `start`
    of each unknown number.

    Args:
        where: a problem, or a solution of it, which costs no training.
        candidates: sensors to compare, each an `observe(...)` with any values, of a name of its
            own; by default each field at places all over the domain, at ten times if there is time.
        sigma: the noise of sensors that state none, a number or one for each quantity; by default
            that of the readings so far, or 1 % of the largest value of the field.
        policy: sizes and steps.

    Raises:
        KanpdeError: for a problem without unknown numbers, or with unknown fields or laws; for
            two candidates of one name, and a sigma that is not positive.
    """
    problem = where.problem if isinstance(where, Solution) else where
    if not isinstance(problem, Problem):
        raise KanpdeError(f"rank_sensors needs a Problem or a Solution, not {problem!r}")
    require_numbers(problem)
    chosen = list(candidates) or propose_sensors(problem, policy)
    names = [c.name for c in chosen]
    twice = [n for n in names if names.count(n) > 1]
    if twice:
        raise KanpdeError(f'two sensors are called "{twice[0]}"; give each a name of its own')
    quantities = list(dict.fromkeys(n for c in chosen for n in c.values))
    stated = sigma if isinstance(sigma, Mapping) else dict.fromkeys(quantities, sigma)
    for name, value in stated.items():
        if value is not None:
            require_number(f"rank_sensors: sigma of {name}", value, above=0)
    solution = where if isinstance(where, Solution) else _solve_roughly(problem, policy)
    noise = _find_noise(solution, quantities, stated, policy)
    with workers() as pool:
        return compare_sensors(
            solution, [_state_noise(c, noise) for c in chosen], noise, pool, problem
        )


def propose_sensors(problem: Problem, policy: SensorPolicy = SENSOR_POLICY) -> list[Observation]:
    """A sensor for each field at places all over the domain; at several times if there is time."""
    domain, numbers = problem.domain, [n.name for n in problem.numbers]
    time = None if domain.time is None else domain.names.index(domain.time.name)
    space = [k for k, a in enumerate(domain.axes) if k != time and not a.is_parameter]
    sensors = []
    for place in _find_places(domain, space, time, policy):
        rows = np.tile(place, (1, 1))
        if time is not None and space:
            axis = domain.axes[time]
            rows = np.tile(place, (policy.times, 1))
            rows[:, time] = np.linspace(axis.lower, axis.upper, policy.times + 1)[1:]
        shown = ", ".join(f"{domain.names[k]} = {place[k]:.3g}" for k in space or [time or 0])
        for name in problem.unknowns:
            if name not in numbers:
                points, values = Points(domain, rows), {name: np.zeros(len(rows))}
                sensors.append(Observation(f"{name} at {shown}", points, values))
    return sensors


def _find_places(
    domain: Domain, space: Sequence[int], time: int | None, policy: SensorPolicy
) -> Array:
    """Places (n, dimension), of which the column of time is filled in for each sensor."""
    axes = list(space) or ([] if time is None else [time])
    if not domain.is_box or len(axes) >= len(policy.along):
        return domain.interior.sample(policy.scattered, 0).points
    places = np.array([0.5 * (a.lower + a.upper) for a in domain.axes])
    count = policy.along[len(axes)]
    grid = np.meshgrid(
        *(np.linspace(domain.axes[k].lower, domain.axes[k].upper, count) for k in axes)
    )
    rows = np.tile(places, (grid[0].size, 1))
    for k, values in zip(axes, grid, strict=True):
        rows[:, k] = values.ravel()
    return rows


def _solve_roughly(problem: Problem, policy: SensorPolicy) -> Solution:
    """A small network's solution: of the readings, or at the starts of the numbers."""
    if not any(e.observed is not None for e in problem.equations):
        problem = _hold_numbers(problem, policy)
    plan = Plan(
        widths=policy.widths,
        stages=(LeastSquares(policy.steps),),
        sampling=Sampling(points=policy.points),
        budget=policy.budget,
    )
    return solve(problem, plan, progress=False)


def _hold_numbers(problem: Problem, policy: SensorPolicy) -> Problem:
    """The problem with each number known to be near its start."""
    middle = np.array([[0.5 * (a.lower + a.upper) for a in problem.domain.axes]])
    starts = {n.name: n.sympy.start for n in problem.numbers}
    held = [
        Observation(
            f"assumed {name}",
            Points(problem.domain, middle),
            {name: np.array([value])},
            sigma=np.array([policy.held * (abs(value) or 1.0)]),
        )
        for name, value in starts.items()
    ]
    return replace(problem, conditions=(*problem.conditions, *held))


def _find_noise(
    solution: Solution,
    quantities: Sequence[str],
    stated: Mapping[str, float | None],
    policy: SensorPolicy,
) -> dict[str, float]:
    """The noise that is expected of each quantity."""
    known = {label.rpartition(": ")[2]: s for label, s in solution.noise.items()}
    points = grid_points(solution.problem)[0]
    found = {}
    for name in quantities:
        given = stated.get(name)
        found[name] = float(known.get(name, 0.0) if given is None else given)
        if not found[name] > 0:
            values = solution.evaluate(points, [name] if name not in solution.problem.names else [])
            found[name] = policy.noise * (float(np.nanmax(np.abs(values[name]))) or 1.0)
    return found


def _state_noise(candidate: Observation, noise: Mapping[str, float]) -> Observation:
    """A sensor of one quantity with its noise, if it does not state one."""
    if candidate.sigma is not None or len(candidate.values) > 1:
        return candidate
    (name,) = candidate.values
    return replace(candidate, sigma=np.full(len(candidate.points.coordinates), noise[name]))
