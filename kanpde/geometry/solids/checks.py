"""Numbers of solids, with sentences for those that cannot be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from kanpde.errors import KanpdeError


def read_number(place: str, value: Any, *, above: float | None = None) -> float:
    """A finite number, above a bound where there is one; raises KanpdeError for others."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise KanpdeError(f"{place} must be a number, not {value!r}") from None
    if not math.isfinite(number):
        raise KanpdeError(f"{place} must be a finite number, not {number:g}")
    if above is not None and not number > above:
        raise KanpdeError(f"{place} must be above {above:g}, not {number:g}")
    return number


def read_intervals(
    kind: str, count: int, given: Mapping[str, Any]
) -> tuple[tuple[str, ...], list[tuple[float, float]]]:
    """Names and ends of `count` intervals."""
    _check_count(kind, count, given, "(0, 1)")
    found = []
    for name, pair in given.items():
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise KanpdeError(
                f"{kind}({name}=...) needs two numbers, {name}=(lower, upper), not {pair!r}"
            )
        low, high = (read_number(f"{kind}: {name}", v) for v in pair)
        if not low < high:
            raise KanpdeError(f"{kind}({name}=({low:g}, {high:g})): the interval is empty")
        found.append((low, high))
    return tuple(given), found


def read_centre(
    kind: str, count: int, given: Mapping[str, Any]
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Names and values of `count` coordinates of a point."""
    _check_count(kind, count, given, "0")
    return tuple(given), tuple(read_number(f"{kind}: {n}", v) for n, v in given.items())


def _check_count(kind: str, count: int, given: Mapping[str, Any], example: str) -> None:
    if len(given) != count:
        wanted = ", ".join(f"{n}={example}" for n in ("x", "y", "z")[:count])
        named = ", ".join(given) or "none"
        raise KanpdeError(f"{kind} needs {count} coordinates, {kind}({wanted}, ...), not {named}")
