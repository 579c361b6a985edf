"""What a plan takes: parameters, rows, seconds a step and memory, before anything is built."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.build_terms import group_by_region
from kanpde.assembly.network_for import coordinates_of, cut_along
from kanpde.assembly.sampling import ROW_POLICY, RowPolicy
from kanpde.errors import KanpdeError
from kanpde.network.jet import JetSet
from kanpde.network.kan import KANArchitecture
from kanpde.network.partition_of_unity import Subdomains
from kanpde.network.separable import LowRank
from kanpde.problem.equations import Equation, Kind
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import jets_in
from kanpde.training.plan import Plan
from kanpde.training.stages.extend import Extend


@dataclass(frozen=True)
class CostPolicy:
    """What a step does, as counted and measured on one core."""

    # Products in a second, of one core of the machine that the others were measured on: another
    # machine is faster or slower by a factor, and what is printed is the same everywhere.
    rate: float = 2.5e10
    # A step factorises J^T J so often, and evaluates the residual so often, looks included.
    factors: float = 1.3
    evaluations: float = 6.0
    # Seconds for an entry of J and each jet, and for such an entry in an evaluation.
    entry: float = 1.2e-9
    evaluated: float = 0.3e-9
    # A tanh network goes through autograd.
    autograd: float = 8.0
    # Seconds for each term, whatever its size.
    term: float = 0.01
    # Vectors of the parameters' size: weights, the best, steps, copies.
    vectors: int = 12
    # Copies of J and of a matrix that is factorised, bytes for a coordinate of a held-out point,
    # and what libraries take.
    jacobians: int = 2
    matrices: int = 3
    point: int = 400
    libraries: float = 8e7
    # A plan may take this part of the machine's memory, and this many times its budget for a step.
    memory: float = 0.9
    slow: float = 100.0


COST_POLICY = CostPolicy()


@dataclass(frozen=True)
class Cost:
    """Of one step: the parameters, the rows, seconds, and bytes at the peak."""

    parameters: int
    rows: int
    seconds: float
    bytes: float


def estimate_costs(
    problem: Problem, plan: Plan, ansatz: Ansatz, policy: CostPolicy = COST_POLICY
) -> list[Cost]:
    """The cost of a step with the plan's network, and after each of its extensions."""
    architecture: Any = plan.architecture
    found = []
    for stage in (None, *plan.stages):
        if isinstance(stage, Extend):
            try:
                architecture = _extend(architecture, stage)
            except KanpdeError:
                continue  # there is no larger one: the stage is left out
        elif stage is not None:
            continue
        parameters = _count_parameters(problem, architecture)
        if parameters:
            parameters += ansatz.coefficients * max(len(problem.materials), 1)
            cells = _count_cells(problem, architecture)
            found.append(_estimate_step(problem, plan, ansatz, parameters, cells, policy))
    return found


def _extend(architecture: Any, stage: Extend) -> Any:
    """The architecture after a grid extension; raises KanpdeError where there is none."""
    if isinstance(architecture, Subdomains):
        return replace(architecture, network=_extend(architecture.network, stage))
    if not isinstance(architecture, KANArchitecture):
        raise KanpdeError("only KANs are extended")
    return replace(architecture, basis=stage.basis or architecture.basis.extended())


def require_affordable(
    costs: Sequence[Cost], budget: float, policy: CostPolicy = COST_POLICY
) -> None:
    """Raise KanpdeError where the first step does not fit into memory, or into any patience."""
    if not costs:
        return
    first, memory = costs[0], measure_memory()
    size = f"{first.parameters} parameters and {first.rows} rows"
    advice = "take narrower or fewer layers, a smaller basis, fewer points, or subdomains"
    if memory is not None and first.bytes > policy.memory * memory:
        raise KanpdeError(
            f"the plan has {size}, which take about {first.bytes / 1e9:.3g} GB, and this machine "
            f"has {memory / 1e9:.3g} GB; {advice}"
        )
    if first.seconds > policy.slow * budget:
        raise KanpdeError(
            f"the plan has {size}: one step takes about {first.seconds:.1g} s, and the budget is "
            f"{budget:g} s; {advice}"
        )


def describe_costs(costs: Sequence[Cost]) -> str:
    """A line: seconds a step and memory, at first and with the largest network."""
    first, last = costs[0], costs[-1]
    text = f"about {first.seconds:.1g} s a step on one core and {first.bytes / 1e9:.2g} GB"
    if last.parameters == first.parameters:
        return text
    return (
        f"{text} at first; {last.seconds:.1g} s and {last.bytes / 1e9:.2g} GB with the "
        f"{last.parameters} parameters of the last extension"
    )


