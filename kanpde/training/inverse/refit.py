"""A law as a formula within its equations: the numbers in it, found again from the readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.network_for import coordinates_of
from kanpde.assembly.workers import workers
from kanpde.network.composite import Composite, Part
from kanpde.network.constant import Constant
from kanpde.network.lawful import Lawful
from kanpde.network.network import Network
from kanpde.problem.problem import Problem
from kanpde.problem.substitute import substitute_law
from kanpde.solution.solution import Solution
from kanpde.solution.unknowns import UnknownNumber
from kanpde.symbols.unknown import Unknown
from kanpde.training.clock import Clock
from kanpde.training.inverse.determine import determine
from kanpde.training.inverse.refine import REFINE_POLICY
from kanpde.training.plan import Plan
from kanpde.training.session import Session
from kanpde.training.stages.least_squares import LeastSquares
from kanpde.training.trainer import Trainer

# Steps of training from the network of the curve, before the last ones.
_STEPS = 30


@dataclass(frozen=True)
class Candidate:
    """A formula, SymPy, of a symbol, with unknown numbers at their starts."""

    variable: Any
    formula: Any
    numbers: Sequence[Unknown]


@dataclass(frozen=True)
class Refitted:
    """The numbers of a formula, and the sum of squares of the readings' misfit, in sigmas."""

    numbers: Mapping[str, UnknownNumber]
    misfit: float


def refit_law(
    solution: Solution, name: str, candidate: Candidate, seconds: float
) -> Refitted | None:
    """The numbers of a law that is a formula of its argument, within the equations.

    The misfit is in the sigmas of `solution`. None where the numbers cannot be found.
    """
    problem = substitute_law(
        solution.problem, name, candidate.variable, candidate.formula, candidate.numbers
    )
    network = _exchange(solution, problem, name)
    ansatz = _exchange_ansatz(solution, problem)
    plan = Plan(stages=(LeastSquares(_STEPS),), tolerance=0.0, budget=seconds)
    with workers() as pool:
        session = Session(plan, solution.seed, "cpu", pool, Clock(seconds))
        trainer = Trainer(problem, ansatz, network, session)
        trainer.run(plan.stages[0])
        found = determine(trainer, replace(REFINE_POLICY, by_merit=True))
    if found is None:
        return None
    misfit = found.network.fit.misfit / found.network.deviations
    # Where sigma is estimated, each fit has one of its own.
    ratio = [found.noise[n] / solution.noise[n] for n in found.noise if n in solution.noise]
    scale = max(ratio, default=1.0) ** 2
    return Refitted(found.numbers, float(misfit @ misfit) * scale)


def _exchange(solution: Solution, problem: Problem, name: str) -> Network:
    """The network of the fields, with the numbers in place of the law."""
    old = solution.network
    assert isinstance(old, Lawful)
    domain, inner = problem.domain, old.network
    count, new = inner.outputs, len(problem.numbers) - len(solution.problem.numbers)
    starts = [n.sympy.start for n in problem.numbers[-new:]] if new else []
    parts: list[tuple[Network, Part]] = []
    if isinstance(inner, Composite):
        parts += inner.members
    else:
        parts.append((inner, Part(tuple(range(domain.dimension)), tuple(range(count)))))
    if new:
        none = coordinates_of(domain, (), ())
        ends = [n.sympy.ends for n in problem.numbers[-new:]]
        constant = Constant(none, new, starts, ends)
        parts.append((constant, Part((), tuple(range(count, count + new)))))
    whole = coordinates_of(domain, problem.periodic, domain.names)
    network = Composite(whole, [n for n, _ in parts], [p for _, p in parts])
    keep = [k for k, law in enumerate(solution.problem.laws) if law != name]
    return Lawful(network, [old.members[k] for k in keep]) if keep else network


def _exchange_ansatz(solution: Solution, problem: Problem) -> Ansatz:
    """The same lifts and masks; the equations of the new problem, in the same roles."""
    old = solution.ansatz
    pairs = list(zip(solution.problem.equations, problem.equations, strict=True))
    return replace(
        old,
        lift={n: old.lift.get(n, 0) for n in problem.unknowns},
        mask={n: old.mask.get(n, 1) for n in problem.unknowns},
        exact=tuple(new for e, new in pairs if e.is_among(old.exact)),
        trained=tuple(new for e, new in pairs if e.is_among(old.trained)),
    )
