"""Simulated sets of readings, solved one after the other from one trained network."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kanpde.bench.coverage.cases import Case
from kanpde.solution.solution import Solution
from kanpde.training.plan import Plan
from kanpde.training.solve import solve
from kanpde.training.stages.least_squares import LeastSquares

# Steps of training for each set of readings, from the network of the exact ones.
_STEPS = 6
_NEVER = 1e6


@dataclass(frozen=True)
class Covered:
    """How many of the intervals of a case's number hold its true value."""

    case: str
    number: str
    held: int
    sets: int
    mean_half: float  # of the interval
    spread: float  # of the values, as 1.96 of their standard deviation

    @property
    def share(self) -> float:
        return self.held / max(self.sets, 1)

    def __str__(self) -> str:
        error = math.sqrt(max(self.share * (1 - self.share), 0.0) / max(self.sets, 1))
        return (
            f"{self.case:46} {self.number}: {100 * self.share:5.1f} % ± {100 * error:.1f} of "
            f"{self.sets}; half an interval {self.mean_half:.3g}, 1.96 of the spread "
            f"{self.spread:.3g}"
        )


def simulate(case: Case, sets: int, seed: int = 0) -> list[Covered]:
    """The intervals of each number over `sets` simulated readings."""
    found = list(_solve_each(case, sets, seed))
    out = []
    for name, truth in case.truth.items():
        numbers = [solution.unknowns[name] for solution in found]
        ends = [n.interval for n in numbers if n.interval is not None]
        held = sum(low <= truth <= high for low, high in ends)
        half = float(np.mean([0.5 * (high - low) for low, high in ends])) if ends else math.nan
        spread = 1.96 * float(np.std([n.value for n in numbers]))
        out.append(Covered(case.name, name, held, len(found), half, spread))
    return out


def _solve_each(case: Case, sets: int, seed: int) -> Iterator[Solution]:
    sigma = case.sigma if case.stated else None
    plan = Plan(widths=case.widths, stages=(LeastSquares(case.steps),), budget=_NEVER, tolerance=0)
    base = solve(case.build(case.exact, sigma), plan, progress=False)
    short = Plan(widths=case.widths, stages=(LeastSquares(_STEPS),), budget=_NEVER, tolerance=0)
    random = np.random.default_rng(seed)
    for _ in range(sets):
        values = case.exact + random.normal(0, case.sigma, len(case.exact))
        yield solve(case.build(values, sigma), short, start=base, progress=False)
