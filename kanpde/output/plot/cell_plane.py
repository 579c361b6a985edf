"""Planes of cells: a plane domain itself, and slices through the middle of a solid one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, Normalize
from matplotlib.tri import LinearTriInterpolator, Triangulation

from kanpde.arrays import Array
from kanpde.geometry.cells import Cells, IntArray
from kanpde.geometry.simplices import outer_facets, simplices
from kanpde.output.plot.plane import Axis, Plane, axis, choose_aspect, place
from kanpde.solution.grid_data import GridData

_LINES = 65  # points along the longer side of the grid on which streamlines are followed


@dataclass(frozen=True, eq=False)
class CellPlane(Plane):
    """Triangles in a plane, the values at their corners, and the outline of the domain.

    A corner lies between two nodes of the cells: its value is (1 - share) of the first one's.
    """

    across: Axis
    up: Axis
    place: str
    aspect: Literal["equal", "auto"]
    corners: Array  # (K, 2)
    triangles: IntArray  # (M, 3)
    outline: Array  # (S, 2, 2), lines from point to point
    nodes: IntArray  # (K, 2)
    share: Array  # (K,)
    moment: int | None

    def cut(self, values: Array) -> Array:
        """(K,) out of an array (N,) or (T, N)."""
        now = np.asarray(values, dtype=np.float64)
        now = now if self.moment is None else now[self.moment]
        first, second = now[self.nodes[:, 0]], now[self.nodes[:, 1]]
        same = self.share == 0  # where the second may be NaN
        return np.where(same, first, (1 - self.share) * first + self.share * second)

    def paint(self, ax: Axes, values: Array, norm: Normalize, colours: Colormap) -> ScalarMappable:
        image = ax.tripcolor(
            self._triangulation(values),
            np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0),
            shading="gouraud",
            norm=norm,
            cmap=colours,
            rasterized=True,
        )
        lines = LineCollection(list(self.outline), colors="0.15", linewidths=0.8)
        ax.add_collection(lines, autolim=False)
        return image

    def on_grid(self, values: Array) -> tuple[Axis, Axis, Array]:
        longest = max(self.across.extent, self.up.extent)
        axes = [
            Axis(
                a.name,
                np.linspace(a.points[0], a.points[-1], max(2, round(_LINES * a.extent / longest))),
                a.power,
                a.label,
            )
            for a in (self.across, self.up)
        ]
        x, y = np.meshgrid(*(a.points for a in axes))
        smooth = LinearTriInterpolator(self._triangulation(values), np.nan_to_num(values))
        return axes[0], axes[1], np.ma.filled(smooth(x, y), np.nan)

    def _triangulation(self, values: Array) -> Triangulation:
        """Without the triangles at a corner that has no value."""
        whole = np.isfinite(values)[self.triangles].all(1)
        return Triangulation(self.corners[:, 0], self.corners[:, 1], self.triangles[whole])


def flat_plane(grid: GridData, moment: int | None) -> CellPlane:
    """A plane domain at one of its times."""
    cells = grid.cells
    assert cells is not None
    triangles, _ = simplices(cells.cells)
    own = np.arange(len(cells.nodes))
    first, second = (
        axis(n, _ends(c), grid.units) for n, c in zip(cells.space, cells.nodes.T, strict=True)
    )
    return CellPlane(
        first,
        second,
        _moment(grid, moment),
        choose_aspect(first, second, grid.units, grid.time),
        cells.nodes,
        triangles,
        cells.nodes[_edges(triangles)],
        np.stack([own, own], 1),
        np.zeros(len(own)),
        moment,
    )


def slice_plane(grid: GridData, pair: tuple[str, str]) -> CellPlane:
    """The plane of two axes through the middle of a solid domain, at the last time."""
    cells = grid.cells
    assert cells is not None
    (held,) = (name for name in cells.space if name not in pair)
    at = cells.space.index(held)
    low, high = _ends(cells.nodes[:, at])
    # Off the nodes by a little, so that no cell only touches the plane.
    level = (low + high) / 2 + 1.234e-7 * (high - low)
    moment = None if grid.times is None else len(grid.times) - 1
    tetrahedra, _ = simplices(cells.cells)
    nodes, share, triangles = _slice(cells, tetrahedra, at, level)
    keep = [cells.space.index(name) for name in pair]
    points = (1 - share)[:, None] * cells.nodes[nodes[:, 0]] + share[:, None] * cells.nodes[
        nodes[:, 1]
    ]
    corners = points[:, keep]
    first, second = (
        axis(name, _ends(cells.nodes[:, k]), grid.units) for name, k in zip(pair, keep, strict=True)
    )
    words = [place(held, np.array([low, (low + high) / 2, high]), 1, grid.units)]
    words += [_moment(grid, moment)] if moment is not None else []
    return CellPlane(
        first,
        second,
        ", ".join(words),
        choose_aspect(first, second, grid.units, grid.time),
        corners,
        triangles,
        _slice_surface(cells, at, level)[:, :, keep],
        nodes,
        share,
        moment,
    )


def _slice(
    cells: Cells, tetrahedra: IntArray, at: int, level: float
) -> tuple[IntArray, Array, IntArray]:
    """Where edges of tetrahedra meet a plane: nodes (K, 2), share (K,), and triangles (M, 3)."""
    height = cells.nodes[:, at] - level
    above = height[tetrahedra] > 0
    count = above.sum(1)
    found = []  # triangles of edges, (M, 3, 2)
    for size in (1, 3):
        chosen = count == size
        order = np.argsort(above[chosen] != (size == 3), axis=1, kind="stable")
        corner = np.take_along_axis(tetrahedra[chosen], order, 1)  # the lonely one is the last
        found.append(np.stack([np.stack([corner[:, 3], corner[:, k]], 1) for k in range(3)], 1))
    chosen = count == 2
    order = np.argsort(above[chosen], axis=1, kind="stable")
    a, b, c, d = np.take_along_axis(tetrahedra[chosen], order, 1).T
    square = [np.stack(edge, 1) for edge in ((a, c), (a, d), (b, d), (b, c))]
    found += [np.stack([square[k] for k in three], 1) for three in ((0, 1, 2), (0, 2, 3))]
    edges = np.sort(np.concatenate(found), axis=2)
    nodes, number = np.unique(edges.reshape(-1, 2), axis=0, return_inverse=True)
    low, high = height[nodes].T
    return nodes, low / (low - high), number.reshape(-1, 3)


def _slice_surface(cells: Cells, at: int, level: float) -> Array:
    """Where the boundary of the cells meets a plane: lines (S, 2, 3) from point to point.

    Not the edges of the triangles in the plane: neighbours may be cut along other diagonals.
    """
    outer = {kind: corners for kind, (corners, _) in outer_facets(cells.cells).items()}
    triangles, _ = simplices(outer)
    above = cells.nodes[triangles][:, :, at] > level
    count = above.sum(1)
    cut = (count == 1) | (count == 2)
    # The corner that is alone on its side comes last.
    order = np.argsort(above[cut] != (count[cut] == 2)[:, None], axis=1, kind="stable")
    points = np.take_along_axis(cells.nodes[triangles[cut]], order[:, :, None], 1)
    lone, others = points[:, 2:], points[:, :2]
    share = (level - lone[:, :, at]) / (others[:, :, at] - lone[:, :, at])
    return np.asarray(lone + share[:, :, None] * (others - lone))


def _edges(triangles: IntArray) -> IntArray:
    """The edges (S, 2) that belong to one triangle only."""
    outer = outer_facets({"triangle": triangles})
    return outer["line"][0] if outer else np.empty((0, 2), np.int64)


def _ends(values: Array) -> Array:
    return np.array([values.min(), values.max()])


def _moment(grid: GridData, moment: int | None) -> str:
    if moment is None or grid.time is None or grid.times is None:
        return ""
    return place(grid.time, grid.times, moment, grid.units)
