"""Training of one network: AdamW, one cycle of the rate, the best weights on held-out samples."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from kanpde.distributed.hold import hold_interrupts
from kanpde.distributed.ranks import Message, Ranks
from kanpde.errors import KanpdeError
from kanpde.operator.data import AnyPairs, Pairs, stack_fields
from kanpde.operator.evaluation import check_outputs
from kanpde.operator.losses import relative_l2
from kanpde.operator.model import Architecture, Signature
from kanpde.operator.status import TrainingStatus
from kanpde.operator.symmetry import Motion, motions
from kanpde.operator.training import FEWEST_TO_HOLD_OUT, Look, State, Training, Weights


@dataclass(frozen=True)
class TrainerPolicy:
    """What is the same in every training.

    `clip` bounds the norm of the gradient; the rate rises from `start` of its highest value over
    the part `warm` of the training; `chunk` held-out samples are predicted at a time.
    """

    clip: float = 1.0
    warm: float = 0.1
    start: float = 0.05
    chunk: int = 64


_POLICY = TrainerPolicy()


class OperatorTrainer:
    """The training of one network on `pairs`; `state` is what a checkpoint holds.

    On several ranks rank 0 alone calls `run`; it tells the others which samples are next, and each
    calls `descend`.
    """

    def __init__(
        self,
        pairs: AnyPairs,
        plan: Architecture,
        training: Training,
        seed: int,
        device: torch.device | str = "cpu",
        state: State | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.training, self.plan, self.seed = training, plan, seed
        self.ranks = ranks if ranks is not None and ranks.size > 1 else None
        self.signature = Signature.of(pairs)
        self.generator = torch.Generator().manual_seed(seed)
        self.network: nn.Module = plan.build(pairs, self.generator).to(device)
        train, held = _split(len(pairs), training.validation, self.generator)
        if training.physics is not None:
            training.physics.check(pairs)
        if training.physics is None or training.physics.data:
            check_outputs(pairs)
        self.axes = pairs.axes if isinstance(pairs, Pairs) else ()
        self.periodic = pairs.periodic
        where = pairs.coordinates(self.signature.lower, self.signature.extent)
        self.where = torch.from_numpy(where).to(device)
        x = torch.from_numpy(stack_fields(pairs.inputs, pairs.input_shape)).to(device)
        y = torch.from_numpy(stack_fields(pairs.outputs, pairs.shape)).to(device)
        self.x, self.y = x[:, train], y[:, train]
        self.held = (x[:, held], y[:, held]) if len(held) else (self.x, self.y)
        self.group = motions(pairs.symmetry if training.augment else "none")
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=training.rate,
            weight_decay=training.weight_decay,
            fused=True,  # AdamW by single tensors was 7 % of a step
        )
        if state is None:
            self.state = self._snapshot(State({}, {}, {}, torch.empty(0)))
            self.state.best = self.state.weights
        else:
            self._restore(state)
        # It starts all ranks from the weights of rank 0, and averages their gradients.
        self.shared: nn.Module = self.network
        if self.ranks is not None:
            with self.ranks.reaching("another rank"):
                self.shared = DistributedDataParallel(self.network, process_group=self.ranks.group)

    def run(self, report: Callable[[Look], None], save: Callable[[State], None]) -> State:
        """Train to the end; `save` is called after each epoch.

        An interrupt (KeyboardInterrupt) leaves `state` as the last whole epoch left it.
        """
        while self.state.status is TrainingStatus.RUNNING:
            start = time.monotonic()
            loss, rate = self._epoch()
            state = self._snapshot(self.state)
            state.epoch += 1
            state.seconds += time.monotonic() - start
            self._judge(state, loss, rate)
            self.state = state
            save(state)
            done = self._progress(state.epoch, state.seconds)
            left = state.seconds * (1 - done) / max(done, 1e-9)
            row = state.rows[-1]
            report(Look(state.epoch, self.training.epochs, state.seconds, left, rate, loss, row[4]))
        return self.state

    def _progress(self, epochs: float, seconds: float) -> float:
        """The part of the cycle that is done, from 0 to 1."""
        limit = self.training.budget or math.inf
        return min(1.0, max(epochs / self.training.epochs, seconds / limit))

    def _epoch(self) -> tuple[float, float]:
        """One pass over the samples; mean loss and last rate."""
        self.network.train()
        count = self.x.shape[1]
        order = torch.randperm(count, generator=self.generator)
        start, total, rate = time.monotonic(), 0.0, 0.0
        for first in range(0, count, self.training.batch):
            index = order[first : first + self.training.batch].to(self.x.device)
            spent = self.state.seconds + time.monotonic() - start
            rate = self.training.rate * one_cycle(
                self._progress(self.state.epoch + first / count, spent)
            )
            chosen = int(torch.randint(len(self.group), (1,), generator=self.generator))
            total += self._step(rate, chosen, index) * len(index)
        return total / count, rate

    def _step(self, rate: float, chosen: int, index: Tensor) -> float:
        """`descend`, on all ranks."""
        if self.ranks is None:
            return self.descend(rate, chosen, index)
        with hold_interrupts():
            self.ranks.tell(Message.BATCH, torch.tensor([rate, chosen, *index.tolist()]).double())
            return self.descend(rate, chosen, index)

    def descend(self, rate: float, chosen: int, index: Tensor) -> float:
        """One step with a rate, on samples that one of the motions has moved; their mean loss.

        Each rank takes its share of the samples, and rank 0 gets the mean over all.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        rank, size = (0, 1) if self.ranks is None else (self.ranks.rank, self.ranks.size)
        # More ranks than samples: the gradient of one that has nothing to do counts as zero.
        own, part = index[rank::size], len(index[rank::size]) / len(index)
        loss = part * self._loss(own if len(own) else index[:1], self.group[chosen])
        self.optimizer.zero_grad()
        if self.ranks is None:
            loss.backward()
        else:
            with self.ranks.reaching("another rank"):
                (size * loss).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), _POLICY.clip)
        self.optimizer.step()
        found = loss.detach().reshape(1).cpu()
        return float(found if self.ranks is None else self.ranks.add_up(found))

    def _loss(self, index: Tensor, motion: Motion) -> Tensor:
        x, y = motion(self.x[:, index]), motion(self.y[:, index])
        v = self.signature.apply(self.shared, x, self.where)
        return self._add_physics(self.training.loss(v, y, self.periodic), x, v)

    def _add_physics(self, loss: Tensor, x: Tensor, v: Tensor) -> Tensor:
        """The loss of predictions v for inputs x, with residuals where physics is trained too."""
        physics = self.training.physics
        return loss if physics is None else physics.combine(loss, self.signature, self.axes, x, v)

    def _predict(self, x: Tensor) -> Tensor:
        return self.signature.apply(self.network, x, self.where)

    def _judge(self, state: State, loss: float, rate: float) -> None:
        """Measure the held-out error, keep the best weights, and see whether it is over."""
        self.network.eval()
        with torch.no_grad():
            x, y = self.held
            parts = [
                self._held_out(a, b) * a.shape[1] / x.shape[1]
                for a, b in zip(x.split(_POLICY.chunk, 1), y.split(_POLICY.chunk, 1), strict=True)
            ]
            error = float(torch.stack(parts).sum())
        state.rows = [*state.rows, [state.epoch, state.seconds, rate, loss, error]]
        if not math.isfinite(error) or not math.isfinite(loss):
            state.status = TrainingStatus.DIVERGED
        elif error < state.best_validation:
            state.best_validation, state.best_epoch = error, state.epoch
            state.best = state.weights
        if state.status is TrainingStatus.RUNNING:
            if self._progress(state.epoch, state.seconds) >= 1:
                state.status = TrainingStatus.FINISHED
            elif state.epoch - state.best_epoch >= self.training.patience:
                state.status = TrainingStatus.STOPPED_EARLY

    def _held_out(self, x: Tensor, y: Tensor) -> Tensor:
        """The relative L2 error, and the residuals where physics is in the loss."""
        v = self._predict(x)
        return self._add_physics(relative_l2(v, y).mean(), x, v)

    def _snapshot(self, old: State) -> State:
        weights = {k: v.detach().cpu().clone() for k, v in self.network.state_dict().items()}
        moments = {
            f"{k}.{name}": torch.as_tensor(value).detach().cpu().clone()
            for k, each in self.optimizer.state_dict()["state"].items()
            for name, value in each.items()
        }
        return State(
            weights, old.best, moments, self.generator.get_state(), old.epoch, old.seconds,
            old.best_epoch, old.best_validation, old.status, old.rows,
        )  # fmt: skip

    def _restore(self, state: State) -> None:
        """Go on from a checkpoint. Raises KanpdeError for one of another network."""
        try:
            self._load(state)
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise KanpdeError(
                f"the checkpoint does not fit the network ({error}); remove it to train from the "
                "start"
            ) from error

    def _load(self, state: State) -> None:
        self.network.load_state_dict(state.weights)
        self.load_moments(state.moments)
        self.generator.set_state(state.generator)
        self.state = state

    def load_moments(self, moments: Weights) -> None:
        """Take over the moments of AdamW that another training has come to."""
        held: dict[int, dict[str, Any]] = {}
        for key, value in moments.items():
            index, _, name = key.partition(".")
            held.setdefault(int(index), {})[name] = value.clone()
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": held, "param_groups": groups})


def one_cycle(done: float) -> float:
    """The rate's factor where `done` of the training, from 0 to 1, is over.

    A linear rise, then a cosine down to 0.
    """
    warm, start = _POLICY.warm, _POLICY.start
    if done < warm:
        return start + (1 - start) * done / warm
    return 0.5 * (1 + math.cos(math.pi * (done - warm) / (1 - warm)))


def _split(count: int, fraction: float, generator: torch.Generator) -> tuple[Any, Any]:
    """Indices to train on and to hold out; of very few samples none is held out."""
    held = round(fraction * count) if count >= FEWEST_TO_HOLD_OUT else 0
    order = torch.randperm(count, generator=generator).numpy()
    return np.sort(order[held:]), np.sort(order[:held])
