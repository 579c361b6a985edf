"""Bounds of the error of a solution: what theorems prove of it, within a budget."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from kanpde.bounds.by_characteristics import bound_by_characteristics
from kanpde.bounds.by_comparison import bound_by_comparison
from kanpde.bounds.by_energy import bound_by_energy
from kanpde.bounds.by_majorant import bound_by_majorant
from kanpde.bounds.by_spectrum import bound_by_spectrum
from kanpde.bounds.case import Case
from kanpde.bounds.certificate import Bound, Certificate, Refusal
from kanpde.bounds.laws import NotCovered
from kanpde.bounds.residuals import bound_residuals
from kanpde.bounds.setting import read_setting
from kanpde.bounds.supremum import Deadline, Report
from kanpde.checks import require_number
from kanpde.errors import KanpdeError
from kanpde.solution.solution import Solution


def certify(solution: Solution, budget: float = 60.0, report: Report | None = None) -> Certificate:
    """Bounds of the error of a solution that hold by a theorem, for exact arithmetic of its model.

    `report` is called with a few words at each step. Where no theorem applies the certificate says
    why. Raises KanpdeError for something else than a solution.
    """
    if not isinstance(solution, Solution):
        raise KanpdeError(f"certify needs a Solution, not {solution!r}")
    require_number("the budget of certify", budget, above=0)
    deadline, tell = Deadline(budget), report or (lambda _: None)
    begun = time.monotonic()
    bounds: list[Bound] = []
    refusals: list[Refusal] = []
    case: Case | None = None
    for name, theorem in THEOREMS.items():
        try:
            case = case or Case(solution, read_setting(solution.problem), deadline, tell)
            bounds += map(_require_finite, theorem(case))
        except KanpdeError as error:  # a theorem, a network or a function that is not covered
            refusals.append(Refusal(name, str(error)))
    residuals = [each.residual for each in case.refined.values()] if case else []
    if not residuals:
        residuals = bound_residuals(solution, deadline, tell)
    field = solution.problem.unknowns[0]
    true = solution.errors[field].max if field in solution.errors else None
    return Certificate(
        field, tuple(bounds), tuple(refusals), tuple(residuals), time.monotonic() - begun
    ).against(true)


def _require_finite(bound: Bound) -> Bound:
    """Raise NotCovered where the budget ended before there was a bound."""
    if not math.isfinite(bound.upper):
        raise NotCovered("the budget ended before the residual was bounded; give a larger one")
    return bound


THEOREMS: dict[str, Callable[[Case], list[Bound]]] = {
    "maximum principle": bound_by_comparison,
    "inf-sup by eigenvalues": bound_by_spectrum,
    "d'Alembert's formula": bound_by_characteristics,
    "dual norm of the residual": bound_by_energy,
    "functional majorant": bound_by_majorant,
}
