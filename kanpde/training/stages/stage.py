"""What a stage of a plan is: a frozen value that moves a trainer on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from kanpde.checks import require_whole

if TYPE_CHECKING:
    from kanpde.training.trainer import Trainer

# Called at each look: whether the stage fails and should end.
Ended = Callable[[], bool]


class Stage(ABC):
    """A part of the training; a new one is a file in this folder."""

    # Whether the network is larger afterwards, so that the next stage shows how much that helped.
    grows = False
    # Whether it takes least-squares steps, which strategies and windows of time need.
    is_second_order = False

    @abstractmethod
    def run(self, trainer: Trainer, ended: Ended | None = None) -> None:
        """Carry the stage out; the trainer keeps the best network."""


class SteppingStage(Stage):
    """A stage of steps, with looks at held-out points between them."""

    steps: int
    rebalances = True

    def __post_init__(self) -> None:
        require_whole(f"{type(self).__name__}: steps", self.steps, 0)

    @abstractmethod
    def label(self, trainer: Trainer) -> str:
        """What the live line calls it."""

    @abstractmethod
    def take(self, trainer: Trainer) -> Iterator[str | None]:
        """Take steps: yields None after each, or a sentence that says why it stopped."""

    def has_stalled(self, losses: Sequence[float], every: int) -> bool:
        """Whether the losses at the looks, one each `every` steps, say that it should end."""
        return False

    def run(self, trainer: Trainer, ended: Ended | None = None) -> None:
        """Take the steps; the trainer looks now and then and keeps the best network."""
        trainer.enter(self.label(trainer), first_order=not self.is_second_order)
        if self.rebalances:
            trainer.rebalance()
        trainer.follow(self, ended)
