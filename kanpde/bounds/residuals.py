"""The largest residual of a solution, from both sides: of any equations, linear or not."""

from __future__ import annotations

from kanpde.bounds.approximation import Approximation
from kanpde.bounds.coefficients import cut_evenly
from kanpde.bounds.cover import find_cover
from kanpde.bounds.field_models import Boxes
from kanpde.bounds.supremum import (
    Deadline,
    Models,
    Report,
    SearchPolicy,
    Supremum,
    find_suprema,
)
from kanpde.errors import KanpdeError
from kanpde.problem.equations import Kind
from kanpde.solution.solution import Solution

# Parts of each axis to begin with, and the degree of the models, by the number of axes.
_PARTS = (32, 8, 4)
_DEGREES = (12, 10, 7)


def bound_residuals(
    solution: Solution, deadline: Deadline, report: Report, ratio: float = 1.5
) -> list[Supremum]:
    """Of each piece and interior equation; the search ends where upper <= ratio * lower.

    Empty where there are no enclosures: for more than three axes, several materials, sought laws,
    or a network or a function that is not analytic.
    """
    problem, domain = solution.problem, solution.problem.domain
    if domain.parameters or domain.dimension > 3 or problem.materials or problem.laws:
        return []
    laws = [e for e in solution.problem.equations if e.is_interior and e.kind is not Kind.DENSITY]
    found = []
    pairs = [(p, e) for p in solution.pieces for e in laws if e.observed is None]
    for k, (piece, equation) in enumerate(pairs):
        part = deadline.part(1 / (len(pairs) - k))
        try:
            approximation = Approximation(solution.problem, piece)
            found.append(_bound(approximation, equation.expression, part, report, ratio))
        except KanpdeError:
            return []
    return found


def _bound(
    approximation: Approximation, law: object, deadline: Deadline, report: Report, ratio: float
) -> Supremum:
    domain = approximation.piece.domain
    degree = _DEGREES[domain.dimension - 1]

    def evaluate(boxes: Boxes) -> Models:
        pair = approximation.evaluation(boxes, [law], degree)
        return Models({"residual": pair.plain.of(law)}, pair.network)

    policy = SearchPolicy(ratio=ratio, order=degree - 1.0)
    start = cut_evenly(domain, _PARTS[domain.dimension - 1])
    cover = find_cover(domain)
    return find_suprema(evaluate, start, "residual", deadline, report, policy, cover)["residual"]