def measure_memory() -> float | None:
    """The bytes that this process may use at most; None where that is not known."""
    try:
        known = [float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))]
    except (AttributeError, OSError, ValueError):
        return None
    with suppress(OSError, ValueError):  # a container's own limit
        known.append(float(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min(known)


def _count_parameters(problem: Problem, architecture: Any) -> int | None:
    """The parameters of all networks; None for an architecture that does not tell."""
    count = getattr(architecture, "count_parameters", None)
    if count is None:
        return None
    groups: dict[tuple[str, ...], int] = {}
    for name in problem.unknowns:
        support = tuple(problem.field_space.support[name])
        groups[support] = groups.get(support, 0) + 1
    total = 0
    domains = [part.hull for part in problem.materials] or [problem.domain]
    for domain, (axes, outputs) in product(domains, groups.items()):
        inputs = coordinates_of(domain, problem.periodic, axes).inputs
        if axes and isinstance(architecture, Subdomains):
            total += cut_along(architecture, domain, axes).count_parameters(inputs, outputs)
        else:
            total += count(inputs, outputs) if axes else outputs
    return total


@dataclass(frozen=True)
class _Cells:
    """How many subdomains there are, and how many of them a point and an elimination see."""

    count: int = 1
    seen: float = 1.0
    coupled: float = 1.0

    def factorise(self, parameters: int) -> float:
        """The products of a Cholesky factor."""
        whole = parameters**3 / 3
        if self.count == 1:
            return whole
        return min(whole, (parameters / self.count) ** 3 * self.count * self.coupled**2)

    def store(self, parameters: int) -> float:
        """The numbers of a Cholesky factor."""
        return parameters**2 * min(1.0, self.coupled / self.count)


def _count_cells(problem: Problem, architecture: Any) -> _Cells:
    if not isinstance(architecture, Subdomains):
        return _Cells()
    counts = cut_along(architecture, problem.domain, problem.domain.names).counts
    cut = [n for n in counts if n > 1]
    if not cut:
        return _Cells()
    seen = (1 + 2 * architecture.overlap) ** len(cut)
    # A cell is coupled to a front across the other axes.
    return _Cells(prod(cut), min(seen, prod(cut)), 1.0 + prod(cut) / max(cut))


def _estimate_step(
    problem: Problem,
    plan: Plan,
    ansatz: Ansatz,
    parameters: int,
    cells: _Cells,
    policy: CostPolicy,
    rows_policy: RowPolicy = ROW_POLICY,
) -> Cost:
    rate, cell = policy.rate, parameters / cells.count
    seen = parameters if cells.count == 1 else min(parameters, round(4 * cell))
    interior = max(sum(e.is_interior for e in ansatz.trained), 1)
    wanted = plan.sampling.points or rows_policy.interior(
        rows_policy.rows, parameters, interior, seen
    )
    rows, entries, points = 0, 0.0, 0
    per_axis = isinstance(plan.network, LowRank)
    groups = [g for g in group_by_region(ansatz.trained) if g]
    for group in groups:
        if group[0].kind is Kind.AVERAGE:
            rows += len(group)
            continue
        count = _count_points(group, wanted, rows_policy)
        jets = jets_in(*(e.expression for e in group))
        closed = JetSet.closing([j.index for j in jets], problem.domain.dimension)
        # A factor of one axis knows its own derivatives alone.
        kinds = closed.order + 1 if per_axis else len(closed.indices)
        own = count * sum(len(e.jets) if e.kind is Kind.DENSITY else 1 for e in group)
        rows += own
        points += count
        entries += own * kinds * cell * cells.seen
    layered = plan.network is None or isinstance(plan.network, KANArchitecture)
    factored = layered and cells.count == 1
    has_energy = any(e.kind is Kind.DENSITY for e in ansatz.trained)
    if rows < parameters and factored and not has_energy:
        held, work = 8.0 * policy.jacobians * entries**0.5 * rows, entries * 4
        stored, factorised = float(rows) ** 2, float(rows) ** 3 / 3
    else:
        row = cell * cells.seen
        held, work = 8.0 * policy.jacobians * rows * row, rows * row**2
        stored, factorised = cells.store(parameters), cells.factorise(parameters)
    seconds = (work + policy.factors * factorised) / rate
    entry = policy.entry + policy.evaluations * policy.evaluated
    seconds += entry * entries * (1.0 if layered or per_axis else policy.autograd)
    seconds += policy.term * len(groups)
    memory = (
        policy.libraries + held + 8 * policy.matrices * stored + 8.0 * policy.vectors * parameters
    )
    memory += policy.point * rows_policy.pool * points * problem.domain.dimension
    return Cost(parameters, rows, seconds, memory)


def _count_points(group: Sequence[Equation], interior: int, policy: RowPolicy) -> int:
    count = group[0].region.count(interior)
    dense = any(e.kind is Kind.DENSITY for e in group)
    return max(policy.quadrature, count) if dense else count
