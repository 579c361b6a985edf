"""What steers the training of KAN-ODEs, with the measured reasons."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrajectoryPolicy:
    """How a KAN-ODE of few states is trained."""

    # The prior on each coefficient, beside a data row of weight 1: it only settles what no
    # sample sees, such as the network off the trajectory.
    prior: float = 1e-3
    # Segments do not grow where the noise of the fit grows by this factor.
    worse: float = 10.0
    # Steps of one integration up to which segments grow.
    longest: int = 700


@dataclass(frozen=True)
class FieldPolicy:
    """How a KAN-ODE of fields is trained."""

    # Samples in a segment, from first to last; each has to gain before the next is tried.
    lengths: tuple[int, ...] = (2, 4, 8, 16, 32, 64)
    # As above; here the samples are nearly exact.
    prior: float = 1e-6
    # The steps at one length end after `patience` steps that each gain a smaller share than this.
    gain: float = 1e-2
    patience: int = 2
    # The first damping of the least-squares steps: the start is near, from a shorter length.
    damping: float = 1e-6
