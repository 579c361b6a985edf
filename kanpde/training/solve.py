"""solve: from a problem and a plan to a solution that says how it ended."""

from __future__ import annotations

import copy
import math
from contextlib import suppress

import torch

from kanpde.assembly.ansatz import Ansatz, build_ansatz
from kanpde.assembly.workers import Workers, workers
from kanpde.errors import KanpdeError
from kanpde.problem.problem import Problem
from kanpde.solution.solution import Outcome, Solution
from kanpde.training.begin import (
    build_network,
    continue_from_easier,
    may_be_trained,
    scale_outputs,
    steps_before,
    try_trained,
)
from kanpde.training.plan import Extend, LeastSquares, Plan
from kanpde.training.strategies.time_windows import March, march
from kanpde.training.strategies.window_problem import HANDED, can_march
from kanpde.training.trainer import Progress, Report, Save, Trainer

# An extension that lowers the held-out loss by less than this factor is not worth keeping.
_WORTH = 0.8
# Time is cut into windows where, after so many steps and this share of the budget, the estimated
# error is still above _LONG, or above _DOUBT after the steps alone. The shipped problems were
# below 1e-3 then. What is left must be enough for _WINDOW_STEPS more.
_LONG_STEPS, _LONG_SHARE, _LONG, _DOUBT = 60, 0.45, 5e-3, 0.1
_WINDOW_STEPS = 60

