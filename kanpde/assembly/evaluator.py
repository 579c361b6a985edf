"""Fields, derived outputs and derivatives of a network, at any points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.compile import compile_expressions
from kanpde.assembly.field_jets import FieldJets
from kanpde.assembly.workers import SERIAL, Workers
from kanpde.network.jet import JetSet
from kanpde.network.network import Network
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import jets_in

_CHUNK = 4096


class Evaluator:
    """Named outputs of a problem, compiled once: fields, derived ones, "u_x", "u_xx", ...

    `extra` are expressions of fields and axes by other names.

    Raises KanpdeError for a name that is not understood.
    """

    def __init__(
        self,
        problem: Problem,
        ansatz: Ansatz,
        names: Sequence[str],
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        own = extra or {}
        self.problem, self.names = problem, (*names, *own)
        expressions = [*(output_expression(problem, n) for n in names), *own.values()]
        symbols = jets_in(*expressions)
        self._fieldjets = FieldJets(problem, ansatz, symbols)
        axes = problem.domain.symbols
        self._function = compile_expressions([*axes, *symbols], expressions)

    @property
    def jets(self) -> JetSet:
        """The derivatives of the network that it takes."""
        return self._fieldjets.jets

    def __call__(
        self, network: Network, points: Array, workers: Workers = SERIAL
    ) -> dict[str, Array]:
        """Values (N,) at points (N, dimension)."""
        network.require(self.jets.order)
        like = network.like
        points = move_inside(points, self.problem)

        def block(at: slice) -> Array:
            chunk = torch.from_numpy(points[at]).to(like)
            jet = network.jet_from(network.inputs_at(chunk, self.jets), self.jets)
            return self.values(jet, chunk).cpu().numpy()

        parts = workers.map(block, workers.slices(len(points), _CHUNK))
        values = np.concatenate(parts, 1) if parts else np.empty((len(self.names), 0))
        return dict(zip(self.names, values, strict=True))

    def values(self, jet: Tensor, points: Tensor) -> Tensor:
        """The outputs (names, N) from the network's jet (A, outputs, N), at points inside."""
        columns = [c.contiguous() for c in points.unbind(1)]
        fields = self._fieldjets.fields(jet, *self._fieldjets.constants(points))
        return torch.stack(self._function(*columns, *fields))


def output_expression(problem: Problem, name: str) -> Any:
    """What a field, a derived output or a derivative such as "u_x" is, in SymPy.

    Raises KanpdeError for a name that is not understood.
    """
    if name in problem.outputs:
        return problem.outputs[name]
    return problem.field_space.derivative(name)


def move_inside(points: Array, problem: Problem) -> Array:
    """Points moved a rounding error inside of the box, if a lift may be 0/0 on its faces."""
    bounds = inner_bounds(problem)
    return points if bounds is None else np.clip(points, *bounds)


def inner_bounds(problem: Problem) -> tuple[Array, Array] | None:
    """The corners between which a lift is defined that may be 0/0 on faces; None without a lift."""
    if not problem.lift:
        return None
    low, high = problem.domain.bounds
    # Least along the first axis: where conditions contradict each other in a corner, the values are
    # then those on the faces of earlier axes.
    margin = 1e-9 * 1e-3 ** np.arange(len(low))[::-1] * (high - low)
    return low + margin, high - margin
