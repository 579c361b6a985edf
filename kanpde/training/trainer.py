"""The state of a training run, and the stages that move it on."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from kanpde.arrays import Array
from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.evaluator import Evaluator
from kanpde.assembly.sampler import Sampler
from kanpde.assembly.system import ResidualSystem
from kanpde.assembly.workers import Workers
from kanpde.network.kan import KAN
from kanpde.optim.gradient import adam_steps, lbfgs_steps
from kanpde.optim.least_squares import Equations, LevenbergMarquardt
from kanpde.optim.quasi_newton import SelfScaledBroyden
from kanpde.problem.problem import Problem
from kanpde.solution.solution import (
    FieldError,
    Outcome,
    Solution,
    errors_against,
    grid_points,
    reference_values,
)
from kanpde.training.estimate import newton_estimate
from kanpde.training.plan import LBFGS, Adam, Broyden, Extend, LeastSquares, Plan, Stage

# Points at which the error is estimated.
_PROBES = 2000


@dataclass(frozen=True)
class Progress:
    """One look at a run: what the live line shows and the trace keeps."""

    stage: str
    step: int
    seconds: float
    left: float
    loss: float
    losses: dict[str, float]
    errors: dict[str, FieldError]
    estimate: float | None
    parameters: int


Report = Callable[[Progress], None]
Save = Callable[[Solution], None]


@dataclass
class Trainer:
    """Everything that changes while a problem is being solved.

    `watch` is asked at each look whether a stage has led nowhere and should end.
    """

    problem: Problem
    ansatz: Ansatz
    plan: Plan
    network: KAN
    seed: int
    report: Report
    save: Save
    workers: Workers
    earlier: float = 0.0
    step: int = 0
    prefix: str = ""
    watch: Callable[[], bool] | None = None
    notes: list[str] = field(default_factory=list)
    rows: list[Progress] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.started = time.perf_counter()
        self.sampler = Sampler(
            self.problem, self.ansatz, self.plan.sampling, self.seed + self.step, self.workers
        )
        self.grid, _ = grid_points(self.problem)
        self.exact = reference_values(self.problem, self.grid)
        self.evaluator = Evaluator(self.problem, self.ansatz, self.problem.names)
        self.best = copy.deepcopy(self.network)
        self.best_loss = math.inf
        # The loss on the points of the last Levenberg-Marquardt step.
        self.trained_loss = math.inf
        # The error of the best network is estimated at some of the grid's points.
        chosen = np.random.default_rng(0).permutation(len(self.grid))[:_PROBES]
        self.probes = np.sort(chosen)
        self.fields = Evaluator(self.problem, self.ansatz, self.problem.unknowns)
        self.estimate: float | None = None
        self.estimated_loss = math.inf
        # Then the estimate is dear: as much as many steps.
        self.first_order = False
        # What the estimate has assembled serves the next step as well.
        self.prepared: tuple[ResidualSystem, Equations] | None = None
        self.stage = ""

    @property
    def seconds(self) -> float:
        """Seconds of training, those of resumed runs included."""
        return self.earlier + time.perf_counter() - self.started

    @property
    def left(self) -> float:
        """Seconds of this run's budget that remain."""
        return self.plan.budget - (time.perf_counter() - self.started)

    @property
    def converged(self) -> bool:
        """Whether the estimated relative error is below the tolerance."""
        return self.estimate is not None and self.estimate < self.plan.tolerance

    # --- stages ------------------------------------------------------------------------

    def run(self, stage: Stage) -> None:
        """Carry one stage out, and keep its best network."""
        self.first_order = isinstance(stage, Adam | LBFGS | Broyden)
        match stage:
            case LeastSquares():
                self.stage = (
                    f"{self.prefix}least squares, {self.network.parameter_count} parameters"
                )
                self._rebalance()
                self._follow(stage, self._least_squares(stage))
            case Adam():
                self.stage = "Adam"
                self._rebalance()
                self._follow(stage, self._gradient(adam_steps, stage.steps, stage.rate))
            case LBFGS():
                self.stage = "L-BFGS"
                self._follow(stage, self._gradient(lbfgs_steps, stage.steps, stage.history))
            case Broyden():
                self.stage = "Broyden"
                self._follow(stage, self._gradient(SelfScaledBroyden().steps, stage.steps, 0.0))
            case Extend():
                self.stage = "grid extension"
                self._extend(stage)

    def _follow(
        self, stage: Adam | LBFGS | Broyden | LeastSquares, steps: Iterator[str | None]
    ) -> None:
        """Take steps with a look at held-out points now and then, until the stage is over."""
        self.prepared = None
        losses = [self.look()]
        every = self.plan.sampling.every
        patience = max(1, stage.patience // every) if isinstance(stage, LeastSquares) else 0
        last, looked = self.step + stage.steps, self.step
        for reason in steps:
            self.step += 1
            if reason:
                self.notes.append(f"{self.stage}: {reason}")
            if self.step - looked < every and self.step < last and not reason and self.left > 0:
                continue
            looked = self.step
            losses.append(self.look())
            self.sampler.widen(losses[-1], self.trained_loss)
            if not math.isfinite(losses[-1]):
                self._roll_back("the loss was not finite")
            if self.left <= 0 or losses[-1] < 1e-28 or self.converged:
                break
            if self.watch and self.watch():
                break
            if patience and len(losses) > patience:
                recent, before = min(losses[-patience:]), min(losses[:-patience])
                if isinstance(stage, LeastSquares) and recent > stage.gain * before:
                    break
        self.network = copy.deepcopy(self.best)

    def _least_squares(self, stage: LeastSquares) -> Iterator[str | None]:
        search = LevenbergMarquardt()
        theta = self.network.flat()
        system: ResidualSystem | None = None
        normal: Equations | None = None
        failures = 0
        for count in range(stage.steps):
            every = 1 if system and system.underdetermined else self.plan.sampling.every
            if system is None or count % every == 0:
                system, normal = self.prepared or (self.sampler.draw(self.network), None)
                self.prepared = None
            step = search.step(system, theta, normal)
            normal = None
            theta, self.trained_loss = step.theta, step.after
            self.network.load_flat(theta)
            failures = 0 if step.accepted else failures + 1
            if failures == 3:
                yield "stopped, since no step lowers the loss any more"
                return
            yield None

    def _gradient(
        self, method: Callable[..., Iterator[str | None]], steps: int, option: float
    ) -> Iterator[str | None]:
        count = 0
        while count < steps:
            system = self.sampler.draw(self.network)
            take = min(steps - count, 100)
            for reason in method(system, self.network, take, option):
                count += 1
                yield reason
                if reason:
                    return

    def _extend(self, stage: Extend) -> None:
        old, before = self.network, self.best_loss
        points = torch.from_numpy(self.grid[:: max(1, len(self.grid) // 4096)]).to(old.flat())
        new = old.extended(stage.basis, points)
        with torch.no_grad():
            change = float((new(points) - old(points)).norm() / old(points).norm())
        self.network = new
        after = self.look()
        self.notes.append(
            f"grid extension {old.basis} -> {new.basis}: {old.parameter_count} -> "
            f"{new.parameter_count} parameters, the field changed by {change:.1e} (relative L2), "
            f"held-out loss {before:.2e} -> {after:.2e}"
        )
        if not after < 2 * before:
            self.network = old
            self.notes.append("grid extension rolled back, since it hurt")

    def _rebalance(self) -> None:
        if self.plan.balance:
            self.sampler.rebalance(self.network)
            self.best_loss = math.inf

    # --- looks -------------------------------------------------------------------------

    def look(self) -> float:
        """Measure held-out loss and errors, keep the best network, report; the loss."""
        losses = self.sampler.held_out(self.network)
        loss = sum(losses.values())
        values = self.evaluator(self.network, self.grid, self.workers)
        errors = errors_against(self.problem, self.grid, values, self.exact)
        if loss < self.best_loss:
            self.best_loss = loss
            self.best = copy.deepcopy(self.network)
            if not self.first_order or loss < 0.5 * self.estimated_loss:
                self.estimate, self.estimated_loss = self._estimate(values), loss
        progress = Progress(
            self.stage, self.step, self.seconds, max(self.left, 0.0), loss, losses, errors,
            self.estimate, self.network.parameter_count,
        )  # fmt: skip
        self.rows.append(progress)
        self.report(progress)
        if loss == self.best_loss:
            self.save(self.solution(self.best, Outcome("interrupted", "resume goes on from here")))
        return loss

    def keep_if_better(self) -> None:
        """After an interrupt: the steps since the last look may have been good ones."""
        self.network.load_flat(torch.nan_to_num(self.network.flat()))
        if self.stage != "grid extension":
            self.look()

    def _estimate(self, values: Mapping[str, Array]) -> float | None:
        """The estimated error of the present network, from its values on the grid.

        The residuals are those at the collocation points of the next steps.
        """
        system = self.sampler.draw(self.network)
        normal = system.normal(self.network.flat())
        self.prepared = system, normal
        return newton_estimate(
            self.network,
            normal,
            self.fields,
            self.grid[self.probes],
            {n: values[n][self.probes] for n in self.problem.unknowns},
            self.workers,
        )

    def _roll_back(self, why: str) -> None:
        self.network.load_flat(self.best.flat())
        self.notes.append(f"{self.stage}: went back to the best point, since {why}")

    def solution(self, network: KAN, outcome: Outcome) -> Solution:
        """The present state as a Solution."""
        return Solution(
            self.problem, self.ansatz, network, outcome, self.seed, self.seconds, self.step,
            self.estimate, self.trace(), tuple(self.notes),
        )  # fmt: skip

    def trace(self) -> dict[str, np.ndarray]:
        """The looks as columns."""
        rows = self.rows
        columns: dict[str, np.ndarray] = {
            "step": np.array([r.step for r in rows]),
            "seconds": np.array([r.seconds for r in rows]),
            "stage": np.array([r.stage for r in rows], dtype=object),
            "parameters": np.array([r.parameters for r in rows]),
            "loss": np.array([r.loss for r in rows]),
        }
        # Windows of time have a condition more, and the easier forms of a problem others.
        for name in dict.fromkeys([*self.sampler.names, *(n for r in rows for n in r.losses)]):
            columns[f"loss:{name}"] = np.array([r.losses.get(name, np.nan) for r in rows])
        for name in self.exact:
            columns[f"error:{name}"] = np.array([r.errors[name].rel_l2 for r in rows])
        columns["estimate"] = np.array([np.nan if r.estimate is None else r.estimate for r in rows])
        return columns
