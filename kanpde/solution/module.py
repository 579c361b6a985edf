"""A solution as a torch module, for torch.export, ONNX and other programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kanpde.assembly.compile import compile_expressions
from kanpde.assembly.field_jets import FieldJets
from kanpde.problem.problem import Problem
from kanpde.solution.pieces import Piece
from kanpde.symbols.expression import FieldSymbol, jets_in


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
        values = {n: problem.outputs.get(n) for n in problem.names}
        expressions = {
            n: problem.field_space.derivative(n) if e is None else e for n, e in values.items()
        }
        plain = {n: e for n, e in expressions.items() if not any(map(_order, jets_in(e)))}
        shown = expressions if derivatives else plain
        self.names, self.inputs = tuple(shown), problem.domain.names
        self.pieces = nn.ModuleList(
            PieceModule(problem, piece, list(shown.values())) for piece in pieces
        )
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

    def __init__(self, problem: Problem, piece: Piece, expressions: Sequence[Any]) -> None:
        super().__init__()
        self.network = piece.network
        symbols = jets_in(*expressions)
        self._jets = FieldJets(problem, piece.ansatz, symbols)
        self._function = compile_expressions([*problem.domain.symbols, *symbols], expressions)

    def forward(self, points: Tensor) -> Tensor:
        """(N, dimension) -> (N, names)."""
        jets = self._jets.jets
        if jets.order == 0:
            jet = self.network(points).T[None]
        else:
            with torch.no_grad():
                jet = self.network.jet_from(self.network.inputs_at(points, jets), jets)
        columns = [column.contiguous() for column in points.unbind(1)]
        fields = self._jets.fields(jet, *self._jets.constants(points))
        return torch.stack(self._function(*columns, *fields), 1)


def _order(symbol: FieldSymbol) -> int:
    return sum(symbol.index)
