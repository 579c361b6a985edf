"""What a panel shows: an image of a plane with its colour bar, streamlines, or lines."""

from __future__ import annotations

from math import floor, log10
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from matplotlib.transforms import BboxTransformTo, ScaledTranslation, blended_transform_factory

from kanpde.arrays import Array
from kanpde.output.plot.plane import Axis, Plane
from kanpde.output.plot.scale import HOLE, Scale
from kanpde.output.plot.text import measure, power_of_ten

Size = tuple[float, float]  # width and height in inches

SOLUTION: dict[str, Any] = {"color": "#1f4e9c", "linestyle": "-"}
REFERENCE: dict[str, Any] = {"color": "#d1662b", "linestyle": (0, (4, 2))}

# Standard deviations on either side of a band of 95 %.
BAND = 1.96
_HALO: list[AbstractPathEffect] = [withStroke(linewidth=1.8, foreground=(0.0, 0.0, 0.0, 0.35))]
_STEPS = (1, 2, 2.5, 5, 10)


def panel_size(plane: Plane, width: float, height: float) -> Size:
    """The largest size of the plane's shape inside a box, in inches."""
    across = min(width, height / plane.ratio)
    return across, across * plane.ratio


def draw_image(ax: Axes, plane: Plane, values: Array, scale: Scale, size: Size) -> ScalarMappable:
    """The values of a plane as colours; what is not finite is left grey."""
    image = plane.paint(ax, values, scale.norm, scale.map)
    ax.set_facecolor(HOLE)
    fit(ax, plane, size)
    return image


def fit(ax: Axes, plane: Plane, size: Size) -> None:
    """Labels, ticks as a panel of the size allows, and limits at the outermost points."""
    ax.set_xlim(plane.across.points[0], plane.across.points[-1])
    ax.set_ylim(plane.up.points[0], plane.up.points[-1])
    ax.set_xlabel(plane.across.label)
    ax.set_ylabel(plane.up.label)
    both = ((ax.xaxis, plane.across, size[0]), (ax.yaxis, plane.up, size[1]))
    for drawn, axis, length in both:
        few = int(np.clip(length / 0.45, 2, 5))
        drawn.set_major_locator(MaxNLocator(few, steps=_STEPS))
        drawn.set_major_formatter(Mantissas(axis.power))


def draw_bar(ax: Axes, image: ScalarMappable, scale: Scale, unit: str) -> None:
    """A colour bar as high as the panel; its label has the power of ten and the unit, if any."""
    figure = ax.figure
    assert figure is not None
    panel = BboxTransformTo(ax.bbox)
    beside = blended_transform_factory(
        figure.dpi_scale_trans + ScaledTranslation(1, 0, panel), panel
    )
    place = ax.inset_axes((0.08, 0, 0.11, 1), transform=beside)
    bar = figure.colorbar(image, cax=place, extend=scale.extend)
    bar.outline.set_linewidth(0.5)
    if scale.decades:
        ticks, words = _decade_ticks(scale.low, scale.high)
        bar.set_ticks(ticks, labels=words)
    else:
        bar.ax.yaxis.set_major_locator(MaxNLocator(7, steps=_STEPS))
        bar.ax.yaxis.set_major_formatter(Mantissas(scale.power))
    bar.set_label(measure(unit, scale.power))


def _decade_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Places and labels of the powers of ten, with 2 and 5 between them if these are few."""
    steps = (1,) if high - low >= 2 else (1, 2, 5)
    ticks = {
        power + log10(step): f"{step}×" * (step > 1) + power_of_ten(power)
        for power in range(floor(low), floor(high) + 1)
        for step in steps
    }
    shown = [at for at in ticks if low <= at <= high]
    return shown, [ticks[at] for at in shown]


class Mantissas(ScalarFormatter):
    """Numbers over a power of ten that is written elsewhere.

    matplotlib's own place for it, at the end of the axis, pushes titles up and meets labels.
    """

    def __init__(self, power: int) -> None:
        super().__init__(useOffset=False)
        self.set_scientific(power != 0)
        self.set_powerlimits((power, power))

    def get_offset(self) -> str:
        return ""


def draw_streams(ax: Axes, plane: Plane, right: Array, upward: Array, size: Size) -> None:
    """Streamlines of a vector field, as dense as the panel's size in inches allows.

    Arrows where the grid is uneven.
    """
    (x, y, right), (_, _, upward) = plane.on_grid(right), plane.on_grid(upward)
    speed = np.hypot(right, upward)
    largest = float(np.max(speed, initial=0.0, where=np.isfinite(speed)))
    if largest == 0:
        return
    right, upward = right / largest, upward / largest
    if x.even and y.even:
        # streamplot asks for spacing that is even to the last digits.
        across, up = (np.linspace(a.points[0], a.points[-1], len(a.points)) for a in (x, y))
        flow = ax.streamplot(
            across,
            up,
            right,
            upward,
            color="white",
            linewidth=0.7,
            arrowsize=0.7,
            density=(size[0] / 3.2, size[1] / 3.2),
        )
        flow.lines.set_path_effects(_HALO)
        for artist in (flow.lines, *ax.patches):
            artist.set_in_layout(False)  # hundreds of arrows make the layout slow
    else:
        rows, columns = (slice(None, None, max(1, len(axis.points) // 16)) for axis in (y, x))
        thin = (rows, columns)
        ax.quiver(x.points[columns], y.points[rows], right[thin], upward[thin], color="white")
    fit(ax, plane, size)


def draw_lines(
    ax: Axes, axis: Axis, solution: Array, exact: Array | None, deviation: Array | None = None
) -> None:
    """The solution (n,) and, dashed, its reference; with a deviation (n,) its band of 95 %."""
    if deviation is not None:
        half = BAND * _finite(deviation)
        ends = _finite(solution) - half, _finite(solution) + half
        ax.fill_between(
            axis.points, *ends, color=SOLUTION["color"], alpha=0.25, linewidth=0, label="95 %"
        )
    ax.plot(axis.points, _finite(solution), label="solution", **SOLUTION)
    if exact is not None:
        ax.plot(axis.points, _finite(exact), label="reference", **REFERENCE)
    _frame(ax, axis)


def draw_magnitude(ax: Axes, axis: Axis, values: Array) -> None:
    """|values| (n,) on a logarithmic axis."""
    size = np.abs(_finite(values))
    if np.any(size > 0):
        ax.set_yscale("log")
        size = np.where(size > 0, size, np.nan)
    ax.plot(axis.points, size, color="#7b2d8b", linewidth=1.1)
    _frame(ax, axis)


def common_limits(*parts: Array) -> tuple[float, float]:
    """Ends for an axis that shows all parts, with a margin."""
    values = np.concatenate([np.ravel(part) for part in parts])
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    flat = high - low <= 1e-12 * max(abs(low), abs(high))
    margin = (0.1 * abs(high) or 1.0) if flat else 0.06 * (high - low)
    return low - margin, high + margin


def _frame(ax: Axes, axis: Axis) -> None:
    ax.set_xlim(axis.points[0], axis.points[-1])
    ax.set_xlabel(axis.label)
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=_STEPS))
    ax.xaxis.set_major_formatter(Mantissas(axis.power))
    ax.grid(True)
    ax.set_axisbelow(True)


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, np.nan)
