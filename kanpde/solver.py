"""solve: from a problem and a plan to a solution that says how it ended."""

from __future__ import annotations

import copy
import math
from contextlib import suppress
from dataclasses import replace

import torch

from kanpde.ansatz import Ansatz, build_ansatz
from kanpde.errors import KanpdeError
from kanpde.kan import KAN, Coordinates
from kanpde.parallel import Workers, workers
from kanpde.plan import Extend, LeastSquares, Plan
from kanpde.problem import Problem
from kanpde.sampling import Sampler
from kanpde.solution import Outcome, Solution
from kanpde.training import Progress, Report, Save, Trainer

# An extension that lowers the held-out loss by less than this factor is not worth keeping.
_WORTH = 0.8
# Steps on each problem that this one continues from.
_APPROACH = 20
# An estimated error above _DOUBT after so many steps, or this share of the budget, leads nowhere.
_TRIAL_STEPS = 60
_TRIAL_SHARE = 0.4
_DOUBT = 0.1


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
    network = copy.deepcopy(start.network) if start else build_network(problem, plan, seed)
    trainer = Trainer(
        problem, ansatz, plan, network.to(device), seed,
        report or _silent, save or _silent, pool,
        earlier=start.seconds if start else 0.0, step=start.steps if start else 0,
    )  # fmt: skip
    trainer.sampler.check(trainer.network)
    trainer.notes += [str(c) for c in ansatz.contradictions] + list(ansatz.notes)
    try:
        if start is None and problem.continue_from:
            _continue_from(trainer, problem.continue_from)
        elif start is None:
            scale_outputs(trainer.network, trainer.sampler)
        done = 0
        if start is None and _may_be_trained(trainer):
            trainer, done = _trial(trainer)
        outcome = _stages(trainer, done)
    except KeyboardInterrupt:
        # A second interrupt, during this last look, is the same wish.
        with suppress(KeyboardInterrupt):
            trainer.keep_if_better()
        outcome = Outcome(
            "interrupted", "stopped by the user; `kanpde resume` goes on from the best point"
        )
    return trainer.solution(trainer.best, outcome)


def _ansatz(problem: Problem, plan: Plan, start: Solution | None) -> Ansatz:
    """As the plan wants it, or as the solution to go on from has it."""
    wanted = build_ansatz(problem, enforce=plan.enforce)
    if start is None or plan.enforce is not None or not wanted.exact:
        return wanted
    trained = all(mask == 1 for mask in start.ansatz.mask.values())
    return build_ansatz(problem, enforce=False) if trained else wanted


def build_network(problem: Problem, plan: Plan, seed: int) -> KAN:
    """The network that a plan starts from."""
    box = problem.box
    coordinates = Coordinates(
        tuple(a.lower for a in box.axes),
        tuple(a.upper for a in box.axes),
        tuple(a.name in problem.periodic for a in box.axes),
    )
    generator = torch.Generator().manual_seed(seed)
    return KAN(coordinates, plan.widths, len(problem.unknowns), plan.basis, generator=generator)


def scale_outputs(network: KAN, sampler: Sampler) -> None:
    """Give a fresh network outputs of the size that the equations ask for.

    For each field: the residual without it, over what the network's field changes in it. A heat
    equation on [0, 100] with values of 1e5 stayed at an error of 0.5 without, since the weights of
    the last layer had to grow by 1e5 while those of the others moved. What is up to 10 times too
    small or 1,000 times too large is left: shrinking is quick, and a cavity that starts too large
    is solved in half the steps.
    """
    last = network.stack[-1].coefficients
    rows = sampler.rows_at(network, 1000)
    with torch.no_grad():
        start = last.clone()
        last.zero_()
        still = [each.residual(network) for each in rows]
        for output in range(network.outputs):
            last.zero_()
            last[output] = start[output]
            wanted = response = 0.0
            for each, alone in zip(rows, still, strict=True):
                change = (each.residual(network) - alone).square().sum(1)
                wanted += float(alone.square().sum(1)[change > 0].sum())
                response += float(change.sum())
            factor = math.sqrt(wanted / response) if wanted > 0 and response > 0 else 1.0
            if math.isfinite(factor) and not 1e-3 <= factor <= 10:
                start[output] *= factor
        last.copy_(start)


