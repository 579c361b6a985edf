"""A system in parts: the points that one process evaluates, and what it forms of them.

Each term's points are cut into as many even slices as there are parts; a part has its slice of
every term. Points of a Sobol sequence are even in each slice as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.assembly.system import ResidualSystem
from kanpde.assembly.terms import BoundTerm, Term
from kanpde.assembly.workers import Workers
from kanpde.distributed.ranks import tree_sum
from kanpde.network.network import Network
from kanpde.optim.normal import NormalEquations


def cut(count: int, part: int, parts: int) -> slice:
    """The points of one part."""
    return slice(count * part // parts, count * (part + 1) // parts)


@dataclass(frozen=True)
class Slice:
    """A term at a part of its points: places (n, columns), and a weight (n,) for each equation."""

    term: Term
    places: Tensor
    weights: Sequence[Tensor]
    at: slice


def slice_of(rows: BoundTerm, part: int, parts: int) -> Slice:
    """What one part has of a term."""
    at = cut(len(rows.places), part, parts)
    return Slice(rows.term, rows.places[at], [weight[at] for weight in rows.weights], at)


def build_part(network: Network, slices: Sequence[Slice], workers: Workers) -> ResidualSystem:
    """The rows of one part; a term of few points may have none there."""
    rows = [
        each.term.at_part(network, each.places, each.weights, each.at, workers)
        for each in slices
        if len(each.places)
    ]
    return ResidualSystem(network, rows, workers)


class Parts:
    """Some of the parts of a system, each with its own J.

    What they form are vectors of float64, added up in the order of a binary tree: the loss, then
    the slope J^T r (P,), then the packed triangle of J^T J.
    """

    def __init__(self, network: Network, systems: Sequence[ResidualSystem]) -> None:
        self.network = network
        # A part may be left without points, beside a single reading.
        self.systems = [system for system in systems if system.rows]
        self._normals: list[NormalEquations] = []

    def normal(self, theta: Tensor) -> Tensor:
        """Loss, slope and triangle at theta (P,); J is kept for `trial`."""
        self._normals = []

        def form(system: ResidualSystem) -> Tensor:
            normal = system.squares(theta)
            self._normals.append(normal)
            return torch.cat([_join(normal.loss, normal.gradient), normal.packed])

        size = len(theta)
        return self._sum(form, self.systems, theta, 1 + size + size * (size + 1) // 2)

    def trial(self, theta: Tensor) -> Tensor:
        """Loss at theta (P,), and slope with the J of the last `normal`."""

        def form(pair: tuple[ResidualSystem, NormalEquations]) -> Tensor:
            system, normal = pair
            rows, loss = normal.trial(system, theta)
            return _join(loss, normal.pull(rows))

        pairs = zip(self.systems, self._normals, strict=True)
        return self._sum(form, pairs, theta, 1 + len(theta))

    def gradient(self, theta: Tensor) -> Tensor:
        """Loss and gradient at theta (P,), without J."""

        def form(system: ResidualSystem) -> Tensor:
            return _join(*system.gradient(theta))

        return self._sum(form, self.systems, theta, 1 + len(theta))

    def _sum(
        self, form: Callable[..., Tensor], of: Iterable[object], theta: Tensor, size: int
    ) -> Tensor:
        found = [form(each) for each in of]
        return tree_sum(found) if found else theta.new_zeros(size)


def _join(loss: float, slope: Tensor) -> Tensor:
    return torch.cat([slope.new_tensor([loss]), slope])
