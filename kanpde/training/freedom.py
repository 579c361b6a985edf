"""What the fields can do without any equation noticing it, whatever the network is.

With the fields F s, relative to their sizes, that a change s makes, the change of size one that
adds least to the residual, |J s|^2 = 1 / lambda, is the largest eigenvector of
F (J^T J + mu D)^-1 F^T. The equations are linearised at the best network; the changes are smooth
functions (see `smooth_changes`), or those of the network itself where readings at points are the
conditions: between these, smooth functions are always free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.assembly.rows import EquationSet
from kanpde.assembly.sampler import Sampler
from kanpde.assembly.sampling import Sampling
from kanpde.assembly.system import ResidualSystem
from kanpde.geometry.points import Points
from kanpde.network.network import Network
from kanpde.optim.normal import NormalEquations
from kanpde.problem.equations import Equation
from kanpde.training.free_directions import describe_direction
from kanpde.training.sizes import measure_terms
from kanpde.training.smooth_changes import find_smooth_changes
from kanpde.training.trainer import Trainer


@dataclass(frozen=True)
class FreedomPolicy:
    """When a field is not determined."""

    # The residual of the softest change of the fields by their own size, where each equation is
    # divided by its largest term. The shipped problems have 0.02 (Helmholtz) to 1.4 (heat), with
    # Allen-Cahn 0.08, advection 0.05; a mean that is free 8e-8, an eigenfunction 2e-7, a pressure
    # up to a function of time 3e-7, a string without initial velocity 1e-6, a heat equation
    # without initial values 5e-6, an equation whose errors grow by e^60 5e-7.
    soft: float = 2e-5
    # With the changes of the network itself. A start that follows from four sensors had 5e-4.
    soft_of_network: float = 1e-5
    # The damping that keeps the softest changes finite, and dearer ones if rounding asks for them.
    damping: tuple[float, ...] = (1e-13, 1e-12, 1e-11)
    # Points of the equations in the interior for 1, 2, 3 axes, and those at which the changes of
    # fields are looked at.
    rows: tuple[int, ...] = (1500, 2500, 4000)
    points: int = 300
    # The most parameters of a network whose own changes are asked for.
    most_parameters: int = 3000


FREEDOM_POLICY = FreedomPolicy()
# The part of a change that grows whose rate is measured, by its largest value.
_LATE = 1e-3


@dataclass(frozen=True)
class Freedom:
    """What is not determined, in words, and the exponent by which it grows in time."""

    text: str
    growth: float


def find_freedom(
    trainer: Trainer, sizes: Mapping[str, float], policy: FreedomPolicy = FREEDOM_POLICY
) -> list[Freedom]:
    """What is not determined; nothing where all is. `sizes` are those of the fields."""
    problem = trainer.problem
    read = any(e.observed is not None and not e.inherited for e in problem.equations)
    changes = trainer.best if read else find_smooth_changes(problem, trainer.best)
    if changes.parameter_count > policy.most_parameters:
        return []
    normal = _equations(trainer, changes, sizes, policy)
    damped = next((d for d in map(normal.damped, policy.damping) if d is not None), None)
    if damped is None:
        return []
    chosen = np.random.default_rng(0).permutation(trainer.probes)[: policy.points]
    points = trainer.grid[np.sort(chosen)]
    fields = _field_jacobian(trainer, changes, points, sizes)
    solved = torch.stack([damped.solve(column) for column in fields.unbind(1)], 1)
    softest, directions = torch.linalg.eigh(fields.T @ solved)
    limit = policy.soft_of_network if read else policy.soft
    if not float(softest[-1]) > limit**-2:
        return []
    names = problem.unknowns
    parts = directions[:, -1].cpu().numpy().reshape(len(names), len(points))
    change = dict(zip(names, parts, strict=True))
    text = describe_direction(trainer, change, points)
    if not text:
        return []
    growth = _measure_growth(trainer, change, points)
    if growth > 1:
        text += f"; this one grows by e^{growth:.0f} over all times"
    return [Freedom(text, growth)]


def _measure_growth(trainer: Trainer, change: Mapping[str, Array], points: Array) -> float:
    """The exponent by which a change grows from the first time to the last, by its late part."""
    time = trainer.problem.domain.time
    if time is None:
        return 0.0
    at = points[:, trainer.problem.domain.names.index(time.name)]
    size = np.sqrt(np.sum([np.square(v) for v in change.values()], 0))
    late = size > _LATE * size.max()
    if late.sum() < 3 or np.ptp(at[late]) == 0:
        return 0.0
    rate = np.polyfit(at[late], np.log(size[late]), 1)[0]
    return float(rate * (time.upper - time.lower))


def _equations(
    trainer: Trainer, changes: Network, sizes: Mapping[str, float], policy: FreedomPolicy
) -> NormalEquations:
    """The linearised equations at even points, each divided by its largest term."""
    problem, session = trainer.problem, trainer.session
    count = policy.rows[min(problem.domain.dimension, len(policy.rows)) - 1]
    count = max(count, 3 * changes.parameter_count if changes is trainer.best else 0)
    sampler = Sampler(
        problem, trainer.ansatz, Sampling(points=count), session.seed, session.workers
    )
    rows = sampler.draw(changes).rows
    for each in rows:
        terms = measure_terms(each, problem, changes, sizes)
        even = torch.full_like(each.points[:, 0], len(each.points) ** -0.5)
        each.weights = tuple(even / size if size > 0 else 0 * even for size in terms)
    return ResidualSystem(changes, rows, session.workers).squares(changes.flat())


def _field_jacobian(
    trainer: Trainer, changes: Network, points: Array, sizes: Mapping[str, float]
) -> Tensor:
    """The relative fields at points by the changes, (P, fields * N), with unit mean square."""
    problem = trainer.problem
    region, at = Points(problem.domain, points), torch.from_numpy(points).to(changes.like)
    columns = []
    for name in problem.unknowns:
        symbol = problem.field_space.symbol(name).sympy
        term = EquationSet(problem, trainer.ansatz, [Equation(name, region, symbol, 1.0)])
        weight = torch.full_like(at[:, 0], 1 / (sizes[name] * len(points) ** 0.5))
        found = term.at(changes, at, [weight]).linearized(changes, slice(0, len(points)))
        jacobian = at.new_empty(changes.parameter_count, len(points))
        found.jet.jacobian(found.cotangents[0], jacobian)
        columns.append(jacobian)
    return torch.cat(columns, 1)
