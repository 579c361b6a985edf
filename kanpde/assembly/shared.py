"""A system whose rows several processes evaluate: rank 0 asks, adds up, and takes the steps.

J stays where its points are. Rank 0 has J^T J and J^T r, factorises, and tells the others the
parameters of each trial; they answer with the loss and J^T r there. What costs as the rows do is
shared: the jets, J^T J, the trials. The factor is not.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from kanpde.assembly.parts import Parts, build_part, slice_of
from kanpde.assembly.system import EnergyEquations, ResidualSystem
from kanpde.distributed.hold import hold_interrupts
from kanpde.distributed.ranks import Message, Ranks
from kanpde.optim.dense import Gram
from kanpde.optim.normal import DampedNormal, NormalEquations, floor_scale
from kanpde.optim.protocols import Equations, System


class SharedSystem(ResidualSystem):
    """All rows, of which rank 0 evaluates its parts and the other ranks theirs."""

    def __init__(self, whole: ResidualSystem, ranks: Ranks) -> None:
        super().__init__(whole.network, whole.rows, whole.workers)
        self.ranks = ranks
        self.parts = Parts(
            whole.network,
            [
                build_part(
                    whole.network, [slice_of(r, k, ranks.parts) for r in whole.rows], whole.workers
                )
                for k in ranks.own_parts(0)
            ],
        )

    def normal(self, theta: Tensor) -> Equations:
        """The sums of all ranks; where rows are fewer than parameters, rank 0 does it alone."""
        if self.underdetermined:
            return super().normal(theta)
        found = self._ask(Message.NORMAL, theta, self.parts.normal)
        return SharedNormal(self, found, len(theta))

    def gradient(self, theta: Tensor) -> tuple[float, Tensor]:
        """The loss and its gradient, without J."""
        found = self._ask(Message.GRADIENT, theta, self.parts.gradient)
        return float(found[0]), found[1:]

    def ask_trial(self, theta: Tensor) -> Tensor:
        """Loss and slope at theta, with the J of the last `normal`."""
        return self._ask(Message.TRIAL, theta, self.parts.trial)

    def _ask(self, kind: Message, theta: Tensor, form: Callable[[Tensor], Tensor]) -> Tensor:
        """The sum of what all ranks form at theta.

        The exchange is always finished: an interrupt waits, and so does the end of the time.
        """
        with hold_interrupts():
            self.ranks.tell(kind, theta)
            try:
                own = form(theta)
            except Exception:
                self.ranks.add_up(self._answer_of_zeros(kind, theta))
                raise
            return self.ranks.add_up(own)

    def _answer_of_zeros(self, kind: Message, theta: Tensor) -> Tensor:
        size = len(theta)
        more = size * (size + 1) // 2 if kind is Message.NORMAL else 0
        return theta.new_zeros(1 + size + more, dtype=torch.float64)


class SharedNormal:
    """Summed normal equations: what stands for a residual is its slope J^T r, (P,)."""

    def __init__(self, system: SharedSystem, found: Tensor, size: int) -> None:
        self.loss, self.residual = float(found[0]), found[1 : 1 + size]
        self._system, self._gram = system, Gram.unpack(found[1 + size :], size)
        kind = EnergyEquations if system.has_energy else NormalEquations
        self.least_decrease = kind.least_decrease

    def pull(self, residual: Tensor) -> Tensor:
        """The slope itself."""
        return residual

    def trial(self, system: System, theta: Tensor) -> tuple[Tensor, float]:
        """Slope and loss at other parameters."""
        found = self._system.ask_trial(theta)
        return found[1:], float(found[0])

    def damped(self, damping: float) -> DampedNormal | None:
        """J^T J + damping D; None if rounding prevents positive pivots."""
        scale = floor_scale(self._gram)
        factor = self._gram.factor(damping * scale)
        return None if factor is None else DampedNormal(self, factor, scale, damping)
