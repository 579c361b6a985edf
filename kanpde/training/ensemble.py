"""Several solves of one problem, from several seeds."""

from __future__ import annotations

from typing import Any

from kanpde.checks import require_whole
from kanpde.problem.problem import Problem
from kanpde.solution.ensemble import Ensemble
from kanpde.training.plan import Plan
from kanpde.training.solve import solve

_MOST = 1000


def solve_ensemble(
    problem: Problem, plan: Plan | None = None, *, seeds: int = 5, seed: int = 0, **options: Any
) -> Ensemble:
    """Solve a problem `seeds` times, with the seeds `seed`, `seed + 1`, ...; an ensemble.

    One after the other, each with all threads and the whole budget of the plan. Further options are
    those of `kanpde.solve`. Raises KanpdeError for fewer than two seeds, and as `solve`.
    """
    require_whole("seeds", seeds, 2, _MOST)
    require_whole("seed", seed, 0)
    return Ensemble(tuple(solve(problem, plan, seed=seed + k, **options) for k in range(seeds)))
