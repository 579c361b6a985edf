"""Whether equations explain data: what they leave must be noise, and not a motion of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from kanpde.arrays import Array


class Agreement(StrEnum):
    """What equations leave of the data; scripts rely on the values, people on the advice."""

    EXACT = "exact"
    WITHIN_NOISE = "within_noise"
    OUTSIDE = "outside"
    UNTESTED = "untested"

    @property
    def advice(self) -> str:
        """What it means, and what to do, in one sentence."""
        return _ADVICE[self]


_ADVICE = {
    Agreement.EXACT: "the equations explain the data to rounding errors",
    Agreement.WITHIN_NOISE: "what the equations leave looks like noise",
    Agreement.OUTSIDE: (
        "the law is outside of the library, or the errors of the data depend on each other; add "
        "terms, columns or samples, and do not trust these equations"
    ),
    Agreement.UNTESTED: "it was not tested whether what the equations leave is noise",
}


@dataclass(frozen=True)
class Judgement:
    """An agreement, and a sentence that says what it rests on."""

    agreement: Agreement
    sentence: str = ""

    @property
    def text(self) -> str:
        """The sentence with the advice."""
        advice = self.agreement.advice
        return f"{self.sentence}: {advice}" if self.sentence else advice


UNTESTED = Judgement(Agreement.UNTESTED)


@dataclass(frozen=True)
class StructurePolicy:
    """When what is left counts as a motion."""

    # Neighbours this far apart are compared: slow motions show at many, fast ones at few.
    lags: tuple[int, ...] = (1, 3, 9)
    # Standard errors beyond which neighbours agree more than noise lets them: by chance once in
    # 30,000 comparisons.
    limit: float = 4.0
    # Fewer values than this cannot reach the limit.
    least: int = 20


@dataclass(frozen=True)
class Structure:
    """How much neighbours agree: `score` in standard errors, `size` in the units of the values."""

    score: float
    size: float


def measure_structure(
    series: Sequence[Array], policy: StructurePolicy | None = None
) -> Structure | None:
    """How far values in order are from independent ones with mean zero.

    The sum over all places of a value times the values before it has mean zero for independent
    values of whatever distribution and scale; it is divided by the root of its sum of squares (a
    robust form of the portmanteau test, Lobato 2001). Only agreement counts: a fit makes the
    neighbours of noise differ a little.

    Args:
        series: rows of values (N,), one for each run, without gaps.
        policy: the lags, and the least number of values.

    Returns:
        The largest score over the lags; None where there are too few values.
    """
    policy = policy or StructurePolicy()
    if sum(map(len, series)) < policy.least:
        return None
    best = Structure(0.0, 0.0)
    for lag in policy.lags:
        products = np.concatenate([_multiply_by_past(row, lag) for row in series])
        total, size = float(products.sum()), float(np.sqrt(np.sum(products**2)))
        if size > 0 and total / size > best.score:
            mean = total / lag / len(products)
            best = Structure(total / size, float(np.sqrt(max(mean, 0.0))))
    return best


def _multiply_by_past(row: Array, lag: int) -> Array:
    """Each value from the second on times the sum of the `lag` values before it."""
    sums = np.concatenate([[0.0], np.cumsum(row)])
    places = np.arange(1, len(row))
    return np.asarray(row[1:] * (sums[places] - sums[np.maximum(places - lag, 0)]))
