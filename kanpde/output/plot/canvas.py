"""Figures: their style, their composition from blocks of panels, and the file."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from kanpde.errors import KanpdeError
from kanpde.files.whole import replacing
from kanpde.output.plot.text import plain, wrapped

DPI = 150
TITLE = 3.0  # inches that the longest notes above a panel take; the layout ignores them

_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9,
    "axes.linewidth": 0.6,
    "axes.formatter.limits": (-3, 4),
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.4,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
}


class Picture(Figure):
    """A matplotlib Figure that notebooks show as it is."""

    def _repr_png_(self) -> bytes:
        return self.to_png()

    def to_png(self) -> bytes:
        """The PNG file as bytes."""
        stream = io.BytesIO()
        canvas: Any = FigureCanvasAgg(self)
        canvas.print_png(stream)
        return stream.getvalue()

    def to_html(self) -> str:
        """An HTML image that needs no file."""
        data = base64.b64encode(self.to_png()).decode()
        return f'<img src="data:image/png;base64,{data}" style="max-width: 100%"/>'


@dataclass(frozen=True)
class Panel:
    """What to draw into a pair of axes, and whether their units are of equal length."""

    draw: Callable[[Axes], None]
    equal: bool = False


@dataclass(frozen=True)
class Block:
    """Rows of panels under a heading; `size` is a panel's width and height in inches.

    Around each panel is room for labels, a title and, with `bars`, a colour bar at each panel
    (otherwise at the end of the row only). Rows may be of different lengths.
    """

    rows: tuple[tuple[Panel, ...], ...]
    size: tuple[float, float]
    heading: str = ""
    bars: bool = True

    @property
    def columns(self) -> int:
        return max(len(row) for row in self.rows)

    @property
    def width(self) -> float:
        room = 1.25 if self.bars else 0.45
        column = max(self.size[0] + room, TITLE)
        return self.columns * column + (0 if self.bars else 1.0)

    @property
    def height(self) -> float:
        return len(self.rows) * (self.size[1] + 0.75) + (0.3 if self.heading else 0)


@contextmanager
def styled() -> Iterator[None]:
    """Our style, from matplotlib's defaults, inside of the block only."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def compose(title: str, blocks: Sequence[Block]) -> Picture:
    """The blocks one below the other, under one title."""
    heights = [block.height for block in blocks]
    width = max(block.width for block in blocks)
    title = wrapped(plain(title), 0.75 * width)  # of larger letters
    figure = new_figure(width, sum(heights) + 0.2 + 0.2 * len(title.splitlines()))
    figure.suptitle(title, fontsize=12)
    equal = []
    parts = figure.subfigures(len(blocks), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, block in zip(parts, blocks, strict=True):
        if block.heading:
            part.suptitle(block.heading, fontsize=10.5)
        grid = part.subplots(len(block.rows), block.columns, squeeze=False)
        for places, row in zip(grid, block.rows, strict=True):
            for ax, panel in zip_longest(places, row):
                if panel is None:
                    ax.remove()
                    continue
                panel.draw(ax)
                if panel.equal:
                    equal.append(ax)
    settle(figure, equal)
    return figure


def new_figure(width: float, height: float) -> Picture:
    """An empty figure, its size in inches; texts make room for each other."""
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, wspace=0.02, hspace=0.02)
    figure = Picture(figsize=(width, height), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)  # the canvas that measures texts
    return figure


def settle(figure: Figure, equal: Iterable[Axes] = ()) -> None:
    """Fix the layout, then give some axes units of equal length.

    The constrained layout takes the room for labels from the axes as they are before it moves
    them; of axes with equal units it may then cut the labels off.
    """
    layout = figure.get_layout_engine()
    assert layout is not None
    layout.execute(figure)
    figure.set_layout_engine("none")
    for ax in equal:
        ax.set_aspect("equal")
        ax.set_anchor("N")  # titles in line


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a PNG file as a whole or not at all, and make the folders on the way to it.

    Raises:
        KanpdeError: the path does not end in .png.
    """
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise KanpdeError(f"pictures are PNG files: let the name {target.name!r} end in .png")
    with replacing(target) as part:
        # `savefig` would draw everything once more, for the layout that is settled.
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        # Without transparency, and packed less tightly: as large a file in half of the time.
        pixels = np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
        about = PngInfo()
        about.add_text("Software", "kanpde")
        image = Image.fromarray(pixels)
        image.save(part, "png", dpi=(DPI, DPI), compress_level=4, pnginfo=about)
    return target
