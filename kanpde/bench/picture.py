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
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

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
    """Error against time, both logarithmic: a thin line per seed, the median bold, by budget.

    A dotted line is the error of the reference; smaller errors are drawn on it. Raises KanpdeError
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
            ax.step(c.seconds, _clip(c), where="post", color=colour, linewidth=0.7, alpha=0.55)
        seconds, error = median_curve(group)
        label = f"{budget:g} s, median of {len(group)}"
        mark = "o" if len(seconds) < 3 else ""
        # Steps, since an error is the last one known until the next look: straight lines between
        # the looks of one seed would lie below the median of the known errors.
        ax.step(seconds, error, where="post", color=colour, linewidth=2.2, marker=mark, label=label)
    if known := max(c.known for c in curves):
        ax.axhline(known, color="0.4", linewidth=0.9, linestyle=":", label="the reference's own")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.xaxis.set_major_locator(FixedLocator(time_ticks(*ax.get_xlim())))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())  # on short axes these labels run together
    ax.grid(True)
    ax.set_axisbelow(True)
    ax.legend(loc="lower left")


def time_ticks(low: float, high: float) -> list[float]:
    """Round numbers between the ends of a logarithmic axis: three or more where there are so many.

    With powers of ten alone an axis from 2 to 60 seconds has one label.
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)):
        ticks = (float(f"{step}e{power}") for power in powers for step in steps)
        found = [tick for tick in ticks if low <= tick <= high]
        if len(found) >= 3:
            break
    return found


def _clip(c: Curve) -> Array:
    return np.maximum(c.error, max(c.known, 1e-17))


def median_curve(group: Sequence[Curve]) -> tuple[Array, Array]:
    """The median over seeds of the last error that each had at a time, (times,) each.

    It begins when each has had a look; a run that has ended keeps its last error.
    """
    first = max(float(c.seconds[0]) for c in group)
    last = max(float(c.seconds[-1]) for c in group)
    times = np.unique(np.concatenate([c.seconds for c in group]))
    times = times[(times >= first) & (times <= last)]
    values = [_clip(c)[np.searchsorted(c.seconds, times, side="right") - 1] for c in group]
    return times, np.median(values, axis=0)
