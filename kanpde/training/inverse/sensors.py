"""Which further sensors would shrink which interval most, from the sensitivities at a solution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError
from scipy.stats import norm
from torch import Tensor

from kanpde.arrays import AnyArray, Array
from kanpde.assembly.workers import Workers
from kanpde.errors import KanpdeError
from kanpde.files.whole import finite_or_none
from kanpde.network.constant import map_number
from kanpde.optim.constrained import Manifold
from kanpde.optim.design import inform
from kanpde.problem.conditions.observation import Observation
from kanpde.problem.equations import Kind
from kanpde.problem.problem import Problem
from kanpde.solution.solution import Solution
from kanpde.training.clock import Clock
from kanpde.training.inverse.determine import CONFIDENCE
from kanpde.training.inverse.linearise import Layout, Linearisation, find_layout
from kanpde.training.inverse.refine import REFINE_POLICY, split_numbers
from kanpde.training.plan import Plan
from kanpde.training.session import Session

# A number is not determined where it takes part in a direction that is not seen by this share.
_PART = 0.2
# Above this estimated error of the fields a table is called rough.
_ROUGH = 0.1
# The most readings: a matrix of so many rows is decomposed.
_MOST = 2000
# Sensors that a table shows for each number.
_SHOWN = 3


@dataclass(frozen=True)
class Sensor:
    """A sensor, its readings, and half of each number's interval of 95 % with them.

    `halves` is infinite where a number is still not determined.
    """

    name: str
    readings: int
    halves: Mapping[str, float]

    def to_data(self) -> dict[str, Any]:
        """As JSON data; None for an interval that is infinite."""
        halves = {n: finite_or_none(h) for n, h in self.halves.items()}
        return {"name": self.name, "readings": self.readings, "half_intervals": halves}


@dataclass(frozen=True)
class SensorTable:
    """What each of some sensors would make of the intervals of the unknown numbers.

    Attributes:
        values: the numbers at which the equations are linearised.
        present: the readings so far, as a sensor.
        sensors: each further one with the readings so far.
        noise: the standard deviation that is expected of each quantity.
        error: the estimated relative error of the fields from which all of it follows.
    """

    values: Mapping[str, float]
    present: Sensor
    sensors: tuple[Sensor, ...]
    noise: Mapping[str, float]
    error: float | None = None

    def rank(self, name: str) -> list[Sensor]:
        """The sensors by what they leave of the interval of a number, the best first.

        Raises KanpdeError for another name.
        """
        if name not in self.values:
            raise KanpdeError(f"there is no interval of {name}; ask of {', '.join(self.values)}")
        return sorted(self.sensors, key=lambda s: s.halves[name])

    def best(self) -> list[Sensor]:
        """The best few for each number, and the worst of them all for comparison."""
        chosen: list[Sensor] = []
        for name in self.values:
            chosen += [s for s in self.rank(name)[:_SHOWN] if s not in chosen]
        worst = max(self.sensors, key=self._product)
        return sorted(chosen, key=self._product) + ([] if worst in chosen else [worst])

    def _product(self, sensor: Sensor) -> float:
        return math.prod(sensor.halves.values())

    def __str__(self) -> str:
        at = ", ".join(f"{n} = {v:.3g}" for n, v in self.values.items())
        noise = ", ".join(f"{n} with noise {v:.2g}" for n, v in self.noise.items())
        rows = [self.present, *self.best()] if self.sensors else [self.present]
        width = max(len(row.name) for row in rows)
        lines = [f"sensors: half of each interval of 95 % with one more of them ({noise}; at {at})"]
        for row in rows:
            parts = [_describe_half(n, row.halves[n], self.present.halves[n]) for n in self.values]
            lines.append(f"  {row.name:{width}}  {'  '.join(parts)}".rstrip())
        if self.error is None or self.error > _ROUGH:
            lines.append("  rough: the fields are not well known yet; ask again after a solve")
        return "\n".join(lines)

    def to_data(self) -> dict[str, Any]:
        """As JSON data; None for an interval that is infinite."""
        return {
            "at": dict(self.values),
            "noise": dict(self.noise),
            "now": self.present.to_data(),
            "sensors": [s.to_data() for s in self.sensors],
        }


def _describe_half(name: str, half: float, before: float) -> str:
    """ "k ± 0.0035 (-15 %)", as wide as any of this name."""
    if not math.isfinite(half):
        text = f"{name} not determined"
    else:
        change = 100 * (half / before - 1)
        text = f"{name} ± {half:.2g}"
        text += f" ({change:.2g} %)" if math.isfinite(before) and half != before else ""
    return f"{text:{len(name) + 20}}"


def require_numbers(problem: Problem) -> None:
    """Raise KanpdeError for a problem without unknown numbers, or with more than these."""
    if not problem.numbers:
        raise KanpdeError("sensors are ranked for unknown numbers, and this problem has none")
    others = [*problem.sought, *problem.laws]
    if others:
        raise KanpdeError(
            f"sensors are ranked for unknown numbers alone; {others[0]} is a field or a law, whose "
            "bars depend on readings that are not there yet"
        )
    if any(e.kind is Kind.DENSITY for e in problem.equations):
        raise KanpdeError("sensors are ranked by equations; an Energy has no rows that hold")


def compare_sensors(
    solution: Solution,
    candidates: Sequence[Observation],
    noise: Mapping[str, float],
    workers: Workers,
    problem: Problem,
) -> SensorTable:
    """The intervals with each candidate, which has its sigma, at a solution.

    `problem` has the readings so far; `solution` may be one of other readings.

    Raises:
        KanpdeError: the equations do not determine the fields.
    """
    require_numbers(problem)
    fields, domain = problem.field_space, problem.domain
    planned = [e for c in candidates for e in c.equations(domain, fields)]
    plan = Plan(stages=(), budget=1.0)
    session = Session(plan, solution.seed, "cpu", workers, Clock(math.inf))
    seed = solution.seed + REFINE_POLICY.seed
    linear = Linearisation(problem, solution.ansatz, session, seed, planned)
    if len(linear.readings.labels) > _MOST:
        raise KanpdeError(f"sensors are ranked beside at most {_MOST} readings")
    network = solution.network
    linear.sampler.rebalance(network)
    system = linear.draw(network)
    sought, _ = split_numbers(linear, network, system, REFINE_POLICY)
    if not sought:
        raise KanpdeError("the equations determine the unknown numbers without readings")
    try:
        manifold = Manifold(linear.at(network, system, sought))
    except LinAlgError:
        raise KanpdeError("sensors cannot be ranked: the equations leave fields free") from None
    owners = _find_owners(linear, candidates)
    seen = manifold.whiten(_find_deviations(linear, solution.noise, noise))
    base = np.flatnonzero(owners < 0)
    groups = [np.flatnonzero(owners == k) for k in range(len(candidates))]
    places = _Places(manifold, find_layout(problem, network), network.flat(), problem)
    halves = [places.halve(sought, each) for each in inform(seen, base, groups)]
    count = f"{len(base)} readings" if len(base) else "without readings"
    further = zip(candidates, groups, halves[1:], strict=True)
    return SensorTable(
        {n: solution.unknowns[n].value for n in sought},
        Sensor(f"now, {count}", len(base), halves[0]),
        tuple(Sensor(c.name, len(at), half) for c, at, half in further),
        noise,
        solution.estimate,
    )


@dataclass(frozen=True)
class _Places:
    """Where numbers stand among parameters, and what they are."""

    manifold: Manifold
    layout: Layout
    theta: Tensor
    problem: Problem

    def halve(self, sought: Sequence[str], information: Array) -> dict[str, float]:
        """Half of each interval for the information of the readings; infinite where it is none."""
        covariance, flat = self.manifold.invert(information)
        order = sorted(self.layout.places[n] for n in sought)
        ends = {n.name: n.sympy.ends for n in self.problem.numbers}
        quantile = float(norm.ppf(0.5 + 0.5 * CONFIDENCE))
        halves = {}
        for name in sought:
            place = self.layout.places[name]
            k, raw = order.index(place), self.theta[place]
            if any(abs(d[k]) >= _PART * np.abs(d).max() for d in flat):
                halves[name] = math.inf
                continue
            step = quantile * math.sqrt(covariance[k, k])
            own = ends.get(name, (-math.inf, math.inf))
            low, high = (float(map_number(raw + s * step, *own)) for s in (-1, 1))
            halves[name] = 0.5 * abs(high - low)
        return halves


def _find_owners(linear: Linearisation, candidates: Sequence[Observation]) -> AnyArray:
    """The candidate of each reading, (n,), and -1 for readings that are there."""
    names = [c.name for c in candidates]
    known = [e for e in linear.problem.equations if e.observed is not None]
    owner = [
        -1 if any(e is k for k in known) else names.index(e.condition)
        for e in linear.readings.groups
    ]
    return np.asarray(np.array(owner, int)[linear.readings.labels])


def _find_deviations(
    linear: Linearisation, known: Mapping[str, float], noise: Mapping[str, float]
) -> Array:
    """The standard deviation of each reading, (n,): stated, estimated in a solve, or expected."""
    readings = linear.readings
    found = np.empty(len(readings.labels))
    for k, equation in enumerate(readings.groups):
        name = str(equation.jets[0])
        estimated = known.get(f"{equation.condition}: {name}", noise.get(name, math.nan))
        found[readings.labels == k] = estimated if equation.sigma is None else equation.sigma
    return found
