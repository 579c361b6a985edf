"""A solution as a torch module, for torch.export, ONNX and other programs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kanpde.assembly.evaluator import Evaluator, inner_bounds, output_expression
from kanpde.problem.problem import Problem
from kanpde.solution.pieces import Piece
from kanpde.symbols.expression import jets_in


class SolutionModule(nn.Module):
    """The fields and derived outputs, (N, names), at points (N, dimension), in float64.

    Lifts, masks and windows of time are in it. Values are NaN outside of the box that encloses the
    domain. `names` are the columns: all outputs of the problem, or without `derivatives` those that
    need none. Only these can be differentiated by autograd and taken by torch.export: the others
    hold derivatives of the network, which come without a graph.
    """

    lower: Tensor
    upper: Tensor

    def __init__(
        self, problem: Problem, pieces: Sequence[Piece], *, derivatives: bool = True
    ) -> None:
        super().__init__()
        plain = [n for n in problem.names if not _has_derivatives(problem, n)]
        self.names = problem.names if derivatives else tuple(plain)
        self.inputs = problem.domain.names
        self.pieces = nn.ModuleList(PieceModule(problem, piece, self.names) for piece in pieces)
        ends = [piece.domain.bounds for piece in pieces]
        self.register_buffer("lower", torch.tensor([low.tolist() for low, _ in ends]).double())
        self.register_buffer("upper", torch.tensor([high.tolist() for _, high in ends]).double())

    def forward(self, points: Tensor) -> Tensor:
        """(N, dimension) -> (N, names)."""
        out = torch.full_like(points[:, :1], float("nan")).expand(-1, len(self.names))
        # A point on the border of two windows belongs to the first, as in `Solution`.
        for k in reversed(range(len(self.pieces))):
            inside = ((points >= self.lower[k]) & (points <= self.upper[k])).all(1, keepdim=True)
            out = torch.where(inside, self.pieces[k](points), out)
        return out


class PieceModule(nn.Module):
    """u = lift + mask * network on one piece, and what is derived from it."""

    low: Tensor | None
    high: Tensor | None

    def __init__(self, problem: Problem, piece: Piece, names: Sequence[str]) -> None:
        super().__init__()
        self.network = piece.network
        self._evaluator = Evaluator(problem, piece.ansatz, names)
        bounds = inner_bounds(problem) or (None, None)
        for name, end in zip(("low", "high"), bounds, strict=True):
            self.register_buffer(name, None if end is None else torch.from_numpy(end))

    def forward(self, points: Tensor) -> Tensor:
        """(N, dimension) -> (N, names)."""
        if self.low is not None and self.high is not None:
            points = torch.minimum(torch.maximum(points, self.low), self.high)
        jets = self._evaluator.jets
        if jets.order == 0:
            jet = self.network(points).T[None]
        else:
            with torch.no_grad():
                jet = self.network.jet_from(self.network.inputs_at(points, jets), jets)
        return self._evaluator.values(jet, points).T


def _has_derivatives(problem: Problem, name: str) -> bool:
    return any(any(symbol.index) for symbol in jets_in(output_expression(problem, name)))
