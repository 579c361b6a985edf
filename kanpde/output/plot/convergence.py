"""The picture of a training trace: losses and errors against time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import cycle, product
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kanpde.errors import KanpdeError
from kanpde.output.plot.canvas import new_figure, save, settle, styled
from kanpde.output.plot.text import plain

Trace = Mapping[str, np.ndarray[Any, Any]]

_LABEL_GAP = 0.028  # of the axis' length: nearer labels of stages would touch
_LABEL_LENGTH = 34
_NEAR = 30  # times the tolerance: errors this small come near it
_LETTER = 0.011  # of the axis' length, with some room: a letter of a label


def plot_convergence(
    trace: Trace, path: str | os.PathLike[str], tolerance: float | None = None
) -> Path:
    """Write `convergence_figure` as a PNG file and return its path.

    Raises:
        KanpdeError: the path does not end in .png, or the trace lacks what is drawn.
    """
    with styled():
        return save(convergence_figure(trace, tolerance), path)


def convergence_figure(trace: Trace, tolerance: float | None = None) -> Figure:
    """Losses, and below them the errors where there are any, against the seconds.

    Args:
        trace: columns (rows,) by name: "seconds"; "loss" and any number of "loss:NAME", one a
            condition; any number of "error:NAME", relative L2 errors, and "estimate" (of the
            error); "stage", texts, whose changes are drawn as vertical lines. All but
            "seconds" may be absent, and NaN where nothing was measured.
        tolerance: the estimate at which training ends; drawn where the errors come near it.

    Raises:
        KanpdeError: "seconds" is absent or empty, no loss is there, or columns differ in length.
    """
    _check(trace)
    losses = [name for name in trace if name == "loss" or name.startswith("loss:")]
    errors = [name for name in trace if name == "estimate" or name.startswith("error:")]
    errors = [name for name in errors if _positive(trace[name]).any()]
    with styled():
        figure = new_figure(8.6, 6.6 if errors else 4.2)
        axes = figure.subplots(2 if errors else 1, 1, sharex=True, squeeze=False)[:, 0]
        _draw_losses(axes[0], trace, losses)
        if errors:
            _draw_errors(axes[1], trace, errors)
            _draw_tolerance(axes[1], trace, errors, tolerance)
        for ax in axes:
            if ax.lines:
                ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02))
            _draw_stages(ax, trace, named=ax is axes[0])
            ax.margins(x=0.015)
            ax.grid(True)
            ax.set_axisbelow(True)
        axes[-1].set_xlabel("time [s]")
        settle(figure)
        return figure


def _check(trace: Trace) -> None:
    rows = len(trace.get("seconds", ()))
    if not rows:
        raise KanpdeError('the trace has no rows in its column "seconds"; there is nothing to draw')
    for name, column in trace.items():
        if np.shape(column) != (rows,):
            raise KanpdeError(
                f"column {name!r} of the trace has the shape {np.shape(column)}; "
                f'"seconds" has ({rows},)'
            )
    if not any(name == "loss" or name.startswith("loss:") for name in trace):
        raise KanpdeError('the trace has no column "loss" or "loss:NAME" to draw')


def _draw_losses(ax: Axes, trace: Trace, names: list[str]) -> None:
    """The total thick and black, each condition thin and coloured upon it.

    The loss of a single condition is the total.
    """
    styles = _styles()
    if len(names) == 2 and "loss" in names:
        (single,) = (name.removeprefix("loss:") for name in names if name != "loss")
        _line(ax, trace, "loss", f"loss: {single}", color="black", linewidth=2.0)
        names = []
    for name in sorted(names, key="loss".__ne__):
        if name == "loss":
            _line(ax, trace, name, "loss", color="black", linewidth=2.0, zorder=1)
        else:
            colour, dashes = next(styles)
            part = name.removeprefix("loss:")
            _line(ax, trace, name, part, color=colour, linestyle=dashes, linewidth=0.9)
    ax.set_ylabel("loss")


def _draw_errors(ax: Axes, trace: Trace, names: list[str]) -> None:
    styles = _styles()
    for name in sorted(names, key="estimate".__eq__):
        if name == "estimate":
            _line(ax, trace, name, "estimate", color="0.5", linestyle="--", linewidth=1.2)
        else:
            colour, dashes = next(styles)
            part = name.removeprefix("error:")
            _line(ax, trace, name, f"error of {part}", color=colour, linestyle=dashes, linewidth=2)
    ax.set_ylabel("relative L₂ error")


def _draw_tolerance(ax: Axes, trace: Trace, names: list[str], tolerance: float | None) -> None:
    """A line at the tolerance, unless it is far below all errors and would flatten them."""
    least = min(trace[name][_positive(trace[name])].min() for name in names)
    if tolerance and tolerance > least / _NEAR:
        ax.axhline(tolerance, color="tab:green", linestyle="-.", linewidth=1.0, label="tolerance")


def _line(ax: Axes, trace: Trace, name: str, label: str, **style: Any) -> None:
    """A line through the measured rows; few of them are marked."""
    good = _positive(trace[name])
    if not good.any():
        return
    ax.set_yscale("log")
    few = int(good.sum()) <= 30
    ax.plot(
        trace["seconds"][good],
        trace[name][good],
        label=plain(label),
        marker="o" if few else "",
        markersize=2.0 + style["linewidth"],
        **style,
    )


def _draw_stages(ax: Axes, trace: Trace, named: bool) -> None:
    """A light line where the stage changes; its name above the axes where there is room."""
    if "stage" not in trace:
        return
    seconds, stage = trace["seconds"], trace["stage"]
    starts = [0, *(np.flatnonzero(stage[1:] != stage[:-1]) + 1).tolist()]
    length = float(np.ptp(seconds)) or 1.0
    texts: dict[float, str] = {}  # by place, as a part of the axis' length
    for i in starts:
        at = float(seconds[i] - seconds[0]) / length
        if i:
            ax.axvline(float(seconds[i]), color="0.75", linewidth=0.8, zorder=0)
        if not texts or at - max(texts) >= _LABEL_GAP:
            text = str(stage[i])
            short = text if len(text) <= _LABEL_LENGTH else text[: _LABEL_LENGTH - 1] + "…"
            texts[at] = plain(short)
    if named:
        _name_stages(ax, texts, float(seconds[0]), length)


def _name_stages(ax: Axes, texts: Mapping[float, str], first: float, length: float) -> None:
    """The names of stages above the axes: level where all have room, else slanted.

    A slanted name takes a fifth of the picture's height.
    """
    ends = [*list(texts)[1:], 1.0]
    room = (end - at for at, end in zip(texts, ends, strict=True))
    level = all(
        len(text) * _LETTER <= space for text, space in zip(texts.values(), room, strict=True)
    )
    for at, text in texts.items():
        ax.annotate(
            text,
            (first + at * length, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            rotation=0 if level else 40,
            rotation_mode="anchor",
            fontsize=7.5,
            color="0.35",
        )


def _positive(values: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    good: np.ndarray[Any, np.dtype[np.bool_]] = np.isfinite(values) & (values > 0)
    return good


def _styles() -> Any:
    """Colours, then the same ones dotted and dashed."""
    return cycle(
        (colour, dashes)
        for dashes, colour in product(("-", ":", "--"), matplotlib.color_sequences["tab10"])
    )
