"""How a run begins: the network, the scale of its outputs, easier problems, trained conditions."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from kanpde.assembly.ansatz import build_ansatz
from kanpde.assembly.sampler import Sampler
from kanpde.network.kan import KAN, Coordinates
from kanpde.problem.problem import Problem
from kanpde.solution.solution import Solution
from kanpde.training.plan import LeastSquares, Plan
from kanpde.training.trainer import Trainer

# Steps on each problem that this one continues from.
_APPROACH = 20
# An estimated error above _DOUBT after so many steps, or this share of the budget, leads nowhere.
_TRIAL_STEPS = 60
_TRIAL_SHARE = 0.4
_DOUBT = 0.1
# Who stalls below this has met the noise of measurements, or what a small network can do.
_FOUND = 1e-3


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


def steps_before(problem: Problem) -> int:
    """The steps on easier problems; a run that has taken fewer begins with these anew."""
    return _APPROACH * len(_easier(problem))


def _easier(problem: Problem) -> list[Problem]:
    """The problems that this one continues from, the easiest first."""
    chain: list[Problem] = []
    while problem.continue_from:
        problem = problem.continue_from
        chain.insert(0, problem)
    return chain


def continue_from_easier(trainer: Trainer) -> None:
    """Take the first steps on easier problems, the easiest first (numerical continuation).

    From a random start the cavity at a Reynolds number of 1000 ended in four of five cases without
    a vortex, at an error of 0.9 and a loss only three times that of the solution.
    """
    chain = _easier(trainer.problem)
    for k, problem in enumerate(chain):
        if trainer.left <= 0:
            return
        share = 0.5 * trainer.left / (len(chain) - k)
        guide = beside(
            trainer,
            replace(problem, reference=None),
            trainer.plan.enforce,
            trainer.network,
            f"easier problem {k + 1} of {len(chain)}, ",
        )
        if k == 0:
            scale_outputs(trainer.network, guide.sampler)
        run_within(guide, LeastSquares(steps=_APPROACH), share)
        trainer.network, trainer.step = guide.network, guide.step
        trainer.notes += guide.notes


def beside(
    trainer: Trainer, problem: Problem, enforce: bool | None, network: KAN, prefix: str
) -> Trainer:
    """A trainer on the clock, the steps and the terminal of another one, which saves nothing."""
    other = Trainer(
        problem, build_ansatz(problem, enforce=enforce), trainer.plan, network, trainer.seed,
        trainer.report, _unsaved, trainer.workers,
        earlier=trainer.earlier, step=trainer.step, prefix=prefix,
    )  # fmt: skip
    other.started = trainer.started
    return other


def run_within(trainer: Trainer, stage: LeastSquares, seconds: float) -> None:
    """Carry a stage out, to the first look after so many seconds at most."""
    end = trainer.left - seconds
    trainer.watch = lambda: trainer.left < end
    trainer.run(stage)
    trainer.watch = None


def may_be_trained(trainer: Trainer) -> bool:
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


def try_trained(trainer: Trainer) -> tuple[Trainer, int]:
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
    exact = trainer.estimate is not None and trainer.estimate < _FOUND
    stalled = trainer.step < min(stage.steps, _TRIAL_STEPS) and not exact
    if trainer.left <= 0 or not (stalled or lost()):
        return trainer, 1
    network = build_network(trainer.problem, plan, trainer.seed)
    network = network.to(trainer.network.flat().device)
    rival = beside(trainer, trainer.problem, False, network, "conditions trained, ")
    rival.notes += [str(c) for c in trainer.ansatz.contradictions]
    scale_outputs(rival.network, rival.sampler)
    run_within(rival, LeastSquares(steps=trainer.step), 1.5 * spent)
    first, second = (t.estimate or math.inf for t in (trainer, rival))
    told = (
        f"with conditions by construction the estimated error was {first:.1e} after "
        f"{trainer.step} steps, with trained ones {second:.1e}"
    )
    chosen = rival if second < first else trainer
    chosen.notes.append(f"{told}; {'the latter' if chosen is rival else 'the former'} are kept")
    chosen.prefix, chosen.save, chosen.step = "", trainer.save, rival.step
    return chosen, 0


def _unsaved(_: Solution) -> None:
    return None
