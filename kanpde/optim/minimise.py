"""Levenberg-Marquardt until the loss stops falling: for fits without looks between steps."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from kanpde.optim.least_squares import LevenbergMarquardt
from kanpde.optim.protocols import System


@dataclass(frozen=True)
class Quiet:
    """When to stop: `patience` steps in a row that each lower the loss by at most a share `gain`.

    Also after `steps` steps, where a step is refused, and at a loss below `floor`.
    """

    steps: int
    gain: float
    patience: int
    floor: float = 1e-28


@dataclass(frozen=True)
class Minimum:
    """Where the steps ended: theta (P,), the loss there, and how many were taken."""

    theta: Tensor
    loss: float
    steps: int


def minimise(system: System, theta: Tensor, stop: Quiet, damping: float = 1e-3) -> Minimum:
    """Least-squares steps on `system` from `theta` (P,), which is not changed."""
    engine = LevenbergMarquardt(damping=damping)
    quiet, loss = 0, float("nan")
    for count in range(1, stop.steps + 1):
        step = engine.step(system, theta)
        theta, loss = step.theta, step.after
        quiet = quiet + 1 if step.before - step.after <= stop.gain * step.before else 0
        if not step.accepted or quiet >= stop.patience or loss < stop.floor:
            return Minimum(theta, loss, count)
    return Minimum(theta, loss, max(stop.steps, 0))
