"""When a network has given what it can, and time is better spent on a larger one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
        own = [look for look in session.looks if look.step >= begun]
        if session.step < begun + policy.least:
            return False
        if session.left < policy.further * policy.larger * session.clock.pace:
            return False
        earlier = [look.loss for look in own if look.step <= session.step - policy.steps]
        if not earlier or not min(earlier) < policy.fallen * session.looks[0].loss:
            return False
        return min(look.loss for look in own) > policy.gain * min(earlier)

    return has_slowed


def either(*conditions: Ended | None) -> Ended | None:
    """Whether one of these holds; those that are None do not count."""
    held = [condition for condition in conditions if condition is not None]
    return (lambda: any(condition() for condition in held)) if held else None
