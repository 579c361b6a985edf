"""What is written into pictures: labels with units, numbers, notes on errors."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from math import floor, isfinite, log10

import numpy as np

from kanpde.arrays import Array

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def plain(text: str) -> str:
    """The text as it stands: a "$" would begin a formula."""
    return text.replace("$", r"\$")


def label(name: str, units: Mapping[str, str], power: int = 0) -> str:
    """The name and, in brackets, the power of ten of the numbers and the unit."""
    return f"{plain(name)} {measure(units.get(name, ''), power)}".rstrip()


def measure(unit: str, power: int = 0) -> str:
    """Such as "[10⁻³ m/s]"; nothing without a unit and a power."""
    words = " ".join(each for each in (power_of_ten(power) if power else "", plain(unit)) if each)
    return f"[{words}]" if words else ""


def common_power(low: float, high: float) -> int:
    """The power of ten to write numbers of a range with; 0 for sizes that read well."""
    largest = max(abs(low), abs(high))
    return 0 if largest == 0 or 1e-2 <= largest < 1e4 else floor(log10(largest))


def wrapped(text: str, width: float) -> str:
    """The text in lines of the width in inches, at the size of a panel's title."""
    return "\n".join(textwrap.wrap(text, max(12, int(width * 13)), break_long_words=False))


def power_of_ten(power: int) -> str:
    """Such as 10⁻³. matplotlib's formulas would take 10 ms for each."""
    return "10" + str(power).translate(_RAISED)


def number(value: float) -> str:
    """Two to three digits; very large and very small ones with a power of ten."""
    if value == 0 or not isfinite(value) or 1e-2 <= abs(value) < 1e4:
        text = f"{value + 0.0:.3g}" if abs(value) < 1e3 else f"{value:.0f}"
    else:
        mantissa, power = f"{value:.1e}".split("e")
        text = f"{mantissa}×{power_of_ten(int(power))}"
    return text.replace("-", "−")


def error_note(error: Array, exact: Array | None) -> str:
    """Relative L2 norm (left out without a reference, or where that is 0) and largest error.

    Both are over the points at which error and reference are finite.
    """
    good = np.isfinite(error) if exact is None else np.isfinite(error) & np.isfinite(exact)
    if not good.any():
        return "no values"
    largest = f"max {number(float(np.abs(error[good]).max()))}"
    size = 0.0 if exact is None else rms(exact[good])
    if size == 0:
        return largest
    return f"relative L₂ {number(rms(error[good]) / size)}, {largest}"


def rms(values: Array) -> float:
    """The root mean square, also of numbers whose squares are too large."""
    largest = float(np.abs(values).max())
    return largest * float(np.sqrt(np.mean((values / largest) ** 2))) if largest else 0.0
