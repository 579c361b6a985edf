"""What least squares ask of a residual vector, its linearisation and a damped solve.

An implementation decides where the numbers are stored: on the host, on a device, or distributed
over several machines. The methods themselves use vectors and scalars only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class Correction:
    """What to add to a move: its step, (step D step), and the decrease of the damped model."""

    step: Tensor
    size: float
    gain: float


class Damped(Protocol):
    """J^T J + mu D, factorised; a move is kept in the coordinates of this system, (unknowns,)."""

    def start(self) -> Tensor:
        """The move that changes nothing."""

    def correct(self, residual: Tensor, move: Tensor) -> Correction:
        """The step from `move`, where the residual is `residual`, with the same J."""

    def parameters(self, move: Tensor) -> Tensor:
        """The change of the parameters, (P,)."""


class Equations(Protocol):
    """A linearised residual vector (n,); `loss` is half its square, plus energies if there are any.

    A step is accepted if it lowers the loss by at least the share `least_decrease` of it.
    """

    loss: float

    @property
    def least_decrease(self) -> float: ...

    @property
    def residual(self) -> Tensor: ...

    def trial(self, system: System, theta: Tensor) -> tuple[Tensor, float]:
        """Residual (n,) and loss at other parameters, with the same linearisation."""

    def damped(self, damping: float) -> Damped | None:
        """None if rounding prevents positive pivots."""


class System(Protocol):
    """A residual vector r(theta); theta is flat, (P,)."""

    def residual(self, theta: Tensor) -> Tensor:
        """r, of shape (n,)."""

    def normal(self, theta: Tensor) -> Equations:
        """r and J, rows in the order of `residual`."""
