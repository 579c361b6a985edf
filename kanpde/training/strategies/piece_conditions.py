"""Values on the pieces of a shape's boundary by construction or trained: a short trial decides."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kanpde.assembly.ansatz import build_ansatz
from kanpde.assembly.network_for import build_network
from kanpde.training.output_scale import scale_outputs
from kanpde.training.stages.least_squares import LeastSquares
from kanpde.training.trainer import Trainer


@dataclass(frozen=True)
class PieceTrialPolicy:
    """How long each form is tried."""

    # After so many steps the forms were far apart where it matters: on a quarter of a plate with a
    # hole the estimates were 8e-1 (by construction) and 3e-4 (trained), on a plate with three holes
    # the errors 1e-4 and 4e-4; in a disc both went on at the same pace.
    steps: int = 10
    # Of the budget, for each.
    share: float = 0.15
    # Below this estimate the form by construction is kept without a rival: a disc, a ball and the
    # plate with three holes had 7e-5 to 1e-3 then.
    good: float = 5e-3


PIECE_TRIAL_POLICY = PieceTrialPolicy()


def can_compare_pieces(trainer: Trainer) -> bool:
    """Whether values on pieces of a shape hold by construction, and the plan leaves the choice."""
    plan, problem = trainer.session.plan, trainer.problem
    free = plan.enforce is None and not problem.lift and not problem.continue_from
    first = plan.stages[0] if plan.stages else None
    long = isinstance(first, LeastSquares) and first.steps > 4 * PIECE_TRIAL_POLICY.steps
    return bool(free and long and trainer.ansatz.on_pieces)


def compare_pieces(trainer: Trainer, policy: PieceTrialPolicy = PIECE_TRIAL_POLICY) -> Trainer:
    """The trainer with the smaller estimated error after a few steps in each form."""
    session = trainer.session
    stage, seconds = LeastSquares(steps=policy.steps), policy.share * session.plan.budget
    end = session.left - seconds
    trainer.run(stage, lambda: session.left < end)
    found = trainer.estimate is not None and trainer.estimate < policy.good
    if session.left <= 0 or found:
        return trainer
    aside = session.aside("values on the boundary trained, ")
    ansatz = build_ansatz(trainer.problem, pieces=False)
    network = build_network(
        trainer.problem, session.plan.architecture, session.seed, ansatz.coefficients
    )
    rival = Trainer(trainer.problem, ansatz, network.to(trainer.network.like.device), aside)
    scale_outputs(rival.network, rival.sampler)
    end = session.left - seconds
    rival.run(stage, lambda: session.left < end)
    first, second = (t.estimate or math.inf for t in (trainer, rival))
    chosen = rival if second < first else trainer
    chosen.session.note(
        f"with values on the boundary by construction the estimated error was {first:.1e} after "
        f"{policy.steps} steps, with trained ones {second:.1e}; the "
        f"{'latter' if chosen is rival else 'former'} are kept"
    )
    chosen.session.publish()
    return chosen
