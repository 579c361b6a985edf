"""Training of one network: AdamW, one cycle of the rate, the best weights on held-out samples."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kanpde.errors import KanpdeError
from kanpde.operator.data import AnyPairs, Pairs, stacked
from kanpde.operator.losses import H1, Loss, relative_l2
from kanpde.operator.model import Plan, Signature
from kanpde.operator.physics import Physics
from kanpde.operator.symmetry import Motion, motions

Weights = dict[str, Tensor]
COLUMNS = ("epoch", "seconds", "rate", "loss", "validation")


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
        if min(self.epochs, self.batch, self.patience) < 1:
            raise KanpdeError("Training needs epochs, batch and patience of at least 1")
        if not self.rate > 0 or not self.weight_decay >= 0 or not (self.budget or 1) > 0:
            raise KanpdeError("Training needs a positive rate and budget, and no negative decay")
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
    status: str = "running"
    rows: list[list[float]] = field(default_factory=list)


class Trainer:
    """The training of one network on `pairs`; `state` is what a checkpoint holds."""

    def __init__(
        self,
        pairs: AnyPairs,
        plan: Plan,
        training: Training,
        seed: int,
        device: torch.device | str = "cpu",
        state: State | None = None,
    ) -> None:
        self.training, self.plan, self.seed = training, plan, seed
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
        x = torch.from_numpy(stacked(pairs.inputs, pairs.input_shape)).to(device)
        y = torch.from_numpy(stacked(pairs.outputs, pairs.shape)).to(device)
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

    def run(self, report: Callable[[Look], None], save: Callable[[State], None]) -> State:
        """Train to the end; `save` is called after each epoch.

        An interrupt (KeyboardInterrupt) leaves `state` as the last whole epoch left it.
        """
        while self.state.status == "running":
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
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            chosen = int(torch.randint(len(self.group), (1,), generator=self.generator))
            loss = self._loss(index, self.group[chosen])
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            total += float(loss.detach()) * len(index)
        return total / count, rate

    def _loss(self, index: Tensor, motion: Motion) -> Tensor:
        x, y = motion(self.x[:, index]), motion(self.y[:, index])
        v = self._predict(x)
        loss = self.training.loss(v, y, self.periodic)
        physics = self.training.physics
        return loss if physics is None else physics.combined(loss, self.signature, self.axes, x, v)

    def _predict(self, x: Tensor) -> Tensor:
        return self.signature.apply(self.network, x, self.where)

    def _judge(self, state: State, loss: float, rate: float) -> None:
        """Measure the held-out error, keep the best weights, and see whether it is over."""
        self.network.eval()
        with torch.no_grad():
            x, y = self.held
            parts = [
                self._held_out(a, b) * a.shape[1] / x.shape[1]
                for a, b in zip(x.split(64, 1), y.split(64, 1), strict=True)
            ]
            error = float(torch.stack(parts).sum())
        state.rows = [*state.rows, [state.epoch, state.seconds, rate, loss, error]]
        if not math.isfinite(error) or not math.isfinite(loss):
            state.status = "diverged"
        elif error < state.best_validation:
            state.best_validation, state.best_epoch = error, state.epoch
            state.best = state.weights
        if state.status == "running":
            if self._progress(state.epoch, state.seconds) >= 1:
                state.status = "finished"
            elif state.epoch - state.best_epoch >= self.training.patience:
                state.status = "stopped early"

    def _held_out(self, x: Tensor, y: Tensor) -> Tensor:
        """The relative L2 error, and the residuals where physics is in the loss."""
        v, physics = self._predict(x), self.training.physics
        error = relative_l2(v, y).mean()
        return (
            error if physics is None else physics.combined(error, self.signature, self.axes, x, v)
        )

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
        self.network.load_state_dict(state.weights)
        held: dict[int, dict[str, Any]] = {}
        for key, value in state.moments.items():
            index, _, name = key.partition(".")
            held.setdefault(int(index), {})[name] = value.clone()
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": held, "param_groups": groups})
        self.generator.set_state(state.generator)
        self.state = state


def one_cycle(done: float, warm: float = 0.1, start: float = 0.05) -> float:
    """The rate's factor: a linear rise over the first tenth, then a cosine down to 0."""
    if done < warm:
        return start + (1 - start) * done / warm
    return 0.5 * (1 + math.cos(math.pi * (done - warm) / (1 - warm)))


def check_outputs(pairs: AnyPairs) -> None:
    """Raise KanpdeError for an output that is zero throughout a sample: no error relative to it.

    One such sample in the loss is some 10^12 times as heavy as another.
    """
    for name, values in pairs.outputs.items():
        empty = np.flatnonzero(~values.reshape(len(values), -1).any(axis=1))
        if len(empty):
            which = ", ".join(map(str, empty[:5])) + (", ..." if len(empty) > 5 else "")
            raise KanpdeError(
                f"output {name} is zero everywhere in sample {which} (counted from 0), and errors "
                "are relative to its size; leave these samples out"
            )


def _split(count: int, fraction: float, generator: torch.Generator) -> tuple[Any, Any]:
    """Indices to train on and to hold out; of very few samples none is held out."""
    held = round(fraction * count) if count >= 10 else 0
    order = torch.randperm(count, generator=generator).numpy()
    return np.sort(order[held:]), np.sort(order[:held])
