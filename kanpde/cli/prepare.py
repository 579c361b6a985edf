"""A problem file made ready for `solve` and `check`: its plan, its ansatz, and what is amiss."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kanpde.assembly.ansatz import Ansatz, build_ansatz
from kanpde.cli.checks import drop_missing
from kanpde.cli.messages import warn
from kanpde.errors import KanpdeError
from kanpde.network.partition_of_unity import require_blending
from kanpde.output.describe import describe
from kanpde.problem.loading import ProblemFile
from kanpde.training.plan import Plan, plan_of
from kanpde.training.stages.extend import Extend


@dataclass(frozen=True)
class Prepared:
    """A problem file, the plan to solve it by, and its ansatz under that plan."""

    file: ProblemFile
    plan: Plan
    ansatz: Ansatz


def prepare(
    file: ProblemFile,
    budget: float | None = None,
    tolerance: float | None = None,
    subdomains: tuple[int, ...] | None = None,
) -> Prepared:
    """The file with its own plan or the default one; what is not None replaces the plan's."""
    given = drop_missing(budget=budget, tolerance=tolerance, subdomains=subdomains)
    plan = replace(plan_of(file), **given)
    return Prepared(file, plan, build_ansatz(file.problem, enforce=plan.enforce))


def check_bases(prepared: Prepared) -> None:
    """Raise KanpdeError for a basis that lacks a derivative which some equation needs."""
    plan = prepared.plan
    jets = [s for e in prepared.ansatz.trained for s in e.jets]
    order = max((sum(s.index) for s in jets), default=0)
    if plan.subdomains is not None:
        require_blending(order)
    grown = [s.basis for s in plan.stages if isinstance(s, Extend) and s.basis is not None]
    for basis in (plan.basis, *grown):
        try:
            basis.require(order)
        except KanpdeError as error:
            raise KanpdeError(f"{prepared.file.path}: plan(): {error}") from error


def print_warnings(prepared: Prepared) -> None:
    """Print what is amiss with the conditions, as warnings."""
    for line in describe(prepared.file.problem, prepared.ansatz).warnings:
        warn(line)
