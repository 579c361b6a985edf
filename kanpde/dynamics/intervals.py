"""Numbers for people: confidence intervals, and the shortest number inside one."""

from __future__ import annotations

import numpy as np

# Half the width of a 95 % interval, in standard errors.
INTERVAL = 1.96


def shortest(value: float, width: float) -> float:
    """The number with the fewest digits within `width` of `value`."""
    for digits in range(17):
        candidate = float(f"{value:.{digits}e}")
        if abs(candidate - value) <= width:
            return candidate
        # 2.6667 is rather 8/3 than four digits.
        for denominator in (2, 3, 4, 6) if digits else ():
            near = round(value * denominator) / denominator
            if digits > 1 and near and abs(near - value) <= width:
                return near
    return value


def with_interval(value: float, width: float) -> str:
    """`1.4987 ± 0.0021`, in brackets; digits follow the interval."""
    if not np.isfinite(width):
        return f"({value:.4g} ± ?)"
    if width <= 1e-12 * value:
        return f"{value:.12g}"
    place = int(np.floor(np.log10(width)))
    if -7 < place < 5 and abs(value) < 1e6:
        decimals = max(0, 1 - place)
        return f"({value:.{decimals}f} ± {width:.{decimals}f})"
    digits = int(np.clip(np.floor(np.log10(max(value, width))) - place + 1, 1, 15))
    return f"({value:.{digits}e} ± {width:.1e})"


def signed_interval(value: float, error: float) -> str:
    """`- (1.4987 ± 0.0021)`: a coefficient in a sum, with its 95 % interval.

    Args:
        value: the coefficient.
        error: its standard error.
    """
    sign = "-" if value < 0 else "+"
    return f"{sign} {with_interval(abs(value), INTERVAL * error)}"
