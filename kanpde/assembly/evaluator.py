"""Fields, derived outputs and derivatives of a network, at any points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from kanpde.arrays import Array
from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.field_jets import FieldJets
from kanpde.assembly.workers import SERIAL, Workers
from kanpde.network.network import Network
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import jets_in

_CHUNK = 4096


class Evaluator:
    """Named outputs of a problem, compiled once: fields, derived ones, "u_x", "u_xx", ...

    Raises KanpdeError for a name that is not understood.
    """

    def __init__(self, problem: Problem, ansatz: Ansatz, names: Sequence[str]) -> None:
        self.problem, self.names = problem, tuple(names)
        expressions: list[Any] = [
            problem.outputs[n] if n in problem.outputs else problem.field_space.derivative(n)
            for n in names
        ]
        symbols = jets_in(*expressions)
        self._fieldjets = FieldJets(problem, ansatz, symbols)
        axes = problem.domain.symbols
        self._function = ansatz.compiler([*axes, *symbols], expressions)

    def __call__(
        self, network: Network, points: Array, workers: Workers = SERIAL
    ) -> dict[str, Array]:
        """Values (N,) at points (N, dimension)."""
        jets = self._fieldjets.jets
        network.require(jets.order)
        like = network.like
        points = move_inside(points, self.problem)

        def block(at: slice) -> Array:
            chunk = torch.from_numpy(points[at]).to(like)
            jet = network.jet_from(network.inputs_at(chunk, jets), jets)
            columns = [c.contiguous() for c in chunk.unbind(1)]
            fields = self._fieldjets.fields(jet, *self._fieldjets.constants(chunk))
            return torch.stack(self._function(*columns, *fields)).cpu().numpy()

        parts = workers.map(block, workers.slices(len(points), _CHUNK))
        values = np.concatenate(parts, 1) if parts else np.empty((len(self.names), 0))
        return dict(zip(self.names, values, strict=True))


def move_inside(points: Array, problem: Problem) -> Array:
    """Points moved a rounding error inside of the box, if a lift may be 0/0 on its faces."""
    if not problem.lift:
        return points
    low, high = problem.domain.bounds
    # Least along the first axis: where conditions contradict each other in a corner, the values are
    # then those on the faces of earlier axes.
    margin = 1e-9 * 1e-3 ** np.arange(len(low))[::-1] * (high - low)
    return np.clip(points, low + margin, high - margin)
