"""Levenberg-Marquardt with relaxed steps: the main method for small networks in float64.

A step minimises |r(theta + x)|^2 / 2 + mu |x|_D^2 / 2, D the diagonal of J^T J (Marquardt 1963).
The first x is the usual damped one. Residual networks are "sloppy" models, whose valleys are
narrow and curved (Transtrum & Sethna, arXiv:1201.5885): along a long step the residual leaves the
valley's floor, though J has hardly changed. So x is corrected with the same factorised matrix,

    x <- x - (J^T J + mu D)^-1 (J^T r(theta + x) + mu D x)

(chord iterations, as in Shamanskii's method; a step with one of them is Fan's modified
Levenberg-Marquardt, Math. Comp. 81, 2012). Each costs a residual and a product with J, a tenth of
the Jacobian and its factor, and mu may be 30 to 1,000 times smaller. Relative L2 errors after 80
steps: Poisson 1e-10, with the second-order correction of Transtrum & Sethna (eq. 10) alone 7e-8.

mu follows the rate at which the corrections shrink: quick ones ask for a smaller mu.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.optim.protocols import Damped, Equations, System
from kanpde.optim.triangular import sharpen


@dataclass(frozen=True)
class Step:
    """What one iteration did."""

    theta: Tensor
    before: float
    after: float
    accepted: bool


@dataclass
class LevenbergMarquardt:
    """The state of one run: the damping mu adapts from step to step."""

    damping: float = 1e-3
    smallest: float = 1e-18
    largest: float = 1e8
    trials: int = 12
    corrections: int = 8
    # Whether J itself may be factorised, where the damping is small.
    orthogonal: bool = False

    def step(self, system: System, theta: Tensor, normal: Equations | None = None) -> Step:
        """Try dampings until one lowers the loss; `normal` is of `system` at `theta`, if known."""
        normal = normal or system.normal(theta)
        if self.orthogonal:
            normal = sharpen(normal, self.damping)
        for _ in range(self.trials):
            damped = normal.damped(self.damping)
            if damped is not None:
                move, loss, rate = self._relax(system, normal, theta, damped)
                if loss < normal.loss - normal.least_decrease * abs(normal.loss):
                    self.damping = max(self.damping * _damping_factor(rate), self.smallest)
                    return Step(theta + move, normal.loss, loss, True)
            self.damping *= 4.0
            if self.damping > self.largest:
                break
        self.damping = min(self.damping, 1.0)
        return Step(theta, normal.loss, normal.loss, False)

    def _relax(
        self, system: System, normal: Equations, theta: Tensor, damped: Damped
    ) -> tuple[Tensor, float, float]:
        """The damped step and its corrections: the best move, its loss, the rate at the end."""
        move = damped.start()
        correction = damped.correct(normal.residual, move)
        best, loss, rate = torch.zeros_like(theta), math.inf, 0.0
        for _ in range(self.corrections + 1):
            move = move + correction.step
            trial = damped.parameters(move).to(theta)
            last, size = loss, correction.size
            residual, loss = normal.trial(system, theta + trial)
            if not loss < last:
                return best, last, max(rate, 1.0)
            best = trial
            correction = damped.correct(residual, move)
            # In row space rounding may make it negative.
            rate = math.sqrt(max(correction.size, 0.0) / max(size, 1e-300))
            if rate > 1 or correction.gain < 0.02 * (normal.loss - loss):
                break
        return best, loss, rate


def gauss_newton(normal: Equations, damping: float) -> tuple[Tensor, float] | None:
    """The first step -(J^T J + damping D)^-1 J^T r, (P,), and the share of the loss that it leaves.

    None if rounding prevents positive pivots even at a hundred times the damping.
    """
    for mu in (damping, 10 * damping, 100 * damping):
        damped = normal.damped(mu)
        if damped is not None:
            first = damped.correct(normal.residual, damped.start())
            # `gain` is that of the damped model, of which mu (step D step) / 2 is the damping term.
            gain = first.gain + 0.5 * mu * first.size
            left = min(max(1.0 - gain / max(normal.loss, 1e-300), 0.0), 1.0)
            return damped.parameters(first.step), left
    return None


def _damping_factor(rate: float) -> float:
    """The factor for mu, from the rate at which the corrections shrink."""
    if rate < 0.15:
        return 0.1
    if rate < 0.4:
        return 0.3
    return 1.0 if rate < 0.7 else 3.0
