"""A solution in four lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kanpde.problem.problem import Problem
from kanpde.solution.measures import FieldError

if TYPE_CHECKING:
    from kanpde.solution.solution import Solution


def describe_solution(solution: Solution) -> str:
    """What was solved and where, how it ended, what it cost, and how large its error is."""
    problem = solution.problem
    ends = ", ".join(f"{a.name} in [{a.lower:g}, {a.upper:g}]" for a in problem.domain.axes)
    pieces = f"{len(solution.pieces)} networks, " if len(solution.pieces) > 1 else ""
    return "\n".join(
        [
            f"Solution of {problem.title or 'a problem'}: {', '.join(problem.names)} on {ends}",
            f"  {solution.outcome.status}: {solution.outcome.advice}",
            f"  {pieces}{solution.parameters} parameters, {solution.steps} steps, "
            f"{solution.seconds:.0f} s, seed {solution.seed}",
            f"  {_describe_error(problem, solution.errors, solution.estimate)}",
        ]
    )


def _describe_error(
    problem: Problem, errors: Mapping[str, FieldError], estimate: float | None
) -> str:
    reference = problem.reference
    if reference is not None and errors:
        shown = ", ".join(f"{n} {reference.shown(e.rel_l2)}" for n, e in errors.items())
        return f"relative L2 error: {shown} (against {reference.method})"
    if estimate is None:
        return "relative L2 error: not estimated yet"
    return f"estimated relative L2 error: {estimate:.1e} (an estimate: no reference is known)"
