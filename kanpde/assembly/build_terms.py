"""The terms of equations; equations on one region share points and jets."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.average import AverageTerm
from kanpde.assembly.density import DensityTerm
from kanpde.assembly.rows import EquationSet
from kanpde.assembly.terms import Term
from kanpde.problem.equations import Equation, Kind
from kanpde.problem.problem import Problem


def group_by_region(equations: Sequence[Equation]) -> list[list[Equation]]:
    """Equations by region, in order."""
    groups: dict[Hashable, list[Equation]] = {}
    for equation in equations:
        groups.setdefault(equation.region.key(), []).append(equation)
    return list(groups.values())


def build_terms(problem: Problem, ansatz: Ansatz, equations: Sequence[Equation]) -> list[Term]:
    """A term for squares, for priors and for means on each region, and one for each density."""
    apart = (Kind.DENSITY, Kind.AVERAGE, Kind.PRIOR)
    squares = [e for e in equations if e.kind not in apart]
    terms: list[Term] = [EquationSet(problem, ansatz, g) for g in group_by_region(squares)]
    priors = [e for e in equations if e.kind is Kind.PRIOR]
    terms += [EquationSet(problem, ansatz, g) for g in group_by_region(priors)]
    means = [e for e in equations if e.kind is Kind.AVERAGE]
    terms += [AverageTerm(problem, ansatz, g) for g in group_by_region(means)]
    terms += [DensityTerm(problem, ansatz, e) for e in equations if e.kind is Kind.DENSITY]
    return terms
