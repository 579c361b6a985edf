"""The picture of a solution beside its reference and error."""

from __future__ import annotations

import os
from pathlib import Path

from kanpde.output.plot.canvas import Block, Picture, compose, save, styled
from kanpde.output.plot.field_layers import drawn_vectors, field_layers, vector_layers
from kanpde.output.plot.layer import plane_block, row_block
from kanpde.output.plot.lines import cut_block, profile_block
from kanpde.output.plot.plane import Plane, check, error
from kanpde.output.plot.planes import planes
from kanpde.output.plot.text import error_note, plain
from kanpde.solution.grid_data import GridData


def plot_solution(grid: GridData, path: str | os.PathLike[str]) -> Path:
    """Write `solution_figure` as a PNG file and return its path.

    Raises:
        KanpdeError: the path does not end in .png, or the grid cannot be drawn.
    """
    with styled():
        return save(solution_figure(grid), path)


def solution_figure(grid: GridData) -> Picture:
    """Each field, and where known its reference and its error with relative L2 norm and maximum.

    One axis: lines, and |error| on a logarithmic axis. One space axis and time: images with
    time across, and lines at up to four times. Two space axes: images, with time a column for
    each of up to four times. Three space axes and more: the middle planes of the first three,
    at the last time. Vectors with a component for each of two or three space axes are drawn as
    streamlines over their length.

    Raises:
        KanpdeError: an axis has one point only, or a field has components.
    """
    check(grid)
    with styled():
        return compose(grid.title, _blocks(grid))


def _blocks(grid: GridData) -> list[Block]:
    if grid.cells is None and len(grid.axes) == 1:
        return [profile_block(grid)]
    shown = planes(grid)
    if len(grid.coordinates) == 1:
        return _space_time_blocks(grid, shown[0])
    fields = {name: field_layers(grid, name, shown) for name in grid.fields}
    vectors = [vector_layers(grid, name, shown) for name in drawn_vectors(grid)]
    if len(shown) == 1:
        return [row_block([*fields.values(), *vectors], shown[0])]
    return [
        *(plane_block(layers, shown, _heading(grid, name)) for name, layers in fields.items()),
        *(plane_block(layers, shown) for layers in vectors),
    ]


def _space_time_blocks(grid: GridData, plane: Plane) -> list[Block]:
    """For each field a row of images and a row of lines at some times."""
    blocks = []
    for name in grid.fields:
        blocks.append(row_block([field_layers(grid, name, (plane,))], plane))
        blocks.append(cut_block(grid, name))
    return blocks


def _heading(grid: GridData, name: str) -> str:
    """The error at all points and times, of which a picture of some planes shows a part."""
    difference = error(grid, name)
    if difference is None:
        return ""
    return f"error of {plain(name)} at all points: {error_note(difference, grid.exact.get(name))}"
