"""Fields as lines: along the only axis, or along space at some times."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from kanpde.arrays import Array
from kanpde.output.plot.canvas import TITLE, Block, Panel
from kanpde.output.plot.panel import BAND, Mantissas, common_limits, draw_lines, draw_magnitude
from kanpde.output.plot.plane import axis, error, known, place
from kanpde.output.plot.planes import shown_times
from kanpde.output.plot.text import common_power, error_note, label, plain, wrapped
from kanpde.solution.grid_data import GridData

READINGS: dict[str, Any] = {
    "marker": "o", "linestyle": "none", "mfc": "none", "mec": "black", "ms": 3.0, "mew": 0.6,
}  # fmt: skip
# Of the range of times: readings that are so near belong to the line of a time.
_NEAR = 0.01


def profile_block(grid: GridData) -> Block:
    """A grid of one axis: a row for each field, its lines and, where known, its error."""
    rows = []
    for name in grid.fields:
        values = error(grid, name)
        row: tuple[Panel, ...] = (Panel(partial(_draw_profile, grid=grid, name=name)),)
        if values is not None:
            row += (Panel(partial(_draw_error, grid=grid, name=name, values=values)),)
        rows.append(row)
    return Block(tuple(rows), (4.6, 2.8), bars=False)


def _draw_profile(ax: Axes, grid: GridData, name: str) -> None:
    ((along, points),) = grid.axes.items()
    solution, *exact = known(grid, name)
    deviation, readings = grid.deviations.get(name), grid.readings.get(name)
    reference = exact[0] if exact else None
    draw_lines(ax, axis(along, points, grid.units), solution, reference, deviation)
    ends = [] if deviation is None else [solution + s * BAND * deviation for s in (-1, 1)]
    if readings is not None:
        ax.plot(readings.at[along], readings.values, label="readings", **READINGS)
        ends.append(readings.values)
    low, high = common_limits(solution, *exact, *ends)
    if exact or ends:
        high += 0.15 * (high - low)  # room for the legend
        ax.legend(loc="upper center", ncols=4 if deviation is not None else 3)
    _value_axis(ax, grid, name, (low, high))
    ax.set_title(plain(name))


def _value_axis(ax: Axes, grid: GridData, name: str, limits: tuple[float, float]) -> None:
    power = common_power(*limits)
    ax.set_ylim(*limits)
    ax.set_ylabel(label(name, grid.units, power))
    ax.yaxis.set_major_formatter(Mantissas(power))


def _draw_error(ax: Axes, grid: GridData, name: str, values: Array) -> None:
    ((along, points),) = grid.axes.items()
    draw_magnitude(ax, axis(along, points, grid.units), values)
    ax.set_ylabel(f"|error of {label(name, grid.units)}|")
    ax.set_title(f"error of {plain(name)}\n{error_note(values, grid.exact.get(name))}")


def cut_block(grid: GridData, name: str) -> Block:
    """A field of one space axis and time: its lines at the times of `shown_times`."""
    times = shown_times(grid)
    along = list(grid.axes).index(str(grid.time))
    cuts = [[np.take(each, i, axis=along) for each in known(grid, name)] for i in times]
    lines = [line for cut in cuts for line in cut]
    if name in grid.deviations:
        half = BAND * grid.deviations[name]
        ends = [grid.fields[name] - half, grid.fields[name] + half]
        lines += [np.take(each, i, axis=along) for each in ends for i in times]
    limits = common_limits(*lines)
    row = tuple(
        Panel(partial(_draw_cut, grid=grid, name=name, index=i, lines=cut, limits=limits))
        for i, cut in zip(times, cuts, strict=True)
    )
    return Block((row,), (2.6, 1.7), bars=False)


def _draw_cut(
    ax: Axes,
    grid: GridData,
    name: str,
    index: int,
    lines: Sequence[Array],
    limits: tuple[float, float],
) -> None:
    ((space, points),) = grid.space.items()
    assert grid.time is not None
    times = grid.axes[grid.time]
    solution, *exact = lines
    whole, along = grid.deviations.get(name), list(grid.axes).index(grid.time)
    deviation = None if whole is None else np.take(whole, index, axis=along)
    reference = exact[0] if exact else None
    draw_lines(ax, axis(space, points, grid.units), solution, reference, deviation)
    _draw_readings(ax, grid, name, float(times[index]))
    _value_axis(ax, grid, name, limits)
    title = f"{plain(name)} at {place(grid.time, times, index, grid.units)}"
    ax.set_title(wrapped(title, TITLE))
    if index > 0:
        ax.set_ylabel("")
        ax.tick_params(labelleft=False)
    if (exact or deviation is not None) and index == len(times) - 1:
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.03))


def _draw_readings(ax: Axes, grid: GridData, name: str, time: float) -> None:
    """What was measured of a field at a time."""
    readings = grid.readings.get(name)
    if readings is None or grid.time is None:
        return
    ((space, _),) = grid.space.items()
    times = grid.axes[grid.time]
    near = np.abs(readings.at[grid.time] - time) <= _NEAR * (times[-1] - times[0])
    if near.any():
        ax.plot(readings.at[space][near], readings.values[near], label="readings", **READINGS)
