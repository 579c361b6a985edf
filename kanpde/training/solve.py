"""solve: from a problem and a plan to a solution that says how it ended."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from kanpde.assembly.workers import workers
from kanpde.checks import require_device, require_whole
from kanpde.distributed.ranks import Ranks
from kanpde.errors import KanpdeError
from kanpde.problem.problem import Problem
from kanpde.solution.solution import Solution
from kanpde.training.automatic import Automatic
from kanpde.training.clock import RESERVE_FOR_NUMBERS, RESERVE_POLICY, Clock
from kanpde.training.live import LiveLine, line_for_people
from kanpde.training.plan import Plan
from kanpde.training.progress import describe_progress
from kanpde.training.session import Progress, Report, Save, Session, Stop, ignore
from kanpde.training.sharing import Leader


def solve(
    problem: Problem,
    plan: Plan | None = None,
    *,
    seed: int = 0,
    device: torch.device | str | Ranks = "cpu",
    report: Report | None = None,
    save: Save | None = None,
    start: Solution | None = None,
    progress: bool | None = None,
) -> Solution:
    """Train a KAN to satisfy `problem`.

    An interrupt (KeyboardInterrupt) ends training and returns the best solution so far, with the
    status "interrupted".

    Args:
        problem: what is to be solved.
        plan: how; by default one that needs no tuning.
        seed: of the network's start and of the points.
        device: where it is trained, such as "cuda"; or the ranks of a process group, of which this
            is rank 0 and the others `kanpde.training.sharing.follow`.
        report: called with each look at the run; it may return `kanpde.STOP` to end the training.
        save: called with each new best solution.
        start: an earlier solution of the same problem to go on from.
        progress: whether a live line is shown; by default in a notebook and on a terminal, unless
            `report` is given.

    Raises:
        KanpdeError: where the problem cannot be trained, the device is not here, or `start` is of
            another problem.
    """
    if not isinstance(problem, Problem):
        raise KanpdeError(f"solve needs a Problem, not {type(problem).__name__}")
    if plan is not None and not isinstance(plan, Plan):
        raise KanpdeError(f"solve needs a Plan, not {plan!r}")
    require_whole("the seed of solve", seed, 0, 2**32 - 1)
    for what, given in (("report", report), ("save", save)):
        if given is not None and not callable(given):
            raise KanpdeError(f"{what} of solve is {given!r}; give a function of one argument")
    if start is not None:
        _check_start(problem, start)
    ranks = device if isinstance(device, Ranks) else None
    place = device.device if isinstance(device, Ranks) else device
    require_device(f"device={place!r}", place, "'cpu' or 'cuda'", "take 'cpu'")
    chosen = plan or Plan()
    with workers() as pool, _shown(problem, report, progress) as shown:
        earlier = (start.seconds, start.steps) if start else (0.0, 0)
        reserve = RESERVE_POLICY if not problem.numbers else RESERVE_FOR_NUMBERS
        clock = Clock(chosen.budget, *earlier, after=chosen.reserve, policy=reserve)
        watched = replace(pool, watch=clock.watch)
        leader = None if ranks is None else Leader(ranks)
        session = Session(chosen, seed, place, watched, clock, shown, save or ignore, leader=leader)
        strategy = chosen.strategy or Automatic()
        return strategy.solve(problem, session, start)


@contextmanager
def _shown(problem: Problem, report: Report | None, progress: bool | None) -> Iterator[Report]:
    """The report of a solve, with a live line before it where one is to be shown."""
    wanted = report is None if progress is None else progress
    line = line_for_people() if wanted else None
    if line is None and progress:
        line = LiveLine(sys.stderr)
    if line is None:
        yield report or ignore
        return
    with line as live:

        def show(look: Progress) -> Stop | None:
            live.show(describe_progress(look, problem.reference), look.stage)
            return report(look) if report else None

        yield show


def _check_start(problem: Problem, start: Solution) -> None:
    """Raise KanpdeError where a solution is not one of this problem."""
    if not isinstance(start, Solution):
        raise KanpdeError(f"start takes a Solution, not {start!r}")
    for what, a, b in (
        ("domain", start.problem.domain, problem.domain),
        ("fields", start.problem.unknowns, problem.unknowns),
        ("periodic axes", start.problem.periodic, problem.periodic),
        ("bounds of unknowns", _bounds(start.problem), _bounds(problem)),
    ):
        same = a.key() == problem.domain.key() if a is start.problem.domain else a == b
        if not same:
            raise KanpdeError(f"start is a solution of another problem: its {what}: {a}, not {b}")


def _bounds(problem: Problem) -> dict[str, tuple[float, float]]:
    return {number.name: number.sympy.ends for number in problem.numbers}
