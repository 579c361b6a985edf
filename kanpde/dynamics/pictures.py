"""Pictures of discovered dynamics: fit and forecast, phase portrait, learned against true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kanpde.arrays import Array
from kanpde.dynamics.ode.result import Dynamics
from kanpde.output.plot.canvas import new_figure, save, settle, styled

Truth = Callable[[Array], Array]
_BLUE, _RED, _GREY = "#1f5fa8", "#c23b22", "0.6"
# Runs that have a column each.
_SIDE_BY_SIDE = 4


def plot_fit(found: Dynamics, path: Path) -> Path:
    """Writes `fit_figure` as a PNG file."""
    with styled():
        return save(fit_figure(found), path)


def fit_figure(found: Dynamics) -> Figure:
    """Each state of every run over time; the held-out part of the first one is shaded.

    A few runs stand side by side; many lie over each other.
    """
    runs = found.data.runs
    columns = len(runs) if len(runs) <= _SIDE_BY_SIDE else 1
    with styled():
        figure = new_figure(7.0 + 2.5 * (columns - 1), 1.0 + 1.7 * len(found.states))
        axes = figure.subplots(
            len(found.states), columns, squeeze=False, sharex="col", sharey="row"
        )
        for owner in range(len(runs)):
            column = list(axes[:, owner % columns])
            _draw_run(column, found, owner)
            name = f", {runs[owner].name or f'run {owner + 1}'}" if columns > 1 else ""
            column[-1].set_xlabel(found.data.time + name)
        for name, ax in zip(found.states, axes[:, 0], strict=True):
            ax.set_ylabel(name)
        axes[0, 0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
        settle(figure)
        return figure


def _draw_run(axes: Sequence[Axes], found: Dynamics, owner: int) -> None:
    """The data of one run, the fit, and where it is the first one the forecast."""
    run, first = found.data.runs[owner], owner == 0
    path = found.path[owner] if owner < len(found.path) else None
    for k, ax in enumerate(axes):
        data, fit = ("data", "fit") if first else ("_data", "_fit")
        ax.plot(run.times, run.states[:, k], ".", color=_GREY, markersize=3, label=data)
        if path is not None:
            ax.plot(path[:, 0], path[:, k + 1], color=_BLUE, label=fit)
        if first and found.rollout is not None:
            ahead = found.rollout
            ax.axvspan(ahead[0, 0], ahead[-1, 0], color="0.93", zorder=0)
            ax.plot(
                ahead[:, 0], ahead[:, k + 1], color=_RED, linestyle="--",
                label="forecast of the held-out part",
            )  # fmt: skip
            # The axis is for all runs: they share it, or lie in it.
            _bound_axis(ax, np.concatenate([each.states[:, k] for each in found.data.runs]))


def _bound_axis(ax: Axes, values: Array) -> None:
    """A forecast that runs away must not flatten the data."""
    low, high = np.nanmin(values), np.nanmax(values)
    room = 0.3 * (high - low)
    ax.set_ylim(low - room, high + room)


def plot_phase(found: Dynamics, path: Path) -> Path:
    """Writes `phase_figure` as a PNG file."""
    with styled():
        return save(phase_figure(found), path)


def phase_figure(found: Dynamics) -> Figure:
    """The first two states against each other, on the flow of the equations where it is planar."""
    states = np.concatenate([run.states for run in found.data.runs])
    with styled():
        figure = new_figure(5.4, 4.6)
        ax = figure.subplots()
        if len(found.states) == 1:
            _draw_line(ax, found, states[:, 0])
        else:
            if len(found.states) == 2 and not found.inputs:
                _draw_flow(ax, found, states)
            for k, run in enumerate(found.data.runs):
                ax.plot(
                    run.states[:, 0], run.states[:, 1], ".", color=_GREY, markersize=3,
                    label="data" if k == 0 else None,
                )  # fmt: skip
            for k, curve in enumerate(found.path):
                ax.plot(curve[:, 1], curve[:, 2], color=_BLUE, label="fit" if k == 0 else None)
            ax.set_xlabel(found.states[0])
            ax.set_ylabel(found.states[1])
            ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        settle(figure)
        return figure


def _draw_flow(ax: Axes, found: Dynamics, states: Array) -> None:
    low, high = np.nanmin(states, 0), np.nanmax(states, 0)
    room = 0.1 * (high - low)
    x = np.linspace(low[0] - room[0], high[0] + room[0], 40)
    y = np.linspace(low[1] - room[1], high[1] + room[1], 40)
    grid = np.stack(np.meshgrid(x, y), -1)
    with np.errstate(all="ignore"):
        arrows = found(grid) / (high - low)
    if np.isfinite(arrows).all():
        arrows *= high - low
        ax.streamplot(x, y, arrows[..., 0], arrows[..., 1], color="0.85", linewidth=0.7)


def _draw_line(ax: Axes, found: Dynamics, values: Array) -> None:
    x = np.linspace(np.nanmin(values), np.nanmax(values), 200)
    if not found.inputs:
        ax.plot(x, found(x[:, None])[:, 0], color=_BLUE)
    ax.axhline(0, color="0.8", linewidth=0.7)
    ax.set_xlabel(found.states[0])
    ax.set_ylabel(f"{found.states[0]}'")


def plot_truth(found: Dynamics, truth: Truth, path: Path) -> Path:
    """Writes `truth_figure` as a PNG file."""
    with styled():
        return save(truth_figure(found, truth), path)


def truth_figure(found: Dynamics, truth: Truth) -> Figure:
    """The learned right-hand side against the true one, f(x (N, n)) -> (N, n), at the samples."""
    run = found.data.runs[0]
    x = run.states[np.isfinite(run.states).all(1)]
    exact, learned = np.asarray(truth(x)), found(x)
    with styled():
        figure = new_figure(3.0 * len(found.states) + 0.4, 3.4)
        axes = figure.subplots(1, len(found.states), squeeze=False)[0]
        for k, (name, ax) in enumerate(zip(found.states, axes, strict=True)):
            ends = [exact[:, k].min(), exact[:, k].max()]
            ax.plot(ends, ends, color="0.8")
            ax.plot(exact[:, k], learned[:, k], ".", color=_BLUE, markersize=3)
            error = np.linalg.norm(learned[:, k] - exact[:, k]) / np.linalg.norm(exact[:, k])
            ax.set_title(f"relative error {error:.1e}")
            ax.set_xlabel(f"true {name}'")
            ax.set_ylabel(f"learned {name}'")
        settle(figure)
        return figure
