"""Pictures of equations of fields: samples, fit and residual; coefficients with error bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kanpde.arrays import Array
from kanpde.dynamics.field.equation import FieldEquation, FieldSystem
from kanpde.dynamics.field.residual import Residual, measure_residuals
from kanpde.dynamics.field.rollout import Rollout
from kanpde.dynamics.field.snapshots import Snapshots
from kanpde.dynamics.intervals import INTERVAL
from kanpde.output.plot.canvas import new_figure, save, settle, styled

_BLUE = "#1f5fa8"


def plot_residuals(found: FieldSystem, data: Snapshots, path: Path) -> Path:
    """Writes `residual_figure` as a PNG file."""
    with styled():
        return save(residual_figure(found, data), path)


def residual_figure(found: FieldSystem, data: Snapshots) -> Figure:
    """For each field: samples, their rate of change, the equation's, and what is left.

    The rates are averages over bumps. Of one dimension space and time are drawn, of two the
    middle time, of three the middle of the last axis too.
    """
    residuals = measure_residuals(found.equations, data)
    with styled():
        figure = new_figure(11.0, 0.4 + 2.5 * len(found.equations))
        table = figure.subplots(len(found.equations), 4, squeeze=False)
        for axes, equation, residual in zip(table, found.equations, residuals, strict=True):
            _draw_row(axes, equation, residual, data)
        settle(figure)
        return figure


def _draw_row(axes: Array, equation: FieldEquation, residual: Residual, data: Snapshots) -> None:
    rest = (residual.measured - residual.explained) / residual.deviation
    size = float(np.abs(residual.measured).max())
    most = max(4.0, float(np.abs(rest).max()))
    u, names = data.fields[equation.name], list(data.axes)
    _draw(
        axes[0], u, data.rows, names, f"{equation.name}, samples", (u.min(), u.max()), len(u) // 2
    )
    for ax, values, title, limit in (
        (axes[1], residual.measured, f"{equation.left}, samples", size),
        (axes[2], residual.explained, f"{equation.left}, equation", size),
        (axes[3], rest, "difference / noise", most),
    ):
        _draw(ax, values, residual.axes, names, title, (-limit, limit), len(values) // 2)


def _center(values: Array) -> tuple[float, float]:
    """Limits of colours around zero."""
    size = max(float(np.abs(values).max()), 1e-300)
    return -size, size


def _draw(
    ax: Axes, values: Array, rows: tuple[Array, ...], space: Sequence[str], title: str,
    limits: tuple[float, float], shown_time: int,
) -> None:  # fmt: skip
    """An image of values (Nt, Nx, ...) on rows, t first; of a plane at one time."""
    names = ["t", *space]
    moving = values.ndim == 2
    if not moving:
        title += f", t = {rows[0][shown_time]:.3g}"
        values, rows, names = values[shown_time], rows[1:], names[1:]
    if values.ndim > 2:
        values = values[..., values.shape[-1] // 2]
    horizontal, vertical = (1, 0) if moving else (0, 1)
    shown = values if moving else values.T
    image = ax.pcolormesh(
        rows[horizontal], rows[vertical], shown, shading="nearest", rasterized=True,
        cmap="RdBu_r" if limits[0] == -limits[1] else "viridis", vmin=limits[0], vmax=limits[1],
    )  # fmt: skip
    ax.figure.colorbar(image, ax=ax)
    ax.set_title(title)
    ax.set_xlabel(names[horizontal])
    ax.set_ylabel(names[vertical])


def plot_rollout(found: Rollout, path: Path) -> Path:
    """Writes `rollout_figure` as a PNG file."""
    with styled():
        return save(rollout_figure(found), path)


def rollout_figure(found: Rollout) -> Figure:
    """For each field: samples, the equations solved from the first of them, the difference.

    Of one dimension space and time are drawn, of more the last time.
    """
    with styled():
        figure = new_figure(8.4, 0.4 + 2.5 * len(found.fields))
        table = figure.subplots(len(found.fields), 3, squeeze=False)
        rows = (found.times, *found.axes.values())
        for axes, (name, u) in zip(table, found.fields.items(), strict=True):
            samples = found.samples[name]
            rest = samples - u
            low, high = float(samples.min()), float(samples.max())
            for ax, values, title, limits in (
                (axes[0], samples, f"{name}, samples", (low, high)),
                (axes[1], u, f"{name}, solved from the first", (low, high)),
                (axes[2], rest, "difference", _center(rest)),
            ):
                _draw(ax, values, rows, list(found.axes), title, limits, -1)
        settle(figure)
        return figure


def plot_coefficients(found: FieldSystem, path: Path) -> Path:
    """Writes `coefficient_figure` as a PNG file."""
    with styled():
        return save(coefficient_figure(found), path)


def coefficient_figure(found: FieldSystem) -> Figure:
    """Each coefficient with its 95 % interval, relative to its size."""
    with styled():
        counts = [max(1, len(each.terms)) for each in found.equations]
        figure = new_figure(5.4, 0.8 * len(counts) + 0.28 * sum(counts))
        axes = figure.subplots(len(counts), 1, squeeze=False, height_ratios=counts)[:, 0]
        for ax, equation in zip(axes, found.equations, strict=True):
            places = np.arange(len(equation.terms))
            size = np.abs(equation.values)
            bars = 100 * INTERVAL * equation.errors / size
            ax.errorbar(0 * size, places, xerr=bars, fmt="o", color=_BLUE, capsize=3, markersize=4)
            ax.set_yticks(
                places,
                [
                    f"{value:.4g} {term.name}"
                    for value, term in zip(equation.values, equation.terms, strict=True)
                ],
            )
            ax.set_ylim(len(places) - 0.5, -0.5)
            ax.axvline(0, color="0.8", linewidth=0.7, zorder=0)
            ax.set_title(f"{equation.left}")
        axes[-1].set_xlabel("95 % interval, % of the coefficient")
        settle(figure)
        return figure
