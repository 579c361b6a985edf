"""The stages of the plan, one after the other, on one network for the whole domain."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial

from kanpde.network.network import Network
from kanpde.solution.outcome import Outcome, Status
from kanpde.training.estimate import ErrorEstimate
from kanpde.training.growth import either, is_limited_by_noise, leaves_room
from kanpde.training.outcomes import converge_by_estimate, judge_stages
from kanpde.training.trainer import Trainer

# An extension that lowers neither the held-out loss nor the estimated error by this factor is not
# worth keeping.
_WORTH = 0.8
# A network is not extended in this last share of the budget.
_LAST_SHARE = 0.1

GiveUp = Callable[[bool], bool]


def train_directly(trainer: Trainer, done: int, give_up: GiveUp | None) -> Outcome | None:
    """Carry out the stages; the first `done` of them have ended and are only judged.

    `give_up` is called at each look, and with True after each stage: whether one network fails. If
    so, None is returned.
    """
    session, plan = trainer.session, trainer.session.plan
    smaller: tuple[Network, ErrorEstimate] | None = None
    for k, stage in enumerate(plan.stages):
        if k >= done:
            late = stage.grows and session.passed > 1 - _LAST_SHARE
            if session.left <= 0 or late:
                break
            if stage.grows and is_limited_by_noise(trainer):
                session.note("grid extension left out: what is left is the noise of the readings")
                break
            if stage.grows:
                smaller = copy.deepcopy(trainer.best), trainer.errors
            failed = None if give_up is None else partial(give_up, False)
            trainer.run(stage, either(failed, leaves_room(trainer, k)))
            if give_up is not None and give_up(True):
                return None
        if not math.isfinite(trainer.best_loss):
            return Outcome(Status.DIVERGED)
        if trainer.converged:
            return converge_by_estimate(trainer.estimate)
        grown = k > 0 and stage.is_second_order and plan.stages[k - 1].grows
        if grown and smaller is not None:
            # At the same points and with the same weights, which were balanced anew since.
            before, after = trainer.sampler.compare([smaller[0], trainer.best])
            estimate = smaller[1].largest or math.inf
            if trainer.estimate is not None and trainer.estimate < _WORTH * estimate:
                continue
            if after > before:
                trainer.restore(*smaller)
            if after > _WORTH * before:
                break
    return judge_stages(trainer)
