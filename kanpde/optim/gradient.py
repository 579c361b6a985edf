"""First-order and quasi-Newton minimisers of a residual vector's half square, step by step.

Each is an iterator: it yields None after a step, or a sentence that says why it stopped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor


class Parametrised(Protocol):
    """What has parameters, such as a network."""

    def parameters(self) -> Iterator[Tensor]: ...


class Objective(Protocol):
    """A loss with its gradient, in flat parameters."""

    def gradient(self, theta: Tensor) -> tuple[float, Tensor]:
        """The loss and its gradient (P,)."""


def adam_steps(
    objective: Objective, network: Parametrised, steps: int, rate: float
) -> Iterator[str | None]:
    """torch.optim.Adam at a fixed rate."""
    parameters = list(network.parameters())
    optimizer = torch.optim.Adam(parameters, lr=rate)
    for _ in range(steps):
        loss = _load_gradient(objective, parameters)
        if not math.isfinite(loss):
            yield f"stopped, since the loss is {loss}"
            return
        optimizer.step()
        yield None


def lbfgs_steps(
    objective: Objective, network: Parametrised, steps: int, history: float
) -> Iterator[str | None]:
    """torch.optim.LBFGS with a strong Wolfe search, one iteration at a time.

    Its tolerances are zero: with 1e-9 it was measured to stop at a loss of 5e-6, without them at
    2e-7. The first time that the search fails, the memory is dropped; the second time the iterator
    ends.
    """
    parameters = list(network.parameters())
    best, best_loss, failures = [p.detach().clone() for p in parameters], math.inf, 0
    optimizer = _lbfgs(parameters, int(history))
    for _ in range(steps):
        loss = float(optimizer.step(lambda: _load_gradient(objective, parameters)))
        moved = any(bool((p != b).any()) for p, b in zip(parameters, best, strict=True))
        if math.isfinite(loss) and loss < best_loss:
            best_loss = loss
        if not math.isfinite(loss) or not moved:
            failures += 1
            with torch.no_grad():
                for p, b in zip(parameters, best, strict=True):
                    p.copy_(b)
            if failures > 1:
                why = "is not finite" if not math.isfinite(loss) else "does not fall along it"
                yield f"stopped, since the search fails from the best point (the loss {why})"
                return
            optimizer = _lbfgs(parameters, int(history))
        best = [p.detach().clone() for p in parameters]
        yield None


def _lbfgs(parameters: list[Tensor], history: int) -> torch.optim.LBFGS:
    return torch.optim.LBFGS(
        parameters,
        max_iter=1,
        # Newer releases take it as the bound of the search, too; its default for one
        # iteration is one evaluation, and the search fails at the first step that is too long.
        max_eval=26,
        history_size=history,
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )


def _load_gradient(objective: Objective, parameters: list[Tensor]) -> float:
    """Evaluate at the parameters' values and store the gradient in them."""
    theta = torch.cat([p.detach().flatten() for p in parameters])
    loss, gradient = objective.gradient(theta)
    start = 0
    for p in parameters:
        p.grad = gradient[start : start + p.numel()].view_as(p).clone()
        start += p.numel()
    return loss
