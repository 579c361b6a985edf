"""How far a network is from the solution, without a reference.

With the error e = u - u_exact and L the equations linearised at u, L e is the residual r, to first
order. A Gauss-Newton step solves this in least squares, and its size is that of e. A look measures
the step of the network itself, whose normal equations the next step of training uses as well. At
the end, and where that says that the tolerance is reached, the step is taken in a richer space: the
network and polynomials (`enrich`), so that what training has used up does not limit it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.evaluator import move_inside
from kanpde.assembly.rows import BoundRows, EquationSet
from kanpde.assembly.sampler import Sampler
from kanpde.assembly.workers import SERIAL, Workers
from kanpde.geometry.points import Points
from kanpde.network.enriched import Enriched, enrich
from kanpde.network.network import Network
from kanpde.optim.least_squares import gauss_newton
from kanpde.optim.protocols import Equations
from kanpde.problem.equations import Equation
from kanpde.problem.problem import Problem
from kanpde.solution.measures import root_mean_square
from kanpde.solution.sizes import relative_sizes


@dataclass(frozen=True)
class EstimatePolicy:
    """The step that is measured, and the space in which it is taken."""

    # The damping in the network's own space. At 1e-8 a pendulum on a wrong branch was estimated 10
    # times too near, at 1e-10 a Poisson solution 5 times too far: soft directions then follow
    # single points.
    damping: float = 1e-9
    # In the richer space.
    rich_damping: float = 1e-11
    # Polynomials that are added, for all fields. The Gauss-Newton step on 370 parameters then takes
    # as long as four steps of training.
    polynomials: int = 400
    # The largest network for that: with 30,000 parameters the dense matrix took 15 GB.
    most_parameters: int = 3000
    # The largest part of the loss that a step may leave for the size of the rest to be inferred.
    least_seen: float = 1e-4


ESTIMATE_POLICY = EstimatePolicy()
# Of the step of an energy, from that of residuals on: its quadrature has an error of its own.
DAMPINGS = (ESTIMATE_POLICY.damping, 1e-7)


@dataclass(frozen=True)
class ErrorEstimate:
    """The estimated relative L2 error of each field."""

    fields: Mapping[str, float] = field(default_factory=dict)

    @property
    def largest(self) -> float | None:
        """That of the worst field; None where nothing is known."""
        return max(self.fields.values(), default=None)


UNKNOWN = ErrorEstimate()
# A field that is alone and that its step all but removes keeps this part of its size.
_LEAST_PART = 0.1


class Probe:
    """Where an error is estimated: fields, or derivatives such as "u_t", at points."""

    def __init__(
        self,
        problem: Problem,
        ansatz: Ansatz,
        points: Array,
        names: Sequence[str] = (),
        workers: Workers = SERIAL,
    ) -> None:
        self.problem, self.names, self.workers = problem, tuple(names) or problem.unknowns, workers
        self.points = points = move_inside(points, problem)
        region, space = Points(problem.domain, points), problem.field_space
        equations = [Equation(n, region, space.derivative(n), 1.0) for n in self.names]
        self._term = EquationSet(problem, ansatz, equations)

    def _bind(self, network: Network) -> BoundRows:
        at = torch.from_numpy(self.points).to(network.like)
        ones = torch.ones_like(at[:, 0])
        return self._term.at(network, at, [ones] * len(self.names), self.workers)

    def values(self, network: Network) -> dict[str, Array]:
        """The fields of a network, each (N,)."""
        found = self._bind(network).residual(network).cpu().numpy()
        return dict(zip(self.names, found, strict=True))

    def change(self, network: Network, step: Tensor) -> dict[str, Array]:
        """What a small step (P,) of the parameters adds to the fields, by their Jacobian.

        By a difference of fields a soft direction of size one, of which the step of a rich space
        has many, was seen as 1e-4 of the fields where they were good to 1e-9.
        """
        rows = self._bind(network)

        def block(at: slice) -> Tensor:
            found = rows.linearized(network, at)
            jacobian = step.new_empty(network.parameter_count, len(rows.points[at]))
            parts = []
            for cotangent in found.cotangents:
                found.jet.jacobian(cotangent, jacobian)
                parts.append(step @ jacobian)
            return torch.stack(parts)

        changes = torch.cat(self.workers.map(block, rows.blocks), 1).cpu().numpy()
        return dict(zip(self.names, changes, strict=True))


def newton_change(
    network: Network,
    normal: Equations,
    probe: Probe,
    damping: float = ESTIMATE_POLICY.damping,
    policy: EstimatePolicy = ESTIMATE_POLICY,
) -> tuple[dict[str, Array], float] | None:
    """What one Gauss-Newton step adds to the fields at the points, (N,), and a factor for its size.

    The share s of the loss that remains after the step is a rougher part of the error: the factor
    is (1 - s)^(-1/4). None where the step is not defined.
    """
    found = gauss_newton(normal, damping)
    if found is None or not bool(found[0].isfinite().all()):
        return None
    step, left = found
    change = probe.change(network, step.to(network.like))
    if not all(np.isfinite(c).all() for c in change.values()):
        return None
    return change, max(1.0 - left, policy.least_seen) ** -0.25


def newton_estimate(
    network: Network,
    normal: Equations,
    probe: Probe,
    before: Mapping[str, Array],
    damping: float = ESTIMATE_POLICY.damping,
) -> ErrorEstimate:
    """The relative L2 error of each field of `network`, by one Gauss-Newton step.

    `normal` must come from points that no step has seen; `before` are the fields of `network` at
    the probe's points. Nothing is known where the step is not defined.
    """
    found = newton_change(network, normal, probe, damping)
    if found is None:
        return UNKNOWN
    change, factor = found
    return relative_errors(probe.problem, before, change, factor)


def relative_errors(
    problem: Problem, before: Mapping[str, Array], change: Mapping[str, Array], factor: float = 1.0
) -> ErrorEstimate:
    """The sizes of changes, relative to those of the fields with the change, the best known ones.

    Relative to the fields without it, a layer of which training had found a tenth was estimated
    seven times too far off, and v in a channel, which is all error, as 69 %.
    """
    own = {n: root_mean_square(problem, n, v) for n, v in before.items()}
    mended = {n: root_mean_square(problem, n, before[n] + change[n]) for n in own}
    sizes = relative_sizes(problem, mended)
    return ErrorEstimate(
        {
            n: root_mean_square(problem, n, c) * factor / max(sizes[n], _LEAST_PART * own[n])
            for n, c in change.items()
        }
    )


def enrich_for(
    problem: Problem, network: Network, policy: EstimatePolicy = ESTIMATE_POLICY
) -> Enriched:
    """The network with polynomials of the axes that each field depends on."""
    names = problem.domain.names
    supports = [
        [names.index(axis) for axis in problem.field_space.support[n]] for n in problem.unknowns
    ]
    order = max(sum(jet.index) for equation in problem.equations for jet in equation.jets)
    return enrich(network, supports, policy.polynomials, order)


def rich_estimate(
    network: Network,
    sampler: Sampler,
    probe: Probe,
    policy: EstimatePolicy = ESTIMATE_POLICY,
) -> ErrorEstimate:
    """The relative L2 error of each field, by a Gauss-Newton step in a richer space.

    Nothing is known for networks that are too large for it.
    """
    if network.parameter_count > policy.most_parameters:
        return UNKNOWN
    rich = enrich_for(probe.problem, network, policy)
    normal = sampler.draw(rich).normal(rich.flat())
    return newton_estimate(rich, normal, probe, probe.values(network), policy.rich_damping)
