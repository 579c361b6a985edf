"""What noisy readings leave open: how far fields move with their noise.

No step sees it: a network that fits noisy readings best has an error of which nothing is left in
the residual. So readings are drawn again, by so much as the best fit misses them, and the damped
step of each draw is how far the fields move: the standard deviation of a least-squares fit. The
space is the network's own, which holds coefficient fields smooth: between readings the polynomials
of the richer space are free, and follow the noise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from kanpde.assembly.sampler import Sampler
from kanpde.assembly.system import ResidualSystem
from kanpde.network.network import Network
from kanpde.optim.block_normal import BlockNormal
from kanpde.optim.least_squares import gauss_newton
from kanpde.optim.normal import NormalEquations
from kanpde.solution.measures import root_mean_square
from kanpde.solution.sizes import relative_sizes
from kanpde.training.estimate import ESTIMATE_POLICY, Probe


@dataclass(frozen=True)
class NoisePolicy:
    """When readings are noisy, and how often they are drawn again."""

    # The misfit after a Gauss-Newton step, relative to the readings, and the part of the misfit
    # before it: what a step removes was not noise.
    least: float = 1e-6
    stays: float = 0.5
    # A smaller misfit may be what the network cannot follow: a reaction rate that was off by 2.7 %
    # missed exact readings by 2e-6, which as noise would move it by 0.18 %.
    certain: float = 1e-4
    draws: int = 20
    # As small as the number of free rows is taken, as a share of the rows.
    least_free: float = 0.1
    # The damping of the network's own step (`EstimatePolicy.damping`). Of a source in a heat
    # equation, from readings with 2 %, the error was 0.07 to 0.15 and the deviation 0.11 to 0.21;
    # by 1e-13 the latter grew to 0.33, since soft directions follow the noise.
    damping: float = ESTIMATE_POLICY.damping


NOISE_POLICY = NoisePolicy()


@dataclass(frozen=True)
class Scatter:
    """The relative noise of readings by field, and how far it moves each field, relative."""

    noise: Mapping[str, float] = field(default_factory=dict)
    fields: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_noise(self) -> bool:
        """Whether readings miss so much that nothing but noise explains it."""
        return bool(self.fields) and max(self.noise.values()) > NOISE_POLICY.certain

    def describe(self, name: str) -> str:
        """A sentence on a field."""
        noise = " and ".join(f"{100 * e:.2g}% of {n}" for n, e in self.noise.items())
        return (
            f"the readings, with a noise of {noise}, determine {name} only to "
            f"{100 * self.fields[name]:.2g}% of its size"
        )


def measure_scatter(
    network: Network, sampler: Sampler, probe: Probe, policy: NoisePolicy = NOISE_POLICY
) -> Scatter:
    """How far the noise of readings moves each field; nothing where there is no noise."""
    equations = [e for t in sampler.terms for e in t.equations]
    if not any(e.observed is not None and not e.inherited for e in equations):
        return Scatter()
    system = sampler.draw(network)
    normal = system.normal(network.flat())
    if not isinstance(normal, NormalEquations | BlockNormal):
        return Scatter()
    found = gauss_newton(normal, policy.damping)
    if found is None:
        return Scatter()
    before = normal.residual
    left = before + normal.push(found[0])
    noise: dict[str, float] = {}
    deviations = torch.zeros_like(before)
    for name, size, weights, places in _find_readings(system):
        misfit, after = float(before[places].norm()), float(left[places].norm())
        relative = after / float(weights.norm()) / size
        if relative > policy.least and after > policy.stays * misfit:
            noise[name] = max(relative, noise.get(name, 0.0))
            deviations[places] = after / len(places) ** 0.5
    if not noise:
        return Scatter()
    moved = _move(network, normal, probe, deviations, policy)
    return Scatter(noise, moved)


def _move(
    network: Network,
    normal: NormalEquations | BlockNormal,
    probe: Probe,
    deviations: Tensor,
    policy: NoisePolicy,
) -> dict[str, float]:
    """The relative standard deviation of each field by those of the rows, (n,)."""
    damped = normal.damped(policy.damping)
    if damped is None:
        return {}
    rng = torch.Generator().manual_seed(0)
    squares, fitted, rows = dict.fromkeys(probe.names, 0.0), 0.0, deviations > 0
    for _ in range(policy.draws):
        signs = 2.0 * torch.randint(0, 2, deviations.shape, generator=rng).to(deviations) - 1
        drawn = signs * deviations
        step = damped.solve(normal.pull(drawn))
        change = probe.change(network, step.to(network.like))
        for name, values in change.items():
            squares[name] += root_mean_square(probe.problem, name, values) ** 2 / policy.draws
        # The rows that the fit uses up: its misfit is smaller than the noise.
        fitted += float((signs * normal.push(step))[rows].div(deviations[rows]).sum())
    free = 1 - fitted / policy.draws / float(rows.sum())
    factor = 1 / math.sqrt(max(free, policy.least_free))
    fields = probe.values(network)
    sizes = relative_sizes(
        probe.problem, {n: root_mean_square(probe.problem, n, v) for n, v in fields.items()}
    )
    return {n: factor * math.sqrt(s) / sizes[n] for n, s in squares.items()}


def _find_readings(system: ResidualSystem) -> list[tuple[str, float, Tensor, Tensor]]:
    """Of each set of readings: what is read, its size, its weights (m,) and its places (m,)."""
    found = []
    for rows, places in zip(system.rows, system.places(), strict=True):
        for k, equation in enumerate(rows.term.equations):
            if equation.observed is None or equation.inherited:
                continue
            read = torch.as_tensor(equation.observed)
            size = float(read.square().mean().sqrt()) or 1.0
            found.append((equation.jets[0].name, size, rows.weights[k], places[k]))
    return found
