"""How a problem is solved: the network to start from and the stages that train it."""

from __future__ import annotations

from dataclasses import dataclass, field

from kanpde.assembly.sampling import Sampling
from kanpde.checks import (
    require_bool,
    require_number,
    require_one_of,
    require_sequence,
    require_whole,
)
from kanpde.errors import KanpdeError
from kanpde.network.bases import Basis, Chebyshev
from kanpde.network.kan import KANArchitecture
from kanpde.network.network import Architecture
from kanpde.network.partition_of_unity import Subdomains
from kanpde.problem.loading import ProblemFile
from kanpde.training.stages.extend import Extend
from kanpde.training.stages.least_squares import LeastSquares
from kanpde.training.stages.stage import Stage
from kanpde.training.strategy import Strategy

_STAGES = (LeastSquares(), Extend(), LeastSquares(), Extend(), LeastSquares())
_WIDTHS, _CELL_WIDTHS = (10, 10, 10), (6, 6)
# A step cannot factorise the matrix of wider layers, or of more of them.
_WIDEST, _DEEPEST = 10_000, 50


@dataclass(frozen=True)
class Plan:
    """A start and a list of stages; the default needs no tuning.

    The default is a deep network of low degree: at equal parameters (10, 10, 10) with degree 4
    reached 3e-4 on Burgers where (8, 8) with degree 8 reached 3e-3, and lost nothing on smooth
    problems. `network` asks for another architecture, such as `MLP((20, 20))`, instead of a KAN of
    these widths in this basis. `budget` is the time in seconds for all stages; training ends
    earlier when the estimated relative error is below `tolerance`. `enforce` says whether
    conditions hold by construction where they can; by default they do, unless the first steps fail
    with it and succeed without. `windows` is the number of windows into which time is cut at first,
    each with its own network; by default it is cut if one network for all times fails and the
    stages do not count their steps, and 1 forbids it. Windows are trained by least squares,
    whatever the stages are. `strategy` replaces the program's choice of a way to solve. `reserve`
    are seconds of the budget for what is done with the solution afterwards, such as files; at most
    half of the budget is kept for that. `subdomains` are numbers of cells along the axes of space,
    or along all axes: each has its own network, of (6, 6) where `widths` are the default ones, and
    overlaps its neighbours (`Subdomains`).

    Raises KanpdeError for values of a wrong type or out of range.
    """

    widths: tuple[int, ...] = _WIDTHS
    basis: Basis = field(default_factory=lambda: Chebyshev(4))
    stages: tuple[Stage, ...] = _STAGES
    sampling: Sampling = field(default_factory=Sampling)
    budget: float = 120.0
    tolerance: float = 1e-9
    enforce: bool | None = None
    balance: bool = True
    windows: int | None = None
    network: Architecture | None = None
    strategy: Strategy | None = None
    reserve: float = 0.0
    subdomains: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        require_number("a Plan's budget", self.budget, above=0)
        require_number("a Plan's reserve", self.reserve, least=0)
        require_number("a Plan's tolerance", self.tolerance, least=0)
        if self.windows is not None:
            require_whole("a Plan's windows", self.windows, 1, 10_000)
        if self.enforce is not None:
            require_bool("a Plan's enforce", self.enforce)
        require_bool("a Plan's balance", self.balance)
        require_one_of("a Plan's basis", self.basis, Basis, "such as Chebyshev(4)")
        require_one_of("a Plan's sampling", self.sampling, Sampling, "Sampling(points=2000)")
        if isinstance(self.stages, Stage):
            raise KanpdeError(f"a Plan's stages are a tuple: stages=({self.stages},)")
        require_sequence("a Plan's stages", self.stages, "(LeastSquares(),)")
        for stage in self.stages:
            require_one_of("a Plan's stage", stage, Stage, "such as LeastSquares(steps=100)")
        _check_widths(self.widths)
        if self.network is not None and not hasattr(self.network, "build"):
            raise KanpdeError(
                f"a Plan's network is {self.network!r}; give one such as MLP((20, 20))"
            )

        if self.subdomains is not None:
            Subdomains(self.subdomains, self._cell)
        if self.strategy is not None and not hasattr(self.strategy, "solve"):
            raise KanpdeError(f"a Plan's strategy is {self.strategy!r}; give a value with solve()")

    @property
    def architecture(self) -> Architecture:
        """The network that it starts from."""
        if self.subdomains is not None:
            return Subdomains(tuple(self.subdomains), self._cell)
        return self.network or KANArchitecture(self.widths, self.basis)

    @property
    def _cell(self) -> Architecture:
        """The network of a subdomain."""
        widths = _CELL_WIDTHS if self.widths == _WIDTHS else self.widths
        return self.network or KANArchitecture(widths, self.basis)


def _check_widths(widths: object) -> None:
    if not isinstance(widths, (tuple, list)) or not widths:
        raise KanpdeError(f"a Plan needs widths of at least 1, such as (10, 10), not {widths!r}")
    for width in widths:
        require_whole("each of a Plan's widths", width, 1, _WIDEST)
    if len(widths) > _DEEPEST:
        raise KanpdeError(f"a Plan has {len(widths)} layers; take at most {_DEEPEST}")


def plan_of(file: ProblemFile) -> Plan:
    """The plan of a problem file; raises KanpdeError where its plan() returns something else."""
    if file.plan is None:
        return Plan()
    if not isinstance(file.plan, Plan):
        raise KanpdeError(
            f"{file.path}: plan() returns {type(file.plan).__name__}, not a Plan "
            "(is a `return` missing?)"
        )
    return file.plan
