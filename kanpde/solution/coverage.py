"""Where the equations of the interior say anything: not where `where(inside, law, 0)` is zero.

A disc in a box was solved to 8e-9 inside; what the network does outside was estimated as 6e-4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.assembly.lift import evaluate_at
from kanpde.problem.equations import Kind
from kanpde.problem.problem import Problem

_BRANCHING = (sympy.Piecewise, sympy.Heaviside)


def find_covered(problem: Problem, points: Array) -> Array:
    """Which of the points (N, dimension) an equation of the interior depends on fields at, bool.

    All of them where there are equations without branches, or where none is covered.
    """
    inside = [e for e in problem.equations if e.is_interior]
    if any(e.kind is Kind.DENSITY or not e.expression.has(*_BRANCHING) for e in inside):
        return np.ones(len(points), bool)
    slopes: list[Any] = []
    for equation in inside:
        # At values that no equation has by chance.
        values = {jet: sympy.Float(0.3 + 0.1 * k) for k, jet in enumerate(equation.jets)}
        slopes += [equation.expression.diff(jet).xreplace(values) for jet in equation.jets]
    with np.errstate(all="ignore"):
        found = np.stack(evaluate_at(problem.domain, slopes, points))
    covered = np.asarray((found != 0).any(0))
    return covered if covered.any() else np.ones(len(points), bool)
