"""Movies: a field in time as a GIF."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.files.whole import write_whole
from kanpde.output.plot.canvas import new_figure, settle, styled
from kanpde.output.plot.panel import common_limits, draw_bar, draw_image, draw_lines, panel_size
from kanpde.output.plot.plane import axis, check, known, place
from kanpde.output.plot.planes import plane_at
from kanpde.output.plot.scale import field_scale
from kanpde.output.plot.text import label, plain
from kanpde.solution.grid_data import GridData

Draw = Callable[[int], None]

_DPI = 80  # a GIF of two megabytes at most, for sixty frames


@dataclass(frozen=True, eq=False)
class Movie:
    """The first field of a grid with time, frame by frame: lines along one axis, or images of two.

    `seconds` is how long it plays, with at most `frames` times of the grid. Raises KanpdeError for
    a grid without time, or with another number of space axes than one or two.
    """

    grid: GridData
    seconds: float = 6.0
    frames: int = 60

    def __post_init__(self) -> None:
        check(self.grid)
        if self.grid.time is None or len(self.grid.coordinates) not in (1, 2):
            raise KanpdeError("a movie needs time and one or two space axes")

    @cached_property
    def data(self) -> bytes:
        """The GIF file."""
        moments = self._moments()
        with styled():
            figure, draw = self._draw()
            figure.set_dpi(_DPI)
            first, *rest = [_paint(figure, draw, index) for index in moments]
        stream = io.BytesIO()
        pause = round(1000 * self.seconds / len(moments))
        first.save(stream, "gif", save_all=True, append_images=rest, duration=pause, loop=0)
        return stream.getvalue()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the GIF file, whole or not at all; raises KanpdeError for another ending."""
        target = Path(path)
        if target.suffix.lower() != ".gif":
            raise KanpdeError(f"movies are GIF files: let the name {target.name!r} end in .gif")
        write_whole(target, lambda part: part.write_bytes(self.data))
        return target

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.data).decode()
        return f'<img src="data:image/gif;base64,{data}"/>'

    def _moments(self) -> list[int]:
        assert self.grid.times is not None
        last = len(self.grid.times) - 1
        return sorted({round(i) for i in np.linspace(0, last, min(self.frames, last + 1))})

    def _draw(self) -> tuple[Figure, Draw]:
        """A figure, and what draws one moment into it."""
        grid, name = self.grid, next(iter(self.grid.fields))
        assert grid.time is not None
        assert grid.times is not None
        times, values = grid.times, known(grid, name)
        width, height = 5.0, 3.6
        if len(grid.coordinates) == 2:
            size = panel_size(plane_at(grid, 0), 4.5, 4.5)
            width, height = size[0] + 1.6, size[1] + 1.0
        figure = new_figure(width, height)
        ax = figure.add_subplot()
        scale = field_scale(values[0])
        limits = common_limits(*values)
        started: list[bool] = []

        def draw(index: int) -> None:
            ax.clear()
            if len(grid.coordinates) == 1:
                _draw_lines(ax, grid, name, index)
                ax.set_ylim(*limits)
            else:
                plane = plane_at(grid, index)
                image = draw_image(ax, plane, plane.cut(values[0]), scale, (4.5, 4.5))
                draw_bar(ax, image, scale, grid.units.get(name, ""))  # `clear` took it away
                ax.set_aspect(plane.aspect)
            ax.set_title(f"{plain(name)} at {place(str(grid.time), times, index, grid.units)}")
            if not started:
                started.append(True)
                settle(figure)

        return figure, draw


def _paint(figure: Figure, draw: Draw, index: int) -> Image.Image:
    draw(index)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert(
        "P", palette=Image.Palette.ADAPTIVE
    )


def _draw_lines(ax: Axes, grid: GridData, name: str, index: int) -> None:
    ((space, points),) = grid.space.items()
    along = list(grid.axes).index(str(grid.time))
    lines: list[Array] = [np.take(each, index, axis=along) for each in known(grid, name)]
    solution, *exact = lines
    draw_lines(ax, axis(space, points, grid.units), solution, exact[0] if exact else None)
    ax.set_ylabel(label(name, grid.units))
