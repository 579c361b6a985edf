"""A step length that meets the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from kanpde.arrays import Array

# The share of the predicted decrease that is asked for, and of the slope that may remain.
DECREASE, CURVATURE = 1e-4, 0.9


@dataclass(frozen=True)
class Trial:
    """A point of a line: how far along, its loss, the gradient (P,), its slope along the line."""

    at: float
    loss: float
    gradient: Array
    slope: float


def wolfe(along: Callable[[float], Trial], start: Trial, first: float, trials: int = 25) -> Trial:
    """Bracket, then close in by cubics (Nocedal & Wright 2006, algorithms 3.5 and 3.6).

    `first` is the length to try first. After so many trials the best point so far, which may be
    `start`. A loss that is not finite counts as infinite.
    """
    low, t = start, first
    high: Trial | None = None
    for _ in range(trials):
        trial = along(t)
        if not trial.loss <= start.loss + DECREASE * t * start.slope or trial.loss >= low.loss:
            high = trial
        elif abs(trial.slope) <= -CURVATURE * start.slope:
            return trial
        else:
            ahead = 1.0 if high is None else high.at - low.at
            low, high = trial, low if trial.slope * ahead >= 0 else high
        t = 4 * low.at if high is None else _between(low, high)
    return low


def _between(low: Trial, high: Trial) -> float:
    """Where the cubic through both is smallest, away from the ends; otherwise the middle."""
    width, share = high.at - low.at, 0.5
    if math.isfinite(high.loss) and math.isfinite(high.slope):
        d = low.slope + high.slope - 3 * (high.loss - low.loss) / width
        root = math.copysign(math.sqrt(max(d * d - low.slope * high.slope, 0.0)), width)
        bottom = high.slope - low.slope + 2 * root
        if bottom:
            share = 1 - (high.slope + root - d) / bottom
    return low.at + min(max(share, 0.1), 0.9) * width
