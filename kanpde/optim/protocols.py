"""What least squares ask of a residual vector, its linearisation and a damped solve.

Whoever implements these decides where the numbers live: on the host, on a device, or in parts on
several machines. The methods above see vectors and scalars only.
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
    """J^T J + mu D, factorised; a move is kept in coordinates of its own, (unknowns,)."""

    def start(self) -> Tensor:
        """The move that changes nothing."""

    def correct(self, residual: Tensor, move: Tensor) -> Correction:
        """The step from `move`, at whose end the residual is `residual`, with J as it is."""

    def parameters(self, move: Tensor) -> Tensor:
        """The change of the parameters, (P,)."""


class Equations(Protocol):
    """A linearised residual vector (n,); `loss` is half its square, or an energy beside.

    A step counts that lowers the loss by at least a share `least_decrease` of its size.
    """

    loss: float

    @property
    def least_decrease(self) -> float: ...

    @property
    def residual(self) -> Tensor: ...

    def trial(self, system: System, theta: Tensor) -> tuple[Tensor, float]:
        """Residual (n,) and loss at other parameters, with the linearisation as it is."""

    def damped(self, damping: float) -> Damped | None:
        """None where rounding leaves no positive pivots."""


class System(Protocol):
    """A residual vector r(theta); theta is flat, (P,)."""

    def residual(self, theta: Tensor) -> Tensor:
        """r, of shape (n,)."""

    def normal(self, theta: Tensor) -> Equations:
        """r and J, rows in the order of `residual`."""
