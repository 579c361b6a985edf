"""Colour maps and their limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import matplotlib
import numpy as np
from matplotlib.colors import Colormap, Normalize

from kanpde.arrays import Array
from kanpde.output.plot.text import common_power

HOLE = "0.87"  # the grey of points without a value

Extend = Literal["neither", "min", "max", "both"]


@dataclass(frozen=True)
class Scale:
    """A colour map from `low` to `high`; `extend` says where values lie beyond these.

    With `decades`, the values are decimal logarithms and the colour bar shows the powers.
    """

    colours: str
    low: float
    high: float
    extend: Extend = "neither"
    decades: bool = False

    @property
    def power(self) -> int:
        """The power of ten to write the numbers with."""
        return 0 if self.decades else common_power(self.low, self.high)

    @property
    def norm(self) -> Normalize:
        return Normalize(self.low, self.high)

    @property
    def map(self) -> Colormap:
        return matplotlib.colormaps[self.colours].with_extremes(bad=HOLE)


def field_scale(*parts: Array) -> Scale:
    """One scale for all parts: about 0 for values of both signs, from end to end otherwise."""
    values = _finite(parts)
    low, high = _ends(values)
    if low < 0 < high and min(-low, high) > 0.1 * max(-low, high):
        return _about_zero("RdBu_r", low, high, values)
    return _scale("viridis", low, high, values)


def error_scale(*parts: Array) -> Scale:
    """One scale for all parts, of two colours about 0."""
    values = _finite(parts)
    return _about_zero("PuOr_r", *_ends(values), values)


def scale_about_zero(bound: float) -> Scale:
    """The scale of a field of both signs, up to a given size."""
    return Scale("RdBu_r", -bound, bound)


def decade_scale(*parts: Array) -> Scale:
    """A scale for decimal logarithms: 1 to 6 decades below the largest."""
    values = _finite(parts)
    if not values.size:
        return Scale("magma", -1.0, 0.0, decades=True)
    high = float(values.max())
    # A residual that changes its sign has narrow valleys without a floor.
    low = float(np.clip(np.quantile(values, 0.02), high - 6, high - 1))
    return Scale("magma", low, high, _beyond(low, high, values), decades=True)


def _finite(parts: tuple[Array, ...]) -> Array:
    values: Array = np.concatenate([np.ravel(part) for part in parts])
    return values[np.isfinite(values)]


def _ends(values: Array) -> tuple[float, float]:
    """The smallest and the largest value, but for a few points far away from all others.

    The pressure at the corners of a lid-driven cavity is singular; it would leave one colour
    for all the rest.
    """
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    inner_low, inner_high = (float(each) for each in np.quantile(values, [0.001, 0.999]))
    if high - low > 3 * (inner_high - inner_low) > 0:
        return inner_low, inner_high
    return low, high


def _about_zero(colours: str, low: float, high: float, values: Array) -> Scale:
    bound = max(abs(low), abs(high)) or 1.0
    return _scale(colours, -bound, bound, values)


def _scale(colours: str, low: float, high: float, values: Array) -> Scale:
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        margin = 0.1 * max(abs(low), abs(high)) or 1.0
        low, high = low - margin, high + margin
    return Scale(colours, low, high, _beyond(low, high, values))


def _beyond(low: float, high: float, values: Array) -> Extend:
    under, over = bool((values < low).any()), bool((values > high).any())
    if under and over:
        return "both"
    return "min" if under else "max" if over else "neither"
