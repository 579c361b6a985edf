"""Conditions by construction or trained: a short trial decides."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kanpde.assembly.ansatz import build_ansatz
from kanpde.assembly.network_for import build_network
from kanpde.training.growth import either, leaves_room, share_of_readings
from kanpde.training.output_scale import scale_outputs
from kanpde.training.stages.least_squares import LeastSquares
from kanpde.training.trainer import Trainer


@dataclass(frozen=True)
class TrialPolicy:
    """When conditions by construction have failed, and how long trained ones are tried."""

    # They have failed with an estimated error above `doubt` after so many steps, or this share of
    # the budget. The shipped problems were below 1e-3 then.
    doubt: float = 0.1
    steps: int = 60
    share: float = 0.4
    # A stage that stalls below this is limited by the noise of measurements, or by a small network.
    found: float = 1e-3
    # The trained conditions get this many times the seconds that the exact ones had, and at most
    # this share of the whole time: a trial took 36 of 60 s.
    patience: float = 1.5
    most: float = 0.25
    # Readings that make up more than this share of the loss are what limits it: with noise of some
    # per cent the loss stalls at an estimated error above `found`, and other conditions do not
    # lower it.
    noise: float = 0.5


TRIAL_POLICY = TrialPolicy()


def can_be_compared(trainer: Trainer) -> bool:
    """Whether the program may choose between conditions by construction and trained ones."""
    plan, problem = trainer.session.plan, trainer.problem
    given = problem.lift or problem.continue_from
    free = plan.enforce is None and trainer.ansatz.exact and not given
    return bool(free and plan.stages and isinstance(plan.stages[0], LeastSquares))


def compare_conditions(trainer: Trainer, policy: TrialPolicy = TRIAL_POLICY) -> tuple[Trainer, int]:
    """The first stage; if its first steps fail, as many with trained conditions.

    u = G + M N is the better form for most problems, by factors of 2 to 10 in the error. But a
    front in the data stays in G where the front of the solution has moved on, and N = (u - G) / M
    is steep in boundary layers and for long times: a travelling shock stayed at an error of 0.85
    that trained conditions bring to 1e-9, a pendulum over six periods at 3 instead of 6e-10.
    Returns the trainer to go on with and the number of stages that are done.
    """
    session, plan, begun = trainer.session, trainer.session.plan, trainer.session.left
    stage = plan.stages[0]
    assert isinstance(stage, LeastSquares)

    def leads_nowhere() -> bool:
        found = trainer.estimate is not None and trainer.estimate < policy.doubt
        late = session.step >= policy.steps or session.passed > policy.share
        return late and not found

    trainer.run(stage, either(leads_nowhere, leaves_room(trainer, 0)))
    spent = begun - session.left
    good = trainer.estimate is not None and trainer.estimate < policy.found
    stalled = session.step < min(stage.steps, policy.steps) and not good
    noisy = share_of_readings(trainer) > policy.noise
    if session.left <= 0 or noisy or not (stalled or leads_nowhere()):
        return trainer, 1
    taken = session.step
    seconds = min(policy.patience * spent, policy.most * plan.budget)
    rival = _train_conditions(trainer, taken, seconds)
    first, second = (t.estimate or math.inf for t in (trainer, rival))
    chosen = rival if second < first else trainer
    chosen.session.note(
        f"with conditions by construction the estimated error was {first:.1e} after {taken} steps, "
        f"with trained ones {second:.1e}; the {'latter' if chosen is rival else 'former'} are kept"
    )
    chosen.session.publish()
    return chosen, 0


def _train_conditions(trainer: Trainer, steps: int, seconds: float) -> Trainer:
    """A trainer of all conditions, after so many steps or seconds."""
    session = trainer.session
    aside = session.aside("conditions trained, ")
    ansatz = build_ansatz(trainer.problem, enforce=False)
    network = build_network(
        trainer.problem, session.plan.architecture, session.seed, ansatz.coefficients
    )
    rival = Trainer(trainer.problem, ansatz, network.to(trainer.network.like.device), aside)
    for contradiction in trainer.ansatz.contradictions:
        aside.note(str(contradiction))
    scale_outputs(rival.network, rival.sampler)
    end = session.left - seconds
    rival.run(LeastSquares(steps=steps), lambda: session.left < end)
    return rival
