"""Exponential time differencing for stiff systems: linear, plus a remainder that is not stiff.

v' = c v + F(t, v) with a diagonal c, as a Fourier method gives it. Cox and Matthews (2002),
equations 26-29; the coefficients by contour integrals, Kassam and Trefethen (2005), section 3.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kanpde.errors import KanpdeError

Modes = NDArray[Any]  # complex or real, shape (modes,)
Remainder = Callable[[float, Modes], Modes]


@dataclass(frozen=True)
class Coefficients:
    """What one step size needs, each of shape (modes,): exp(ch), exp(ch/2) and four weights."""

    step: float
    whole: Modes
    half: Modes
    inner: Modes
    first: Modes
    middle: Modes
    last: Modes


def coefficients(linear: Modes, step: float, nodes: int = 32) -> Coefficients:
    """The coefficients for v' = linear * v + ..., step h.

    The formulas cancel near c h = 0; their mean over a circle of radius 1 around c h does not.
    """
    circle = np.exp(2j * np.pi * (np.arange(nodes) + 0.5) / nodes)
    z = step * linear[:, None] + circle
    e = np.exp(z)

    def mean(values: Modes) -> Modes:
        average = step * values.mean(axis=1)
        return np.asarray(average if np.iscomplexobj(linear) else average.real)

    return Coefficients(
        step=step,
        whole=np.exp(step * linear),
        half=np.exp(step * linear / 2.0),
        inner=mean((np.exp(z / 2.0) - 1.0) / z),
        first=mean((-4.0 - z + e * (4.0 - 3.0 * z + z**2)) / z**3),
        middle=mean((4.0 + 2.0 * z + e * (-4.0 + 2.0 * z)) / z**3),
        last=mean((-4.0 - 3.0 * z - z**2 + e * (4.0 - z)) / z**3),
    )


def advance(c: Coefficients, remainder: Remainder, t: float, v: Modes) -> Modes:
    """One step of size c.step from (t, v)."""
    middle = t + c.step / 2.0
    f = remainder(t, v)
    a = c.half * v + c.inner * f
    fa = remainder(middle, a)
    b = c.half * v + c.inner * fa
    fb = remainder(middle, b)
    d = c.half * a + c.inner * (2.0 * fb - f)
    fd = remainder(t + c.step, d)
    return np.asarray(c.whole * v + c.first * f + c.middle * (fa + fb) + c.last * fd)


def march(
    linear: Modes,
    remainder: Remainder,
    v: Modes,
    interval: tuple[float, float],
    steps: int,
    every: int = 1,
) -> Iterator[Modes]:
    """Equal steps over an interval; gives v at its start and after each `every` steps.

    Raises KanpdeError where `every` does not divide `steps`, or the solution ceases to be finite.
    """
    if steps % every:
        raise KanpdeError(f"march: {steps} steps cannot be given out in groups of {every}")
    start, end = interval
    c = coefficients(linear, (end - start) / steps)
    yield v
    for i in range(steps):
        v = advance(c, remainder, start + i * c.step, v)
        if (i + 1) % every == 0:
            if not np.all(np.isfinite(v)):
                raise KanpdeError("march: the solution grew without bound: take more steps")
            yield v