def _continue_from(trainer: Trainer, easier: Problem) -> None:
    """Take the first steps on easier problems, the easiest first (numerical continuation).

    From a random start the cavity at a Reynolds number of 1000 ended in four of five cases without
    a vortex, at an error of 0.9 and a loss only three times that of the solution.
    """
    chain: list[Problem] = [easier]
    while chain[0].continue_from:
        chain.insert(0, chain[0].continue_from)
    for k, problem in enumerate(chain):
        if trainer.left <= 0:
            return
        share = 0.5 * trainer.left / (len(chain) - k)
        guide = _beside(
            trainer,
            replace(problem, reference=None),
            trainer.plan.enforce,
            trainer.network,
            f"easier problem {k + 1} of {len(chain)}, ",
        )
        if k == 0:
            scale_outputs(trainer.network, guide.sampler)
        _run_within(guide, LeastSquares(steps=_APPROACH), share)
        trainer.network, trainer.step = guide.network, guide.step
        trainer.notes += guide.notes


def _beside(
    trainer: Trainer, problem: Problem, enforce: bool | None, network: KAN, prefix: str
) -> Trainer:
    """A trainer on the clock, the steps and the terminal of another one, which saves nothing."""
    other = Trainer(
        problem, build_ansatz(problem, enforce=enforce), trainer.plan, network, trainer.seed,
        trainer.report, _silent, trainer.workers,
        earlier=trainer.earlier, step=trainer.step, prefix=prefix,
    )  # fmt: skip
    other.started = trainer.started
    return other


def _run_within(trainer: Trainer, stage: LeastSquares, seconds: float) -> None:
    """Carry a stage out, to the first look after so many seconds at most."""
    end = trainer.left - seconds
    trainer.watch = lambda: trainer.left < end
    trainer.run(stage)
    trainer.watch = None


def _may_be_trained(trainer: Trainer) -> bool:
    """Whether the program may choose between conditions by construction and trained ones."""
    plan, problem = trainer.plan, trainer.problem
    given = problem.lift or problem.continue_from
    return bool(
        plan.enforce is None
        and trainer.ansatz.exact
        and not given
        and plan.stages
        and isinstance(plan.stages[0], LeastSquares)
    )


def _trial(trainer: Trainer) -> tuple[Trainer, int]:
    """The first stage; where its first steps lead nowhere, as many with trained conditions.

    u = G + M N is the better form for most problems, by factors of 2 to 10 in the error. But a
    front in the data stands in G where the solution's has moved on, and N = (u - G) / M is steep
    in boundary layers and for long times: a travelling shock stayed at an error of 0.85 that
    trained conditions bring to 1e-9, a pendulum over six periods at 3 in the place of 6e-10.
    Returns the trainer to go on with and the number of stages that are done.
    """
    plan, begun = trainer.plan, trainer.left
    stage = plan.stages[0]
    assert isinstance(stage, LeastSquares)

    def lost() -> bool:
        found = trainer.estimate is not None and trainer.estimate < _DOUBT
        late = trainer.step >= _TRIAL_STEPS or trainer.left < (1 - _TRIAL_SHARE) * plan.budget
        return late and not found

    trainer.watch = lost
    trainer.run(stage)
    trainer.watch = None
    spent = begun - trainer.left
    stalled = trainer.step < min(stage.steps, _TRIAL_STEPS) and not trainer.converged
    if trainer.left <= 0 or not (stalled or lost()):
        return trainer, 1
    network = build_network(trainer.problem, plan, trainer.seed)
    network = network.to(trainer.network.flat().device)
    rival = _beside(trainer, trainer.problem, False, network, "conditions trained, ")
    rival.notes += [str(c) for c in trainer.ansatz.contradictions]
    scale_outputs(rival.network, rival.sampler)
    _run_within(rival, LeastSquares(steps=trainer.step), 1.5 * spent)
    first, second = (t.estimate or math.inf for t in (trainer, rival))
    told = (
        f"with conditions by construction the estimated error was {first:.1e} after "
        f"{trainer.step} steps, with trained ones {second:.1e}"
    )
    chosen = rival if second < first else trainer
    chosen.notes.append(f"{told}; {'the latter' if chosen is rival else 'the former'} are kept")
    chosen.prefix, chosen.save, chosen.step = "", trainer.save, rival.step
    return chosen, 0


def _stages(trainer: Trainer, done: int) -> Outcome:
    """The stages of the plan; the first `done` of them are over and only judged."""
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
    estimate = trainer.estimate
    if trainer.left <= 0:
        return Outcome(
            "budget", f"the budget of {plan.budget:g} s is spent and {_prospect(trainer)}"
        )
    if estimate is not None and estimate < max(plan.tolerance, 1e-3):
        return _converged("no stage of the plan lowers the loss any further")
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
