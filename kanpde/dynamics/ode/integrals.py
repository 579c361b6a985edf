"""Regression in integral form: x(t) - x(0) is the integral of the right-hand side along a curve.

What it leaves is the noise of the samples themselves, independent from one to the next, so that
laws can be compared by their likelihood (Dattner & Klaassen 2015). A coefficient enters linearly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import make_interp_spline

from kanpde.arrays import Array
from kanpde.dynamics.ode.shooting import Fit
from kanpde.dynamics.ode.smoothing import SmoothRun, interpolate_inputs

# Gauss's points in each interval between samples.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(4)


# The smooth curve's distance from samples that are exact, relative to their size.
_EXACT = 1e-5


@dataclass(frozen=True)
class IntegralForm:
    """Curves through runs, at Gauss's points between samples.

    `points` (M, V) are states and inputs, `steps` (M,) the weights of the integral, `counts` (R,)
    the numbers of samples of each run, `values` (N, n) the samples.
    """

    points: Array
    steps: Array
    counts: tuple[int, ...]
    values: Array

    def integrate(self, rates: Array, state: int) -> Array:
        """Columns (K, P) of rates (P, M) at the known samples of a state, each run's mean off."""
        pieces = (rates * self.steps).reshape(len(rates), -1, len(_NODES)).sum(2)
        columns, used = [], 0
        for count in self.counts:
            part = pieces[:, used : used + count - 1]
            columns.append(np.concatenate([np.zeros((len(rates), 1)), np.cumsum(part, 1)], 1).T)
            used += count - 1
        return self._centre(columns, state)

    def moves(self, state: int) -> Array:
        """The samples (K,) of a state that are known, each run's mean off."""
        return self._centre(self._split(self.values[:, [state]]), state)[:, 0]

    def _split(self, table: Array) -> list[Array]:
        return np.split(table, np.cumsum(self.counts)[:-1])

    def _centre(self, columns: Sequence[Array], state: int) -> Array:
        """Without unknown samples, and without what a start of each run explains."""
        out = []
        for column, values in zip(columns, self._split(self.values), strict=True):
            kept = column[np.isfinite(values[:, state])]
            out.append(kept - kept.mean(0) if len(kept) else kept)
        return np.concatenate(out)


def build_integral_form(smoothed: Sequence[SmoothRun], fit: Fit | None) -> IntegralForm:
    """Curves through all runs: the smooth ones, or those of a fit that explains the samples.

    A fit to all samples averages more noise away than a spline does. Exact samples are interpolated
    by splines of degree 5, which leave less than the smooth ones.
    """
    points, steps = [], []
    curves = [_interpolate(each) for each in smoothed] if fit is None else _read_curves(fit)
    for each, curve in zip(smoothed, curves, strict=True):
        times = each.run.times
        half = np.diff(times)[:, None] / 2
        at = (times[:-1, None] + half * (1 + _NODES)).ravel()
        points.append(np.concatenate([curve(at), interpolate_inputs(each.run, at)], 1))
        steps.append((half * _WEIGHTS).ravel())
    return IntegralForm(
        np.concatenate(points), np.concatenate(steps), tuple(len(s.run) for s in smoothed),
        np.concatenate([s.run.states for s in smoothed]),
    )  # fmt: skip


def _interpolate(each: SmoothRun) -> Callable[[Array], Array]:
    """The smooth curve, or one through all samples where they are exact; (N,) -> (N, n)."""
    states = each.run.states
    known = np.isfinite(states).all(1)
    size = np.sqrt(np.mean(states[known] ** 2, 0)) if known.any() else each.noise
    if known.sum() < 6 or np.any(each.noise > _EXACT * size):
        return each.values
    spline: Callable[[Array], Array] = make_interp_spline(each.run.times[known], states[known], k=5)
    return spline


def _read_curves(fit: Fit) -> list[Callable[[Array], Array]]:
    """The fitted states of each run as functions of time, (N,) -> (N, n)."""
    path = fit.path()
    out: list[Callable[[Array], Array]] = []
    for owner in range(len(fit.segments.smoothed)):
        own = [k for k, o in enumerate(fit.segments.owner) if o == owner]
        times = np.concatenate([fit.segments.times[k] for k in own])
        values = np.concatenate([path[k] for k in own])
        times, first = np.unique(times, return_index=True)
        out.append(make_interp_spline(times, values[first], k=min(5, len(times) - 1)))
    return out
