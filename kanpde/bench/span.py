"""The values of a swept parameter: "nu=0.003:0.1:log:20", "nu=1:5:9" or "nu=0.1,0.2,0.5"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from kanpde.errors import KanpdeError

# Values of one parameter; each is a solve of its own.
_MOST = 10_000


@dataclass(frozen=True)
class Span:
    """The values of one parameter, as texts, and whether they are spaced by a factor."""

    name: str
    values: tuple[str, ...]
    logarithmic: bool = False


def parse_span(text: str) -> Span:
    """A parameter's values; a single one is a span of length one.

    Raises:
        KanpdeError: the text is not NAME=VALUES, or its numbers make no span.
    """
    name, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not name or not values:
        raise _wrong(text)
    if ":" not in values:
        found = tuple(value.strip() for value in values.split(","))
        if not all(found):
            raise _wrong(text)
        return Span(name, found)
    parts = values.split(":")
    logarithmic = len(parts) == 4 and parts[2] in ("log", "lin") and parts.pop(2) == "log"
    try:
        low, high, count = float(parts[0]), float(parts[1]), int(parts[2])
    except (ValueError, IndexError):
        raise _wrong(text) from None
    finite = math.isfinite(low) and math.isfinite(high)
    if len(parts) != 3 or not 2 <= count <= _MOST or not (finite and low < high):
        raise _wrong(text)
    if logarithmic and not low > 0:
        raise KanpdeError(f"--set {text}: values spaced by a factor start above zero")
    numbers = np.geomspace(low, high, count) if logarithmic else np.linspace(low, high, count)
    return Span(name, tuple(f"{value:.6g}" for value in numbers), logarithmic)


def _wrong(text: str) -> KanpdeError:
    return KanpdeError(
        f"--set {text}: write NAME=LOW:HIGH:COUNT for even values, NAME=LOW:HIGH:log:COUNT for "
        "values spaced by a factor, or NAME=A,B,C"
    )


def combine(spans: Sequence[Span]) -> list[dict[str, str]]:
    """Every combination of the values, the last parameter the fastest.

    Raises KanpdeError where a parameter is given twice, or there are too many combinations.
    """
    names = [span.name for span in spans]
    for name in names:
        if names.count(name) > 1:
            raise KanpdeError(f"--set {name} is given twice; take one list of values for it")
    if np.prod([len(span.values) for span in spans], dtype=float) > _MOST:
        raise KanpdeError(f"these are more than {_MOST} combinations; take fewer values")
    values = product(*(span.values for span in spans))
    return [dict(zip(names, each, strict=True)) for each in values]
