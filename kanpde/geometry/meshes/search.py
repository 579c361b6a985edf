"""In which cell of a mesh a point lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kanpde.arrays import AnyArray, Array
from kanpde.geometry.cells import Cells, IntArray
from kanpde.geometry.meshes.box_index import BoxIndex
from kanpde.geometry.meshes.elements import element, nodes_of
from kanpde.geometry.simplices import simplices

# Relative to the size of the mesh: points so near to a cell are in it.
_ROUNDING = 1e-9
# Newton steps into a cell with bent sides, and how far these may reach beyond the box of its nodes,
# relative to the cell's length.
_STEPS, _BULGE = 12, 0.15


@dataclass(frozen=True, eq=False)
class CellSearch:
    """Finds the cells of points, by the simplices that cells are cut into.

    A point that no simplex holds may lie behind the bent side of a cell of second order, which is
    found by Newton's method.
    """

    cells: Cells

    @cached_property
    def size(self) -> float:
        return float(np.linalg.norm(np.ptp(self.cells.nodes, axis=0)))

    def locate(self, points: Array) -> IntArray:
        """The number of the cell of each point (N, d), counted through the kinds; -1 for none."""
        found = np.full(len(points), -1, np.int64)
        for point, simplex in self._index.pairs(points):
            offset = points[point] - self._origins[simplex]
            part = np.einsum("nij,nj->ni", self._inverses[simplex], offset)
            # The distance from a side is its coordinate over the length of its row.
            least = np.minimum((part * self._heights[simplex][:, 1:]).min(1), 0.0)
            last = (1 - part.sum(1)) * self._heights[simplex][:, 0]
            inside = np.minimum(least, last) >= -_ROUNDING * self.size
            found[point[inside]] = self._owners[simplex[inside]]
        lost = np.flatnonzero(found < 0)
        if len(lost) and self._curved:
            found[lost] = self._behind_bent_sides(points[lost])
        return found

    @cached_property
    def _simplices(self) -> tuple[IntArray, IntArray]:
        return simplices(self.cells.cells)

    @property
    def _owners(self) -> IntArray:
        return self._simplices[1]

    @cached_property
    def _corners(self) -> Array:
        return self.cells.nodes[self._simplices[0]]

    @property
    def _origins(self) -> Array:
        return self._corners[:, 0]

    @cached_property
    def _inverses(self) -> Array:
        edges = np.swapaxes(self._corners[:, 1:] - self._corners[:, :1], 1, 2)
        flat = np.abs(np.linalg.det(edges)) < 1e-300
        edges[flat] = np.eye(edges.shape[1])
        return np.asarray(np.linalg.inv(edges))

    @cached_property
    def _heights(self) -> Array:
        """The height of each simplex above each of its sides, (S, d + 1)."""
        rows = np.concatenate([-self._inverses.sum(1, keepdims=True), self._inverses], 1)
        return np.asarray(1 / np.maximum(np.linalg.norm(rows, axis=2), 1e-300))

    @cached_property
    def _index(self) -> BoxIndex:
        slack = _ROUNDING * self.size
        return BoxIndex(self._corners.min(1) - slack, self._corners.max(1) + slack)

    def interpolate(self, values: Mapping[str, Array], points: Array) -> dict[str, Array]:
        """Values at nodes, (nodes,) by name, read at points (N, d); NaN outside of the cells."""
        owner = self.locate(points)
        found = {name: np.full(len(points), np.nan) for name in values}
        start = 0
        for kind, corners in self.cells.cells.items():
            chosen = np.flatnonzero((owner >= start) & (owner < start + len(corners)))
            nodes = nodes_of(kind, corners)[owner[chosen] - start]
            if len(chosen):
                at, _ = find_reference(kind, self.cells.nodes[nodes], points[chosen])
                shares = element(kind).values(at)
                for name, own in values.items():
                    found[name][chosen] = (shares * own[nodes]).sum(1)
            start += len(corners)
        return found

    # --- cells with bent sides ---------------------------------------------------------

    @cached_property
    def _curved(self) -> list[str]:
        return [kind for kind in self.cells.cells if kind[-1].isdigit() and kind != "line3"]

    @cached_property
    def _boxes(self) -> dict[str, BoxIndex]:
        """Boxes around the bent cells, a little larger than those around their nodes."""
        found = {}
        for kind in self._curved:
            nodes = self.cells.nodes[self.cells.cells[kind]]
            margin = _BULGE * np.ptp(nodes, axis=1).max(1, keepdims=True)
            found[kind] = BoxIndex(nodes.min(1) - margin, nodes.max(1) + margin)
        return found

    def _behind_bent_sides(self, points: Array) -> IntArray:
        found = np.full(len(points), -1, np.int64)
        start = 0
        for kind, corners in self.cells.cells.items():
            if kind in self._curved:
                for point, cell in self._boxes[kind].pairs(points):
                    if len(point):
                        held = _is_in(kind, self.cells.nodes[corners[cell]], points[point])
                        found[point[held]] = start + cell[held]
            start += len(corners)
        return found


def find_reference(kind: str, nodes: Array, points: Array) -> tuple[Array, Array]:
    """Reference points (N, d) of points in the cells with the nodes (N, n, d), and what is missed.

    By Newton's method; what is missed, (N,), is the distance from the point.
    """
    own = element(kind)
    at = np.broadcast_to(own.nodes.mean(0), points.shape).copy()
    with np.errstate(all="ignore"):
        for _ in range(1 if own.is_affine else _STEPS):
            miss = points - np.einsum("nk,nkd->nd", own.values(at), nodes)
            slope = np.einsum("nke,nkd->nde", own.slopes(at), nodes)
            slope += 1e-14 * np.abs(slope).max() * np.eye(slope.shape[1])
            at = np.clip(at + np.linalg.solve(slope, miss[:, :, None])[:, :, 0], -1, 2)
    left = points - np.einsum("nk,nkd->nd", own.values(at), nodes)
    return at, np.linalg.norm(left, axis=1)


def _is_in(kind: str, nodes: Array, points: Array) -> AnyArray:
    """Whether each point (N, d) lies in the cell with the nodes (N, n, d), (N,), bool."""
    at, miss = find_reference(kind, nodes, points)
    inside = (at >= -1e-7).all(1)
    simplex = element(kind).is_simplex
    inside &= (at.sum(1) <= 1 + 1e-7) if simplex else (at <= 1 + 1e-7).all(1)
    return np.asarray(inside & (miss <= 1e-9 * np.ptp(nodes, axis=1).max(1)))
