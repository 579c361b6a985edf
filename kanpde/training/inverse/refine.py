"""The last steps of a problem with unknown numbers: least squares on solutions of the equations.

Training weighs equations and readings against each other, so that noise bends the fields away from
the equations. These steps hold the equations and leave the noise to the readings (see
`kanpde.optim.constrained`). One costs as much as a step of training.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError
from torch import Tensor

from kanpde.arrays import Array
from kanpde.assembly.system import ResidualSystem
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
    # By what factor the loss of the equations at new points may rise: a step that met the equations
    # at its own points alone left an error of 0.26 where it was 0.0015.
    worse: float = 1.0
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


def can_refine(trainer: Trainer, policy: RefinePolicy = REFINE_POLICY) -> bool:
    """Whether there are numbers to be found and readings of them, and not too much of either."""
    problem = trainer.problem
    read = [e for e in problem.equations if e.observed is not None and not e.inherited]
    dense = any(e.kind is Kind.DENSITY for e in problem.equations)
    small = trainer.best.parameter_count <= policy.most_parameters
    count = sum(len(e.observed) for e in read if e.observed is not None)
    sought = any(not problem.field_space.support[n] for n in problem.unknowns)
    return sought and 0 < count <= policy.most_readings and small and not dense


def refine(trainer: Trainer, policy: RefinePolicy = REFINE_POLICY) -> Refined | None:
    """Constrained steps from the best network, which is not changed; None where they fail."""
    problem, network = trainer.problem, copy.deepcopy(trainer.best)
    linearisation = Linearisation(
        problem, trainer.ansatz, trainer.session, trainer.session.seed + policy.seed
    )
    if trainer.session.plan.balance:
        linearisation.sampler.rebalance(network)
    system = linearisation.draw(network)
    sought, held = _split_numbers(linearisation, network, system, policy)
    found: Refined | None = None
    for _ in range(policy.steps):
        try:
            manifold = Manifold(linearisation.at(network, system, sought))
        except LinAlgError:
            return found
        fit, deviations = fit_noise(manifold, linearisation.readings, policy)
        layout = find_layout(problem, network)
        merit = _weigh(manifold, deviations, system, linearisation.readings, network)
        aim = float(np.square(fit.misfit / deviations).sum())
        step = expand(layout.kept, fit.step).to(network.like)
        moved = _advance(network, step, merit, aim, policy)
        if moved is not None and not _still_holds(network, moved, linearisation, policy):
            moved = None
        found = Refined(
            moved or network, layout, tuple(sought), tuple(held), linearisation, fit, deviations
        )
        still = np.abs(fit.shift) <= policy.still * np.sqrt(np.diag(fit.covariance))
        if moved is None or still.all():
            break
        network = moved
    return found


def _split_numbers(
    linear: Linearisation, network: Network, system: ResidualSystem, policy: RefinePolicy
) -> tuple[list[str], list[str]]:
    """The numbers that readings have to determine, and those that the equations determine."""
    places = find_layout(linear.problem, network).places
    names = sorted(places, key=lambda name: places[name])
    try:
        left = Manifold(linear.at(network, system, names)).remainder
    except LinAlgError:
        return names, []
    free = [n for n, part in zip(names, left, strict=True) if part <= policy.determined]
    return free, [n for n in names if n not in free]


def _still_holds(
    network: Network, moved: Network, linearisation: Linearisation, policy: RefinePolicy
) -> bool:
    """Whether the equations hold as well as before at points that no step has seen."""
    before, after = linearisation.sampler.compare([network, moved])
    return after <= policy.worse * before


def _weigh(
    manifold: Manifold,
    deviations: Array,
    system: ResidualSystem,
    readings: Readings,
    network: Network,
    policy: RefinePolicy = REFINE_POLICY,
) -> ResidualSystem:
    """Readings by their noise, and equations by a weight, as rows by which a step is judged.

    Residuals that move the readings by `felt` of their noise count as much as all readings.
    """
    moved = (manifold.offset - manifold.rows.misfit) / deviations
    felt = min(max(float(np.sqrt(np.mean(moved**2))) / policy.felt, 1e-12), 1.0)
    weight = felt * np.sqrt(len(moved) / max(manifold.rows.square, 1e-300))
    held = copy.copy(system.rows)
    for k, rows in enumerate(held):
        held[k] = copy.copy(rows)
        held[k].weights = tuple(weight * w for w in rows.weights)
    return ResidualSystem(network, [*held, *readings.rows(network, deviations)], system.workers)


def _advance(
    network: Network, step: Tensor, merit: ResidualSystem, aim: float, policy: RefinePolicy
) -> Network | None:
    """The network after a step to the merit `aim`; None where nothing is an improvement.

    Where the network is too bent for the whole step, damped ones are taken in its place: a
    positive number that had to move by 5 % moved by a hundredth of that along its tangent.
    """
    start = network.flat()
    before, after = (2 * merit.loss(theta) for theta in (start, start + step))
    theta, reached = (start + step, after) if after < before else (start, before)
    search = LevenbergMarquardt(damping=policy.damping)
    for _ in range(policy.damped):
        if reached <= aim + policy.near:
            break
        taken = search.step(merit, theta)
        theta, reached = taken.theta, 2 * taken.after
        if not taken.accepted:
            break
    if not reached < before:
        return None
    moved = copy.deepcopy(network)
    moved.load_flat(theta)
    return moved


def fit_noise(
    manifold: Manifold, readings: Readings, policy: RefinePolicy = REFINE_POLICY
) -> tuple[Fit, Array]:
    """The constrained step with standard deviations that fit its own misfit."""
    deviations = readings.first_deviations(manifold.offset)
    fit = manifold.fit(deviations)
    for _ in range(policy.passes):
        before = deviations
        deviations = readings.deviations(fit.misfit, fit.hat)
        fit = manifold.fit(deviations)
        if np.allclose(before, deviations, rtol=1e-3):
            break
    return fit, deviations
