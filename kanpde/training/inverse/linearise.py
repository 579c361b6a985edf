"""Equations and readings of a network, linearised, and split into state and what is sought."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from kanpde.arrays import AnyArray, Array
from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.sampler import Sampler
from kanpde.assembly.system import ResidualSystem
from kanpde.network.composite import Composite
from kanpde.network.constant import Constant
from kanpde.network.enriched import Enriched
from kanpde.network.network import Network
from kanpde.optim.constrained import Rows
from kanpde.optim.normal import NormalEquations
from kanpde.problem.problem import Problem
from kanpde.training.inverse.readings import Readings
from kanpde.training.session import Session


@dataclass(frozen=True)
class Layout:
    """Where unknown numbers stand among the parameters of a network.

    `places` has that of each number, `slopes` the derivative of each by its parameter; `kept` are
    the parameters that take part: polynomials that enrich a number would double it.
    """

    places: dict[str, int]
    slopes: dict[str, float]
    kept: AnyArray


def find_layout(problem: Problem, network: Network) -> Layout:
    """The layout of a network of the problem, or of one that is enriched."""
    inner = network.network if isinstance(network, Enriched) else network
    places, slopes = {}, {}
    for start, member, fields in _members(inner):
        if isinstance(member, Constant):
            for k, field in enumerate(fields):
                if field < len(problem.unknowns):
                    places[problem.unknowns[field]] = start + k
                    slopes[problem.unknowns[field]] = float(member.slopes[k])
    kept = np.ones(network.parameter_count, bool)
    if isinstance(network, Enriched):
        start = inner.parameter_count
        for output, basis in enumerate(network.bases):
            end = start + basis.size
            kept[start:end] = output >= len(problem.unknowns) or bool(
                problem.field_space.support[problem.unknowns[output]]
            )
            start = end
    return Layout(places, slopes, kept)


def _members(network: Network) -> Iterator[tuple[int, Network, tuple[int, ...]]]:
    """The start among the parameters of each network that is a part, the network, its outputs."""
    if isinstance(network, Composite):
        start = 0
        for member, part in network.members:
            yield start, member, part.fields
            start += member.parameter_count


class Linearisation:
    """Draws points for the equations alone, and linearises them and the readings."""

    def __init__(self, problem: Problem, ansatz: Ansatz, session: Session, seed: int) -> None:
        self.problem, self.session = problem, session
        self.readings = Readings(problem, ansatz)
        laws = tuple(e for e in ansatz.trained if e.observed is None)
        self.sampler = Sampler(
            problem, replace(ansatz, trained=laws), session.plan.sampling, seed, session.workers
        )

    def draw(self, network: Network) -> ResidualSystem:
        """The equations at new points."""
        return self.sampler.draw(network)

    def at(self, network: Network, system: ResidualSystem, sought: list[str]) -> Rows:
        """All of it at the present parameters of a network; `sought` are names of numbers."""
        layout = find_layout(self.problem, network)
        normal = system.squares(network.flat())
        misfit, jacobian = self.readings.linearise(network)
        mark = np.zeros(network.parameter_count, bool)
        mark[[layout.places[name] for name in sought]] = True
        kept, none = layout.kept, np.zeros(len(sought))
        order = np.argsort([layout.places[name] for name in sought])
        sizes = [self._size(network, layout, sought[k]) for k in order]
        return Rows(
            _symmetric(normal)[np.ix_(kept, kept)],
            normal.gradient.cpu().numpy()[kept],
            2 * normal.loss,
            len(normal.residual),
            jacobian[:, kept],
            misfit,
            mark[kept],
            np.array(sizes),
            np.diag(none),
            none,
        )

    def _size(self, network: Network, layout: Layout, name: str) -> float:
        """By how much the parameter of a number changes where the number changes by its size."""
        starts = {number.name: number.sympy for number in self.problem.numbers}
        if name in starts and any(map(math.isfinite, starts[name].ends)):
            return 1.0
        value = abs(float(network.flat()[layout.places[name]]))
        return max(value, abs(starts[name].start) if name in starts else 0.0) or 1.0


def _symmetric(normal: NormalEquations) -> Array:
    upper = np.triu(normal.matrix.cpu().numpy())
    return np.asarray(upper + np.triu(upper, 1).T)


def expand(kept: AnyArray, values: Array) -> torch.Tensor:
    """A vector of the parameters that take part as one of all."""
    whole = np.zeros((len(kept), *values.shape[1:]))
    whole[kept] = values
    return torch.from_numpy(whole)
