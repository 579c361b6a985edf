"""Unknown numbers that a solve found, with what the readings say of each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Powers of ten of numbers that are written without a power.
_PLAIN = (-3, 5)
# An interval whose halves differ by more than this share is shown by its ends.
_UNEVEN = 0.2


@dataclass(frozen=True)
class UnknownNumber:
    """The value of an unknown number, its standard error, and its interval of 95 %.

    `correlation` is that of its error with those of the other numbers. Where the readings do not
    determine it, `undetermined` says so, and there are no errors; where the equations do so without
    readings, `error` is that of the solver.
    """

    value: float
    error: float | None = None
    interval: tuple[float, float] | None = None
    correlation: Mapping[str, float] = field(default_factory=dict)
    undetermined: str = ""

    def __float__(self) -> float:
        return self.value

    def describe(self, name: str) -> str:
        """A line for a person: "k = 0.1003 ± 0.0004 (95 %)"."""
        if self.undetermined:
            return f"{name} is not determined by the readings: {self.undetermined}"
        if self.interval is None:
            return f"{name} = {self.value:.6g}"
        low, high = self.interval
        below, above = self.value - low, high - self.value
        if abs(above - below) > _UNEVEN * max(above, below):
            return f"{name} = {self.value:.4g}, from {low:.4g} to {high:.4g} (95 %)"
        return f"{name} = {_pair(self.value, 0.5 * (above + below))} (95 %)"

    def to_data(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "value": self.value,
            "standard_error": self.error,
            "interval": None if self.interval is None else list(self.interval),
            "correlation": dict(self.correlation),
            "undetermined": self.undetermined,
        }

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> UnknownNumber:
        """The number of `to_data`."""
        error, interval = data["standard_error"], data["interval"]
        return UnknownNumber(
            float(data["value"]),
            None if error is None else float(error),
            None if interval is None else (float(interval[0]), float(interval[1])),
            {str(n): float(v) for n, v in data["correlation"].items()},
            str(data["undetermined"]),
        )


def _pair(value: float, half: float) -> str:
    """A value with as many digits as its error allows: "0.1003 ± 0.0004"."""
    if not (half > 0 and math.isfinite(half) and math.isfinite(value)):
        return f"{value:.6g}"
    power = math.floor(math.log10(max(abs(value), half)))
    power = 0 if _PLAIN[0] <= power <= _PLAIN[1] else power
    value, half = value / 10.0**power, half / 10.0**power
    first = math.floor(math.log10(half))
    # Two digits of the error where the first is a one: 0.0012 and not 0.001.
    digits = max((half / 10.0**first < 2) - first, 0)
    text = (
        f"{value:.{digits}f} ± {half:.{digits}f}" if digits < 16 else f"{value:.15g} ± {half:.1g}"
    )
    return f"({text})e{power:+03d}" if power else text
