"""The picture of a benchmark: error against time, a panel for each problem."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from kanpde.arrays import Array
from kanpde.bench.curves import Curve
from kanpde.errors import KanpdeError
from kanpde.output.plot.canvas import new_figure, save, settle, styled
from kanpde.output.plot.text import plain


def plot_curves(curves: Sequence[Curve], path: str | os.PathLike[str]) -> Path:
    """Write `curves_figure` as a PNG file; its path."""
    with styled():
        return save(curves_figure(curves), path)


def curves_figure(curves: Sequence[Curve]) -> Figure:
    """Error against time, both logarithmic: a thin line a seed, the median bold, by budget.

    A dotted line is the reference's own error, below which nothing is drawn. Raises KanpdeError
    without a curve.
    """
    names = list(dict.fromkeys(c.problem for c in curves))
    if not names:
        raise KanpdeError(
            "no run has errors to draw: the problems have no reference, or all failed"
        )
    columns = math.ceil(math.sqrt(len(names)))
    lines = math.ceil(len(names) / columns)
    with styled():
        figure = new_figure(0.8 + 3.6 * columns, 0.4 + 2.9 * lines)
        axes = figure.subplots(lines, columns, squeeze=False).ravel()
        for ax, name in zip(axes, names, strict=False):
            _draw(ax, [c for c in curves if c.problem == name])
            ax.set_title(plain(name))
        for ax in axes[len(names) :]:
            ax.remove()
        for ax in axes[: len(names)]:
            if ax.get_subplotspec().is_first_col():
                ax.set_ylabel("relative L₂ error")
            ax.set_xlabel("time [s]")
        settle(figure)
        return figure


def _draw(ax: Axes, curves: Sequence[Curve]) -> None:
    budgets = sorted({c.budget for c in curves})
    colours = matplotlib.color_sequences["tab10"]
    for k, budget in enumerate(budgets):
        colour = colours[k % len(colours)]
        group = [c for c in curves if c.budget == budget]
        for c in group:
            ax.plot(c.seconds, _shown(c), color=colour, linewidth=0.7, alpha=0.55)
        seconds, error = median_curve(group)
        label = f"{budget:g} s, median of {len(group)}"
        mark = "o" if len(seconds) < 3 else ""
        ax.plot(seconds, error, color=colour, linewidth=2.2, marker=mark, label=label)
    if known := max(c.known for c in curves):
        ax.axhline(known, color="0.4", linewidth=0.9, linestyle=":", label="the reference's own")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.xaxis.set_minor_formatter(NullFormatter())  # on short axes these labels run together
    ax.grid(True)
    ax.set_axisbelow(True)
    ax.legend(loc="lower left")


def _shown(c: Curve) -> Array:
    return np.maximum(c.error, max(c.known, 1e-17))


def median_curve(group: Sequence[Curve]) -> tuple[Array, Array]:
    """The median over seeds of the last error that each had at a time, (times,) each.

    It begins when all of them have been looked at; a run that has ended keeps its last error.
    """
    first = max(float(c.seconds[0]) for c in group)
    last = max(float(c.seconds[-1]) for c in group)
    times = np.unique(np.concatenate([c.seconds for c in group]))
    times = times[(times >= first) & (times <= last)]
    values = [_shown(c)[np.searchsorted(c.seconds, times, side="right") - 1] for c in group]
    return times, np.median(values, axis=0)
