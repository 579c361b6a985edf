"""Simulated sets of readings, each fitted from one trained network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import norm, t

from kanpde.arrays import Array
from kanpde.assembly.ansatz import build_ansatz
from kanpde.assembly.sampling import Sampling
from kanpde.assembly.workers import workers
from kanpde.bench.coverage.cases import Case
from kanpde.solution.unknowns import UnknownNumber
from kanpde.training.clock import Clock
from kanpde.training.inverse.determine import CONFIDENCE, determine
from kanpde.training.plan import Plan
from kanpde.training.session import Session
from kanpde.training.solve import solve
from kanpde.training.stages.least_squares import LeastSquares
from kanpde.training.trainer import Trainer

_NEVER = 1e6
# Of these small networks; of 20 intervals the same hold the truth as with the usual 2000.
_POINTS = 500


@dataclass(frozen=True)
class Covered:
    """How many of the intervals of a case's number hold its true value.

    `control` is the share of the intervals of nonlinear least squares with the exact solution, for
    the same readings: what differs from it is the network's.
    """

    case: str
    number: str
    held: int
    sets: int
    mean_half: float  # of the interval
    spread: float  # of the values, as 1.96 of their standard deviation
    control: float

    @property
    def share(self) -> float:
        return self.held / max(self.sets, 1)

    def __str__(self) -> str:
        error = math.sqrt(max(self.share * (1 - self.share), 0.0) / max(self.sets, 1))
        return (
            f"{self.case:46} {self.number}: {100 * self.share:5.1f} % ± {100 * error:.1f} of "
            f"{self.sets} (by the exact solution {100 * self.control:.1f} %); half an interval "
            f"{self.mean_half:.3g}, 1.96 of the spread {self.spread:.3g}"
        )


def simulate(case: Case, sets: int, seed: int = 0) -> list[Covered]:
    """The intervals of each number over `sets` simulated readings."""
    random = np.random.default_rng(seed)
    readings = [case.exact + random.normal(0, case.sigma, len(case.exact)) for _ in range(sets)]
    found = list(_determine_each(case, readings))
    control = np.mean([_hold_by_model(case, values) for values in readings], axis=0)
    out = []
    for (name, truth), exact in zip(case.truth.items(), control, strict=True):
        numbers = [each[name] for each in found]
        ends = [n.interval for n in numbers if n.interval is not None]
        held = sum(low <= truth <= high for low, high in ends)
        half = float(np.mean([0.5 * (high - low) for low, high in ends])) if ends else math.nan
        spread = 1.96 * float(np.std([n.value for n in numbers]))
        out.append(Covered(case.name, name, held, len(found), half, spread, float(exact)))
    return out


def _determine_each(case: Case, readings: list[Array]) -> Iterator[Mapping[str, UnknownNumber]]:
    """The numbers for each of the readings, by the last steps of a solve from one network.

    That is the network of the exact readings. Training to each noise first changes nothing: after
    6 steps and after 2 a conductivity was the same to 2e-4 of its standard error.
    """
    sigma = case.sigma if case.stated else None
    plan = Plan(
        widths=case.widths,
        stages=(LeastSquares(case.steps),),
        sampling=Sampling(points=_POINTS),
        budget=_NEVER,
        tolerance=0,
    )
    base = solve(case.build(case.exact, sigma), plan, progress=False)
    with workers() as pool:
        for values in readings:
            problem = case.build(values, sigma)
            session = Session(plan, base.seed, "cpu", pool, Clock(_NEVER))
            trainer = Trainer(problem, build_ansatz(problem), base.network, session)
            found = determine(trainer)
            yield {} if found is None else found.numbers


def _hold_by_model(case: Case, values: Array) -> Array:
    """Whether each interval of least squares with the exact solution holds the truth, bool."""
    truth = np.array(list(case.truth.values()))
    found = least_squares(lambda q: (case.model(q) - values) / case.sigma, truth, x_scale=truth)
    free, upper = len(values) - len(truth), 0.5 + 0.5 * CONFIDENCE
    scale = 1.0 if case.stated else math.sqrt(2 * found.cost / free)
    half = scale * np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac)))
    half *= norm.ppf(upper) if case.stated else t.ppf(upper, free)
    return np.asarray(np.abs(found.x - truth) <= half)
