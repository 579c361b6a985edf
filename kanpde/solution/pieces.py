"""The pieces of a solution: parts of the domain, each with its own network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import AnyArray, Array
from kanpde.assembly.ansatz import Ansatz
from kanpde.geometry.domain import Domain
from kanpde.network.network import Network


@dataclass(frozen=True)
class Piece:
    """A part of the domain with what the fields are made of there."""

    domain: Domain
    ansatz: Ansatz
    network: Network


def assign_points(pieces: Sequence[Piece], points: Array) -> list[AnyArray]:
    """For each piece the row numbers of the points (N, dimension) that belong to it.

    A point in several pieces belongs to the first; a point outside of all belongs to none.
    """
    free = np.ones(len(points), bool)
    found = []
    for piece in pieces:
        own = free & piece.domain.contains(points)
        found.append(np.flatnonzero(own))
        free &= ~own
    return found


def gather_values(
    pieces: Sequence[Piece], points: Array, values: Callable[[int, Array], dict[str, Array]]
) -> dict[str, Array]:
    """Values (N,) at points, each from its piece; NaN outside of all.

    `values` is called with the number of a piece and the points in it.
    """
    parts = [(k, at) for k, at in enumerate(assign_points(pieces, points)) if at.size]
    if len(parts) == 1 and parts[0][1].size == len(points):
        return values(parts[0][0], points)
    found = [(at, values(k, points[at])) for k, at in parts]
    names = found[0][1] if found else values(0, points[:0])
    out = {name: np.full(len(points), np.nan) for name in names}
    for at, named in found:
        for name, value in named.items():
            out[name][at] = value
    return out
