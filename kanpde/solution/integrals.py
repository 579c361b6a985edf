"""The integrals that a problem asks for, of its solution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from kanpde.assembly.rows import EquationSet, bind
from kanpde.geometry.domain import Region
from kanpde.network.network import Network
from kanpde.problem.equations import Equation
from kanpde.problem.integrals import TracedIntegral
from kanpde.solution.solution import Solution

# Points of a quadrature, and those of the coarser one that its error is read from.
_POINTS, _FEWER = 20_000, 5_000


@dataclass(frozen=True)
class IntegralValue:
    """An integral, the error of its quadrature, and what it is where that is known."""

    value: float
    quadrature: float
    exact: float | None


def evaluate_integrals(solution: Solution) -> dict[str, IntegralValue]:
    """The integrals of a solution, by their names; parameters have their middle."""
    solution = solution.at_middle
    return {
        name: _evaluate(solution, name, traced)
        for name, traced in solution.problem.traced_integrals.items()
    }


def _evaluate(solution: Solution, name: str, traced: TracedIntegral) -> IntegralValue:
    sums = np.zeros(2)
    for piece in solution.pieces:
        for part in traced.region.parts:
            own = part.within(piece.domain) if len(solution.pieces) > 1 else part
            if own is None:
                continue
            equation = Equation(name, own, traced.expression, 1.0)
            term = EquationSet(solution.problem, piece.ansatz, [equation])
            sums += [_integrate(solution, term, piece.network, own, n) for n in (_POINTS, _FEWER)]
    return IntegralValue(float(sums[0]), float(abs(sums[0] - sums[1])), traced.exact)


def _integrate(
    solution: Solution, term: EquationSet, network: Network, region: Region, count: int
) -> float:
    sample = region.quadrature(count, 0)
    places = torch.from_numpy(sample.places(s.axis for s in term.normals))
    like = solution.network.like
    rows = bind(term, network, places.to(like))
    values = rows.residual(network).detach().cpu().numpy()[0]
    return float((values * sample.weights).sum())
