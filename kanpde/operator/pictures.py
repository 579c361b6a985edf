"""Pictures of predictions and of a rollout's error, and fields of predictions for ParaView."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from kanpde.arrays import AnyArray as Array
from kanpde.operator.data import Pairs
from kanpde.operator.evaluation import sample_errors
from kanpde.operator.model import Prediction
from kanpde.operator.rollout import Rollout
from kanpde.output.plot.canvas import Block, Panel, compose, new_figure, save, settle, styled
from kanpde.output.plot.panel import draw_bar, draw_image, draw_lines, panel_size
from kanpde.output.plot.plane import Plane, axis
from kanpde.output.plot.planes import planes
from kanpde.output.plot.scale import Scale, error_scale, field_scale
from kanpde.output.plot.text import number, plain
from kanpde.solution.grid_data import GridData

_FEW = 20  # samples in a file for ParaView


def plot_predictions(
    pairs: Pairs, prediction: Prediction, path: str | os.PathLike[str], title: str
) -> Path:
    """Input, truth, prediction and error of the best, the median and the worst sample.

    Without truth, inputs and predictions of the first three.
    """
    name = next(iter(prediction.fields))
    known = name in pairs.outputs
    if known:
        errors = sample_errors(prediction.fields[name], pairs.outputs[name])
        order = np.argsort(errors)
        chosen = {"best": order[0], "median": order[len(order) // 2], "worst": order[-1]}
        words = {
            int(i): f"{word} of {len(order)}: relative L₂ error {number(float(errors[i]))}"
            for word, i in chosen.items()
        }
    else:
        words = {i: f"sample {i}" for i in range(min(3, len(pairs)))}
    blocks = [
        Block((_row(pairs, prediction, name, i),), (2.1, 2.1), heading=text)
        for i, text in words.items()
    ]
    with styled():
        return save(compose(title, blocks), path)


def _row(pairs: Pairs, prediction: Prediction, name: str, i: int) -> tuple[Panel, ...]:
    shape = pairs.shape
    fields = {n: np.broadcast_to(v[i], shape) for n, v in pairs.inputs.items()}
    axes = {a.name: a.points for a in pairs.axes}
    shown = {f"input {n}": v for n, v in fields.items()}
    guess = prediction.fields[name][i].astype(np.float64)
    if name in pairs.outputs:
        truth = pairs.outputs[name][i].astype(np.float64)
        shown[f"{name}, truth"] = truth
        shown[f"{name}, predicted"] = guess
        shown["error"] = guess - truth
        same = field_scale(truth)
    else:
        shown[f"{name}, predicted"] = guess
        same = field_scale(guess)
    if len(axes) == 1:
        return tuple(_line_panel(axes, label, values) for label, values in shown.items())
    time = None if pairs.time is None else pairs.time.name
    units = {a.name: a.unit for a in pairs.axes if a.unit}
    plane = planes(GridData(axes, shown, time, units=units))[-1]
    panels = []
    for label, values in shown.items():
        cut = plane.cut(values)
        scale = same if label.startswith(name) else field_scale(cut)
        scale = error_scale(cut) if label == "error" else scale
        panels.append(
            Panel(partial(_image, plane=plane, values=cut, scale=scale, label=label), True)
        )
    return tuple(panels)


def _image(ax: Axes, plane: Plane, values: Array, scale: Scale, label: str) -> None:
    image = draw_image(ax, plane, values, scale, panel_size(plane, 2.1, 2.1))
    draw_bar(ax, image, scale, "")
    ax.set_title(plain(label) + (f"\n{plane.place}" if plane.place else ""))


def _line_panel(axes: dict[str, Array], label: str, values: Array) -> Panel:
    (along,) = axes

    def draw(ax: Axes) -> None:
        draw_lines(ax, axis(along, axes[along], {}), values, None)
        ax.set_title(plain(label))

    return Panel(draw)


def plot_rollout(result: Rollout, horizon: float, path: str | os.PathLike[str], title: str) -> Path:
    """The error against time, and the largest value of the states; a line at `horizon`."""
    with styled():
        figure = new_figure(6.4, 4.6)
        upper, lower = figure.subplots(2, 1, sharex=True)
        figure.suptitle(plain(title), fontsize=11)
        known = np.isfinite(result.errors) & (result.errors > 0)
        if known.any():
            upper.set_yscale("log")
            upper.plot(result.times[: len(known)][known], result.errors[known], marker="o", ms=3)
        upper.set_ylabel("relative L₂ error")
        size = np.abs(result.states).reshape(len(result.states), len(result.times), -1).max((0, 2))
        lower.plot(result.times, size)
        lower.set_ylabel("largest value")
        lower.set_xlabel("t")
        for ax in (upper, lower):
            if horizon > 0:
                ax.axvline(
                    horizon, color="0.6", linestyle="--", linewidth=0.9,
                    label="end of the times trained on",
                )  # fmt: skip
            ax.grid(True)
        if horizon > 0:
            lower.legend()
        settle(figure)
        return save(figure, path)


def prediction_grid(pairs: Pairs, prediction: Prediction) -> GridData:
    """Inputs, truth, predictions and errors for `export`.

    Fields with an axis of time keep it, of the first sample; of others, the samples are the times.
    """
    # A lone axis of time is one of space here: in the file, t means the samples.
    where = pairs.time_position if len(pairs.axes) > 1 else None
    count = 1 if where is not None else min(_FEW, len(pairs))
    fields: dict[str, Array] = {
        n: np.broadcast_to(v[:count], (count, *pairs.shape)) for n, v in pairs.inputs.items()
    }
    for name, values in prediction.fields.items():
        fields[f"{name}_predicted"] = values[:count]
        if name in pairs.outputs:
            key = f"{name}_truth" if name in fields else name
            fields[key] = pairs.outputs[name][:count]
            fields[f"{name}_error"] = values[:count] - pairs.outputs[name][:count]
        if name in prediction.spread:
            fields[f"{name}_spread"] = prediction.spread[name][:count]
    times: Array | None = np.arange(count, dtype=np.float64)
    if where is not None:
        times = pairs.axes[where].points
        fields = {n: np.moveaxis(v[0], where, 0) for n, v in fields.items()}
    elif count == 1:
        times, fields = None, {n: v[0] for n, v in fields.items()}
    axes = {
        "time" if a.is_time else a.name: a.points for k, a in enumerate(pairs.axes) if k != where
    }
    return GridData(
        axes if times is None else {"t": times, **axes},
        {n: np.ascontiguousarray(v) for n, v in fields.items()},
        time=None if times is None else "t",
    )
