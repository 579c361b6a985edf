"""When a network has given what it can, and time is better spent on a larger one."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kanpde.training.clock import OutOfTime
from kanpde.training.reading_noise import measure_scatter
from kanpde.training.stages.stage import Ended

if TYPE_CHECKING:
    from kanpde.training.trainer import Trainer


@dataclass(frozen=True)
class GrowthPolicy:
    """What a slow descent is.

    Burgers' equation was at a relative L2 error of 1.5e-6 after 70 steps and at 6.5e-7 after 154,
    where the loss still halved every 20 steps; extended after 70 and 100 steps it was at 4e-9
    after 120.
    """

    # The loss has fallen so far since the first look: before, plateaus belong to the way, and a
    # larger network has them too.
    fallen: float = 1e-4
    # A stage has taken so many steps: the first ten after an extension gain little.
    least: int = 30
    # Within so many steps the loss falls by less than this factor.
    steps: int = 10
    gain: float = 0.5
    # A step of the larger network takes about two and a half times as long, and so many pay.
    larger: float = 2.5
    further: int = 20
    # Readings that make up more than this share of the loss may be what limits it. A larger network
    # follows their noise: in a wake with 1 % of it the error of a velocity was 0.6 % when the loss
    # stood still, and 1.7 % after an extension.
    noise: float = 0.9


GROWTH_POLICY = GrowthPolicy()


def leaves_room(trainer: Trainer, stage: int, policy: GrowthPolicy = GROWTH_POLICY) -> Ended | None:
    """Whether the stage of this number shall give way to the extension behind it, at each look.

    None where no extension follows, or where the network cannot be extended.
    """
    plan, session = trainer.session.plan, trainer.session
    following = plan.stages[stage + 1 : stage + 2]
    if not (following and following[0].grows and trainer.network.extensible):
        return None
    begun = session.step

    def has_slowed() -> bool:
        if session.step < begun + policy.least:
            return False
        if session.left < policy.further * policy.larger * session.clock.pace:
            return False
        if share_of_readings(trainer) > policy.noise:
            return False
        own = [look for look in session.looks if look.step >= begun]
        before = [look.loss for look in own if look.step <= session.step - policy.steps]
        earlier, now = min(before, default=math.inf), min(look.loss for look in own)
        return earlier < policy.fallen * session.looks[0].loss and now > policy.gain * earlier

    return has_slowed


def is_limited_by_noise(trainer: Trainer, policy: GrowthPolicy = GROWTH_POLICY) -> bool:
    """Whether what is left of the loss is noise of readings, which no network shall fit."""
    if share_of_readings(trainer) < policy.noise:
        return False
    with suppress(OutOfTime), trainer.session.clock.limit_closing():
        return measure_scatter(trainer.best, trainer.sampler, trainer.probe).is_noise
    return False


def share_of_readings(trainer: Trainer) -> float:
    """The share of measured values in the loss at the last look."""
    looks = trainer.session.looks
    read = {e.condition for e in trainer.problem.equations if e.observed is not None}
    if not (read and looks):
        return 0.0
    losses = looks[-1].losses
    return sum(losses[n] for n in read if n in losses) / max(sum(losses.values()), 1e-300)


def either(*conditions: Ended | None) -> Ended | None:
    """Whether one of these holds; those that are None do not count."""
    held = [condition for condition in conditions if condition is not None]
    return (lambda: any(condition() for condition in held)) if held else None
