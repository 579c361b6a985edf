"""Outputs of a solution with exact derivatives along every axis, as one node of autograd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.assembly.evaluator import Evaluator, output_expression
from kanpde.problem.problem import Problem
from kanpde.solution.pieces import Piece, gather_values
from kanpde.symbols.expression import Expression
from kanpde.symbols.functions import d

if TYPE_CHECKING:
    from kanpde.solution.solution import Solution


class DifferentiableOutputs:
    """The fields and derived outputs of a solution, (N, dimension) -> (N, names), float64.

    Differentiable once along each axis, parameters included, for outputs that hold derivatives of
    the network as well: their derivatives are total derivatives of the same expressions.
    """

    def __init__(self, solution: Solution) -> None:
        problem = solution.problem
        self.names, self.pieces = problem.names, solution.pieces
        slopes = {
            _slope_name(name, axis.name): d(
                Expression(output_expression(problem, name)), axis
            ).sympy
            for name in self.names
            for axis in problem.domain.axes
        }
        wider = _with_outputs(problem, slopes)
        self._plain = [Evaluator(problem, p.ansatz, self.names) for p in self.pieces]
        self._slopes = [Evaluator(wider, p.ansatz, tuple(slopes)) for p in self.pieces]
        self._axes = problem.domain.names

    def __call__(self, points: Tensor) -> Tensor:
        """Values (N, names) at points (N, dimension); NaN outside of the domain."""
        return _Outputs.apply(points, self)  # type: ignore[no-any-return,no-untyped-call]

    def values(self, points: Array) -> Array:
        """(N, names)."""
        found = self._gather(self._plain, points)
        return np.stack([found[name] for name in self.names], 1)

    def slopes(self, points: Array) -> Array:
        """(N, names, dimension)."""
        found = self._gather(self._slopes, points)
        return np.stack(
            [np.stack([found[_slope_name(n, a)] for a in self._axes], 1) for n in self.names], 1
        )

    def _gather(self, evaluators: list[Evaluator], points: Array) -> dict[str, Array]:
        def evaluate(k: int, at: Array) -> dict[str, Array]:
            piece: Piece = self.pieces[k]
            return evaluators[k](piece.network, at)

        return gather_values(self.pieces, points, evaluate)


class _Outputs(torch.autograd.Function):
    @staticmethod
    def forward(ctx, points, outputs):  # type: ignore[no-untyped-def]
        ctx.points, ctx.outputs = points.detach().cpu().numpy(), outputs
        return torch.from_numpy(outputs.values(ctx.points)).to(points)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, cotangent):  # type: ignore[no-untyped-def]
        slopes = torch.from_numpy(ctx.outputs.slopes(ctx.points)).to(cotangent)
        return torch.einsum("nk,nka->na", cotangent, slopes), None


def _slope_name(name: str, axis: str) -> str:
    return f"d_{name}_along_{axis}"


def _with_outputs(problem: Problem, outputs: dict[str, Any]) -> Problem:
    """The problem with further outputs, which need not be checked again."""
    wider = object.__new__(Problem)
    wider.__dict__.update(problem.__dict__)
    object.__setattr__(wider, "outputs", outputs)
    return wider
