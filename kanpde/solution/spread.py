"""Standard deviations of fields from the covariance of parameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.assembly.evaluator import move_inside, output_expression
from kanpde.assembly.rows import EquationSet, bind
from kanpde.geometry.points import Points
from kanpde.problem.equations import Equation
from kanpde.problem.problem import Problem
from kanpde.solution.pieces import Piece


def field_deviations(
    problem: Problem, piece: Piece, spread: Tensor, names: Sequence[str], points: Array
) -> dict[str, Array]:
    """The standard deviation (N,) of each field, derived output or derivative at points.

    `spread` (P, c) are changes of the parameters, a root of their covariance; by the delta method
    the variance of a field is the sum of the squares of what they change it by.
    """
    points = move_inside(points, problem)
    region = Points(problem.domain, points)
    equations = [Equation(n, region, output_expression(problem, n), 1.0) for n in names]
    network = piece.network
    at = torch.from_numpy(points).to(network.like)
    rows = bind(EquationSet(problem, piece.ansatz, equations), network, at)
    columns = spread.to(network.like)
    parts = []
    for block in rows.blocks:
        found = rows.linearized(network, block)
        squares = []
        for cotangent in found.cotangents:
            jacobian = columns.new_empty(network.parameter_count, cotangent.shape[-1])
            found.jet.jacobian(cotangent, jacobian)
            squares.append((columns.T @ jacobian).square().sum(0))
        parts.append(torch.stack(squares))
    deviations = torch.cat(parts, 1).sqrt().cpu().numpy()
    return dict(zip(names, np.asarray(deviations), strict=True))
