"""Segments of a field's trajectory that start from the samples, as a least-squares problem."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.interpolate import make_interp_spline
from torch import Tensor

from kanpde.arrays import Array
from kanpde.dynamics.kanode.lattice import Lattice
from kanpde.dynamics.ode.flow import TimeGrid, choose_substeps, flow, flow_with_sensitivity
from kanpde.optim.normal import NormalEquations


@dataclass(frozen=True)
class FieldSamples:
    """Samples (T, n) of all fields and nodes at times (T,)."""

    times: Array
    values: Array

    @property
    def size(self) -> float:
        """The root mean square."""
        return float(np.sqrt(np.mean(self.values**2)))

    @property
    def slopes(self) -> Array:
        """d/dt (T, n) by quintic splines."""
        return np.asarray(make_interp_spline(self.times, self.values, k=5).derivative()(self.times))


@dataclass(frozen=True)
class Rollouts:
    """Trajectories from given starts, less the samples, for the optimisers.

    `starts` (S, n) begin S segments, `values` (S, M, n) are the samples after them; `size` is the
    rms of the samples, `prior` the weight of each coefficient.
    """

    rhs: Lattice
    starts: Array
    values: Array
    grid: TimeGrid
    size: float
    prior: float

    def residual(self, theta: Tensor) -> Tensor:
        """The misfit over the rms of the data, then the prior's rows."""
        c = theta.numpy()
        x = flow(self.rhs, self.starts, c, self.grid)
        return torch.from_numpy(self._rows(x, c))

    def _rows(self, x: Array, c: Array) -> Array:
        with np.errstate(all="ignore"):
            misfit = ((x[:, 1:] - self.values) / self.size).ravel()
        return np.concatenate([misfit, self.prior * c])

    def normal(self, theta: Tensor) -> NormalEquations:
        """J^T J, J^T r and J."""
        c = theta.numpy()
        x, slopes = flow_with_sensitivity(self.rhs, self.starts, c, self.grid, by_start=False)
        rows = slopes[:, 1:].reshape(-1, len(c)) / self.size
        jacobian = np.concatenate([rows.T, self.prior * np.eye(len(c))], 1)
        normal = NormalEquations(len(theta), theta.device)
        normal.add(
            torch.from_numpy(np.ascontiguousarray(jacobian)), torch.from_numpy(self._rows(x, c))
        )
        return normal


def cut_rollouts(
    rhs: Lattice, c: Array, samples: FieldSamples, length: int, prior: float
) -> Rollouts:
    """The rollouts of the samples in segments of `length` intervals, stepped as c (p,) needs."""
    times, values = samples.times, samples.values
    parts = (len(times) - 1) // length
    places = np.arange(parts)[:, None] * length + np.arange(length + 1)
    steps = np.diff(times)
    tolerance = np.full(values.shape[1], 1e-7 * samples.size)
    some = slice(0, len(steps), max(1, len(steps) // 20))
    none = np.zeros((len(steps[some]), 0))
    fine = choose_substeps(rhs, values[:-1][some], none, c, steps[some], tolerance)
    grid = TimeGrid(times[places], np.zeros((length, fine, 6, parts, 0)), fine)
    segments = values[places]
    return Rollouts(rhs, segments[:, 0], segments[:, 1:], grid, samples.size, prior)
