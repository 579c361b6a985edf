"""How large the residual of each condition is beside the largest term of its equation, and where.

A solve that came back with the initial value for all times had a small estimate and a residual as
large as the largest term.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy
import torch
from torch import Tensor

from kanpde.assembly.compile import compile_expressions
from kanpde.assembly.system import ResidualSystem
from kanpde.assembly.terms import BoundTerm
from kanpde.network.network import Network
from kanpde.problem.equations import Equation, Kind
from kanpde.problem.problem import Problem
from kanpde.solution.sizes import typical_size
from kanpde.symbols.expression import jets_in

# Terms count at least as this share of what they would be if each derivative were the field's size
# over the lengths of the axes: those of u_xx + u_yy = 0 are rounding errors where u = x.
_LEAST = 1e-2


@dataclass(frozen=True)
class RelativeResidual:
    """The residual of an equation by its largest term (root mean squares), and its worst place."""

    equation: Equation
    share: float
    place: Mapping[str, float]

    def __str__(self) -> str:
        where = ", ".join(f"{n} = {v:.3g}" for n, v in self.place.items())
        return (
            f'the residual of "{self.equation.condition}" [{self.equation.region.label}] is '
            f"{self.share:.0%} of its largest term, most near {where}"
        )


def relative_residuals(
    problem: Problem, network: Network, system: ResidualSystem, sizes: Mapping[str, float]
) -> list[RelativeResidual]:
    """That of each equation with at least two terms; `sizes` are those of the fields."""
    found = []
    for rows in system.rows:
        if not rows.is_energy:
            found += _measure(problem, network, rows, sizes)
    return found


def _measure(
    problem: Problem, network: Network, rows: BoundTerm, sizes: Mapping[str, float]
) -> list[RelativeResidual]:
    whole = slice(None)
    jets = jets_in(*(e.expression for e in rows.term.equations))
    arguments = rows.arguments(rows.jet(network, whole), whole)
    axes, normals = problem.domain.symbols, rows.term.normals
    places = arguments[: len(axes) + len(normals)]
    typical = [torch.full_like(arguments[0], typical_size(problem, j, sizes)) for j in jets]
    residuals = rows.evaluate(network)[0]
    found = []
    for k, equation in enumerate(rows.term.equations):
        parts = sympy.Add.make_args(sympy.expand_mul(equation.expression))
        function = compile_expressions([*axes, *normals, *jets], parts)
        terms = function(*arguments)
        if equation.kind is Kind.PRIOR:
            continue
        if equation.observed is not None:
            terms.append(torch.as_tensor(equation.observed).to(terms[0]))
        if len(terms) < 2:
            continue
        usual = function(*places, *typical)
        weight = rows.weights[k]
        size = _mean_of_largest(terms, weight) + _LEAST * _mean_of_largest(usual, weight)
        if size > 0:
            share = float(residuals[k].norm()) / size
            worst = int((residuals[k] / weight).abs().argmax())
            at = rows.points[worst].tolist()
            place = dict(zip(problem.domain.names, at, strict=True))
            found.append(RelativeResidual(equation, share, place))
    return found


def _mean_of_largest(terms: Sequence[Tensor], weight: Tensor) -> float:
    """The norm of the largest term at each point."""
    largest = torch.stack([torch.nan_to_num(t.abs().expand_as(weight)) for t in terms]).amax(0)
    return float((largest * weight).norm())
