"""Levenberg-Marquardt as a stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kanpde.assembly.system import ResidualSystem
from kanpde.checks import require_number, require_whole
from kanpde.optim.least_squares import LevenbergMarquardt
from kanpde.optim.protocols import Equations
from kanpde.training.stages.stage import SteppingStage

if TYPE_CHECKING:
    from kanpde.training.trainer import Trainer

# After so many steps in a row that do not lower the loss the stage ends.
_FAILURES = 3
# A step that lowers an energy at its points alone is taken back, and the damping grows so much.
_DISTRUST = 10.0
# Below this estimated error J itself is factorised. From the same states, at errors of 5e-9 and
# 1e-7, 40 steps with small dampings brought Poisson's equation to 1.4e-11 instead of 1.3e-10, the
# heat equation to 3.0e-9 instead of 7.5e-9; Helmholtz's and the wave equation, at 7e-6 and 1e-3,
# came to what normal equations give, for a fifth more CPU time.
_ORTHOGONAL_BELOW = 1e-8


@dataclass(frozen=True)
class LeastSquares(SteppingStage):
    """Levenberg-Marquardt until it stalls, or for at most `steps` steps.

    It has stalled when the held-out loss fell by less than `gain` over `patience` steps.
    """

    steps: int = 100_000
    patience: int = 40
    gain: float = 0.3

    is_second_order = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole("LeastSquares: patience", self.patience, 0)
        require_number("LeastSquares: gain", self.gain, least=0)

    def label(self, trainer: Trainer) -> str:
        return f"least squares, {trainer.network.parameter_count} parameters"

    def has_stalled(self, losses: Sequence[float], every: int) -> bool:
        patience = max(1, self.patience // every)
        if len(losses) <= patience:
            return False
        return min(losses[-patience:]) > self.gain * min(losses[:-patience])

    def take(self, trainer: Trainer) -> Iterator[str | None]:
        search = LevenbergMarquardt()
        theta = trainer.network.flat()
        system: ResidualSystem | None = None
        normal: Equations | None = None
        check: ResidualSystem | None = None
        failures = 0
        for count in range(self.steps):
            every = 1 if system and system.underdetermined else trainer.session.plan.sampling.every
            if system is None or count % every == 0:
                system, normal = trainer.draw()
                check = trainer.draw_check()
            estimate = trainer.estimate
            search.orthogonal = estimate is not None and estimate < _ORTHOGONAL_BELOW
            step = search.step(system, theta, normal)
            normal = None
            if check is not None and not check.loss(step.theta) < check.loss(theta):
                step = replace(step, theta=theta, accepted=False)
                search.damping *= _DISTRUST
                trainer.sampler.refine()
                system = None
            theta = step.theta
            trainer.accept(theta, None if check is not None else step.after)
            failures = 0 if step.accepted else failures + 1
            if failures == _FAILURES:
                yield "stopped, since no step lowers the loss any more"
                return
            yield None
