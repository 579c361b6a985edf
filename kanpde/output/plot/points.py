"""The picture of collocation points."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.output.plot.canvas import new_figure, save, settle, styled
from kanpde.output.plot.text import plain

Box = Mapping[str, tuple[float, float]]
Points = Mapping[str, Array]

_MARGIN = 0.04


def plot_points(
    box_axes: Box,
    points: Points,
    path: str | os.PathLike[str],
    notes: Sequence[str] = (),
    time: str | None = None,
    exact: Points | None = None,
    fills: bool = True,
) -> Path:
    """Write `points_figure` as a PNG file and return its path.

    Raises:
        KanpdeError: the path does not end in .png, or a condition's points do not fit the box.
    """
    with styled():
        return save(points_figure(box_axes, points, notes, time, exact, fills), path)


def points_figure(
    box_axes: Box,
    points: Points,
    notes: Sequence[str] = (),
    time: str | None = None,
    exact: Points | None = None,
    fills: bool = True,
) -> Figure:
    """The points of each condition in its colour, with their numbers in the legend.

    Args:
        box_axes: the ends of each axis by name.
        points: (N, axes) for each condition, by its name.
        notes: lines of text below the picture.
        time: the name of the axis that is time, if there is one.
        exact: places (N, axes) where a condition holds by construction, by its name; they are
            not trained and drawn as grey rings.
        fills: whether the domain fills the box, whose sides are drawn only then.

    One axis: a row for each condition. Two: the plane, time across. More: each pair of the
    first four axes.

    Raises:
        KanpdeError: the box has no axis, or a condition's points have another shape.
    """
    exact = exact or {}
    _check(box_axes, points)
    _check(box_axes, exact)
    names = list(box_axes)
    pairs = [
        tuple(sorted(pair, key=lambda name: name != time)) for pair in combinations(names[:4], 2)
    ]
    columns = min(len(pairs), 3) or 1
    rows = max(1, -(-len(pairs) // 3))
    lines = [line for note in notes for line in textwrap.wrap(note, 55 * columns + 25)]
    ratio = max((_ratio(box_axes, pair, time) or 1.0 for pair in pairs), default=1.0)
    height = rows * (0.8 + 3.1 * float(np.clip(ratio, 0.3, 1.5)))
    if len(names) == 1:
        height = 0.28 * (len(points) + len(exact)) + 1.4
    with styled():
        figure = new_figure(columns * 4.2 + 1.6, height + 0.5 + 0.17 * len(lines))
        total = sum(len(each) for each in points.values())
        figure.suptitle(f"{total} collocation points", fontsize=12)
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        if len(names) == 1:
            _draw_rows(grid[0], names[0], box_axes, points, exact)
        for ax, pair in zip(grid, pairs, strict=False):
            _draw_pair(ax, pair, box_axes, points, exact)
            if fills:
                _draw_box(ax, box_axes[pair[0]], box_axes[pair[1]])
        equal = [ax for ax, pair in zip(grid, pairs, strict=False) if _ratio(box_axes, pair, time)]
        _draw_legend(figure, grid[0])
        if lines:
            figure.supxlabel(plain("\n".join(lines)), x=0.02, ha="left", fontsize=8)
        settle(figure, equal)
        return figure


def _check(box_axes: Box, points: Points) -> None:
    if not box_axes:
        raise KanpdeError("the box has no axis; its points cannot be drawn")
    for name, each in points.items():
        if each.ndim != 2 or each.shape[1] != len(box_axes):
            raise KanpdeError(
                f"the points of {name!r} have the shape {each.shape}; give them "
                f"(N, {len(box_axes)}) for the axes {', '.join(box_axes)}"
            )


def _draw_pair(
    ax: Axes, pair: tuple[str, ...], box_axes: Box, points: Points, exact: Points
) -> None:
    columns = [list(box_axes).index(name) for name in pair]
    for i, (name, each) in enumerate(exact.items()):
        _draw_exact(ax, each[:, columns[0]], each[:, columns[1]], name, i)
    for i, (name, each) in enumerate(points.items()):
        _draw_points(ax, each[:, columns[0]], each[:, columns[1]], name, i)
    across, up = (box_axes[name] for name in pair)
    ax.set_xlim(*_widen(across))
    ax.set_ylim(*_widen(up))
    ax.set_xlabel(plain(pair[0]))
    ax.set_ylabel(plain(pair[1]))


def _widen(ends: tuple[float, float]) -> tuple[float, float]:
    margin = _MARGIN * (ends[1] - ends[0])
    return ends[0] - margin, ends[1] + margin


def _draw_box(ax: Axes, across: tuple[float, float], up: tuple[float, float]) -> None:
    corner, sides = (across[0], up[0]), (across[1] - across[0], up[1] - up[0])
    ax.add_patch(Rectangle(corner, *sides, fill=False, color="0.6", linewidth=0.8, zorder=0))


def _ratio(box_axes: Box, pair: tuple[str, ...], time: str | None) -> float | None:
    """Height over width, for two lengths of like size only."""
    first, second = (right - left for left, right in (box_axes[name] for name in pair))
    return second / first if time not in pair and 1 / 8 <= second / first <= 8 else None


def _draw_rows(ax: Axes, axis: str, box_axes: Box, points: Points, exact: Points) -> None:
    left, right = box_axes[axis]
    for i, (name, each) in enumerate(points.items()):
        ax.plot([left, right], [-i, -i], color="0.85", linewidth=0.8, zorder=0)
        _draw_points(ax, each[:, 0], np.full(len(each), -float(i)), name, i)
    for i, (name, each) in enumerate(exact.items()):
        row = -float(len(points) + i)
        ax.plot([left, right], [row, row], color="0.85", linewidth=0.8, zorder=0)
        _draw_exact(ax, each[:, 0], np.full(len(each), row), name, i)
    ax.margins(x=_MARGIN)
    ax.set_ylim(-len(points) - len(exact) + 0.3, 0.7)
    ax.set_yticks([])
    ax.set_xlabel(plain(axis))


def _draw_points(ax: Axes, across: Array, up: Array, name: str, index: int) -> None:
    """Few points are drawn larger and above many."""
    count = len(across)
    colours = matplotlib.color_sequences["tab10"]
    (line,) = ax.plot(
        across,
        up,
        linestyle="none",
        marker="os^Dv"[index // len(colours) % 5],
        markersize=float(np.clip(60 / np.sqrt(count + 1), 1.2, 4.0)),
        markeredgewidth=0,
        color=colours[index % len(colours)],
        label=plain(f"{name} ({count})"),
        zorder=2 + 1 / (1 + count),
        clip_on=False,
    )
    line.set_in_layout(False)  # without points it would lie in the figure's corner


def _draw_exact(ax: Axes, across: Array, up: Array, name: str, index: int) -> None:
    """Rings below the points: a boundary without any mark looked like a forgotten condition."""
    (line,) = ax.plot(
        across,
        up,
        linestyle="none",
        marker="os^Dv"[index % 5],
        markersize=3.0,
        markeredgewidth=0.6,
        markerfacecolor="none",
        color="0.6",
        label=plain(f"{name} (exact)"),
        zorder=1.5,
        clip_on=False,
    )
    line.set_in_layout(False)


def _draw_legend(figure: Figure, ax: Axes) -> None:
    """Marks of one size, whatever that of the points."""
    handles, labels = ax.get_legend_handles_labels()
    legend = figure.legend(handles, labels, loc="outside right upper")
    for mark in legend.get_lines():
        mark.set_markersize(5)
