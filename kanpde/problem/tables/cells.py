"""Tables on the cells of a mesh: values at its nodes, or one value in each cell."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.cells import Cells, IntArray
from kanpde.geometry.meshes.elements import element, nodes_of
from kanpde.geometry.meshes.packing import pack, pack_cells, unpack, unpack_cells
from kanpde.geometry.meshes.search import CellSearch, find_reference
from kanpde.symbols.jumps import JumpError
from kanpde.symbols.tabulated import Index, Tabulated

# How far a point may lie outside of the mesh, in cells, whose values go on there: a mesh has the
# chord of an arc of radius r, and h / (8 r) of a cell of size h lies behind it.
_BESIDE = 0.25
# Cells near such a point that are looked at, and sets of points whose cells are remembered: those
# of one step, in blocks, and of the points that are held out.
_NEAR, _REMEMBERED = 8, 64


@dataclass(frozen=True)
class Places:
    """Where points lie: for each kind of cell, numbers of points, their cells, and the reference
    points in these."""

    count: int
    found: Mapping[str, tuple[IntArray, IntArray, Array]]


class Locator:
    """Finds the cells of points, and remembers those of the last sets of points."""

    def __init__(self, cells: Cells) -> None:
        self.cells, self._search = cells, CellSearch(cells)
        self._known: OrderedDict[bytes, Places] = OrderedDict()
        self._lock = Lock()

    def locate(self, points: Array) -> Places:
        """The places of points (N, d); those beside the mesh are in the nearest cell."""
        key = points.tobytes()
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        places = self._find(points)
        with self._lock:
            self._known[key] = places
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return places

    def _find(self, points: Array) -> Places:
        owner = self._search.locate(points)
        lost = np.flatnonzero(owner < 0)
        found, start = {}, 0
        beside = self._find_beside(points[lost]) if len(lost) else {}
        for kind, corners in self.cells.cells.items():
            inside = np.flatnonzero((owner >= start) & (owner < start + len(corners)))
            cell = owner[inside] - start
            at = self._reference(kind, cell, points[inside])[0]
            if kind in beside:
                near, near_cell, near_at = beside[kind]
                inside = np.concatenate([inside, lost[near]])
                cell, at = np.concatenate([cell, near_cell]), np.concatenate([at, near_at])
            found[kind] = (inside, cell, at)
            start += len(corners)
        return Places(len(points), found)

    def _reference(self, kind: str, cell: IntArray, points: Array) -> tuple[Array, Array]:
        if not len(cell):
            return np.zeros((0, points.shape[1])), np.zeros(0)
        nodes = self.cells.nodes[nodes_of(kind, self.cells.cells[kind])[cell]]
        return find_reference(kind, nodes, points)

    def _find_beside(self, points: Array) -> dict[str, tuple[IntArray, IntArray, Array]]:
        """The nearest cell of each point, where it is near enough."""
        best = np.full(len(points), _BESIDE)
        chosen: dict[str, tuple[IntArray, IntArray, Array]] = {}
        for kind, corners in self.cells.cells.items():
            near = self._trees[kind].query(points, min(_NEAR, len(corners)))[1]
            near = near.reshape(len(points), -1)
            cell, at = np.full(len(points), -1, np.int64), np.zeros_like(points)
            for column in near.T:
                place, miss = self._reference(kind, column, points)
                over = np.maximum(-place, 0).max(1)
                if element(kind).is_simplex:
                    over = np.maximum(over, place.sum(1) - 1)
                else:
                    over = np.maximum(over, place.max(1) - 1)
                size = np.ptp(self.cells.nodes[corners[column]], axis=1).max(1)
                better = (over < best) & (miss <= 1e-6 * size)
                best = np.where(better, over, best)
                cell, at = np.where(better, column, cell), np.where(better[:, None], place, at)
            taken = np.flatnonzero(cell >= 0)
            for other, (own, own_cell, own_at) in list(chosen.items()):
                kept = ~np.isin(own, taken)
                chosen[other] = own[kept], own_cell[kept], own_at[kept]
            chosen[kind] = taken, cell[taken], at[taken]
        return chosen

    @cached_property
    def _trees(self) -> dict[str, Any]:
        nodes = self.cells.nodes
        return {kind: cKDTree(nodes[c].mean(1)) for kind, c in self.cells.cells.items()}


def stencils(
    cells: Cells, places: Places, nodal: bool, index: Index
) -> Iterator[tuple[str, IntArray, IntArray, Array]]:
    """For each kind of cell its points, and what a derivative there is made of.

    Numbers of nodes (n, K), or of cells of this kind (n, 1), and the weights of their values.
    """
    for kind, (point, cell, at) in places.found.items():
        if not len(point):
            continue
        if not nodal:
            yield kind, point, cell[:, None], np.ones((len(cell), 1))
            continue
        corners = nodes_of(kind, cells.cells[kind])[cell]
        if not any(index):
            yield kind, point, corners, element(kind).values(at)
            continue
        slopes = element(kind).slopes(at)
        jacobian = np.einsum("nke,nkd->ned", slopes, cells.nodes[corners])
        gradients = np.linalg.solve(jacobian, np.moveaxis(slopes, 1, 2))
        yield kind, point, corners, gradients[:, index.index(1)]


def require_gradient(table: Tabulated, nodal: bool, index: Index, along: int) -> None:
    """Raise JumpError where a table on cells has no derivative more along an axis of space."""
    name = table.axes[along]
    if not nodal:
        raise JumpError(
            f"{table.place} has one value in each cell and jumps between cells, and "
            f"d(..., {name}) would lose the jumps; make the flux a field of its own, "
            f"Condition(..., lambda u, q: (q - {table.name} * d(u, {name}), d(q, {name}) + f)), "
            "give each material its value, piecewise({mesh.region(...): ...}), or save it at "
            "the nodes"
        )
    if any(index):
        raise JumpError(
            f"{table.place} is given at the nodes of a mesh: its gradient jumps between cells, "
            f"and its second derivative is asked for by d(..., {name}); take a table on a "
            "grid, or write the equation with its first derivatives alone"
        )


@dataclass(frozen=True, eq=False)
class CellTable(Tabulated):
    """Values on cells: (nodes,) at the nodes, read by shape functions, or (M,) in cells by kind.

    At nodes the table is continuous, with a gradient in each cell that jumps between cells.
    """

    cells: Cells = field(default_factory=lambda: Cells((), np.zeros((0, 0)), {}))
    nodal: Array | None = None
    whole: Mapping[str, Array] = field(default_factory=dict)

    @cached_property
    def _locator(self) -> Locator:
        return Locator(self.cells)

    def evaluate(self, points: Array, index: Index) -> Array:
        places = self._locator.locate(np.ascontiguousarray(points))
        found = np.full(places.count, np.nan)
        for kind, point, entries, weights in stencils(self.cells, places, self.is_nodal, index):
            values = self.whole[kind] if self.nodal is None else self.nodal
            found[point] = (weights * values[entries]).sum(1)
        return found

    @property
    def is_nodal(self) -> bool:
        """Whether its values stand at the nodes."""
        return self.nodal is not None

    def differentiate(self, index: Index, along: int) -> Index:
        require_gradient(self, self.is_nodal, index, along)
        return tuple(n + (k == along) for k, n in enumerate(index))

    def carries(self, order: int) -> bool:
        return self.nodal is not None and order == 0

    def covers(self) -> str:
        low, high = self.cells.nodes.min(0), self.cells.nodes.max(0)
        ends = zip(self.axes, low, high, strict=True)
        return "a mesh with " + ", ".join(f"{n} from {a:g} to {b:g}" for n, a, b in ends)

    def describe(self) -> str:
        count = sum(len(c) for c in self.cells.cells.values())
        if self.nodal is None:
            return f"{count} values, one in each cell of {self.covers()}"
        return f"{len(self.nodal)} values at the nodes of {self.covers()}, {count} cells"

    def to_data(self) -> dict[str, Any]:
        values: dict[str, Any] = {n: pack(v) for n, v in self.whole.items()}
        plain = Cells(self.cells.names, self.cells.nodes, self.cells.cells)
        return {
            "kind": "cells",
            "cells": pack_cells(plain),
            "values": pack(self.nodal) if self.nodal is not None else None,
            "whole": values,
        }

    def _content(self) -> list[Array]:
        own = [self.cells.nodes, *self.whole.values()]
        own += [corners.astype(float) for corners in self.cells.cells.values()]
        return [*own, self.nodal] if self.nodal is not None else own


def cells_from_data(name: str, data: Mapping[str, Any]) -> CellTable:
    """The table of `CellTable.to_data`."""
    cells = unpack_cells(data["cells"])
    nodal = None if data["values"] is None else unpack(data["values"])
    whole = {str(kind): unpack(v) for kind, v in data["whole"].items()}
    table = CellTable(name, cells.names, cells=cells, nodal=nodal, whole=whole)
    check_cells(table)
    return table


def check_cells(table: CellTable) -> None:
    """Raise KanpdeError for values that do not fit the cells, or are not finite."""
    if table.nodal is not None:
        fits = table.nodal.shape == (len(table.cells.nodes),)
        every = [table.nodal]
    else:
        shapes = {kind: (len(c),) for kind, c in table.cells.cells.items()}
        fits = {kind: v.shape for kind, v in table.whole.items()} == shapes
        every = list(table.whole.values())
    if not fits:
        raise KanpdeError(f"{table.place}: its values do not fit the cells of the mesh")
    if not all(np.isfinite(v).all() for v in every):
        raise KanpdeError(f"{table.place} holds values that are not finite; fill its gaps")
