"""What an estimate by one more step cannot see: residuals that no step lowers, and freedom.

The estimated error is the size of a Gauss-Newton step. Two initial values that contradict each
other "converged" at 9e-5, since no step lowers the residual of the second; u'' + pi^2 u = 0 with
zero walls at 8e-3, since any multiple of the answer is one as well. Both are seen in J.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from scipy.linalg import LinAlgError

from kanpde.assembly.system import ResidualSystem
from kanpde.network.network import Network
from kanpde.optim.block_normal import BlockNormal
from kanpde.optim.least_squares import gauss_newton
from kanpde.optim.normal import NormalEquations
from kanpde.problem.equations import Equation, Kind
from kanpde.solution.outcome import Outcome, Status
from kanpde.solution.solution import Solution
from kanpde.training.clock import OutOfTime
from kanpde.training.estimate import enrich_for
from kanpde.training.freedom import find_freedom
from kanpde.training.inverse.determine import Determined, determine
from kanpde.training.inverse.refine import can_refine
from kanpde.training.outcomes import judge_numbers
from kanpde.training.relative_residual import RelativeResidual, relative_residuals
from kanpde.training.sizes import measure_fields, measure_terms
from kanpde.training.table_ends import describe_table_ends
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
    # A residual in the interior beside the largest term of its equation. Of 22 problems, stopped
    # after 4 to 64 steps, those above it had errors of 0.4 or more; a heat equation in a time of
    # forty decays 0.06. The error that it stands for is at least `stands_for` times as large.
    unsolved: float = 0.5
    stands_for: float = 0.3
    # What rounding leaves of a residual: an error that grows by e^60 makes all of a field of it.
    rounding: float = 1e-15


DIAGNOSIS_POLICY = DiagnosisPolicy()
# Beyond it all is lost.
_MOST_GROWTH = 100.0


@dataclass(frozen=True)
class Diagnosis:
    """Sentences about what is wrong, the error that it stands for, and residuals by condition."""

    texts: tuple[str, ...] = ()
    least_estimate: float = 0.0
    relative_residuals: Mapping[str, float] = field(default_factory=dict)

    def judge(self, outcome: Outcome) -> Outcome:
        """The outcome, which is not `converged` where something is wrong."""
        if not self.texts:
            return outcome
        text = "; ".join(self.texts)
        if outcome.status is Status.CONVERGED:
            return Outcome(Status.STALLED, text)
        return replace(outcome, advice=f"{text}; {outcome.advice}")

    def correct(self, estimates: Mapping[str, float]) -> dict[str, float]:
        """The estimates, at least as large as what is wrong stands for."""
        return {n: max(e, self.least_estimate) for n, e in estimates.items()}


def diagnose(
    trainer: Trainer, policy: DiagnosisPolicy = DIAGNOSIS_POLICY, *, has_numbers: bool = False
) -> Diagnosis:
    """Look at the best network of a trainer at new points.

    With unknown numbers that have error bars, what noisy readings leave open is not a fault.
    """
    sizes = measure_fields(trainer)
    if sizes is None:
        return Diagnosis()
    found, shares = _look_at_residuals(trainer, sizes, policy)
    for free in find_freedom(trainer, sizes):
        grown = policy.rounding * math.exp(min(free.growth, _MOST_GROWTH))
        found.append((free.text, min(grown, 1.0)))
    if not has_numbers:
        found += [(text, 0.0) for text in _describe_noise(trainer)]
    least = max((size for _, size in found), default=0.0)
    return Diagnosis(tuple(text for text, _ in found), least, shares)


def _look_at_residuals(
    trainer: Trainer, sizes: Mapping[str, float], policy: DiagnosisPolicy
) -> tuple[list[tuple[str, float]], dict[str, float]]:
    """What residuals say, with the error that it stands for; and their sizes by condition."""
    # In the richer space: what the network cannot lower, the equations may allow.
    network = enrich_for(trainer.problem, trainer.best)
    if trainer.estimate is None or network.parameter_count > policy.most_parameters:
        return [], {}
    system = trainer.sampler.draw(network)
    shares = relative_residuals(trainer.problem, network, system, sizes)
    found = [
        (str(s), policy.stands_for * min(s.share, 1.0))
        for s in shares
        if s.equation.is_interior and s.share > policy.unsolved
    ]
    if system.has_energy:
        found += _find_outweighed(trainer, system, network, sizes, policy)
        return found, _largest_by_condition(shares)
    normal = system.normal(network.flat())
    if isinstance(normal, NormalEquations | BlockNormal):
        terms = [measure_terms(rows, trainer.problem, network, sizes) for rows in system.rows]
        found += _find_floors(system, normal, terms, trainer.estimate, policy)
    return found, _largest_by_condition(shares)


def _describe_noise(trainer: Trainer) -> list[str]:
    """The fields that noisy readings leave open by more than the tolerance."""
    least, scatter = trainer.session.plan.tolerance, trainer.scatter
    return [scatter.describe(n) for n, size in scatter.fields.items() if size > least]


def _largest_by_condition(shares: Sequence[RelativeResidual]) -> dict[str, float]:
    largest: dict[str, float] = {}
    for each in shares:
        name = each.equation.condition
        largest[name] = max(largest.get(name, 0.0), each.share)
    return largest


def finish(trainer: Trainer, outcome: Outcome) -> Solution:
    """The solution of a trainer whose stages ended with `outcome`, after a diagnosis."""
    numbers = _determine(trainer)
    if numbers is None:
        trainer.confirm()
    session, found = trainer.session, Diagnosis()
    session.announce("looking for what no equation determines")
    try:
        with session.clock.limit_closing():
            found = diagnose(trainer, has_numbers=numbers is not None)
    except OutOfTime:
        session.note("no time was left to look for what no equation determines")
    for text in found.texts:
        session.note(text)
    if numbers is not None:
        outcome = judge_numbers(outcome, numbers.solver.largest)
        # The scatter knows no prior: what it says of a sought field is that of another fit.
        for text in () if trainer.problem.sought else _describe_noise(trainer):
            session.note(text)
            outcome = replace(outcome, advice=f"{text}; {outcome.advice}")
    for text in describe_table_ends(trainer):
        session.note(text)
        outcome = replace(outcome, advice=f"{text}; {outcome.advice}")
    outcome, estimates = found.judge(outcome), found.correct(trainer.errors.fields)
    solution = session.solution(trainer.problem, [trainer.piece], outcome, estimates)
    known = trainer.errors.fields
    factors = {n: estimates[n] / e if e > 0 else 1.0 for n, e in known.items()}
    solution = replace(
        solution,
        relative_residuals=found.relative_residuals,
        estimates_along={n: e.scaled(factors) for n, e in trainer.errors.along.items()},
    )
    if numbers is None:
        return solution
    return replace(solution, unknowns=numbers.numbers, noise=numbers.noise, spread=numbers.spread)


def _determine(trainer: Trainer) -> Determined | None:
    """The unknown numbers with their error bars; None where there are none, or no time for them."""
    session = trainer.session
    if not can_refine(trainer):
        return None
    session.announce("finding the unknown numbers and their errors")
    try:
        with session.clock.limit_closing():
            numbers = determine(trainer)
    except OutOfTime:
        session.note("no time was left for the errors of the unknown numbers")
        return None
    except LinAlgError:
        session.note(
            "the errors of the unknown numbers could not be computed: the equations hardly "
            "determine the fields"
        )
        return None
    if numbers is None:
        return None
    trainer.restore(trainer.best, numbers.estimates, confirmed=True)
    for text in numbers.complaints:
        session.note(text)
    return numbers


# --- floors ---------------------------------------------------------------------------------


def _find_floors(
    system: ResidualSystem,
    normal: NormalEquations | BlockNormal,
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
    for rows, sizes, parts in zip(system.rows, terms, system.places(), strict=True):
        for k, equation in enumerate(rows.term.equations):
            before, after = (float(v[parts[k]].norm()) for v in (now, left))
            weight = float(rows.weights[k].norm())
            if equation.kind is Kind.PRIOR or not sizes[k] * weight > 0:
                continue
            relative = before / weight / sizes[k]
            rough = equation.is_interior or equation.observed is not None
            # A contradiction is in the estimate as well, as far as polynomials see it.
            beyond = min(policy.beyond * estimate, policy.rough_floor)
            floor = max(policy.rough_floor if rough else policy.floor, beyond)
            if relative > floor and after > policy.stays * before:
                texts.append((_describe_floor(equation, relative), min(relative, 1.0)))
    return texts


def _find_outweighed(
    trainer: Trainer,
    system: ResidualSystem,
    network: Network,
    sizes: Mapping[str, float],
    policy: DiagnosisPolicy,
) -> list[tuple[str, float]]:
    """The conditions that an energy outweighs, and their relative residual.

    Beside an energy a trained condition is a penalty. Two materials that met by one "converged" at
    an estimate of 4e-4, with an error of 1.8.
    """
    found = []
    for rows in system.rows:
        if rows.is_energy:
            continue
        residuals = rows.evaluate(network)[0]
        terms = measure_terms(rows, trainer.problem, network, sizes)
        for k, equation in enumerate(rows.term.equations):
            weight = float(rows.weights[k].norm())
            if equation.is_interior or equation.observed is not None or not terms[k] * weight > 0:
                continue
            relative = float(residuals[k].norm()) / weight / terms[k]
            if relative > policy.floor:
                found.append((_describe_outweighed(equation, relative), min(relative, 1.0)))
    return found


def _describe_outweighed(equation: Equation, relative: float) -> str:
    return (
        f'"{equation.condition}" [{equation.region.label}] is missed by {relative:.0%} of its '
        "terms: beside an energy a trained condition is a penalty that the energy outweighs; let "
        "it hold by construction, give it a larger weight, or write the equation as a Condition"
    )


def _describe_floor(equation: Equation, relative: float) -> str:
    return (
        f'"{equation.condition}" [{equation.region.label}] is missed by {relative:.0%} of its '
        "terms, and no step lowers that: it contradicts another condition, or no solution exists"
    )
