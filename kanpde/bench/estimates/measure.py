"""Solves that stop early and late, and what the estimate was worth at each stop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.assembly.ansatz import build_ansatz
from kanpde.assembly.network_for import build_network
from kanpde.assembly.workers import SERIAL
from kanpde.bench.estimates.case import Case
from kanpde.network.bases import Chebyshev
from kanpde.solution.solution import Solution
from kanpde.training.clock import Clock
from kanpde.training.diagnosis import finish
from kanpde.training.outcomes import judge_stages, judge_windows
from kanpde.training.output_scale import scale_outputs
from kanpde.training.plan import Plan
from kanpde.training.session import Session
from kanpde.training.stages.least_squares import LeastSquares
from kanpde.training.strategies.time_windows import TimeWindows
from kanpde.training.trainer import Trainer

# Steps of least squares after which a solve stops, and then goes on.
STOPS = (4, 8, 16, 32, 64)
_FOREVER = 1e6


@dataclass(frozen=True)
class Sample:
    """The estimate and the true error where a solve stopped: relative L2, of the worst field.

    `seconds` is the processor time that the end of the solve took: estimate and diagnosis.
    """

    case: str
    seed: int
    steps: int
    error: float
    estimate: float | None
    status: str
    seconds: float

    @property
    def ratio(self) -> float:
        """Estimate over error; zero where there is no estimate.

        Above 100 % both count as 100 %: they say that nothing is known. An estimate is relative to
        the best known size of a field; a coefficient that was 500 times too large had 85 %.
        """
        if self.estimate is None:
            return 0.0
        return min(self.estimate, 1.0) / max(min(self.error, 1.0), 1e-300)


@dataclass(frozen=True)
class Calibration:
    """Shares of samples by their ratio."""

    samples: int
    within_3: float
    within_10: float
    below_tenth: float


def measure_case(case: Case, seed: int, stops: Sequence[int] = STOPS) -> list[Sample]:
    """Train a small network on a case, and end the solve at each of `stops` (steps)."""
    if case.windows:
        return [_measure_windows(case, seed, stop) for stop in stops]
    trainer, found, done = _begin(case, seed), [], 0
    scale_outputs(trainer.network, trainer.sampler)
    for stop in stops:
        trainer.run(LeastSquares(steps=stop - done))
        began = time.process_time()
        solution = finish(trainer, judge_stages(trainer))
        found.append(_sample(case, stop, solution, time.process_time() - began))
        done = stop
    return found


def _begin(case: Case, seed: int) -> Trainer:
    problem = case.build()
    few = problem.domain.dimension == 3
    plan = Plan(widths=(7, 7) if few else (8, 8), basis=Chebyshev(4), budget=_FOREVER)
    session = Session(plan, seed, "cpu", SERIAL, Clock(_FOREVER))
    ansatz = build_ansatz(problem, enforce=case.enforce)
    return Trainer(
        problem,
        ansatz,
        build_network(problem, plan.architecture, seed, ansatz.coefficients),
        session,
    )


def _measure_windows(case: Case, seed: int, stop: int) -> Sample:
    """Windows of equal length, each kept as it is after `stop` steps."""
    trainer = _begin(case, seed)
    route = TimeWindows(trainer, stage=LeastSquares(steps=stop))
    began = time.process_time()
    for end in np.linspace(route.low, route.high, case.windows + 1)[1:]:
        part = route.train_next(float(end))
        part.confirm()
        route.keep(float(end), part.best)
    solution = route.solution(judge_windows(trainer, route.estimate))
    return _sample(case, stop, solution, time.process_time() - began)


def _sample(case: Case, stop: int, solution: Solution, seconds: float) -> Sample:
    error = max(e.rel_l2 for e in solution.errors.values())
    status = solution.outcome.status.value
    return Sample(case.name, solution.seed, stop, error, solution.estimate, status, seconds)


def calibrate(samples: Sequence[Sample]) -> Calibration:
    """How often the estimate was within factors of the error."""
    ratio = np.array([s.ratio for s in samples])

    def share(inside: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
        return float(np.mean(inside)) if len(samples) else float("nan")

    near = [share((ratio >= 1 / f) & (ratio <= f)) for f in (3, 10)]
    return Calibration(len(samples), near[0], near[1], share(ratio < 0.1))
