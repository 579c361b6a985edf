"""How an operator is trained: the options, what a line of progress shows, and how it stands."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor

from kanpde.checks import require_number, require_whole
from kanpde.errors import KanpdeError
from kanpde.operator.losses import H1, Loss
from kanpde.operator.physics import Physics
from kanpde.operator.status import TrainingStatus

Weights = dict[str, Tensor]
COLUMNS = ("epoch", "seconds", "rate", "loss", "validation")
FEWEST_TO_HOLD_OUT = 10  # of fewer samples none is held out: the error is that of the training


@dataclass(frozen=True)
class Training:
    """How to train. `budget`, in seconds for each network, shortens the cycle of the rate.

    `validation` is the fraction of the training samples that is held out to choose the best
    epoch; training ends when that has not improved for `patience` epochs. With `augment`, each
    batch is moved by one of the symmetries of the problem. `physics` adds the residual of an
    equation to the loss.
    """

    epochs: int = 60
    batch: int = 8
    rate: float = 3e-3
    weight_decay: float = 1e-4
    loss: Loss = field(default_factory=H1)
    validation: float = 0.05
    patience: int = 40
    budget: float | None = None
    augment: bool = True
    physics: Physics | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "patience"):
            require_whole(f"Training: {name}", getattr(self, name), least=1)
        require_number("Training: rate", self.rate, above=0)
        require_number("Training: weight_decay", self.weight_decay, least=0)
        if self.budget is not None:
            require_number("Training: budget", self.budget, above=0)
        if not 0 <= self.validation < 0.9:
            raise KanpdeError(f"the held-out fraction is from 0 to 0.9, not {self.validation}")


@dataclass(frozen=True)
class Look:
    """One epoch: what a progress line shows."""

    epoch: int
    epochs: int
    seconds: float
    left: float
    rate: float
    loss: float
    validation: float


@dataclass
class State:
    """All that a training needs to go on exactly as if it had not been interrupted."""

    weights: Weights
    best: Weights
    moments: Weights
    generator: Tensor
    epoch: int = 0
    seconds: float = 0.0
    best_epoch: int = 0
    best_validation: float = math.inf
    status: TrainingStatus = TrainingStatus.RUNNING
    rows: list[list[float]] = field(default_factory=list)
