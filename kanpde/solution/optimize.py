"""Inverse design: the values of parameters at which something of a solution is best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.stats import qmc
from torch import Tensor

from kanpde.arrays import Array
from kanpde.checks import require_one_of, require_whole
from kanpde.errors import KanpdeError
from kanpde.problem.problem import Problem
from kanpde.solution.differentiable import DifferentiableOutputs
from kanpde.solution.solution import Solution
from kanpde.symbols.expression import Axis, Scale

# Within this share of a range beside an end, an optimum is said to lie at it.
_AT_END = 1e-6


class FieldsAt:
    """The fields where parameters have their present values: `at(x=0.5, y=0)`.

    One tensor for a problem with one field, else a mapping from name to tensor; differentiable by
    the parameters and by coordinates that are made of them.
    """

    def __init__(
        self, problem: Problem, outputs: DifferentiableOutputs, values: Mapping[str, Tensor]
    ) -> None:
        self._problem, self._outputs, self._values = problem, outputs, values

    def __call__(self, **coordinates: Any) -> Any:
        """Fields at coordinates of space and time by name, numbers, arrays or tensors."""
        names = [n for n in self._problem.domain.names if n not in self._values]
        if set(coordinates) != set(names):
            given = ", ".join(coordinates) or "none"
            raise KanpdeError(f"at(...) takes the coordinates {', '.join(names)}; given: {given}")
        known = {n: torch.as_tensor(v, dtype=torch.float64) for n, v in coordinates.items()}
        known |= self._values
        columns = torch.broadcast_tensors(*(known[n] for n in self._problem.domain.names))
        shape = columns[0].shape
        values = self._outputs(torch.stack([c.reshape(-1) for c in columns], 1))
        if not bool(torch.isfinite(values).all()):
            raise KanpdeError("the objective asks for fields outside of the domain")
        named = {n: values[:, k].reshape(shape) for k, n in enumerate(self._outputs.names)}
        return next(iter(named.values())) if len(named) == 1 else named


# Of the fields at the parameters' values, and of these values by name: a number as a tensor.
Objective = Callable[[FieldsAt, Mapping[str, Tensor]], Tensor]


@dataclass(frozen=True)
class Optimum:
    """The best values of the parameters, the objective there, and the solution at them.

    `at_ends` names the parameters that lie at an end of their range: the best may lie beyond it.
    """

    values: Mapping[str, float]
    objective: float
    solution: Solution
    evaluations: int
    at_ends: tuple[str, ...] = ()

    def __str__(self) -> str:
        found = ", ".join(f"{n} = {v:.6g}" for n, v in self.values.items())
        ends = f"; {', '.join(self.at_ends)} at an end of its range" if self.at_ends else ""
        return f"{found}: {self.objective:.6g} ({self.evaluations} evaluations{ends})"


def optimize(
    solution: Solution,
    objective: Objective,
    constraints: Sequence[Objective] = (),
    starts: int = 16,
) -> Optimum:
    """The values of a solution's parameters that make an objective smallest.

    SciPy searches (L-BFGS-B; SLSQP with constraints) within the parameters' ranges, with exact
    gradients, from the best of some values that fill the ranges and from their middle.

    Args:
        solution: with at least one parameter.
        objective: `objective(at, values)` of fields `at(x=..., y=...)` and parameters by name,
            written with torch; a number. Coordinates may depend on the parameters.
        constraints: functions of the same form that have to be >= 0.
        starts: the number of values that are tried first.

    Raises:
        KanpdeError: the solution has no parameter; the objective or a constraint is not one finite
            number as a tensor, or asks for fields outside of the domain; no values meet the
            constraints.
    """
    require_one_of("optimize", solution, Solution, "kanpde.solve(...)")
    require_whole("optimize: starts", starts, 1)
    axes = solution.problem.domain.parameters
    if not axes:
        raise KanpdeError("optimize needs a solution with parameters: Box(..., a=parameter(1, 2))")
    search = _Search(solution.problem, DifferentiableOutputs(solution), axes)
    cube = qmc.Sobol(len(axes), scramble=True, rng=np.random.default_rng(0)).random(starts)
    tried = sorted(
        (np.full(len(axes), 0.5), *cube), key=lambda s: search.rank(s, objective, constraints)
    )
    found = minimize(
        lambda s: search.evaluate(s, objective, "the objective"),
        tried[0],
        jac=True,
        method="SLSQP" if constraints else "L-BFGS-B",
        bounds=[(0.0, 1.0)] * len(axes),
        constraints=[search.constraint(c) for c in constraints],
        options={"ftol": 1e-12} if constraints else {"ftol": 1e-14, "gtol": 1e-9},
    )
    shares = np.clip(found.x, 0.0, 1.0)
    short = [search.evaluate(shares, c, "a constraint")[0] for c in constraints]
    if min(short, default=0.0) < -1e-6:
        raise KanpdeError("optimize: no values of the parameters were found within the constraints")
    values = {n: float(v) for n, v in search.values(torch.from_numpy(shares)).items()}
    ends = tuple(a.name for a, s in zip(axes, shares, strict=True) if min(s, 1 - s) < _AT_END)
    best = float(search.evaluate(shares, objective, "the objective")[0])
    return Optimum(values, best, solution.at(**values), search.evaluations, ends)


class _Search:
    """Objectives as functions of shares of the parameters' ranges, in [0, 1]."""

    def __init__(
        self, problem: Problem, outputs: DifferentiableOutputs, axes: tuple[Axis, ...]
    ) -> None:
        self.problem, self.outputs, self.axes = problem, outputs, axes
        self.evaluations = 0

    def values(self, shares: Tensor) -> dict[str, Tensor]:
        """The parameters by name, at shares (p,)."""
        return {a.name: _place(a, s) for a, s in zip(self.axes, shares.unbind(), strict=True)}

    def evaluate(self, shares: Array, function: Objective, place: str) -> tuple[float, Array]:
        """The value and its gradient (p,)."""
        self.evaluations += 1
        at = torch.tensor(shares, dtype=torch.float64, requires_grad=True)
        values = self.values(at)
        result = function(FieldsAt(self.problem, self.outputs, values), values)
        if not isinstance(result, Tensor) or result.numel() != 1:
            raise KanpdeError(
                f"optimize: {place} gives {result!r:.60}; it must be one torch number"
            )
        if not bool(torch.isfinite(result).all()):
            raise KanpdeError(f"optimize: {place} is not finite at {_describe(values)}")
        slope = torch.zeros_like(at)
        if result.requires_grad:
            (slope,) = torch.autograd.grad(result.sum(), at)
        return float(result.detach()), slope.numpy()

    def rank(
        self, shares: Array, objective: Objective, constraints: Sequence[Objective]
    ) -> tuple[float, float]:
        """How far the constraints are missed, then the objective."""
        missed = [max(0.0, -self.evaluate(shares, c, "a constraint")[0]) for c in constraints]
        return sum(missed), self.evaluate(shares, objective, "the objective")[0]

    def constraint(self, function: Objective) -> dict[str, Any]:
        """As SciPy takes it."""
        place = "a constraint"
        return {
            "type": "ineq",
            "fun": lambda s: self.evaluate(np.clip(s, 0, 1), function, place)[0],
            "jac": lambda s: self.evaluate(np.clip(s, 0, 1), function, place)[1],
        }


def _place(axis: Axis, share: Tensor) -> Tensor:
    """As `Axis.place`, differentiable; within the ends up to rounding."""
    if axis.scale is Scale.LOG:
        value = axis.lower * (axis.upper / axis.lower) ** share
    else:
        value = axis.lower + (axis.upper - axis.lower) * share
    return value.clamp(axis.lower, axis.upper)


def _describe(values: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{n} = {float(v):.6g}" for n, v in values.items())
