"""A smooth curve through noisy samples: cubic smoothing splines, their stiffness by GCV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.interpolate import (
    Akima1DInterpolator,
    CubicSpline,
    make_interp_spline,
    make_smoothing_spline,
)

from kanpde.arrays import Array
from kanpde.dynamics.data import Trajectories, Trajectory


@dataclass(frozen=True)
class SmoothRun:
    """One run as functions of time, and the noise that the smoothing took away, (n,)."""

    run: Trajectory
    splines: tuple[Any, ...]
    noise: Array

    def values(self, times: Array) -> Array:
        """(N,) -> (N, n)."""
        return np.stack([s(times) for s in self.splines], 1)

    def derivatives(self, times: Array) -> Array:
        """(N,) -> (N, n)."""
        return np.stack([s.derivative()(times) for s in self.splines], 1)


def smooth(data: Trajectories) -> list[SmoothRun]:
    """Each run, smoothed; gaps are bridged.

    The stiffness minimises the generalised cross-validation score (Woltring 1986), so that
    exact data are interpolated and noisy data are not.
    """
    out = []
    for run in data.runs:
        pairs = [_fit_spline(run.times, run.states[:, k]) for k in range(len(data.states))]
        out.append(SmoothRun(run, tuple(p[0] for p in pairs), np.array([p[1] for p in pairs])))
    return out


def _fit_spline(times: Array, values: Array) -> tuple[Any, float]:
    known = np.isfinite(values)
    t, y = times[known], values[known]
    if len(t) < 2:
        level = float(y[0]) if len(t) else 0.0
        return CubicSpline(times[[0, -1]], [level, level]), 0.0
    if len(t) < 5:
        return CubicSpline(t, y), 0.0
    start, length = t[0], t[-1] - t[0]
    size = float(np.abs(y).max()) or 1.0
    # On a unit interval and with unit values, whatever the units: the stiffness is searched
    # for in a fixed range.
    inner = make_smoothing_spline((t - start) / length * len(t), y / size)
    spline = _Rescaled(inner, start, length / len(t), size)
    return spline, float(np.sqrt(np.mean((spline(t) - y) ** 2)))


@dataclass(frozen=True)
class _Rescaled:
    """size * inner((t - start) / length), and its derivative."""

    inner: Any
    start: float
    length: float
    size: float

    def __call__(self, times: Array) -> Array:
        return np.asarray(self.size * self.inner((times - self.start) / self.length))

    def derivative(self) -> _Rescaled:
        return _Rescaled(self.inner.derivative(), self.start, self.length, self.size / self.length)


def interpolate_inputs(run: Trajectory, times: Array) -> Array:
    """The inputs (..., m) between their samples, at times (...).

    Each column is interpolated by what predicts every other sample best from the rest: splines of
    degree 5 or 3 where it is smooth, Akima's cubics, which hardly ring, where it jumps. (Akima's
    alone were off by 5e-4 of a sine, and a false u^3 with a tight interval made up for it.)
    """
    if run.inputs.shape[1] == 0:
        return np.zeros((*times.shape, 0))
    columns = [_choose_interpolant(run.times, column)(times) for column in run.inputs.T]
    return np.stack(columns, -1)


def _choose_interpolant(times: Array, values: Array) -> Callable[[Array], Array]:
    """The interpolant whose kind is off least at every other sample."""
    kinds = [_interpolate_by_akima]
    if len(times) >= 16:
        kinds += [partial(_interpolate_by_spline, degree=degree) for degree in (3, 5)]
    errors = []
    for kind in kinds if len(kinds) > 1 else ():
        inside = slice(1, len(times) - 1 - len(times) % 2, 2)
        left = kind(times[::2], values[::2])(times[inside]) - values[inside]
        errors.append(float(np.mean(left**2)))
    best = kinds[int(np.argmin(errors))] if errors else kinds[0]
    return best(times, values)


def _interpolate_by_akima(times: Array, values: Array) -> Callable[[Array], Array]:
    if len(times) < 3:
        return lambda t: np.interp(t, times, values)
    spline = Akima1DInterpolator(times, values, method="makima")
    return lambda t: np.asarray(spline(t, extrapolate=True))


def _interpolate_by_spline(times: Array, values: Array, degree: int) -> Callable[[Array], Array]:
    spline = make_interp_spline(times, values, k=degree)
    return lambda t: np.asarray(spline(t, extrapolate=True))
