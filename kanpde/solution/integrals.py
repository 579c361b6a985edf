"""The integrals that a problem asks for, of its solution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.assembly.rows import BoundRows, EquationSet, bind
from kanpde.geometry.domain import Region
from kanpde.network.network import Network
from kanpde.problem.equations import Equation
from kanpde.problem.integrals import TracedIntegral
from kanpde.solution.solution import Solution

# Points of a quadrature, and those of the coarser one that its error is read from.
_POINTS, _FEWER = 20_000, 5_000


@dataclass(frozen=True)
class IntegralValue:
    """An integral, the errors of its quadrature and of readings, and what it is where known."""

    value: float
    quadrature: float
    exact: float | None
    # Its standard deviation by the noise of the readings, where that is known.
    deviation: float | None = None


def evaluate_integrals(solution: Solution) -> dict[str, IntegralValue]:
    """The integrals of a solution, by their names; parameters have their middle."""
    solution = solution.at_middle
    return {
        name: _evaluate(solution, name, traced)
        for name, traced in solution.problem.traced_integrals.items()
    }


def _evaluate(solution: Solution, name: str, traced: TracedIntegral) -> IntegralValue:
    sums = np.zeros(2)
    spread = solution.spread
    slopes = None if spread is None else np.zeros(spread.shape[1])
    for piece in solution.pieces:
        for part in traced.region.parts:
            own = part.within(piece.domain) if len(solution.pieces) > 1 else part
            if own is None:
                continue
            equation = Equation(name, own, traced.expression, 1.0)
            term = EquationSet(solution.problem, piece.ansatz, [equation])
            sums += [_integrate(solution, term, piece.network, own, n) for n in (_POINTS, _FEWER)]
            if spread is not None and slopes is not None and piece is solution.pieces[-1]:
                slopes += _change(solution, term, piece.network, own, spread)
    deviation = None if slopes is None else float(np.linalg.norm(slopes))
    return IntegralValue(float(sums[0]), float(abs(sums[0] - sums[1])), traced.exact, deviation)


def _change(
    solution: Solution, term: EquationSet, network: Network, region: Region, spread: Tensor
) -> Array:
    """What each column (P,) of the spread changes an integral by, (c,): the delta method."""
    rows, weights = _bind(solution, term, network, region, _FEWER)
    columns = spread.to(network.like)
    total = columns.new_zeros(columns.shape[1])
    for block in rows.blocks:
        found = rows.linearized(network, block)
        jacobian = columns.new_empty(network.parameter_count, len(rows.points[block]))
        found.jet.jacobian(found.cotangents[0], jacobian)
        total += columns.T @ (jacobian @ weights[block])
    return np.asarray(total.cpu().numpy())


def _integrate(
    solution: Solution, term: EquationSet, network: Network, region: Region, count: int
) -> float:
    rows, weights = _bind(solution, term, network, region, count)
    return float((rows.residual(network).detach()[0] * weights).sum())


def _bind(
    solution: Solution, term: EquationSet, network: Network, region: Region, count: int
) -> tuple[BoundRows, Tensor]:
    """An integrand at the points of a quadrature, and their weights (N,)."""
    sample = region.quadrature(count, 0)
    places = torch.from_numpy(sample.places(s.axis for s in term.normals))
    like = solution.network.like
    return bind(term, network, places.to(like)), torch.from_numpy(sample.weights).to(like)
