"""What an estimate by one more step cannot see: residuals that no step lowers, and freedom.

The estimated error is the size of a Gauss-Newton step. Two initial values that contradict each
other "converged" at 9e-5, since no step lowers the residual of the second; u'' + pi^2 u = 0 with
zero walls at 8e-3, since any multiple of the answer is one as well. Both are seen in J.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kanpde.assembly.system import ResidualSystem
from kanpde.optim.least_squares import gauss_newton
from kanpde.optim.normal import NormalEquations
from kanpde.problem.equations import Equation
from kanpde.solution.outcome import Outcome, Status
from kanpde.solution.solution import Solution
from kanpde.training.clock import OutOfTime
from kanpde.training.freedom import find_freedom
from kanpde.training.sizes import measure_fields, measure_terms
from kanpde.training.trainer import Trainer


@dataclass(frozen=True)
class DiagnosisPolicy:
    """When a residual is a floor."""

    # A residual, relative to the largest term of its condition, above this and above so many times
    # the estimate, of which one step leaves more than `stays`. The second of two initial values
    # had 0.8 at an estimate of 9e-5 (all of it stays). Equations in the interior are of higher
    # order and rough when training ends early (heat after 10 steps: 0.35 at an error of 0.05), and
    # readings are noisy.
    floor: float = 1e-2
    rough_floor: float = 0.3
    beyond: float = 3.0
    stays: float = 0.7
    # The most parameters for that: J^T J of more takes longer than some steps.
    most_parameters: int = 3000


DIAGNOSIS_POLICY = DiagnosisPolicy()


@dataclass(frozen=True)
class Diagnosis:
    """Sentences about what is wrong, and the error that a floor stands for."""

    texts: tuple[str, ...] = ()
    least_estimate: float = 0.0

    def judge(self, outcome: Outcome) -> Outcome:
        """The outcome, which is not `converged` where something is wrong."""
        if not self.texts:
            return outcome
        text = "; ".join(self.texts)
        if outcome.status is Status.CONVERGED:
            return Outcome(Status.STALLED, text)
        return replace(outcome, advice=f"{text}; {outcome.advice}")

    def correct(self, estimate: float | None) -> float | None:
        """The estimate, at least as large as the floors."""
        return estimate if estimate is None else max(estimate, self.least_estimate)


def diagnose(trainer: Trainer, policy: DiagnosisPolicy = DIAGNOSIS_POLICY) -> Diagnosis:
    """Look at the best network of a trainer at new points."""
    sizes = measure_fields(trainer)
    if sizes is None:
        return Diagnosis()
    floors = _look_for_floors(trainer, sizes, policy)
    texts = [*(text for text, _ in floors), *find_freedom(trainer, sizes)]
    return Diagnosis(tuple(texts), max((size for _, size in floors), default=0.0))


def _look_for_floors(
    trainer: Trainer, sizes: Mapping[str, float], policy: DiagnosisPolicy
) -> list[tuple[str, float]]:
    network = trainer.best
    if trainer.estimate is None or network.parameter_count > policy.most_parameters:
        return []
    system = trainer.sampler.draw(network)
    normal = system.normal(network.flat())
    if system.has_energy or not isinstance(normal, NormalEquations):
        return []
    terms = [measure_terms(rows, trainer.problem, network, sizes) for rows in system.rows]
    return _find_floors(system, normal, terms, trainer.estimate, policy)


def finish(trainer: Trainer, outcome: Outcome) -> Solution:
    """The solution of a trainer whose stages ended with `outcome`, after a diagnosis."""
    session, found = trainer.session, Diagnosis()
    session.announce("looking for what no equation determines")
    try:
        with session.clock.limit_closing():
            found = diagnose(trainer)
    except OutOfTime:
        session.note("no time was left to look for what no equation determines")
    for text in found.texts:
        session.note(text)
    outcome, estimate = found.judge(outcome), found.correct(trainer.estimate)
    return session.solution(trainer.problem, [trainer.piece], outcome, estimate)


# --- floors ---------------------------------------------------------------------------------


def _find_floors(
    system: ResidualSystem,
    normal: NormalEquations,
    terms: Sequence[Sequence[float]],
    estimate: float,
    policy: DiagnosisPolicy,
) -> list[tuple[str, float]]:
    """The conditions whose residual no step lowers, and its relative size."""
    found = gauss_newton(normal, 1e-9)
    if found is None:
        return []
    now = normal.residual
    left = now + normal.push(found[0].to(now))
    texts = []
    for rows, sizes, parts in zip(system.rows, terms, _split(system), strict=True):
        for k, equation in enumerate(rows.term.equations):
            before, after = (float(v[parts[k]].norm()) for v in (now, left))
            weight = float(rows.weights[k].norm())
            if not sizes[k] * weight > 0:
                continue
            relative = before / weight / sizes[k]
            rough = equation.is_interior or equation.observed is not None
            floor = max(policy.rough_floor if rough else policy.floor, policy.beyond * estimate)
            if relative > floor and after > policy.stays * before:
                texts.append((_describe_floor(equation, relative), min(relative, 1.0)))
    return texts


def _split(system: ResidualSystem) -> list[list[Tensor]]:
    """For each term and equation the places of its rows in the residual."""
    places, start = [], 0
    for rows in system.rows:
        count = len(rows.term.equations)
        own: list[list[Tensor]] = [[] for _ in range(count)]
        for block in rows.blocks:
            size = len(range(*block.indices(len(rows.points))))
            for k in range(count):
                own[k].append(torch.arange(start, start + size))
                start += size
        places.append([torch.cat(parts) for parts in own])
    return places


def _describe_floor(equation: Equation, relative: float) -> str:
    return (
        f'"{equation.condition}" [{equation.region.label}] is missed by {relative:.0%} of its '
        "terms, and no step lowers that: it contradicts another condition, or no solution exists"
    )
