"""How far a network is from the solution, without a reference.

With the error e = u - u_exact and L the equations linearised at u, L e is the residual r, to first
order. A Gauss-Newton step solves this in least squares, and its size is that of e. A look measures
the step of the network itself, whose normal equations the next step of training uses as well. At
the end, and where that says that the tolerance is reached, the step is taken in a richer space: the
network and polynomials (`enrich`), so that what training has used up does not limit it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

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
from kanpde.network.enriched import enrich
from kanpde.network.lawful import Lawful
from kanpde.network.network import Network
from kanpde.network.patchwork import Patchwork
from kanpde.optim.least_squares import gauss_newton
from kanpde.optim.normal import NormalEquations
from kanpde.optim.orthogonal import orthogonal_step
from kanpde.optim.protocols import Equations
from kanpde.problem.equations import Equation
from kanpde.problem.problem import Problem
from kanpde.solution.errors_along import ErrorsAlong
from kanpde.solution.measures import root_mean_square
from kanpde.solution.sizes import relative_sizes


@dataclass(frozen=True)
class EstimatePolicy:
    """The step that is measured, and the space in which it is taken."""

    # The damping in the network's own space. At 1e-8 a pendulum on a wrong branch was estimated 10
    # times too near, at 1e-10 a Poisson solution 5 times too far: soft directions then follow
    # single points.
    damping: float = 1e-9
    # In the richer space, by orthogonal transformations. On 22 problems, each stopped five times,
    # estimates by 1e-16 to 1e-20 were nowhere further from the errors than by 1e-11, and nearer
    # where training had ended (2.5 times the error became 1.0). A front that the equations hardly
    # hold in place, 0.67 off, was estimated as 7e-4 by 1e-11, 1e-3 by 1e-13, 0.09 by 1e-16 and 0.13
    # from 1e-18 on.
    rich_damping: float = 1e-18
    # The largest network and polynomials for that: 5 s of one core. Beyond, and for energies, the
    # step is that of the normal equations, with a damping that they bear.
    most_orthogonal: int = 1500
    normal_damping: float = 1e-11
    # Polynomials that are added, for all fields. The Gauss-Newton step on 370 parameters then takes
    # as long as four steps of training.
    polynomials: int = 400
    # A second step is taken where the first one is smaller: beyond, it leads nowhere.
    most_curved: float = 0.5
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
    # The same at values of each parameter, by its name.
    along: Mapping[str, ErrorsAlong] = field(default_factory=dict)

    def worse(self, other: ErrorEstimate) -> ErrorEstimate:
        """For each field the larger one."""
        fields = {n: max(e, other.fields.get(n, e)) for n, e in self.fields.items()}
        factors = {n: fields[n] / e if e > 0 else 1.0 for n, e in self.fields.items()}
        return ErrorEstimate(fields, {n: e.scaled(factors) for n, e in self.along.items()})

    @property
    def largest(self) -> float | None:
        """That of the worst field; None where nothing is known."""
        return max(self.fields.values(), default=None)


UNKNOWN = ErrorEstimate()
Step = Callable[[Equations], "tuple[Tensor, float] | None"]
# A field that is alone and that its step all but removes keeps this part of its size.
_LEAST_PART = 0.1
# Parts of a parameter's range whose errors are estimated, and the fewest points of one.
_PARTS, _FEWEST = 8, 20


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


@dataclass(frozen=True)
class Change:
    """What a step adds to the fields at points, each (N,), a factor for its size, and the step."""

    fields: Mapping[str, Array]
    factor: float
    move: Tensor


def _own_step(normal: Equations) -> tuple[Tensor, float] | None:
    """A Gauss-Newton step in the network's own space."""
    return gauss_newton(normal, ESTIMATE_POLICY.damping)


def rich_step(
    normal: Equations, policy: EstimatePolicy = ESTIMATE_POLICY
) -> tuple[Tensor, float] | None:
    """A Gauss-Newton step in a richer space, and the share of the loss that it leaves."""
    if isinstance(normal, NormalEquations) and normal.size <= policy.most_orthogonal:
        return orthogonal_step(normal, policy.rich_damping)
    return gauss_newton(normal, policy.normal_damping)


