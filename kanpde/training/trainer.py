"""A trainer: one network on one problem, its best state, and its estimated error."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial

import numpy as np
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.evaluator import Evaluator
from kanpde.assembly.sampler import Sampler
from kanpde.assembly.system import ResidualSystem
from kanpde.errors import KanpdeError
from kanpde.network.bases.basis import Basis
from kanpde.network.network import Network
from kanpde.optim.least_squares import gauss_newton
from kanpde.optim.protocols import Equations
from kanpde.problem.problem import Problem
from kanpde.solution.coverage import find_covered
from kanpde.solution.measures import errors_against, grid_points, reference_values
from kanpde.solution.outcome import UNFINISHED
from kanpde.solution.pieces import Piece
from kanpde.training.clock import OutOfTime
from kanpde.training.estimate import (
    DAMPINGS,
    UNKNOWN,
    ErrorEstimate,
    Probe,
    newton_estimate,
    rich_estimates,
)
from kanpde.training.reading_noise import Scatter, measure_scatter
from kanpde.training.session import Progress, Session
from kanpde.training.stages.stage import Ended, Stage, SteppingStage

# Points at which the error is estimated.
_PROBES = 2000
# A held-out loss below which nothing can be gained in float64.
_NOTHING_LEFT = 1e-28
# Energies that differ by less than this share of them differ by rounding.
_SAME_ENERGY = 1e-12
# Points by which breakpoints follow the activations.
_GRID_POINTS = 4096
# Seconds of training that may pass without a look before the network is saved.
_KEPT_EVERY = 2.0


class Trainer:
    """Moves one network on one problem; the session has the clock, the notes and the looks."""

    def __init__(
        self, problem: Problem, ansatz: Ansatz, network: Network, session: Session
    ) -> None:
        plan = session.plan
        self.problem, self.ansatz, self.session = problem, ansatz, session
        self.network = network
        self.sampler = Sampler(
            problem, ansatz, plan.sampling, session.seed + session.step, session.workers
        )
        self.grid, _ = grid_points(problem)
        self.exact = reference_values(problem, self.grid)
        # Fields and unknown numbers, for the estimate; derived outputs, for the errors.
        self.evaluator = Evaluator(problem, ansatz, (*problem.unknowns, *problem.outputs))
        self.best = copy.deepcopy(network)
        self.best_loss = math.inf
        # The error of the best network is estimated at some of the grid's points.
        covered = np.flatnonzero(find_covered(problem, self.grid))
        chosen = np.random.default_rng(0).permutation(covered)[:_PROBES]
        self.probes = np.sort(chosen)
        self.fields = Evaluator(problem, ansatz, problem.unknowns)
        self.probe = Probe(problem, ansatz, self.grid[self.probes], workers=session.workers)
        self.errors: ErrorEstimate = UNKNOWN
        self._confirmed = False
        self.scatter = Scatter()
        self._estimated_loss = math.inf
        # The loss on the points of the last least-squares step.
        self._trained_loss = math.inf
        # Then the estimate costs as much as many steps.
        self._first_order = False
        # The normal equations of the estimate, which the next step uses as well.
        self._prepared: tuple[ResidualSystem, Equations] | None = None
        self._stage = ""
        self._extending = False
        # When a network was last given to be saved.
        self._kept = session.seconds

    @property
    def estimate(self) -> float | None:
        """The estimated relative error of the worst field; None where there is none yet."""
        return self.errors.largest

    @property
    def converged(self) -> bool:
        """Whether the estimated relative error is below the tolerance."""
        return self.estimate is not None and self.estimate < self.session.plan.tolerance

    @property
    def piece(self) -> Piece:
        """The best network as a piece of a solution."""
        return Piece(self.problem.domain, self.ansatz, self.best)

    # --- what stages ask for -----------------------------------------------------------

    def run(self, stage: Stage, ended: Ended | None = None) -> None:
        """Carry one stage out; `ended` is called at each look: whether the stage fails."""
        stage.run(self, ended)

    def enter(self, label: str, *, first_order: bool) -> None:
        """Begin a stage of this name."""
        self._stage, self._first_order = f"{self.session.part}{label}", first_order

    def rebalance(self) -> None:
        """Balance the weights of the conditions, if the plan asks for it."""
        if self.session.plan.balance:
            self.sampler.rebalance(self.network)
            self.best_loss = math.inf

    def draw(self) -> tuple[ResidualSystem, Equations | None]:
        """Rows at new points, with their linearisation if it is known already."""
        prepared, self._prepared = self._prepared, None
        return prepared or (self.draw_system(), None)

    def draw_system(self) -> ResidualSystem:
        """Rows at new points; several ranks share them."""
        system, leader = self.sampler.draw(self.network), self.session.leader
        return leader.share(self.problem, self.ansatz, system) if leader else system

    def draw_check(self) -> ResidualSystem | None:
        """Where a problem has an energy, what is trained at points that no step sees."""
        return self.sampler.draw_check(self.network) if self.sampler.has_energy else None

    def accept(self, theta: Tensor, trained_loss: float | None) -> None:
        """Move the network to theta (P,); the loss there on the points of the step, if any."""
        self.network.load_flat(theta)
        self._trained_loss = math.inf if trained_loss is None else trained_loss

    def follow(self, stage: SteppingStage, ended: Ended | None) -> None:
        """Take a stage's steps until it ends, with a look at held-out points every few steps."""
        self._prepared = None
        session, every = self.session, self.session.plan.sampling.every
        losses = [self.look()]
        # The loss of a flow with singular corners stood still where its error fell to an eighth.
        squares = [(self.estimate or 1.0) ** 2]
        last, looked = session.step + stage.steps, session.step
        for reason in self._take(stage):
            if reason:
                session.note(f"{self._stage}: {reason}")
            early = session.step - looked < every and session.step < last
            if early and not reason and session.left > 0:
                self._keep_between_looks()
                continue
            looked = session.step
            losses.append(self.look())
            squares.append((self.estimate or 1.0) ** 2)
            self.sampler.widen(losses[-1], self._trained_loss)
            if not math.isfinite(losses[-1]):
                self._roll_back("the loss was not finite")
            if session.left <= 0 or losses[-1] < _NOTHING_LEFT or self.converged:
                break
            if ended and ended():
                break
            if stage.has_stalled(losses, every) and stage.has_stalled(squares, every):
                break
        if session.step > looked:
            self.look()
        self.network = copy.deepcopy(self.best)

    def _take(self, stage: SteppingStage) -> Iterator[str | None]:
        """A stage's steps, while there is time; one that takes too long is given up."""
        clock, steps = self.session.clock, stage.take(self)
        clock.begin()
        while True:
            before = self.network.flat()
            try:
                with clock.limit_step():
                    reason = next(steps)
            except StopIteration:
                return
            except OutOfTime:
                self.network.load_flat(before)
                return
            clock.tick()
            yield reason

    def extend(self, basis: Basis | None) -> None:
        """Go on with a larger network, unless its loss is twice that of the old one.

        Both are measured at the same points: the smallest loss of many looks is below that of any
        fresh ones.
        """
        old = self.network
        points = torch.from_numpy(self.grid[:: max(1, len(self.grid) // _GRID_POINTS)])
        points = points.to(old.like)
        try:
            new = old.extended(basis, points)
        except KanpdeError as error:
            self.session.note(f"grid extension left out: {error}")
            return
        with torch.no_grad():
            change = float((new(points) - old(points)).norm() / old(points).norm())
        before, after = self.sampler.compare([old, new])
        self.network = new
        self._extending = True
        self.look()
        self._extending = False
        self.session.note(
            f"grid extension {old.description} -> {new.description}: {old.parameter_count} -> "
            f"{new.parameter_count} parameters, the field changed by {change:.1e} (relative L2), "
            f"held-out loss {before:.2e} -> {after:.2e}"
        )
        if not after < 2 * before:
            self.network = old
            self.session.note("grid extension rolled back, since it hurt")

    def start_from(self, network: Network) -> None:
        """Begin with another network of the same form."""
        self.network = network

    def restore(self, network: Network, errors: ErrorEstimate, *, confirmed: bool = False) -> None:
        """Make another network the best one, with its estimated errors.

        `confirmed` ones were estimated in a richer space already.
        """
        self.best, self.errors, self._confirmed = network, errors, confirmed

    # --- looks -------------------------------------------------------------------------

    def look(self) -> float:
        """Measure held-out loss and errors, keep the best network, report; the loss."""
        session = self.session
        losses = self.sampler.held_out(self.network)
        loss = sum(losses.values())
        values = self.evaluator(self.network, self.grid, session.workers)
        errors = errors_against(self.problem, self.grid, values, self.exact)
        if self.sampler.has_energy:
            self._look_at_energy(values, loss)
        elif loss < self.best_loss:
            self._keep_best(loss)
            if not self._first_order or loss < 0.5 * self._estimated_loss:
                self._update_estimate(values, loss)
        progress = Progress(
            self._stage,
            session.step,
            session.seconds,
            max(session.left, 0.0),
            loss,
            losses,
            errors,
            self.estimate,
            self.network.parameter_count,
        )
        session.record(progress)
        if loss == self.best_loss:
            self._keep(self.piece)
        return loss

    def _keep_best(self, loss: float) -> None:
        self.best_loss = loss
        self.best = copy.deepcopy(self.network)
        self._confirmed = False

    def _look_at_energy(self, values: Mapping[str, Array], loss: float) -> None:
        """Of the best network and the present one keep that of the smaller energy at new points.

        The equations that follow from an energy decide only where that differs by rounding: at
        clamped corners they grow without bounds while the answer gets better.
        """
        before = self.errors
        self._update_estimate(values, loss)
        first = math.isinf(self.best_loss) and math.isfinite(loss)
        if first or self._lowers_energy(loss):
            self._keep_best(loss)
        else:
            self.errors = before

    def _lowers_energy(self, loss: float) -> bool:
        check = self.sampler.draw_check(self.network)
        theta, best = self.network.flat(), self.best.flat()
        if len(theta) != len(best):
            return loss < self.best_loss
        old, new = check.loss(best), check.loss(theta)
        self.network.load_flat(theta)
        if abs(new - old) > _SAME_ENERGY * abs(old):
            return new < old
        return loss < self.best_loss

    def _keep(self, piece: Piece) -> None:
        session = self.session
        session.keep(session.solution(self.problem, [piece], UNFINISHED, self.errors.fields))
        self._kept = session.seconds

    def _keep_between_looks(self) -> None:
        """Save the network in training now and then: ten large steps took 9 s, lost by a kill."""
        due = self.session.seconds - self._kept > _KEPT_EVERY
        if due and self.session.saves and math.isfinite(self._trained_loss):
            self._keep(Piece(self.problem.domain, self.ansatz, copy.deepcopy(self.network)))

    def keep_if_better(self) -> None:
        """After an interrupt: the steps since the last look may have improved the network."""
        self.network.load_flat(torch.nan_to_num(self.network.flat()))
        if not self._extending:
            self.look()

    def confirm(self) -> None:
        """Estimate the error of the best network in a richer space: the time of some steps.

        Without time the estimate of the network's own space stays.
        """
        if self._confirmed or self.errors.largest is None:
            return
        self._confirmed, began = True, self.session.clock.spent
        with suppress(OutOfTime), self.session.clock.limit_closing():
            scatter = measure_scatter(self.best, self.sampler, self.probe)
            by_noise = ErrorEstimate(scatter.fields)
            if scatter.is_noise:
                # A richer space would follow the noise.
                self.scatter, self.errors = scatter, self.errors.worse(by_noise)
                return
            clock = self.session.clock
            for found in rich_estimates(self.best, self.sampler, self.probe):
                if found.largest is not None:
                    self.errors = found.worse(by_noise)
                if not clock.has_time_to_close_after(clock.spent - began):
                    break

    def _update_estimate(self, values: Mapping[str, Array], loss: float) -> None:
        """Estimate the error of the present network; without time the earlier estimate stays."""
        with suppress(OutOfTime), self.session.clock.limit_closing():
            self.errors, self._estimated_loss = self._estimate(values), loss
        if self.converged:
            self.confirm()

    def _estimate(self, values: Mapping[str, Array]) -> ErrorEstimate:
        """The estimated errors of the present network, from its values on the grid.

        The residuals are those at the collocation points of the next steps.
        """
        system = self.draw_system()
        normal = system.normal(self.network.flat())
        self._prepared = system, normal
        before = {n: values[n][self.probes] for n in self.problem.unknowns}
        damping = self._find_damping(normal) if self.sampler.has_energy else DAMPINGS[0]
        step = partial(gauss_newton, damping=damping)
        return newton_estimate(self.network, normal, self.probe, before, step)

    def _find_damping(self, normal: Equations) -> float:
        """The smallest damping with which the step lowers an energy at other points too.

        A step that fits the quadrature of its own points was taken for an error of 15 % where it
        was 2e-4.
        """
        check, theta = self.sampler.draw_check(self.network), self.network.flat()
        start = check.loss(theta)
        for damping in DAMPINGS:
            found = gauss_newton(normal, damping)
            if found is None:
                continue
            if check.loss(theta + found[0].to(theta)) <= start + _SAME_ENERGY * abs(start):
                break
        self.network.load_flat(theta)
        return damping

    def _roll_back(self, why: str) -> None:
        self.network.load_flat(self.best.flat())
        self.session.note(f"{self._stage}: went back to the best point, since {why}")
