"""Adam, L-BFGS and self-scaled Broyden as stages."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kanpde.assembly.system import ResidualSystem
from kanpde.checks import require_number, require_whole
from kanpde.optim.gradient import adam_steps, lbfgs_steps
from kanpde.optim.quasi_newton import SelfScaledBroyden
from kanpde.training.stages.stage import SteppingStage

if TYPE_CHECKING:
    from kanpde.training.trainer import Trainer

# Steps on the same points.
_CHUNK = 100


class GradientStage(SteppingStage):
    """Steps by gradients, with new points every hundred steps."""

    @abstractmethod
    def start(self) -> GradientSteps:
        """The method at its start; its state is kept from one set of points to the next."""

    def take(self, trainer: Trainer) -> Iterator[str | None]:
        method, count = self.start(), 0
        while count < self.steps:
            system = trainer.draw_system()
            for reason in method(system, trainer, min(self.steps - count, _CHUNK)):
                count += 1
                yield reason
                if reason:
                    return


class GradientSteps:
    """A method that takes so many steps on one system."""

    def __call__(
        self, system: ResidualSystem, trainer: Trainer, steps: int
    ) -> Iterator[str | None]:
        raise NotImplementedError


@dataclass(frozen=True)
class Adam(GradientStage):
    """Kingma & Ba (2015), for `steps` steps."""

    steps: int = 1000
    rate: float = 5e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("Adam: rate", self.rate, above=0)

    def label(self, trainer: Trainer) -> str:
        return "Adam"

    def start(self) -> GradientSteps:
        return _AdamSteps(self.rate)


@dataclass(frozen=True)
class LBFGS(GradientStage):
    """torch.optim.LBFGS with a strong Wolfe search, restarted when it stops early."""

    steps: int = 500
    history: int = 50

    rebalances = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole("LBFGS: history", self.history, 1)

    def label(self, trainer: Trainer) -> str:
        return "L-BFGS"

    def start(self) -> GradientSteps:
        return _LBFGSSteps(self.history)


@dataclass(frozen=True)
class Broyden(GradientStage):
    """Self-scaled Broyden steps with a strong Wolfe search: a dense inverse Hessian.

    For up to 10,000 parameters. On Burgers 22 s of one thread after 100 steps of Adam gave an
    error of 3e-4, with L-BFGS 2e-2.
    """

    steps: int = 1000

    rebalances = False

    def label(self, trainer: Trainer) -> str:
        return "Broyden"

    def start(self) -> GradientSteps:
        return _BroydenSteps(SelfScaledBroyden())


@dataclass(frozen=True)
class _AdamSteps(GradientSteps):
    rate: float

    def __call__(
        self, system: ResidualSystem, trainer: Trainer, steps: int
    ) -> Iterator[str | None]:
        return adam_steps(system, trainer.network, steps, self.rate)


@dataclass(frozen=True)
class _LBFGSSteps(GradientSteps):
    history: int

    def __call__(
        self, system: ResidualSystem, trainer: Trainer, steps: int
    ) -> Iterator[str | None]:
        return lbfgs_steps(system, trainer.network, steps, self.history)


@dataclass(frozen=True)
class _BroydenSteps(GradientSteps):
    method: SelfScaledBroyden

    def __call__(
        self, system: ResidualSystem, trainer: Trainer, steps: int
    ) -> Iterator[str | None]:
        return self.method.steps(system, trainer.network, steps)
