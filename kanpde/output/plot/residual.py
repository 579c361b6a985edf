"""The picture of the interior residuals."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.output.plot.canvas import Block, Panel, compose, save, styled
from kanpde.output.plot.layer import Layer, plane_block, row_block
from kanpde.output.plot.panel import draw_magnitude
from kanpde.output.plot.plane import Plane, axis, check
from kanpde.output.plot.planes import planes
from kanpde.output.plot.scale import decade_scale
from kanpde.output.plot.text import number, plain, rms
from kanpde.solution.grid_data import GridData


def plot_residual(grid: GridData, path: str | os.PathLike[str]) -> Path:
    """Write `residual_figure` as a PNG file and return its path.

    Raises:
        KanpdeError: the path does not end in .png, or the grid cannot be drawn.
    """
    with styled():
        return save(residual_figure(grid), path)


def residual_figure(grid: GridData) -> Figure:
    """The magnitude of each interior residual, in decades, with its root mean square.

    The planes and times are those of `solution_figure`. Images hold the decimal logarithm; a
    point where the residual is exactly 0 has the lowest colour.

    Raises:
        KanpdeError: there is no residual, or the grid cannot be drawn.
    """
    check(grid)
    if not grid.residuals:
        raise KanpdeError("the grid holds no residual to draw")
    with styled():
        return compose(f"{grid.title}: residuals" if grid.title else "residuals", _blocks(grid))


def _blocks(grid: GridData) -> list[Block]:
    names = list(grid.residuals)
    if grid.cells is None and len(grid.axes) == 1:
        draws = [partial(_draw_profile, grid=grid, name=name) for name in names]
        return [Block(tuple((Panel(draw),) for draw in draws), (6.0, 2.6), bars=False)]
    shown = planes(grid)
    layers = [_layer(name, grid.residuals[name], shown) for name in names]
    if len(shown) == 1:
        return [row_block([[layer] for layer in layers], shown[0])]
    sizes = [f"{plain(name)} at all points: {_size(grid.residuals[name])}" for name in names]
    return [plane_block([layer], shown, size) for layer, size in zip(layers, sizes, strict=True)]


def _layer(name: str, residual: Array, shown: tuple[Plane, ...]) -> Layer:
    size = np.abs(np.asarray(residual, dtype=np.float64))
    decades = np.log10(size, out=np.full_like(size, np.nan), where=size > 0)
    scale = decade_scale(*(plane.cut(decades) for plane in shown))
    decades = np.where(size == 0, scale.low, decades)
    return Layer(f"|{plain(name)}|", "", decades, scale, partial(_note, residual=residual))


def _draw_profile(ax: Axes, grid: GridData, name: str) -> None:
    ((along, points),) = grid.axes.items()
    draw_magnitude(ax, axis(along, points, grid.units), grid.residuals[name])
    ax.set_ylabel(f"|{plain(name)}|")
    ax.set_title(f"{plain(name)}\n{_size(grid.residuals[name])}")


def _note(plane: Plane, residual: Array) -> str:
    return _size(plane.cut(residual))


def _size(residual: Array) -> str:
    good = residual[np.isfinite(residual)]
    if not good.size:
        return "no values"
    return f"rms {number(rms(good))}, max {number(float(np.abs(good).max()))}"
