"""A network for the flux of a solution, by the same least squares as the solution itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
import torch

from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.rows import EquationSet
from kanpde.assembly.system import ResidualSystem
from kanpde.bounds.approximation import Approximation
from kanpde.bounds.supremum import Deadline
from kanpde.geometry.points import Points
from kanpde.network.bases import Chebyshev
from kanpde.network.coordinates import Coordinates
from kanpde.network.kan import KAN
from kanpde.optim.minimise import Quiet, minimise
from kanpde.problem.conditions.condition import Condition
from kanpde.problem.equations import Equation
from kanpde.problem.problem import Problem
from kanpde.solution.pieces import Piece
from kanpde.symbols.expression import Expression, FieldSymbol, exact_number


@dataclass(frozen=True)
class FluxPolicy:
    """The network of a flux and its training."""

    widths: tuple[int, ...] = (8, 8)
    degree: int = 6
    points: int = 1500
    # Steps between looks at the clock, and in all.
    steps: int = 10
    most: int = 120
    # How much more the balance counts than the size of the field: the majorant is their sum, and
    # the least sum of squares would leave both of one size.
    balance: float = 4.0
    seed: int = 0


FLUX_POLICY = FluxPolicy()


@dataclass(frozen=True)
class Flux:
    """Fields p_1, ..., p_d on a box, and the symbols that stand for them.

    `size` is that of the residual which their divergence shall have.
    """

    approximation: Approximation
    symbols: tuple[FieldSymbol, ...]
    size: float

    @property
    def divergence(self) -> Any:
        """The sum of d q_i / d x_i."""
        return sum(
            q.raised(axis.name)
            for q, axis in zip(self.symbols, self.approximation.problem.domain.axes, strict=True)
        )


def train_flux(
    approximation: Approximation,
    residual: Any,
    weight: float,
    deadline: Deadline,
    policy: FluxPolicy = FLUX_POLICY,
) -> Flux:
    """A small vector field p with div p near the residual, `weight` times as important as p = 0.

    The residual is an expression of the coordinates and of the derivatives of the field.
    """
    domain = approximation.piece.domain
    names = [f"p{k}" for k in range(domain.dimension)]
    symbols = tuple(FieldSymbol(n, domain.names, (0,) * domain.dimension) for n in names)
    divergence = sum(s.raised(a.name) for s, a in zip(symbols, domain.axes, strict=True))
    law = Condition("divergence", domain.interior, lambda: Expression(sympy.sympify(divergence)))
    closed = [c for c in approximation.problem.conditions if c.periodic_axis is not None]
    problem = Problem(domain, names, [law, *closed])
    network = _build_network(problem, policy)
    points = domain.interior.sample(policy.points, policy.seed).points
    aim = approximation.values(residual, points)
    # The field is of the size of the residual, and the network of the size of one.
    scale = max(float(np.sqrt(np.mean(aim**2))) * weight, 1e-300)
    lift, mask = dict.fromkeys(names, sympy.Integer(0)), dict.fromkeys(names, exact_number(scale))
    ansatz = Ansatz(lift, mask, (), ())
    aims = [aim, *(np.zeros_like(aim) for _ in names)]
    weights = [policy.balance * weight / scale, *(1 / scale for _ in names)]
    region = Points(domain, points)
    equations = [
        Equation("flux", region, e, 1.0, observed=a)
        for e, a in zip((divergence, *symbols), aims, strict=True)
    ]
    even = len(points) ** -0.5
    rows = [torch.full((len(points),), even * w, dtype=torch.float64) for w in weights]
    terms = EquationSet(problem, ansatz, equations)
    system = ResidualSystem(network, [terms.at(network, torch.from_numpy(points), rows)])
    _train(network, system, deadline, policy)
    size = float(np.sqrt(np.mean(aim**2)))
    return Flux(Approximation(problem, Piece(domain, ansatz, network)), symbols, size)


def _build_network(problem: Problem, policy: FluxPolicy) -> KAN:
    domain = problem.domain
    lower, upper = domain.bounds
    periodic = tuple(n in problem.periodic for n in domain.names)
    coordinates = Coordinates(tuple(map(float, lower)), tuple(map(float, upper)), periodic)
    basis, outputs = Chebyshev(policy.degree), len(problem.unknowns)
    generator = torch.Generator().manual_seed(policy.seed)
    return KAN(coordinates, policy.widths, outputs, basis, generator=generator)


def _train(network: KAN, system: ResidualSystem, deadline: Deadline, policy: FluxPolicy) -> None:
    theta, loss = network.flat(), np.inf
    for _ in range(policy.most // policy.steps):
        found = minimise(system, theta, Quiet(policy.steps, 1e-3, 3))
        theta = found.theta
        if deadline.left <= 0 or not found.loss < 0.95 * loss:
            break
        loss = found.loss
    network.load_flat(theta)
