"""Weights that balance the conditions of a problem against each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kanpde.assembly.system import ResidualSystem
from kanpde.problem.equations import Kind


@dataclass(frozen=True)
class BalancePolicy:
    """The range of the factor that a condition's weight is multiplied by."""

    low: float = 1e-2
    high: float = 1e5


BALANCE_POLICY = BalancePolicy()


def balance_factors(
    system: ResidualSystem, policy: BalancePolicy = BALANCE_POLICY
) -> dict[str, float]:
    """Factors for the weights, so that each condition has an equal trace in J J^T.

    The neural tangent kernel rule (Wang, Yu & Perdikaris, 2022, eq. 6.5); J is at hand. The result
    leaves out conditions that keep their weight.
    """
    norms: dict[str, float] = {}
    extended, inherited = set(), set()
    for rows, norm in zip(system.rows, system.squared_norms(), strict=True):
        equation = rows.term.equations[0]
        norms[equation.condition] = norms.get(equation.condition, 0.0) + norm
        if equation.kind in (Kind.DENSITY, Kind.PRIOR):
            continue  # a part of one sum, or not to be met: another weight is another problem
        if equation.inherited:
            inherited.add(equation.condition)
        elif not equation.is_interior and equation.region.dimension:
            # A gauge at one point is met with any weight; a large one only spoils the condition of
            # J^T J (Kovasznay: 1e-6 instead of 5e-8 after 90 steps).
            extended.add(equation.condition)
    largest = max((n for name, n in norms.items() if name not in inherited), default=0.0)
    # The initial values of a window of time are weighted without bounds: with bounds, in a time of
    # 1e-6 they fell below the damping, and a heat equation "converged" to an error of 0.24.
    factors = {n: largest / norms[n] for n in inherited if norms[n] > 0}
    for name in extended:
        if norms[name] > 0:
            factors[name] = float(np.clip(largest / norms[name], policy.low, policy.high))
    return factors
