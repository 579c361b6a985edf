"""The last steps of a problem with unknown numbers: least squares on solutions of the equations.

Training weighs equations and readings against each other, so that noise bends the fields away from
the equations. These steps hold the equations and leave the noise to the readings (see
`kanpde.optim.constrained`). One costs as much as a step of training.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError
from torch import Tensor

from kanpde.arrays import AnyArray, Array
from kanpde.assembly.system import ResidualSystem
from kanpde.assembly.terms import BoundTerm
from kanpde.network.network import Network
from kanpde.optim.constrained import Fit, Manifold
from kanpde.optim.least_squares import LevenbergMarquardt
from kanpde.problem.equations import Kind
from kanpde.training.inverse.linearise import Layout, Linearisation, expand, find_layout
from kanpde.training.inverse.readings import Readings
from kanpde.training.trainer import Trainer


@dataclass(frozen=True)
class RefinePolicy:
    """How many constrained steps are taken, and when they end."""

    steps: int = 8
    field_steps: int = 25
    # Steps of what is sought below this share of its standard error change nothing.
    still: float = 0.02
    # Passes over the standard deviations and the weights of outliers at fixed derivatives. With
    # six a reading that was off by a hundred sigma still moved a conductivity by 3 %.
    passes: int = 60
    # Damped steps where the whole one leaves the merit by more than `near` above its aim, which is
    # a sum of squares in sigmas; the damping of the first.
    damped: int = 8
    near: float = 0.1
    damping: float = 1e-6
    # Residuals that move the readings by this part of their noise count like the noise.
    felt: float = 0.03
    # Where fields are sought, less with each step, so that equations hold better than readings see.
    tighten: float = 0.5
    least_felt: float = 1e-3
    # By what factor the loss of the equations at new points may rise: a step that met the equations
    # at its own points alone left an error of 0.26 where it was 0.0015.
    worse: float = 1.0
    # Whether a step has to lower the misfit at new points and not the equations alone, as where
    # fields are sought.
    by_merit: bool = False
    # The largest network: its dense matrices are copied several times.
    most_parameters: int = 3000
    # The most readings: K is a matrix of so many rows.
    most_readings: int = 5000
    # The part of a change of a number that its equations must leave for the readings to determine
    # it; an eigenvalue is determined by the equations alone.
    determined: float = 0.1
    # The seed of the points, behind those of training.
    seed: int = 777


REFINE_POLICY = RefinePolicy()


@dataclass(frozen=True)
class Refined:
    """A network on the solutions of the equations, the last linear fit there, and its readings.

    `sought` are the names of the numbers in the order of the fit; `by_equations` those of numbers
    that the equations determine without readings. `deviations` are those of the readings.
    """

    network: Network
    layout: Layout
    sought: tuple[str, ...]
    by_equations: tuple[str, ...]
    linearisation: Linearisation
    fit: Fit
    deviations: Array
    strengths: tuple[float, ...] = ()

    @property
    def numbers(self) -> dict[str, int]:
        """The number of each sought number among all that is sought."""
        indices = self.layout.indices(self.sought)
        order = sorted(k for own in indices.values() for k in own)
        return {n: order.index(indices[n][0]) for n in self.sought if n in self.layout.places}

    @property
    def fields(self) -> dict[str, AnyArray]:
        """The coefficients of each sought field among all that is sought."""
        indices = self.layout.indices(self.sought)
        order = sorted(k for own in indices.values() for k in own)
        names = [n for n in self.sought if n in self.layout.blocks]
        return {n: np.searchsorted(order, list(indices[n])) for n in names}


def can_refine(trainer: Trainer, policy: RefinePolicy = REFINE_POLICY) -> bool:
    """Whether there are numbers to be found and readings of them, and not too much of either."""
    problem = trainer.problem
    read = [e for e in problem.equations if e.observed is not None and not e.inherited]
    dense = any(e.kind is Kind.DENSITY for e in problem.equations)
    small = trainer.best.parameter_count <= policy.most_parameters
    count = sum(len(e.observed) for e in read if e.observed is not None)
    sought = any(not problem.field_space.support[n] for n in problem.unknowns) or problem.sought
    return bool(sought) and 0 < count <= policy.most_readings and small and not dense


def refine(trainer: Trainer, policy: RefinePolicy = REFINE_POLICY) -> Refined | None:
    """Constrained steps from the best network, which is not changed; None where they fail."""
    problem, network = trainer.problem, copy.deepcopy(trainer.best)
    linearisation = Linearisation(
        problem, trainer.ansatz, trainer.session, trainer.session.seed + policy.seed
    )
    if trainer.session.plan.balance:
        linearisation.sampler.rebalance(network)
    system = linearisation.draw(network)
    numbers, held = split_numbers(linearisation, network, system, policy)
    sought = [*problem.sought, *numbers]
    found: Refined | None = None
    strengths: tuple[float, ...] = ()
    felt = policy.felt
    far = bool(problem.sought) or policy.by_merit
    for _ in range(policy.field_steps if far else policy.steps):
        try:
            manifold = Manifold(linearisation.at(network, system, sought))
        except LinAlgError:
            return found
        fit, deviations, strengths = fit_noise(manifold, linearisation.readings, strengths, policy)
        layout = find_layout(problem, network)
        judge = _Judge(manifold, deviations, strengths, linearisation, felt)
        merit = judge.at(network, system)
        aim = float(np.square(fit.misfit / deviations).sum()) + fit.penalty
        step = expand(layout.kept, fit.step).to(network.like)
        moved = _advance(network, step, merit, aim, policy)
        if moved is not None and not _still_holds(network, moved, judge, policy):
            moved = None
        found = Refined(
            moved or network,
            layout,
            tuple(sought),
            tuple(held),
            linearisation,
            fit,
            deviations,
            strengths,
        )
        if moved is None or _is_still(found, policy):
            break
        network = moved
        if far:
            system, felt = (
                linearisation.draw(network),
                max(policy.tighten * felt, policy.least_felt),
            )
    return found


def _is_still(found: Refined, policy: RefinePolicy) -> bool:
    """Whether the last step moved each number, and all of a field together, by next to nothing."""
    fit, numbers = found.fit, list(found.numbers.values())
    share = np.abs(fit.shift) / np.maximum(np.sqrt(np.diag(fit.covariance)), 1e-300)
    parts = [share[k] for k in numbers]
    parts += [np.sqrt(np.mean(share[at] ** 2)) for at in found.fields.values()]
    return all(part <= policy.still for part in parts)


def split_numbers(
    linear: Linearisation, network: Network, system: ResidualSystem, policy: RefinePolicy
) -> tuple[list[str], list[str]]:
    """The numbers that readings have to determine, and those that the equations determine."""
    places = find_layout(linear.problem, network).places
    names = sorted(places, key=lambda name: places[name])
    if linear.problem.sought or not names:
        return names, []
    try:
        left = Manifold(linear.at(network, system, names)).remainder
    except LinAlgError:
        return names, []
    free = [n for n, part in zip(names, left, strict=True) if part <= policy.determined]
    return free, [n for n in names if n not in free]


def _still_holds(network: Network, moved: Network, judge: _Judge, policy: RefinePolicy) -> bool:
    """Whether the step is one at points that none has seen as well.

    For numbers the equations hold there as well as before, or so well that the merit is lower
    there: from a network of other readings, which met its equations to 1e-12, none held as well. A
    field may move far: its step lowers the merit.
    """
    linear = judge.linear
    if not (linear.problem.sought or policy.by_merit):
        before, after = linear.sampler.compare([network, moved])
        if after <= policy.worse * before:
            return True
    fresh = linear.draw(network)
    before = judge.at(network, fresh).loss(network.flat())
    return judge.at(moved, fresh).loss(moved.flat()) < before


@dataclass(frozen=True)
class _Judge:
    """Readings by their noise, and equations by a weight, as rows by which a step is judged.

    Residuals that move the readings by `felt` of their noise count as much as all readings.
    """

    manifold: Manifold
    deviations: Array
    strengths: Sequence[float]
    linear: Linearisation
    felt: float

    def at(self, network: Network, system: ResidualSystem) -> ResidualSystem:
        """The rows of a network at the points of a system."""
        square = self.manifold.rows.square
        moved = (self.manifold.offset - self.manifold.rows.misfit) / self.deviations
        felt = min(max(float(np.sqrt(np.mean(moved**2))) / self.felt, 1e-12), 1.0)
        weight = felt * np.sqrt(len(moved) / max(square, 1e-300))
        rows: list[BoundTerm] = []
        for each in system.rows:
            held = copy.copy(each)
            held.weights = tuple(weight * w for w in each.weights)
            rows.append(held)
        rows += self.linear.readings.rows(network, self.deviations)
        rows += self.linear.prior_rows(network, self.strengths)
        return ResidualSystem(network, rows, system.workers)


def _advance(
    network: Network, step: Tensor, merit: ResidualSystem, aim: float, policy: RefinePolicy
) -> Network | None:
    """The network after a step to the merit `aim`; None where nothing is an improvement.

    Where the network is too bent for the whole step, damped ones are taken in its place: a
    positive number that had to move by 5 % moved by a hundredth of that along its tangent.
    """
    start = network.flat()
    before, after = (2 * merit.loss(theta) for theta in (start, start + step))
    # Each evaluation moves the network.
    theta, reached = (start + step, after) if after < before else (start, before)
    search = LevenbergMarquardt(damping=policy.damping)
    for _ in range(policy.damped):
        if reached <= aim + policy.near:
            break
        taken = search.step(merit, theta)
        theta, reached = taken.theta, 2 * taken.after
        if not taken.accepted:
            break
    network.load_flat(start)
    if not reached < before:
        return None
    moved = copy.deepcopy(network)
    moved.load_flat(theta)
    return moved


def fit_noise(
    manifold: Manifold,
    readings: Readings,
    strengths: Sequence[float] = (),
    policy: RefinePolicy = REFINE_POLICY,
) -> tuple[Fit, Array, tuple[float, ...]]:
    """The constrained step with standard deviations that fit its own misfit.

    And with the strengths of priors that have the largest evidence.
    """
    deviations = readings.first_deviations(manifold.offset)
    found = manifold.strengths(deviations, strengths)
    fit = manifold.fit(deviations, found)
    for _ in range(policy.passes):
        before = deviations
        deviations = readings.deviations(fit.misfit, fit.hat)
        found = manifold.strengths(deviations, found)
        fit = manifold.fit(deviations, found)
        if np.allclose(before, deviations, rtol=1e-3):
            break
    return fit, deviations, found
