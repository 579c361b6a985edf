"""How a problem is solved: the network to start from and the stages that train it."""

from __future__ import annotations

from dataclasses import dataclass, field

from kanpde.errors import KanpdeError
from kanpde.network.bases.polynomials import Basis, Chebyshev


@dataclass(frozen=True)
class Adam:
    """Kingma & Ba (2015), for `steps` steps at a cosine-annealed rate."""

    steps: int = 1000
    rate: float = 5e-3


@dataclass(frozen=True)
class LBFGS:
    """torch.optim.LBFGS with a strong Wolfe search, restarted when it stops early."""

    steps: int = 500
    history: int = 50


@dataclass(frozen=True)
class Broyden:
    """Self-scaled Broyden steps with a strong Wolfe search: a dense inverse Hessian.

    For up to 10,000 parameters. On Burgers 22 s of one thread after 100 steps of Adam gave an
    error of 3e-4, with L-BFGS 2e-2.
    """

    steps: int = 1000


@dataclass(frozen=True)
class LeastSquares:
    """Levenberg-Marquardt until it stalls, or for at most `steps` steps.

    It has stalled when the held-out loss fell by less than `gain` over `patience` steps.
    """

    steps: int = 100_000
    patience: int = 40
    gain: float = 0.3


@dataclass(frozen=True)
class Extend:
    """Grid extension: refit every edge in a larger basis, by least squares.

    `basis` is the new basis; by default the next larger one of the family.
    """

    basis: Basis | None = None


Stage = Adam | LBFGS | Broyden | LeastSquares | Extend


@dataclass(frozen=True)
class Sampling:
    """Collocation points: `points` in the interior, an eighth of that on each face.

    By default the interior has three rows for each parameter of the network, and more when
    these are fitted better than the points between. Every `every` steps new points are drawn, and
    at each step where they are fewer than the parameters.
    Where the residual is concentrated (its kurtosis exceeds `focus`), they are drawn with a
    density that half follows its magnitude, and weighted by the inverse, so that the loss keeps
    its meaning. Where it is not, even Sobol points are better: measured on Poisson, an error of
    3e-8 against 1.3e-7.
    """

    points: int | None = None
    every: int = 10
    focus: float = 8.0

    def __post_init__(self) -> None:
        if (self.points is not None and self.points < 1) or self.every < 1:
            raise KanpdeError("Sampling needs points >= 1 and every >= 1")


@dataclass(frozen=True)
class Plan:
    """A start and a list of stages; the default needs no tuning.

    The default is a deep network of low degree: at equal parameters (10, 10, 10) with degree
    4 reached 3e-4 on Burgers where (8, 8) with degree 8 reached 3e-3, and lost nothing on
    smooth problems. `budget` is the time in seconds for all stages; training ends earlier
    when the estimated relative error is below `tolerance`. `enforce` says whether conditions
    hold by construction where they can; by default they do, unless this leads nowhere in the
    first steps and training them does. `windows` cuts time into so many windows at first, each
    with a network of its own; by default it is cut where one network for all times fails and the
    stages do not count their steps, and 1 forbids it. Windows are
    trained by least squares, whatever the stages are.
    """

    widths: tuple[int, ...] = (10, 10, 10)
    basis: Basis = field(default_factory=lambda: Chebyshev(4))
    stages: tuple[Stage, ...] = (
        LeastSquares(),
        Extend(),
        LeastSquares(),
        Extend(),
        LeastSquares(),
    )
    sampling: Sampling = field(default_factory=Sampling)
    budget: float = 120.0
    tolerance: float = 1e-9
    enforce: bool | None = None
    balance: bool = True
    windows: int | None = None

    def __post_init__(self) -> None:
        if not self.budget > 0:
            raise KanpdeError(f"the budget must be a positive number of seconds, not {self.budget}")
        if not self.tolerance >= 0:
            raise KanpdeError(f"the tolerance must not be negative, and is {self.tolerance}")
        if self.windows is not None and (not _is_whole(self.windows) or self.windows < 1):
            raise KanpdeError(f"a Plan's windows are a whole number, not {self.windows!r}")
        for stage in self.stages:
            steps = 0 if isinstance(stage, Extend) else stage.steps
            if not _is_whole(steps) or steps < 0:
                raise KanpdeError(f"{stage}: steps is a whole number, at least 0")
        if not self.widths or min(self.widths) < 1:
            raise KanpdeError(f"a Plan needs widths of at least 1, not {self.widths}")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