def newton_change(
    network: Network,
    normal: Equations,
    probe: Probe,
    step: Step = _own_step,
    policy: EstimatePolicy = ESTIMATE_POLICY,
) -> Change | None:
    """What one Gauss-Newton step adds to the fields at the points, and a factor for its size.

    The share s of the loss that remains after the step is a rougher part of the error: the factor
    is (1 - s)^(-1/4). None where the step is not defined.
    """
    found = step(normal)
    if found is None or not bool(found[0].isfinite().all()):
        return None
    move, left = found
    change = probe.change(network, move.to(network.like))
    if not all(np.isfinite(c).all() for c in change.values()):
        return None
    return Change(change, max(1.0 - left, policy.least_seen) ** -0.25, move)


def newton_estimate(
    network: Network,
    normal: Equations,
    probe: Probe,
    before: Mapping[str, Array],
    step: Step = _own_step,
) -> ErrorEstimate:
    """The relative L2 error of each field of `network`, by one Gauss-Newton step.

    `normal` must come from points that no step has seen; `before` are the fields of `network` at
    the probe's points. Nothing is known where the step is not defined.
    """
    found = newton_change(network, normal, probe, step)
    if found is None:
        return UNKNOWN
    return _errors_at(probe, before, found.fields, found.factor)


def _errors_at(
    probe: Probe, before: Mapping[str, Array], change: Mapping[str, Array], factor: float
) -> ErrorEstimate:
    """The relative errors of the probe's points, in all and along parameters."""
    whole = relative_errors(probe.problem, before, change, factor)
    return replace(whole, along=_errors_along(probe, before, change, factor))


def _errors_along(
    probe: Probe, before: Mapping[str, Array], change: Mapping[str, Array], factor: float
) -> dict[str, ErrorsAlong]:
    """The relative errors of the probe's points by the value of each parameter, in equal parts."""
    problem = probe.problem
    found = {}
    for axis in problem.domain.parameters:
        column = probe.points[:, problem.domain.names.index(axis.name)]
        edges = axis.place(np.linspace(0, 1, _PARTS + 1))
        part = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, _PARTS - 1)
        values, errors = [], []
        for k in range(_PARTS):
            own = part == k
            if own.sum() >= _FEWEST:
                values.append(float(axis.place(np.array([(k + 0.5) / _PARTS]))[0]))
                here, moved = ({n: v[own] for n, v in g.items()} for g in (before, change))
                errors.append(relative_errors(problem, here, moved, factor).fields)
        if values:
            fields = {n: tuple(e[n] for e in errors) for n in errors[0]}
            found[axis.name] = ErrorsAlong(tuple(values), fields)
    return found


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
) -> Network:
    """The network with polynomials of the axes that each field depends on, in each material."""
    names = problem.domain.names
    supports = [
        [names.index(axis) for axis in problem.field_space.support[n]] for n in problem.unknowns
    ]
    order = max(sum(jet.index) for equation in problem.equations for jet in equation.jets)
    if isinstance(network, Lawful):
        supports = supports[: network.network.outputs]
        return network.around(enrich(network.network, supports, policy.polynomials, order))
    if isinstance(network, Patchwork):
        each = policy.polynomials // len(network.members)
        return network.map(lambda member: enrich(member, supports, each, order))
    return enrich(network, supports, policy.polynomials, order)


def rich_estimates(
    network: Network,
    sampler: Sampler,
    probe: Probe,
    policy: EstimatePolicy = ESTIMATE_POLICY,
) -> Iterator[ErrorEstimate]:
    """The relative L2 error of each field, by one and then by two Gauss-Newton steps.

    The steps are taken in a richer space, each as long as several steps of training. The second one
    starts where the first one leads, from fresh points. It shows what the first one got wrong: by
    the points that it had, and by the curvature of nonlinear equations. Nothing comes for networks
    that are too large for it, and no second estimate where the first step leads nowhere.
    """
    if network.parameter_count > policy.most_parameters:
        return
    rich = enrich_for(probe.problem, copy.deepcopy(network), policy)
    before = probe.values(network)
    theta = rich.flat()
    normal = sampler.draw(rich).normal(theta)
    first = newton_change(rich, normal, probe, rich_step)
    if first is None:
        return
    found = _errors_at(probe, before, first.fields, first.factor)
    yield found
    if not (found.largest or 0.0) < policy.most_curved:
        return
    rich.load_flat(theta + first.move.to(theta))
    again = sampler.draw(rich).normal(rich.flat())
    second = newton_change(rich, again, probe, rich_step) if again.loss < normal.loss else None
    if second is None:
        return
    after = probe.values(rich)
    total = {n: after[n] + second.fields[n] - v for n, v in before.items()}
    yield found.worse(_errors_at(probe, before, total, first.factor))
