"""Planes of a grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize

from kanpde.arrays import Array
from kanpde.output.plot.plane import Axis, Plane, axis, choose_aspect, place
from kanpde.solution.grid_data import GridData

# Values of a plane at most that are shown without interpolation between them.
_FEW = 8


@dataclass(frozen=True, eq=False)
class GridPlane(Plane):
    """Two axes of a grid, with the other axes held at one index each."""

    across: Axis
    up: Axis
    index: tuple[int | slice, ...]
    transposed: bool
    place: str
    aspect: Literal["equal", "auto"]

    def cut(self, values: Array) -> Array:
        """(up, across) out of an array over all axes."""
        flat = np.asarray(values, dtype=np.float64)[self.index]
        return flat.T if self.transposed else flat

    def paint(self, ax: Axes, values: Array, norm: Normalize, colours: Colormap) -> ScalarMappable:
        """Each value (up, across) at its point."""
        x, y = self.across, self.up
        shown = np.ma.masked_invalid(values)
        image: ScalarMappable
        if x.even and y.even:
            image = ax.imshow(
                shown,
                origin="lower",
                extent=(*_cells(x), *_cells(y)),
                aspect="auto",
                interpolation="nearest" if _is_stepwise(shown) else "bilinear",
                norm=norm,
                cmap=colours,
            )
        else:
            image = ax.pcolormesh(
                x.points, y.points, shown, shading="nearest", norm=norm, cmap=colours
            )
        return image

    def on_grid(self, values: Array) -> tuple[Axis, Axis, Array]:
        return self.across, self.up, values


def grid_plane(grid: GridData, across: str, up: str, moment: int | None = None) -> GridPlane:
    """The plane of two axes; time is held at `moment` or its end, others at their middle."""
    index: list[int | slice] = []
    words = []
    for name, points in grid.axes.items():
        if name in (across, up):
            index.append(slice(None))
            continue
        end = len(points) - 1
        at = (end + 1) // 2
        if name == grid.time:
            at = end if moment is None else moment
        index.append(at)
        words.append(place(name, points, at, grid.units))
    names = list(grid.axes)
    first, second = (axis(name, grid.axes[name], grid.units) for name in (across, up))
    return GridPlane(
        first,
        second,
        tuple(index),
        names.index(across) < names.index(up),
        ", ".join(words),
        choose_aspect(first, second, grid.units, grid.time),
    )


def _cells(axis: Axis) -> tuple[float, float]:
    """The outer ends of the cells about the outermost points."""
    half = axis.extent / (len(axis.points) - 1) / 2
    return float(axis.points[0]) - half, float(axis.points[-1]) + half


def _is_stepwise(values: Array) -> bool:
    """Whether a plane holds a few values only, as a coefficient of materials does."""
    return bool(values.size > 4 * _FEW and len(np.unique(values)) <= _FEW)
