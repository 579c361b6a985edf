"""What to try where one network leads nowhere: networks in overlapping parts of space."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kanpde.assembly.ansatz import Ansatz
from kanpde.network.cover import SMOOTHNESS
from kanpde.network.kan import KANArchitecture
from kanpde.problem.equations import Kind
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import Role
from kanpde.training.cost import estimate_costs
from kanpde.training.plan import Plan


@dataclass(frozen=True)
class SuggestionPolicy:
    """When subdomains are suggested, and how many."""

    # Above this estimate a run is far from a solution.
    far: float = 0.1
    # Cells along each axis, by the number of axes of space.
    cells: tuple[int, ...] = (0, 6, 4, 2)
    # Helmholtz's equation with 20 half waves along each side has an error of 0.14 after 30 steps
    # of 4 by 4 cells, and of 1.1e-3 after 60.
    steps: int = 60


SUGGESTION_POLICY = SuggestionPolicy()


def suggest_subdomains(
    problem: Problem, plan: Plan, ansatz: Ansatz, policy: SuggestionPolicy = SUGGESTION_POLICY
) -> str:
    """A sentence for a plan of one network; empty where subdomains do not apply or take too long.

    They need derivatives of order four at most, and equations without energies or unknowns that are
    the same everywhere.
    """
    space = [axis for axis in problem.domain.axes if axis.role is Role.SPACE]
    order = max((sum(jet.index) for e in ansatz.trained for jet in e.jets), default=0)
    dense = any(e.kind is Kind.DENSITY for e in ansatz.trained)
    sought = problem.numbers or problem.sought or problem.laws
    other = plan.network is not None and not isinstance(plan.network, KANArchitecture)
    if plan.subdomains is not None or other or dense or sought or order > SMOOTHNESS:
        return ""
    if not 0 < len(space) < len(policy.cells):
        return ""
    counts = (policy.cells[len(space)],) * len(space)
    cost = estimate_costs(problem, replace(plan, subdomains=counts), ansatz)[0]
    if policy.steps * cost.seconds > plan.budget:
        return ""
    return (
        "if the answer has many waves, networks in overlapping parts of "
        f"space may find it: --subdomains {','.join(map(str, counts))} takes about "
        f"{cost.seconds:.1g} s a step on one core"
    )
