"""Layers: arrays over a whole grid, drawn as images of one or several of its planes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes

from kanpde.arrays import Array
from kanpde.output.plot.canvas import TITLE, Block, Panel
from kanpde.output.plot.panel import Size, draw_bar, draw_image, draw_streams, panel_size
from kanpde.output.plot.plane import Plane
from kanpde.output.plot.scale import Scale
from kanpde.output.plot.text import wrapped

Note = Callable[[Plane], str]
_DOT = 3.0  # points across a circle


@dataclass(frozen=True, eq=False)
class Layer:
    """A quantity over all axes, with its unit ("" for none) and its colours.

    `note` is written below the name; `streams` are the components of a vector field, by axis,
    whose lines are drawn above the image; `marks` are places across, drawn as thin lines.
    """

    name: str
    unit: str
    values: Array
    scale: Scale
    note: Note | None = None
    streams: Mapping[str, Array] | None = None
    marks: Sequence[float] = ()
    # Coordinates of places by axis, drawn as circles.
    dots: Mapping[str, Array] | None = None


def row_block(layers: Sequence[Sequence[Layer]], plane: Plane) -> Block:
    """One plane: a row of panels for each sequence of layers, one below the other if wide.

    Sequences of one layer share the last rows.
    """
    if plane.ratio < 0.4:
        size = panel_size(plane, 7.0, 2.5)
        tall = [(_panel(layer, plane, size),) for row in layers for layer in row]
        return Block(tuple(tall), size)
    single = [layer for row in layers for layer in row if len(row) == 1]
    several = [row for row in layers if len(row) > 1]
    columns = max(map(len, several), default=2 if len(single) in (2, 4) else 3)
    layers = [*several, *(single[i : i + columns] for i in range(0, len(single), columns))]
    size = panel_size(plane, 3.6, 3.2)
    rows = tuple(
        tuple(_panel(layer, plane, size, first=i == 0) for i, layer in enumerate(row))
        for row in layers
    )
    return Block(rows, size)


def plane_block(layers: Sequence[Layer], shown: Sequence[Plane], heading: str = "") -> Block:
    """Several planes: a row for each layer, a column for each plane, one colour bar a row."""
    alike = len({(plane.across.name, plane.up.name) for plane in shown}) == 1
    tallest = max(shown, key=lambda plane: plane.ratio)
    size = panel_size(tallest, 2.6, 2.8)
    rows = tuple(
        tuple(
            _panel(layer, plane, size, first=i == 0 or not alike, bar=i == len(shown) - 1)
            for i, plane in enumerate(shown)
        )
        for layer in layers
    )
    return Block(rows, size, heading, bars=False)


def _panel(
    layer: Layer,
    plane: Plane,
    size: Size,
    first: bool = True,
    bar: bool = True,
) -> Panel:
    draw = partial(_draw, layer=layer, plane=plane, size=size, first=first, bar=bar)
    return Panel(draw, plane.aspect == "equal")


def _draw(ax: Axes, layer: Layer, plane: Plane, size: Size, first: bool, bar: bool) -> None:
    image = draw_image(ax, plane, plane.cut(layer.values), layer.scale, size)
    if layer.streams is not None:
        right, upward = (plane.cut(layer.streams[a.name]) for a in (plane.across, plane.up))
        draw_streams(ax, plane, right, upward, size)
    for mark in layer.marks:
        ax.axvline(mark, color="black", linewidth=0.7, linestyle=(0, (1, 3)))
    if layer.dots is not None:
        across, up = (layer.dots[axis.name] for axis in (plane.across, plane.up))
        ax.plot(across, up, "o", mfc="none", mec="black", ms=_DOT, mew=0.5)
    title = f"{layer.name} at {plane.place}" if plane.place else layer.name
    title = wrapped(title, max(size[0], TITLE))
    ax.set_title(f"{title}\n{layer.note(plane)}" if layer.note else title)
    if not first:
        ax.set_ylabel("")
        ax.tick_params(labelleft=False)
    if bar:
        draw_bar(ax, image, layer.scale, layer.unit)
