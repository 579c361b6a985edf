"""The picture of a domain: the named parts of its boundary, and where its conditions hold."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from kanpde.arrays import Array
from kanpde.geometry.cells import Cells
from kanpde.geometry.simplices import simplices
from kanpde.output.plot.canvas import new_figure, save, settle, styled
from kanpde.output.plot.text import label, plain

# Arrows of normals on one part, and their length relative to the domain.
_ARROWS, _LENGTH = 24, 0.06


@dataclass(frozen=True, eq=False)
class Marks:
    """Points (N, d) of a part or a condition, with normals (N, d) where it has them.

    `note` is written behind the name: a length, or a place.
    """

    name: str
    points: Array
    normals: Array | None = None
    is_interior: bool = False
    note: str = ""

    @property
    def label(self) -> str:
        return plain(f"{self.name} {self.note}".rstrip())


def plot_domain(
    outline: Cells,
    parts: Sequence[Marks],
    conditions: Sequence[Marks],
    path: str | os.PathLike[str],
    *,
    notes: Sequence[str] = (),
    units: Mapping[str, str] | None = None,
) -> Path:
    """Write `domain_figure` as a PNG file and return its path."""
    with styled():
        figure = domain_figure(outline, parts, conditions, notes=notes, units=units)
        return save(figure, path)


def domain_figure(
    outline: Cells,
    parts: Sequence[Marks],
    conditions: Sequence[Marks],
    *,
    notes: Sequence[str] = (),
    units: Mapping[str, str] | None = None,
) -> Figure:
    """Each named part of the boundary in its colour with its normals, beside the conditions.

    Args:
        outline: the domain in two or three coordinates, with the facets of each part.
        parts: points and normals of the named parts of the boundary.
        conditions: those of each condition.
        notes: lines of text below the picture.
        units: name of a coordinate -> unit.
    """
    solid = len(outline.space) == 3
    lines = [line for note in notes for line in textwrap.wrap(note, 130)]
    with styled():
        figure = new_figure(11.0, 5.2 + 0.17 * len(lines))
        both = [
            figure.add_subplot(1, 2, k + 1, projection="3d" if solid else None) for k in range(2)
        ]
        _draw_parts(both[0], outline, parts)
        _draw_conditions(both[1], outline, conditions)
        for ax, title in zip(both, ("parts of the boundary", "conditions"), strict=True):
            ax.set_title(title)
            _name_axes(ax, outline, units or {})
            if ax.get_legend_handles_labels()[0]:
                legend = ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
                for mark in legend.get_lines():
                    mark.set_markersize(5)
        if lines:
            figure.supxlabel(plain("\n".join(lines)), x=0.02, ha="left", fontsize=8)
        settle(figure, [] if solid else both)
        return figure


def _draw_parts(ax: Any, outline: Cells, parts: Sequence[Marks]) -> None:
    colours = dict(zip(outline.parts, cycle(matplotlib.color_sequences["tab10"]), strict=False))
    labels = {marks.name: marks.label for marks in parts}
    for name, facets in outline.parts.items():
        _draw_facets(ax, outline.nodes, facets, colours[name], labels.get(name, plain(name)))
    # Ten sides of a star with as many arrows as a disc were ten brushes.
    most = max(4, min(_ARROWS, 4 * _ARROWS // max(len(parts), 1)))
    for marks in parts:
        _draw_normals(ax, outline, marks, colours.get(marks.name, "0.4"), most)
    _frame(ax, outline)


def _draw_conditions(ax: Any, outline: Cells, conditions: Sequence[Marks]) -> None:
    for facets in outline.parts.values():
        _draw_facets(ax, outline.nodes, facets, "0.75", None)
    colours = cycle(matplotlib.color_sequences["tab10"])
    for marks, colour in zip(conditions, colours, strict=False):
        faint = marks.is_interior
        ax.plot(
            *marks.points.T,
            linestyle="none",
            marker="o",
            markersize=1.2 if faint else 2.6,
            markeredgewidth=0,
            color=colour,
            alpha=0.45 if faint else 1.0,
            label=marks.label,
            zorder=1 if faint else 3,
        )
        _draw_normals(ax, outline, marks, colour)
    _frame(ax, outline)


def _draw_facets(
    ax: Any, nodes: Array, facets: Mapping[str, Any], colour: Any, name: str | None
) -> None:
    if "vertex" in facets:
        return
    corners = nodes[simplices(facets)[0]]
    if nodes.shape[1] == 2:
        ax.add_collection(LineCollection(list(corners), colors=[colour], linewidths=2, label=name))
        return
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    ax.add_collection3d(Poly3DCollection(list(corners), facecolors=[colour], alpha=0.25))
    if name is not None:
        ax.plot([], [], [], color=colour, linewidth=5, alpha=0.5, label=name)


def _draw_normals(ax: Any, outline: Cells, marks: Marks, colour: Any, most: int = _ARROWS) -> None:
    if marks.normals is None or not len(marks.points):
        return
    # The first and the last point of a closed curve are neighbours.
    count = min(most, len(marks.points))
    chosen = ((np.arange(count) + 0.5) * len(marks.points) / count).astype(int)
    length = _LENGTH * float(np.ptp(outline.nodes, axis=0).max())
    ends = marks.points[chosen] + length * marks.normals[chosen]
    for start, end in zip(marks.points[chosen], ends, strict=True):
        if outline.nodes.shape[1] == 3:
            ax.plot(*np.stack([start, end], 1), color=colour, linewidth=0.9)
        else:
            arrow = {
                "arrowstyle": "->",
                "color": colour,
                "linewidth": 0.8,
                "shrinkA": 0,
                "shrinkB": 0,
            }
            ax.annotate("", end, start, arrowprops=arrow)


def _frame(ax: Any, outline: Cells) -> None:
    low, high = outline.nodes.min(0), outline.nodes.max(0)
    margin = (_LENGTH + 0.03) * float((high - low).max())
    setters = [ax.set_xlim, ax.set_ylim]
    if outline.nodes.shape[1] == 3:
        ax.set_box_aspect(high - low)
        setters.append(ax.set_zlim)
    for set_ends, a, b in zip(setters, low, high, strict=True):
        set_ends(a - margin, b + margin)


def _name_axes(ax: Any, outline: Cells, units: Mapping[str, str]) -> None:
    setters = [ax.set_xlabel, ax.set_ylabel]
    if outline.nodes.shape[1] == 3:
        setters.append(ax.set_zlabel)
    for set_label, name in zip(setters, outline.space, strict=True):
        set_label(label(name, units))