_INTERRUPTED = Outcome(
    "interrupted", "stopped by the user; `kanpde resume` goes on from the best point"
)


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

    `report` is called with each look at the run, `save` with each new best solution.
    `start` is an earlier solution of the same problem to go on from. An interrupt
    (KeyboardInterrupt) ends training and returns the best solution so far, with the status
    "interrupted". Raises KanpdeError where the problem cannot be trained.
    """
    if not isinstance(problem, Problem):
        raise KanpdeError(f"solve needs a Problem, not {type(problem).__name__}")
    with workers() as pool:
        return _solve(problem, plan or Plan(), seed, device, report, save, start, pool)


def _solve(
    problem: Problem,
    plan: Plan,
    seed: int,
    device: torch.device | str,
    report: Report | None,
    save: Save | None,
    start: Solution | None,
    pool: Workers,
) -> Solution:
    ansatz = _ansatz(problem, plan, start)
    if start is None or start.covers_a_window:
        network = build_network(problem, plan, seed)
    else:
        network = copy.deepcopy(start.network)
    trainer = Trainer(
        problem, ansatz, plan, network.to(device), seed,
        report or _silent, save or _silent, pool,
        earlier=start.seconds if start else 0.0, step=start.steps if start else 0,
    )  # fmt: skip
    trainer.sampler.check(trainer.network)
    trainer.notes += [str(c) for c in ansatz.contradictions] + list(ansatz.notes)
    windows = bool(start and start.earlier) or (plan.windows or 1) > 1
    if windows and not can_march(problem):
        raise KanpdeError(
            "Plan(windows=...): time cannot be cut into windows; they need an axis t that is not "
            "periodic, at its start as many conditions on each field as its order in time, none at "
            "its end, neither lift nor continue_from, and no condition with the name "
            f'"{HANDED}"'
        )
    try:
        if windows:
            return _in_windows(trainer, start)
        again = start is not None and start.outcome.status == "interrupted"
        if (start is None or again) and trainer.step < steps_before(problem):
            continue_from_easier(trainer)
        elif start is None:
            scale_outputs(trainer.network, trainer.sampler)
        done = 0
        if start is None and may_be_trained(trainer):
            trainer, done = try_trained(trainer)
        if _may_march(trainer):
            trainer.watch = lambda: _takes_long(trainer)
        stages = _stages(trainer, done)
        if stages is None:
            return _in_windows(trainer, None)
        outcome = stages
    except KeyboardInterrupt:
        # A second interrupt, during this last look, is the same wish.
        with suppress(KeyboardInterrupt):
            trainer.keep_if_better()
        outcome = _INTERRUPTED
    return trainer.solution(trainer.best, outcome)


def _may_march(trainer: Trainer) -> bool:
    """Whether the program may choose windows: not where the plan counts the steps of its own."""
    plan = trainer.plan
    chosen = plan.windows is None and plan.stages[:1] == (LeastSquares(),)
    return chosen and can_march(trainer.problem)


def _takes_long(trainer: Trainer, *, over: bool = False) -> bool:
    """Whether one network for all times leads nowhere, and there is time for windows.

    `over` says that a stage has ended.
    """
    steps, plan = trainer.step, trainer.plan
    estimate = math.inf if trainer.estimate is None else trainer.estimate
    late = over or trainer.left < (1 - _LONG_SHARE) * plan.budget
    doubtful = estimate > (_LONG if late else _DOUBT)
    pace = trainer.seconds / max(steps, 1)
    return steps >= _LONG_STEPS and doubtful and trainer.left > _WINDOW_STEPS * pace


def _in_windows(trainer: Trainer, start: Solution | None) -> Solution:
    """March in windows; return these or the network for all times, by their estimates."""
    trainer.watch = None
    route = March(trainer, start)
    try:
        if not math.isfinite(trainer.best_loss) and not (start and start.earlier):
            trainer.look()  # from here on there is a model to load
        march(route)
    except KeyboardInterrupt:
        with suppress(KeyboardInterrupt):
            route.keep_part()
        trainer.notes.append(f"time was cut into windows, of which {len(route.windows)} are done")
        return route.solution(_INTERRUPTED)
    found, one = route.estimate, trainer.estimate if route.trained else None
    shown = ["unknown" if e is None else f"{e:.1e}" for e in (found, one)]
    told = f"time was cut into {len(route.windows)} windows, with an estimated error of {shown[0]}"
    if one is not None:
        told += f"; with one network for all times it was {shown[1]}"
        if route.complete and not (found is not None and found < one):
            trainer.notes.append(f"{told}, which is kept")
            return trainer.solution(trainer.best, _judged(trainer))
    if not route.complete:
        trainer.notes.append(f"{told}; beyond t = {route.shown(route.time)} {_beyond(route)}")
        return route.solution(_unfinished(route))
    trainer.notes.append(told)
    return route.solution(_marched(trainer, found))


def _beyond(route: March) -> str:
    if route.known:
        return "the windows are those of before"
    if route.trained:
        return "the network for all times is kept"
    return "nothing is solved yet: values there mean nothing"


def _unfinished(route: March) -> Outcome:
    """How windows that do not reach the end of time ended."""
    time, budget = route.shown(route.time), route.whole.plan.budget
    if route.stuck:
        return Outcome(
            "stalled",
            f"from t = {time} on not even the shortest windows can be solved; ask whether the "
            "solution exists there, and is smooth, or try wider layers",
        )
    if route.known:
        return Outcome(
            "budget",
            f"the budget of {budget:g} s was spent on the windows up to t = {time}; give `kanpde "
            "resume` a longer --budget to reach the others",
        )
    return Outcome(
        "budget",
        f"the budget of {budget:g} s was spent at t = {time}; `kanpde resume` with a longer "
        "--budget goes on from there. If it is stuck there, ask whether the solution exists",
    )


def _marched(trainer: Trainer, estimate: float | None) -> Outcome:
    """How windows that reach the end of time ended."""
    if estimate is not None and estimate < trainer.plan.tolerance:
        return _converged(f"the estimated relative error {estimate:.1e} is below the tolerance")
    if trainer.left <= 0.02 * trainer.plan.budget:
        return Outcome(
            "budget",
            f"the budget of {trainer.plan.budget:g} s is spent; a longer --budget gives each "
            "window of time more steps",
        )
    if estimate is not None and estimate < 1e-3:
        return _converged("no window of time lowers its loss any further")
    return _stalled(estimate)


def _ansatz(problem: Problem, plan: Plan, start: Solution | None) -> Ansatz:
    """As the plan wants it, or as the solution to go on from has it."""
    wanted = build_ansatz(problem, enforce=plan.enforce)
    if start is None or plan.enforce is not None or not wanted.exact:
        return wanted
    first = start.earlier[0].ansatz if start.earlier else start.ansatz
    trained = all(mask == 1 for mask in first.mask.values())
    return build_ansatz(problem, enforce=False) if trained else wanted


def _stages(trainer: Trainer, done: int) -> Outcome | None:
    """The stages of the plan; the first `done` of them are over and only judged.

    None where the trainer's watch has seen enough.
    """
    plan = trainer.plan
    for k, stage in enumerate(plan.stages):
        if k >= done:
            if trainer.left <= 0:
                break
            if isinstance(stage, Extend):
                if trainer.left < 0.1 * plan.budget:
                    break
                smaller, before = copy.deepcopy(trainer.best), trainer.best_loss
            trainer.run(stage)
            if trainer.watch and _takes_long(trainer, over=True):
                return None
        if not math.isfinite(trainer.best_loss):
            return Outcome(
                "diverged",
                "no finite loss was reached; check the residual for division by zero, logarithms "
                "or roots of fields, and try another seed",
            )
        if trainer.converged:
            return _converged(
                f"the estimated relative error {trainer.estimate:.1e} is below the tolerance"
            )
        grown = k > 0 and isinstance(stage, LeastSquares) and isinstance(plan.stages[k - 1], Extend)
        if grown and trainer.best_loss > _WORTH * before:
            if trainer.best_loss > before:
                trainer.best = smaller
            break
    return _judged(trainer)


def _judged(trainer: Trainer) -> Outcome:
    """How stages that are over ended."""
    plan, estimate = trainer.plan, trainer.estimate
    if trainer.left <= 0:
        return Outcome(
            "budget", f"the budget of {plan.budget:g} s is spent and {_prospect(trainer)}"
        )
    if estimate is not None and estimate < max(plan.tolerance, 1e-3):
        return _converged("no stage of the plan lowers the loss any further")
    return _stalled(estimate)


def _stalled(estimate: float | None) -> Outcome:
    size = "unknown" if estimate is None else f"estimated as {estimate:.1e}"
    return Outcome(
        "stalled",
        f"the plan ended at an error that is {size}; try more steps or points "
        "(Sampling(points=...)), wider layers, another seed, or look at residual.png for the "
        "place that resists",
    )


def _prospect(trainer: Trainer) -> str:
    """What more time would do, from the second half of this run."""
    looks = [r for r in trainer.rows if r.seconds >= trainer.earlier]
    half = (trainer.earlier + trainer.seconds) / 2
    before = min((r.loss for r in looks if r.seconds <= half), default=math.inf)
    after = min((r.loss for r in looks), default=math.inf)
    if after < 0.5 * before:
        return "the loss was still falling; a longer --budget gives a smaller error"
    told = f"the loss stood still ({before:.1e} at half the time, {after:.1e} at its end)"
    if trainer.estimate is not None and trainer.estimate < 0.1:
        return f"{told}; wider layers or more points may lower it, more time alone will not"
    return (
        f"{told} far from a solution; look at residual.png for the place that resists, and ask "
        "whether the equations with these conditions have a solution, and only one"
    )


def _converged(why: str) -> Outcome:
    return Outcome("converged", why)


def _silent(_: Progress | Solution) -> None:
    return None
