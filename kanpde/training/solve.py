"""solve: from a problem and a plan to a solution that says how it ended."""

from __future__ import annotations

import torch

from kanpde.assembly.workers import workers
from kanpde.errors import KanpdeError
from kanpde.problem.problem import Problem
from kanpde.solution.solution import Solution
from kanpde.training.automatic import Automatic
from kanpde.training.plan import Plan
from kanpde.training.session import Clock, Report, Save, Session, ignore


def solve(
    problem: Problem,
    plan: Plan | None = None,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    report: Report | None = None,
    save: Save | None = None,
    start: Solution | None = None,
) -> Solution:
    """Train a KAN to satisfy `problem`.

    An interrupt (KeyboardInterrupt) ends training and returns the best solution so far, with the
    status "interrupted".

    Args:
        problem: what is to be solved.
        plan: how; by default one that needs no tuning.
        seed: of the network's start and of the points.
        device: where it is trained, such as "cuda".
        report: called with each look at the run.
        save: called with each new best solution.
        start: an earlier solution of the same problem to go on from.

    Raises:
        KanpdeError: where the problem cannot be trained, or `start` is of another problem.
    """
    if not isinstance(problem, Problem):
        raise KanpdeError(f"solve needs a Problem, not {type(problem).__name__}")
    if plan is not None and not isinstance(plan, Plan):
        raise KanpdeError(f"solve needs a Plan, not {plan!r}")
    if start is not None:
        _check_start(problem, start)
    with workers() as pool:
        chosen = plan or Plan()
        clock = Clock(chosen.budget, start.seconds if start else 0.0, start.steps if start else 0)
        session = Session(
            chosen, seed, device, pool, clock, report or ignore, save or ignore
        )  # fmt: skip
        strategy = chosen.strategy or Automatic()
        return strategy.solve(problem, session, start)


def _check_start(problem: Problem, start: Solution) -> None:
    """Raise KanpdeError where a solution is not one of this problem."""
    if not isinstance(start, Solution):
        raise KanpdeError(f"start takes a Solution, not {start!r}")
    for what, a, b in (
        ("domain", start.problem.domain, problem.domain),
        ("fields", start.problem.unknowns, problem.unknowns),
        ("periodic axes", start.problem.periodic, problem.periodic),
    ):
        same = a.key() == problem.domain.key() if a is start.problem.domain else a == b
        if not same:
            raise KanpdeError(f"start is a solution of another problem: its {what}: {a}, not {b}")
