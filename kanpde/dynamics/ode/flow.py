"""Many short trajectories at once, with their derivatives by start and parameters.

Dormand and Prince's method of order 5 (1980) with equal steps between samples: the number of
steps is chosen once for all segments by `choose_substeps`, from the embedded error estimate, so
that the misfit stays a smooth function of the parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.ode.rhs import RightHandSide

_NODES = np.array([0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0])
_TABLE = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
)
_WEIGHTS = np.array([35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84])
_ERROR = np.array([71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525])
_MOST = 64


@dataclass(frozen=True)
class TimeGrid:
    """Sample times (S, M) of S segments and the inputs at each stage of each step.

    `inputs` is (M - 1, substeps, 6, S, m).
    """

    times: Array
    inputs: Array
    substeps: int


def stage_times(times: Array, substeps: int) -> Array:
    """(S, M) -> (M - 1, substeps, 6, S): where the stages of every step lie."""
    step = np.diff(times, axis=1).T[:, None, None, :] / substeps
    first = times[:, :-1].T[:, None, None, :]
    count = np.arange(substeps)[None, :, None, None]
    return np.asarray(first + step * (count + _NODES[None, None, :, None]))


def flow(rhs: RightHandSide, start: Array, c: Array, grid: TimeGrid) -> Array:
    """x (S, M, n) from x(t_0) = start (S, n); not finite where it diverges."""
    steps = np.diff(grid.times, axis=1) / grid.substeps
    out = np.empty((*grid.times.shape, start.shape[1]))
    x = out[:, 0] = start
    with np.errstate(all="ignore"):
        for m in range(steps.shape[1]):
            h = steps[:, m, None]
            for k in range(grid.substeps):
                slopes: list[Array] = []
                for stage, row in enumerate(_TABLE):
                    at = x
                    for weight, slope in zip(row, slopes, strict=True):
                        at = at + (h * weight) * slope
                    slopes.append(rhs.value(at, grid.inputs[m, k, stage], c))
                x = x + h * sum(w * s for w, s in zip(_WEIGHTS, slopes, strict=True) if w)
            out[:, m + 1] = x
    return out


def flow_with_sensitivity(
    rhs: RightHandSide, start: Array, c: Array, grid: TimeGrid, *, by_start: bool = True
) -> tuple[Array, Array]:
    """x (S, M, n) and its derivatives by start and parameters, (S, M, n, n + p).

    Without `by_start` those by the parameters alone, (S, M, n, p).
    """
    segments, samples = grid.times.shape
    n, p = start.shape[1], rhs.size
    first = n if by_start else 0
    steps = np.diff(grid.times, axis=1) / grid.substeps
    states = np.empty((segments, samples, n))
    sensitivities = np.zeros((segments, samples, n, first + p))
    x = states[:, 0] = start
    sensitivities[:, 0, :, :first] = np.eye(n)[:, :first]
    v = sensitivities[:, 0].copy()
    with np.errstate(all="ignore"):
        for m in range(samples - 1):
            h = steps[:, m, None]
            for k in range(grid.substeps):
                slopes: list[Array] = []
                bends: list[Array] = []
                for stage, row in enumerate(_TABLE):
                    at, along = x, v
                    for weight, slope, bend in zip(row, slopes, bends, strict=True):
                        if weight:
                            at = at + (h * weight) * slope
                            along = along + (h * weight)[:, :, None] * bend
                    f, by_state, by_parameter = rhs.linear(at, grid.inputs[m, k, stage], c)
                    bend = by_state @ along
                    bend[:, :, first:] += by_parameter
                    slopes.append(f)
                    bends.append(bend)
                x = x + h * sum(w * s for w, s in zip(_WEIGHTS, slopes, strict=True) if w)
                v = v + h[:, :, None] * sum(
                    w * s for w, s in zip(_WEIGHTS, bends, strict=True) if w
                )
            states[:, m + 1], sensitivities[:, m + 1] = x, v
    return states, sensitivities


def choose_substeps(
    rhs: RightHandSide, points: Array, inputs: Array, c: Array, steps: Array, tolerance: Array
) -> int:
    """How many steps between samples keep the local error below `tolerance` (n,).

    `points` (B, n) are states along the data, `steps` (B,) the times to the next sample.
    """
    with np.errstate(all="ignore"):
        for count in (1, 2, 4, 8, 16, 32, _MOST):
            h = steps[:, None] / count
            slopes: list[Array] = []
            for row in _TABLE:
                at = points + sum((h * w * s for w, s in zip(row, slopes, strict=True)), 0 * h)
                slopes.append(rhs.value(at, inputs, c))
            end = points + h * sum(w * s for w, s in zip(_WEIGHTS, slopes, strict=True))
            last = rhs.value(end, inputs, c)
            error = h * (sum(e * s for e, s in zip(_ERROR, slopes, strict=True)) - last / 40)
            # The estimate is of order 4: the result is better by about one factor of the step.
            # States that diverge at some point (NaN) do not count, unless all do.
            share = np.abs(error).max(0) / tolerance
            if (share < 1).any() and not (share >= 1).any():
                return count
    return _MOST
