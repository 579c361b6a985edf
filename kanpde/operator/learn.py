"""One verb: from data to an operator."""

from __future__ import annotations

from collections.abc import Callable

import torch

from kanpde.errors import KanpdeError
from kanpde.operator.data import AnyPairs
from kanpde.operator.model import Architecture, Operator
from kanpde.operator.networks.fno import FNO
from kanpde.operator.status import TrainingStatus
from kanpde.operator.trainer import OperatorTrainer
from kanpde.operator.training import Look, Training


def learn_operator(
    pairs: AnyPairs,
    plan: Architecture | None = None,
    training: Training | None = None,
    *,
    seed: int = 0,
    members: int = 1,
    device: torch.device | str = "cpu",
    report: Callable[[Look], None] | None = None,
) -> Operator:
    """Train an operator on samples; an ensemble of seeds with `members` > 1.

    An interrupt (KeyboardInterrupt) ends the training of the network at hand with its best
    weights. Raises KanpdeError for data that do not fit the plan, and for a training in which no
    epoch had a finite error.
    """
    plan, training = plan or FNO(), training or Training()
    if members < 1:
        raise KanpdeError(f"an ensemble has at least one member, not {members}")
    networks, seconds, status = [], 0.0, TrainingStatus.FINISHED
    for k in range(members):
        trainer = OperatorTrainer(pairs, plan, training, seed + k, device)
        try:
            trainer.run(report or (lambda look: None), lambda state: None)
        except KeyboardInterrupt:
            status = TrainingStatus.INTERRUPTED
        state = trainer.state
        if not state.best_epoch and status is not TrainingStatus.INTERRUPTED:
            raise KanpdeError(
                "the loss was not finite from the first epoch on: lower the rate of the training"
            )
        trainer.network.load_state_dict(state.best)
        networks.append(trainer.network.eval())
        seconds += state.seconds
        if status is TrainingStatus.INTERRUPTED:
            break
        status = state.status
    story = {"seconds": seconds, "status": status, "validation": trainer.state.best_validation}
    return Operator(trainer.signature, plan, tuple(networks), training.augment, story)
