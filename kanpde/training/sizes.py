"""How large fields and the terms of equations are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy
import torch

from kanpde.assembly.compile import compile_expressions
from kanpde.assembly.density import BoundDensity
from kanpde.assembly.terms import BoundTerm
from kanpde.network.network import Network
from kanpde.problem.problem import Problem
from kanpde.solution.sizes import typical_size
from kanpde.symbols.expression import jets_in
from kanpde.training.trainer import Trainer

# A field counts as at least this share of the largest: v = 0 in a channel has no size.
_LEAST_SHARE = 1e-2


def measure_fields(trainer: Trainer) -> dict[str, float] | None:
    """The root mean square of each field of the best network; None where one is not finite.

    One where all fields are zero.
    """
    at = trainer.grid[trainer.probes]
    fields = trainer.fields(trainer.best, at, trainer.session.workers)
    own = {n: float(np.sqrt(np.mean(v**2))) for n, v in fields.items()}
    if not all(map(np.isfinite, own.values())):
        return None
    least = _LEAST_SHARE * max(own.values()) or 1.0
    return {n: max(size, least) for n, size in own.items()}


def measure_terms(
    rows: BoundTerm, problem: Problem, network: Network, sizes: Mapping[str, float]
) -> list[float]:
    """For each equation of some rows the size of its largest term, at the points of the rows.

    Terms are taken as they are and as they would be if each derivative were the field's size over
    the lengths of the axes: u = 0 on a wall has no other size.
    """
    domain, whole = problem.domain, slice(None)
    jets = jets_in(*(e.expression for e in rows.term.equations))
    typical = [typical_size(problem, j, sizes) for j in jets]
    if isinstance(rows, BoundDensity):
        return [_measure_energy(rows, network, typical)]
    arguments = rows.arguments(rows.jet(network, whole), whole)
    usual = [torch.full_like(arguments[0], value) for value in typical]
    found = []
    for equation in rows.term.equations:
        parts = sympy.Add.make_args(equation.expression)
        normals = rows.term.normals
        function = compile_expressions([*domain.symbols, *normals, *jets], parts)
        here = arguments[: domain.dimension + len(normals)]
        values = [*function(*arguments), *function(*here, *usual)]
        if equation.observed is not None:
            values.append(torch.as_tensor(equation.observed))
        means = [float(v.square().mean().sqrt()) for v in values]
        found.append(max((m for m in means if np.isfinite(m)), default=0.0))
    return found


def _measure_energy(rows: BoundDensity, network: Network, typical: list[float]) -> float:
    """The root of what the second derivatives of a density make of typical changes."""
    metric = rows.linearized(network, slice(0, len(rows.points))).metric
    if metric is None:
        return 0.0
    weight = rows.weights[0].square()
    change = torch.einsum("ijn,i->jn", metric, metric.new_tensor(typical))
    return float((weight * change.square().sum(0)).sum().sqrt() / weight.sum().sqrt())
