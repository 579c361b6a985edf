"""A solution at points that somebody else chose: the nodes of a mesh, or rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from kanpde.arrays import Array
from kanpde.errors import KanpdeError

if TYPE_CHECKING:
    from kanpde.solution.solution import Solution

# A node so far outside, relative to the size of the domain, is outside by the digits of its file.
_ROUNDING = 1e-6
# Points inside, of which the nearest says where inward is.
_INSIDE = 4096


def evaluate_near(solution: Solution, points: Array) -> dict[str, Array]:
    """Fields and derived outputs at points (N, dimension); NaN outside of the domain.

    Points that lie outside by a rounding error, such as six digits of a file, count as inside.
    """
    domain = solution.problem.domain
    low, high = domain.bounds
    slack = _ROUNDING * (high - low)
    near = np.asarray(((points >= low - slack) & (points <= high + slack)).all(1), bool)
    moved = np.where(near[:, None], np.clip(points, low, high), points)
    inside = np.asarray(domain.contains(moved), bool)
    lost = np.flatnonzero(near & ~inside)
    if len(lost):
        held = domain.interior.sample(_INSIDE, 0).points
        size = float(np.linalg.norm(high - low))
        inward = held[cKDTree(held).query(moved[lost])[1]] - moved[lost]
        step = 2 * _ROUNDING * size / np.maximum(np.linalg.norm(inward, axis=1), 1e-300)
        moved[lost] += np.minimum(step, 1.0)[:, None] * inward
    return solution.evaluate(moved)


def place_nodes(solution: Solution, nodes: Array, time: float | None) -> Array:
    """The points (N, dimension) of a domain at nodes (N, 2 or 3) and a time.

    Raises KanpdeError for a mesh of fewer dimensions, for parameters without a value, and for a
    time where there is none, or none where there is one.
    """
    domain = solution.problem.domain
    if domain.parameters:
        raise KanpdeError(
            f"the nodes of a mesh have no {domain.parameters[0].name}; take a value of it first, "
            f"solution.at({domain.parameters[0].name}=...), or --at on the command line"
        )
    space = [axis.name for axis in domain.space]
    if not 1 <= len(space) <= nodes.shape[1]:
        raise KanpdeError(
            f"a mesh has {nodes.shape[1]} coordinates, and the domain has the axes of space "
            f"{', '.join(space) or 'none'}"
        )
    if (domain.time is None) != (time is None):
        raise KanpdeError(
            "the problem has no time, and one is given"
            if domain.time is None
            else f"the nodes of a mesh have no {domain.time.name}: give a time"
        )
    columns = {name: nodes[:, k] for k, name in enumerate(space)}
    if domain.time is not None and time is not None:
        if not domain.time.lower <= time <= domain.time.upper:
            raise KanpdeError(
                f"{domain.time.name} = {time:g} lies outside of the solution, which goes from "
                f"{domain.time.lower:g} to {domain.time.upper:g}"
            )
        columns[domain.time.name] = np.full(len(nodes), float(time))
    return np.stack([columns[name] for name in domain.names], 1)
